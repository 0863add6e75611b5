import type { Server } from "node:http";

/** Rejects when the port is taken or the address isn't this machine's. */
export function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/**
 * @returns a function that stops accepting, finishes the requests under way, and then ends every connection, also those
 *   that never sent a request
 */
export function drainer(server: Server): () => Promise<void> {
  let active = 0;
  let closing = false;
  const endWhenDone = () => {
    if (closing && active === 0) server.closeAllConnections();
  };
  server.on("request", (_request, response) => {
    active += 1;
    response.shouldKeepAlive = !closing;
    response.once("close", () => {
      active -= 1;
      endWhenDone();
    });
  });
  return () =>
    new Promise((resolve, reject) => {
      closing = true;
      server.close((error) => (error === undefined ? resolve() : reject(error)));
      endWhenDone();
    });
}
