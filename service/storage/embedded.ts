import { join } from "node:path";
import { createPgConfig } from "@electric-sql/pglite/node-postgres";
import pg from "pg";
import { APP_ROLE, type Connections, type DatabaseOptions } from "./connections.ts";
import { lockFolder } from "./folder-lock.ts";
import type { Listening } from "./listener.ts";
import type { Sql } from "./sql.ts";
import type { Transaction } from "./transaction.ts";

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
    named: false,
    opening: (tenantId) => ({ text: "select set_config('app.tenant_id', $1, true)", values: [tenantId] }),
    allow: () => undefined,
    release: async () => {
      await engine.close();
      await unlock();
    },
  };
}

/** `beginTransaction` for the embedded engine, which takes one statement at a time. */
export function beginEmbedded(client: pg.ClientBase, tenantId: string): Transaction {
  // Migrations use the same connection: the role ends with the transaction.
  const opening = `BEGIN; SET LOCAL ROLE ${APP_ROLE}; SELECT set_config('app.tenant_id', ${pg.escapeLiteral(tenantId)}, true)`;
  let last: Promise<unknown> | undefined;
  let ended = false;
  let spoilt = false;
  const sql: Sql = async <Row>(text: string, values?: readonly unknown[]) => {
    if (ended) throw new Error("a statement came after the end of its transaction");
    last ??= client.query(opening);
    const mine = last.then(() => client.query(text, values as unknown[]));
    last = mine.catch(() => undefined);
    return (await mine).rows as Row[];
  };
  return {
    sql,
    commit: async () => {
      ended = true;
      await last;
      if (last === undefined) return;
      const { command } = await client.query("COMMIT");
      if (command !== "COMMIT") throw new Error("the transaction had failed, so the database rolled it back");
    },
    rollBack: async () => {
      ended = true;
      try {
        await last;
        if (last !== undefined) await client.query("ROLLBACK");
      } catch {
        spoilt = true;
      }
    },
    isSpoilt: () => spoilt,
  };
}
