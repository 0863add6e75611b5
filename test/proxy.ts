import { createServer, connect as dial, type Socket } from "node:net";
import { freePort } from "./servers.ts";

/** A way to a server that can go silent: nothing is closed, nothing is carried. */
export interface TcpProxy {
  port: number;
  /** Connections that stand carry nothing any more, in either direction; new ones work. As after a fail-over without a reset. */
  forget(): void;
  /** New connections are accepted and carry nothing, those that stand neither. As of a server that hangs. */
  hang(): void;
  /** Carries everything again that comes from now on, and what was held back. */
  heal(): void;
  /** New connections go to another port. */
  lead(target: number): void;
  /** Connections that were opened so far. */
  opened(): number;
  stop(): Promise<void>;
}

interface Pair {
  client: Socket;
  server: Socket;
  joined: boolean;
}

/** Carries TCP connections to a port of this machine. */
export async function startProxy(first: number): Promise<TcpProxy> {
  let target = first;
  const pairs = new Set<Pair>();
  let hangs = false;
  let opened = 0;
  const silence = (pair: Pair) => {
    const { client, server } = pair;
    pair.joined = false;
    client.unpipe(server);
    server.unpipe(client);
    client.pause();
    server.pause();
  };
  const join = (pair: Pair) => {
    const { client, server } = pair;
    if (pair.joined) return;
    pair.joined = true;
    client.pipe(server);
    server.pipe(client);
  };
  const listener = createServer((client) => {
    opened += 1;
    const server = dial(target, "127.0.0.1");
    const pair: Pair = { client, server, joined: false };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on("error", end).on("close", end);
    if (hangs) silence(pair);
    else join(pair);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => listener.listen(port, "127.0.0.1", resolve));
  return {
    port,
    forget: () => {
      for (const pair of pairs) silence(pair);
    },
    hang: () => {
      hangs = true;
      for (const pair of pairs) silence(pair);
    },
    heal: () => {
      hangs = false;
      for (const pair of pairs) join(pair);
    },
    lead: (port) => {
      target = port;
    },
    opened: () => opened,
    stop: async () => {
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      await closed;
    },
  };
}
