import type { TestProject } from "vitest/node";
import { openModel } from "../service/nlp/training.ts";
import { type Server, startPostgres, startRedis } from "./servers.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A Postgres server for the whole run; make a database of your own with `createDatabase`. */
    postgresUrl: string;
    /** A Redis server for the whole run; `test/database.ts` gives each test a key prefix or database of its own. */
    redisUrl: string;
  }
}

/** Runs once for the whole Vitest run: the real servers that many tests share. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  process.env.TZ = "UTC";
  // Trained once, where else each service that starts at the same time would train it.
  await openModel();
  const own: Server[] = [];
  const start = async (given: string | undefined, starter: () => Promise<Server>): Promise<string> => {
    if (given !== undefined && given !== "") return given;
    const server = await starter();
    own.push(server);
    return server.url;
  };
  project.provide("postgresUrl", await start(process.env.DATABASE_URL, () => startPostgres()));
  project.provide("redisUrl", await start(process.env.REDIS_URL, () => startRedis()));
  return async () => {
    await Promise.all(own.map((server) => server.stop()));
  };
}
