import { join } from "node:path";
import { createPgConfig } from "@electric-sql/pglite/node-postgres";
import pg from "pg";
import type { Connections, DatabaseOptions } from "./database.ts";
import { lockFolder } from "./folder-lock.ts";
import type { Listening } from "./listener.ts";

/** Opens PGlite, Postgres inside of this process. It has one connection and no network, so nothing of it can be silent. */
export async function openEmbedded({ dataDir, onError }: Pick<DatabaseOptions, "dataDir" | "onError">): Promise<Connections> {
  const unlock = dataDir === undefined ? async () => undefined : await lockFolder(dataDir);
  const [{ PGlite }, { btree_gist }] = await Promise.all([
    import("@electric-sql/pglite"),
    import("@electric-sql/pglite/contrib/btree_gist"),
  ]);
  const engine = await PGlite.create({
    ...(dataDir === undefined ? {} : { dataDir: join(dataDir, "database") }),
    extensions: { btree_gist },
  });
  // What lives in memory dies with the process anyway, so there is nothing for a commit to wait for.
  if (dataDir === undefined) await engine.exec("SET synchronous_commit = off");
  const pool = new pg.Pool({ ...createPgConfig(engine), max: 1, idleTimeoutMillis: 0 } as pg.PoolConfig);
  pool.on("error", onError);
  const listener: Listening = {
    listen: async (channel, handler) => {
      const stop = await engine.listen(channel, (payload) => {
        try {
          handler(payload);
        } catch (error) {
          onError(error as Error);
        }
      });
      return () => stop();
    },
    onReconnect: () => undefined,
    isAlive: () => true,
    close: async () => undefined,
  };
  return {
    kind: "embedded",
    pool,
    direct: pool,
    listener,
    allow: () => undefined,
    release: async () => {
      await engine.close();
      await unlock();
    },
  };
}
