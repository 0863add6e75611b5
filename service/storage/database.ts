import type pg from "pg";
import { Batch } from "./batch.ts";
import type { Connections, DatabaseOptions } from "./connections.ts";
import { beginEmbedded, openEmbedded } from "./embedded.ts";
import { createJoiner } from "./joiner.ts";
import { openPostgres } from "./postgres.ts";
import type { Database, Sql, Statement } from "./sql.ts";
import { beginTransaction, type Transaction } from "./transaction.ts";

/**
 * Opens Postgres through `pg`, or the embedded PGlite through the same pool interface.
 *
 * @throws when the embedded folder is in use by another process, naming it
 */
export function connect(options: DatabaseOptions): Promise<Connections> {
  return options.url === undefined ? openEmbedded(options) : Promise.resolve(openPostgres({ ...options, url: options.url }));
}

/**
 * Wraps connections, after the migrations, in the interface that rooms use.
 *
 * @param observe told how long each transaction took, in seconds, with the wait for a connection
 */
export function openDatabase(connections: Connections, observe: (seconds: number) => void = () => undefined): Database {
  const { kind, pool, listener, named, opening } = connections;

  /** Does work with a connection of the pool, which `isSpoilt` says not to use again. */
  async function withClient<Result>(work: (client: pg.PoolClient) => Promise<Result>, isSpoilt: () => boolean): Promise<Result> {
    const started = performance.now();
    const client = await pool.connect();
    try {
      return await work(client);
    } finally {
      client.release(isSpoilt());
      observe((performance.now() - started) / 1000);
    }
  }

  const inOnePacket = (tenantId: string, statements: readonly Statement[]): Promise<Record<string, unknown>[][]> => {
    const batch = new Batch([opening(tenantId), ...statements], named);
    return withClient(
      async (client) => {
        client.query(batch);
        const [, ...rows] = await batch.results;
        return rows;
      },
      () => batch.isSpoilt,
    );
  };
  const joiner = createJoiner(inOnePacket);

  function transaction<Result>(tenantId: string, work: (sql: Sql) => Promise<Result>, timeoutMs?: number): Promise<Result> {
    let begun: Transaction | undefined;
    return withClient(
      async (client) => {
        if (timeoutMs !== undefined) connections.allow(client, timeoutMs * SERVER_FIRST);
        begun =
          kind === "embedded" ? beginEmbedded(client, tenantId) : beginTransaction(client, opening(tenantId, timeoutMs), named);
        try {
          const result = await untilLost(client, work(begun.sql));
          await begun.commit();
          return result;
        } catch (error) {
          await begun.rollBack();
          throw error;
        }
      },
      () => begun?.isSpoilt() ?? false,
    );
  }

  const database: Database = {
    kind,
    forTenant: (tenantId, work, { timeoutMs } = {}) => {
      const refusal = refusalOf(tenantId);
      return refusal === undefined ? transaction(tenantId, work, timeoutMs) : Promise.reject(refusal);
    },
    batchForTenant: (tenantId, statements) => {
      if (kind === "postgres" && refusalOf(tenantId) === undefined) return joiner(tenantId, statements);
      return database.forTenant(tenantId, async (sql) => {
        const rows: Record<string, unknown>[][] = [];
        for (const { text, values } of statements) rows.push(await sql(text, values));
        return rows;
      });
    },
    withoutTenant: (work) => transaction("", work),
    listen: (channel, handler) => listener.listen(channel, handler),
    onReconnect: (handler) => listener.onReconnect(handler),
    isListening: () => listener.isAlive(),
    ping: async () => {
      await (kind === "postgres" ? inOnePacket("", [{ text: "select 1" }]) : pool.query("SELECT 1"));
    },
    close: async () => {
      await listener.close();
      await pool.end();
      await connections.release();
    },
  };
  return database;
}

/** So much longer than the server a connection may be silent, so that the server's own time-out comes first. */
const SERVER_FIRST = 1.25;

function refusalOf(tenantId: string): Error | undefined {
  if (tenantId === "") return new Error("forTenant: the tenant's id is empty");
  return tenantId.includes("\0") ? new Error("forTenant: the tenant's id holds U+0000, which Postgres can't") : undefined;
}

/** Work that waits for something else doesn't notice that its connection is gone, and would keep its place in the pool for ever. */
async function untilLost<Result>(client: pg.PoolClient, work: Promise<Result>): Promise<Result> {
  const { promise: lost, reject } = Promise.withResolvers<never>();
  const onEnd = () => reject(new Error("the connection to the database was lost in the middle of a transaction"));
  client.once("end", onEnd);
  try {
    return await Promise.race([work, lost]);
  } finally {
    client.off("end", onEnd);
  }
}
