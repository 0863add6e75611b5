import { createHmac, createSecretKey } from "node:crypto";
import { connect, type Socket } from "node:net";

/** One answer as a client saw it. */
export interface Sample {
  status: number;
  ms: number;
}

/**
 * Kept-alive connections to one server. As little of an HTTP client as will do, since its work takes CPU from the service that
 * is measured beside it: answers have a Content-Length.
 */
export interface Client {
  /** @param head request line and headers, each with its line end, without Host and Content-Length */
  send(head: string, body: string): Promise<Sample>;
  destroy(): void;
}

/** @param sockets at most so many connections; requests beyond wait for one */
export function openClient(url: string, sockets: number): Client {
  const { hostname, port, host } = new URL(url);
  const idle: Socket[] = [];
  const all = new Set<Socket>();
  const waiting: ((socket: Socket) => void)[] = [];

  const open = (): Socket => {
    const socket = connect(Number(port), hostname).setNoDelay(true);
    all.add(socket);
    // One that the server closed while nobody used it.
    socket.on("close", () => {
      all.delete(socket);
      if (idle.includes(socket)) idle.splice(idle.indexOf(socket), 1);
    });
    return socket;
  };
  const take = (): Socket | Promise<Socket> =>
    idle.pop() ?? (all.size < sockets ? open() : new Promise((resolve) => waiting.push(resolve)));

  return {
    send: async (head, body) => {
      const started = performance.now();
      const taken = take();
      const socket = taken instanceof Promise ? await taken : taken;
      const status = await new Promise<number>((resolve, reject) => {
        let received: Buffer = Buffer.alloc(0);
        const end = (act: () => void) => {
          socket.off("data", onData).off("error", onError).off("close", onClose);
          act();
        };
        const onError = (error: Error) => end(() => reject(error));
        const onClose = () => end(() => reject(new Error("the server closed the connection before its answer")));
        const onData = (chunk: Buffer) => {
          received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
          const split = received.indexOf("\r\n\r\n");
          if (split < 0) return;
          const headers = received.toString("latin1", 0, split);
          const length = /\r\ncontent-length: (\d+)/i.exec(headers)?.[1];
          if (length === undefined) onError(new Error(`an answer without Content-Length: ${headers}`));
          else if (received.length >= split + 4 + Number(length)) end(() => resolve(Number(headers.slice(9, 12))));
        };
        socket.on("data", onData).on("error", onError).on("close", onClose);
        socket.write(`${head}Host: ${host}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      });
      const next = waiting.shift();
      if (next === undefined) idle.push(socket);
      else next(socket);
      return { status, ms: performance.now() - started };
    },
    destroy: () => {
      for (const socket of all) socket.destroy();
    },
  };
}

/** @returns a function that sends signed messages to the generic JSON channel; `headers` with their line ends */
export function messageSender(client: Client, secret: string): (body: string, headers?: string) => Promise<Sample> {
  const key = createSecretKey(Buffer.from(secret));
  return (body, headers = "") => {
    const signature = createHmac("sha256", key).update(body).digest("hex");
    return client.send(
      `POST /webhooks/messages HTTP/1.1\r\nContent-Type: application/json\r\nX-Signature-256: sha256=${signature}\r\n${headers}`,
      body,
    );
  };
}

/** Sends at a constant arrival rate, whatever the answers do. Latency counts from the moment it should have been sent. */
export async function atRate(
  ratePerSecond: number,
  seconds: number,
  send: (index: number) => Promise<Sample>,
): Promise<Sample[]> {
  const total = Math.round(ratePerSecond * seconds);
  const started = performance.now();
  const all: Promise<Sample>[] = [];
  while (all.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * ratePerSecond) + 1);
    while (all.length < due) {
      const index = all.length;
      const late = performance.now() - (started + (index / ratePerSecond) * 1000);
      all.push(send(index).then((sample) => ({ ...sample, ms: sample.ms + late })));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return Promise.all(all);
}
