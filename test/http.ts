import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Express, type RequestHandler } from "express";
import { pino } from "pino";
import { problemHandler } from "../service/http/problem.ts";

/** A server of a test on a free loopback port. */
export interface Served {
  url: string;
  /** Ends every connection, also those that stay open. */
  close(): Promise<void>;
}

/** Serves routers with the service's own error answers. */
export function serve(...routers: RequestHandler[]): Promise<Served> {
  const app = express();
  app.disable("etag");
  for (const router of routers) app.use(router);
  app.use(problemHandler(pino({ level: "silent" })));
  return serveApp(app);
}

/** Serves an application as it is. */
export async function serveApp(app: Express): Promise<Served> {
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
