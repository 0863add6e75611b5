import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ArmName } from "../samples/recording.ts";

/**
 * The place at which the arms' k6 processes wait for each other when their setup is over, so that both begin at the same moment however
 * long their setups took.
 */
export interface Gate extends AsyncDisposable {
  url: string;
  /** Unix seconds at which the arms were let go; undefined before. */
  readonly openedAt: number | undefined;
  /** What each arm's setup threw. */
  readonly problems: Readonly<Partial<Record<ArmName, string>>>;
  /** Says that an arm's process is over: nobody waits for it any more. */
  leave(arm: ArmName): void;
}

/**
 * Opens the gate's server on a free loopback port.
 *
 * The arms are let go when each has come or left. They are told to stop where nothing can be compared: an arm has left, or the setup of
 * the baseline (or of the only arm) threw.
 *
 * @param arms those that will come
 */
export async function startGate(arms: readonly ArmName[]): Promise<Gate> {
  const waiting = new Map<ArmName, ServerResponse>();
  const problems: Partial<Record<ArmName, string>> = {};
  const left = new Set<ArmName>();
  let openedAt: number | undefined;
  const tryOpen = () => {
    if (openedAt !== undefined || arms.some((arm) => !waiting.has(arm) && !left.has(arm))) return;
    const stop = left.size > 0 || problems[arms[0]!] !== undefined;
    if (!stop) openedAt = Date.now() / 1000;
    for (const response of waiting.values()) response.end(stop ? "stop" : "go");
    waiting.clear();
  };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://gate");
    const arm = arms.find((name) => pathname === `/${name}`);
    if (arm === undefined) return void response.writeHead(404).end();
    const problem = searchParams.get("problem") ?? "";
    if (problem !== "") problems[arm] = problem;
    waiting.set(arm, response);
    tryOpen();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get openedAt() {
      return openedAt;
    },
    problems,
    leave(arm) {
      left.add(arm);
      tryOpen();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
