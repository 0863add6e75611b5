import type pg from "pg";
import { Batch } from "./batch.ts";
import { beginEmbedded, openEmbedded } from "./embedded.ts";
import { createJoiner } from "./joiner.ts";
import type { Listening } from "./listener.ts";
import type { Pooling } from "./pooler.ts";
import { openPostgres } from "./postgres.ts";
import type { Database, Sql, Statement } from "./sql.ts";
import { beginTransaction, type Transaction } from "./transaction.ts";

/** The role of every statement of the service: it owns nothing and can't bypass row-level security. */
export const APP_ROLE = "gatehouse_app";

export interface DatabaseOptions {
  /** Connection string; absent: embedded PGlite. */
  url?: string | undefined;
  /** Folder of the embedded database; absent: in memory. */
  dataDir?: string | undefined;
  /** Past a pooler to the server itself, for `LISTEN` and migrations; absent: `url` does. */
  directUrl?: string | undefined;
  /** What `url` leads to. Absent: the server itself. */
  pooling?: Pooling | undefined;
  poolSize?: number | undefined;
  /** Milliseconds after which a query that isn't answered is given up with its connection; the server ends it somewhat sooner. */
  timeoutMs?: number | undefined;
  /** How often the listening connection proves that it hears, in milliseconds. */
  heartbeatMs?: number | undefined;
  /** Told about errors of idle connections, which nobody awaits. */
  onError: (error: Error) => void;
}

/** One pool with the rights of its login, and what belongs to it. */
export interface Connections {
  kind: Database["kind"];
  pool: pg.Pool;
  /** Connections without limits of time, for migrations: they may take as long as they need. */
  direct: pg.Pool;
  listener: Listening;
  /** Whether statements may have names. */
  named: boolean;
  /** The first statement of a transaction of a tenant, or of none (""), perhaps with a time of its own for each statement. */
  opening(tenantId: string, statementMs?: number): Statement;
  /** Gives a connection in use more time, until it is released. */
  allow(client: pg.ClientBase, milliseconds: number): void;
  /** Releases the folder and the embedded engine. Call after the pool has ended. */
  release(): Promise<void>;
}

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
