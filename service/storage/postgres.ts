import pg from "pg";
import type { Connections, DatabaseOptions } from "./database.ts";
import { type Limits, limitSession, limitsOf } from "./limits.ts";
import { Listener } from "./listener.ts";
import { SilenceWatch } from "./silence.ts";

/** A query that isn't answered for so long is given up. */
const TIMEOUT_MS = 10_000;
/** TCP asks after so long without traffic whether the other side is still there. */
const KEEP_ALIVE_MS = 10_000;

/** Opens a pool on a Postgres server. Nothing connects before it is used. */
export function openPostgres({
  url,
  poolSize = 10,
  timeoutMs = TIMEOUT_MS,
  heartbeatMs,
  onError,
}: DatabaseOptions & { url: string }): Connections {
  const limits = limitsOf(timeoutMs);
  const common = {
    connectionString: url,
    connectionTimeoutMillis: limits.connectMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  };
  const { pool, watch } = openPool({ ...common, max: poolSize }, limits, onError);
  // Opened by its first use only, which is a migration.
  const direct = new pg.Pool({ ...common, max: 2, idleTimeoutMillis: 1_000, application_name: "gatehouse-migrate" });
  direct.on("error", onError);
  const listener = new Listener({
    makeClient: () => new pg.Client({ ...common, query_timeout: limits.silenceMs, application_name: "gatehouse-listen" }),
    onError,
    patienceMs: limits.silenceMs,
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  });
  return {
    kind: "postgres",
    pool,
    direct,
    listener,
    allow: (client, milliseconds) => watch.allow(client, milliseconds),
    release: () => direct.end(),
  };
}

function openPool(config: pg.PoolConfig, limits: Limits, onError: (error: Error) => void) {
  const pool = new pg.Pool({
    ...config,
    idleTimeoutMillis: 30_000,
    application_name: "gatehouse",
    pipeline: true,
    onConnect: async (client) => {
      watch.begin(client);
      await limitSession(client, limits);
    },
  });
  const watch = new SilenceWatch(pool, limits.silenceMs);
  // The pool listens to idle connections only. One that is in use and is ended between two queries would end the process.
  pool.on("connect", (client) => client.on("error", onError));
  pool.on("error", () => undefined); // its connection has told the same
  return { pool, watch };
}
