import pg from "pg";
import { APP_ROLE, type Connections, type DatabaseOptions } from "./connections.ts";
import { type Limits, limitSession, limitsOf, settingsOf } from "./limits.ts";
import { Listener } from "./listener.ts";
import { refusePooler } from "./pooler.ts";
import { SilenceWatch } from "./silence.ts";
import type { Statement } from "./sql.ts";

/** A query that isn't answered for so long is given up. */
export const DATABASE_TIMEOUT_MS = 10_000;
/** TCP asks after so long without traffic whether the other side is still there. */
const KEEP_ALIVE_MS = 10_000;

/** Opens a pool on a Postgres server. Nothing connects before it is used. */
export function openPostgres(options: DatabaseOptions & { url: string }): Connections {
  const { url, directUrl = url, pooling = "none", timeoutMs = DATABASE_TIMEOUT_MS, heartbeatMs, onError } = options;
  const limits = limitsOf(timeoutMs);
  const common = {
    connectionTimeoutMillis: limits.connectMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  };
  const { pool, watch } = openPool({ ...options, pooling }, common, limits);
  const checkDirect = async (client: pg.ClientBase) => {
    if (directUrl !== url) await refusePooler(client, "DATABASE_DIRECT_URL");
    else if (pooling === "none") await refusePooler(client, "DATABASE_URL");
  };
  // Opened by its first use only, which is a migration.
  const direct = new pg.Pool({
    ...common,
    connectionString: directUrl,
    max: 2,
    idleTimeoutMillis: 1_000,
    application_name: "gatehouse-migrate",
    onConnect: checkDirect,
  });
  direct.on("error", onError);
  const listening = { connectionString: directUrl, query_timeout: limits.silenceMs, application_name: "gatehouse-listen" };
  const hears = pooling !== "transaction" || directUrl !== url;
  const listener = new Listener({
    hears,
    makeClient: () => new pg.Client({ ...common, ...listening }),
    prepare: checkDirect,
    onError,
    patienceMs: limits.silenceMs,
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  });
  return {
    kind: "postgres",
    pool,
    direct,
    listener,
    named: pooling !== "transaction",
    opening: openingOf(pooling === "transaction" ? settingsOf(limits) : []),
    allow: (client, milliseconds) => watch.allow(client, milliseconds),
    release: () => direct.end(),
  };
}

function openPool(
  { url, poolSize = 10, pooling, onError }: DatabaseOptions & { url: string },
  common: pg.PoolConfig,
  limits: Limits,
) {
  const pool = new pg.Pool({
    ...common,
    connectionString: url,
    max: poolSize,
    idleTimeoutMillis: 30_000,
    application_name: "gatehouse",
    onConnect: async (client) => {
      watch.begin(client);
      if (pooling === "none") await refusePooler(client, "DATABASE_URL");
      // A pooled session isn't this client's: there each transaction sets its limits.
      if (pooling !== "transaction") await limitSession(client, limits);
    },
  });
  const watch = new SilenceWatch(pool, limits.silenceMs);
  // The pool listens to idle connections only. One that is in use and is ended between two queries would end the process.
  pool.on("connect", (client) => client.on("error", onError));
  pool.on("error", () => undefined); // its connection has told the same
  return { pool, watch };
}

/**
 * The statement that comes first in every transaction. It sets what holds for this transaction and no longer: the role, which row-level
 * security holds, and the tenant, whose rows are seen. So nothing depends on what was done before on the connection, or is left on it.
 */
function openingOf(settings: readonly [string, string][]): Connections["opening"] {
  const always = [["role", APP_ROLE], ["app.tenant_id", ""], ...settings] as const;
  const text = (count: number) =>
    `select ${Array.from({ length: count }, (_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`).join(", ")}`;
  const usual = text(always.length);
  const longer = text(always.length + 1);
  return (tenantId, statementMs): Statement => {
    const values = ["role", APP_ROLE, "app.tenant_id", tenantId, ...settings.flat()];
    return statementMs === undefined
      ? { name: "open", text: usual, values }
      : { name: "open-longer", text: longer, values: [...values, "statement_timeout", String(statementMs)] };
  };
}
