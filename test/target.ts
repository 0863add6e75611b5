import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

export interface TargetRequest {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
}

export interface TargetAnswer {
  status?: number;
  body?: string;
  headers?: Record<string, string>;
  delayMs?: number;
  /** Never answers. */
  hangs?: boolean;
}

/** Holds what the load scripts expect of every answer. */
const ANSWER =
  "USD 100, 15:00, nombre, name, nome, confirmada, confirmed, cancelada, cancelled, desayuno, breakfast, café da manhã, doble, double, duplo";

/** A real HTTP server on a free loopback port for load to go to. */
export interface Target extends AsyncDisposable {
  url: string;
  /** How many requests came. */
  count: number;
}

/**
 * Starts a target. By default it answers as the guest agent does: ready, and one reply to each message.
 *
 * @param answer gives the answer to each request; its number starts at 0
 */
export async function startTarget(
  answer: (request: TargetRequest, number: number) => TargetAnswer | Promise<TargetAnswer> = () => ({}),
): Promise<Target> {
  const target = { url: "", count: 0 };
  const server = createServer(async (request, response) => {
    const number = target.count++;
    const body = await text(request);
    const {
      status = 200,
      body: content,
      headers = {},
      delayMs = 0,
      hangs = false,
    } = await answer({ method: request.method ?? "", path: request.url ?? "", headers: request.headers, body }, number);
    if (hangs) return;
    if (delayMs > 0) await sleep(delayMs);
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(content ?? JSON.stringify({ replies: [{ text: ANSWER }] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  target.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(target, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
