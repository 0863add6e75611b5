import type { Writable } from "node:stream";
import pg from "pg";
import { Batch } from "./batch.ts";
import { openEmbedded } from "./embedded.ts";
import { createJoiner } from "./joiner.ts";
import type { Listening } from "./listener.ts";
import { openPostgres } from "./postgres.ts";
import type { Database, Sql, Statement } from "./sql.ts";

/** The role of every statement of the service: it owns nothing and can't bypass row-level security. */
export const APP_ROLE = "gatehouse_app";

export interface DatabaseOptions {
  /** Connection string; absent: embedded PGlite. */
  url?: string | undefined;
  /** Folder of the embedded database; absent: in memory. */
  dataDir?: string | undefined;
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
  const { kind, pool, listener } = connections;
  const prepared = new WeakSet<object>();

  async function prepare(client: pg.PoolClient): Promise<void> {
    if (kind !== "postgres" || prepared.has(client)) return;
    // Awaited: no statement may run with the rights that the connection came with.
    await client.query(`SET ROLE ${APP_ROLE}`);
    prepared.add(client);
  }

  async function inOnePacket(tenantId: string, statements: readonly Statement[]): Promise<Record<string, unknown>[][]> {
    const started = performance.now();
    const batch = new Batch([
      { name: "tenant", text: "select set_config('app.tenant_id', $1, true)", values: [tenantId] },
      ...statements,
    ]);
    const client = await pool.connect();
    let broken = false;
    try {
      await prepare(client);
      client.query(batch);
      const [, ...rows] = await batch.results;
      return rows;
    } catch (error) {
      broken = batch.isSpoilt || !prepared.has(client);
      throw error;
    } finally {
      client.release(broken);
      observe((performance.now() - started) / 1000);
    }
  }

  const joiner = createJoiner(inOnePacket);

  async function transaction<Result>(tenantId: string | undefined, work: (sql: Sql) => Promise<Result>): Promise<Result> {
    const started = performance.now();
    const client = await pool.connect();
    let broken: Error | undefined;
    let ended = false;
    let last: Promise<unknown> = Promise.resolve();
    try {
      await prepare(client);
      const opening = openingOf(kind, tenantId);
      const together = kind === "postgres" ? writeTogether(client) : () => undefined;
      together();
      const opened = client.query(opening);
      // On Postgres it travels in one packet with the first statement of `work`, and is awaited below.
      if (kind === "postgres") opened.catch(() => undefined);
      else await opened;

      const sql: Sql = async <Row>(text: string, values?: readonly unknown[], name?: string) => {
        if (ended) throw new Error("a statement came after the end of its transaction");
        together();
        if (kind === "postgres")
          return (
            await client.query(
              queryOf({ text, ...(values === undefined ? {} : { values }), ...(name === undefined ? {} : { name }) }),
            )
          ).rows as Row[];
        // The embedded engine takes one statement at a time.
        const mine = last.then(() => client.query(text, values as unknown[]));
        last = mine.catch(() => undefined);
        return (await mine).rows as Row[];
      };
      let result: Result;
      try {
        result = await untilLost(client, work(sql));
        await opened;
      } catch (error) {
        await opened; // its error is the cause of the other
        throw error;
      }
      ended = true;
      await last;
      const end = await client.query("COMMIT");
      if (end.command !== "COMMIT") throw new Error("the transaction had failed, so the database rolled it back");
      return result;
    } catch (error) {
      ended = true;
      await last;
      try {
        await client.query("ROLLBACK");
      } catch (rollbackError) {
        broken = rollbackError as Error;
      }
      throw error;
    } finally {
      client.release(broken);
      observe((performance.now() - started) / 1000);
    }
  }

  const database: Database = {
    kind,
    forTenant: (tenantId, work) => {
      if (tenantId === "") return Promise.reject(new Error("forTenant: the tenant's id is empty"));
      // It would end the statement's text early.
      if (tenantId.includes("\0")) return Promise.reject(new Error("forTenant: the tenant's id holds U+0000"));
      return transaction(tenantId, work);
    },
    batchForTenant: (tenantId, statements) => {
      if (kind === "postgres" && tenantId !== "" && !tenantId.includes("\0")) return joiner(tenantId, statements);
      return database.forTenant(tenantId, async (sql) => {
        const rows: Record<string, unknown>[][] = [];
        for (const { text, values } of statements) rows.push(await sql(text, values));
        return rows;
      });
    },
    withoutTenant: (work) => transaction(undefined, work),
    listen: (channel, handler) => listener.listen(channel, handler),
    onReconnect: (handler) => listener.onReconnect(handler),
    isListening: () => listener.isAlive(),
    ping: async () => {
      await pool.query("SELECT 1");
    },
    close: async () => {
      await listener.close();
      await pool.end();
      await connections.release();
    },
  };
  return database;
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

const queryOf = ({ text, values, name }: Statement): pg.QueryConfig => ({
  text,
  ...(values === undefined ? {} : { values: values as unknown[] }),
  ...(name === undefined ? {} : { name }),
});

/** One message for all that begins a transaction: this is on the way of every one. */
function openingOf(kind: Database["kind"], tenantId: string | undefined): string {
  return [
    "BEGIN",
    // The embedded engine has one connection, which migrations use too: there the role ends with the transaction.
    ...(kind === "embedded" ? [`SET LOCAL ROLE ${APP_ROLE}`] : []),
    ...(tenantId === undefined ? [] : [`SELECT set_config('app.tenant_id', ${pg.escapeLiteral(tenantId)}, true)`]),
  ].join("; ");
}

/**
 * Queries of one tick leave in one packet: each write to a socket is a system call, and those are most of what a message
 * costs this process.
 *
 * @returns call it before each query
 */
function writeTogether(client: pg.PoolClient): () => void {
  // pg has no interface for this; its connection is a plain socket underneath.
  const { stream } = (client as unknown as { connection: { stream: Writable } }).connection;
  let corked = false;
  return () => {
    if (corked) return;
    corked = true;
    stream.cork();
    process.nextTick(() => {
      corked = false;
      stream.uncork();
    });
  };
}
