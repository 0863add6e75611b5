import pg from "pg";

/** What stands between the service and the server: nothing, or a pooler of sessions or of transactions. */
export type Pooling = "none" | "session" | "transaction";

/** A pooler stands where nobody told of one; the message names the settings. */
export class PoolerError extends Error {}

/** @returns whether something answered the start of this connection that isn't the server's process: it tells another process number */
export async function isPooled(client: pg.ClientBase): Promise<boolean> {
  const { processID } = client as pg.ClientBase & { processID: number | null };
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return typeof processID === "number" && rows[0]!.pid !== processID; // the embedded engine tells none
}

/** Connects once to see whether a pooler answers. */
export async function findPooler(url: string, timeoutMs: number): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs });
  client.on("error", () => undefined); // the query rejects with it
  try {
    await client.connect();
    return await isPooled(client);
  } finally {
    await client.end();
  }
}

/**
 * Refuses a connection on which the next transaction may run in another session: settings would stay behind for whoever comes
 * there next, statements with names would be unknown, and `LISTEN` would hear nothing.
 *
 * @param variable where the connection's URL comes from
 * @throws PoolerError
 */
export async function refusePooler(client: pg.ClientBase, variable: "DATABASE_URL" | "DATABASE_DIRECT_URL"): Promise<void> {
  if (!(await isPooled(client))) return;
  throw new PoolerError(
    variable === "DATABASE_DIRECT_URL"
      ? "DATABASE_DIRECT_URL leads to a connection pooler. LISTEN and migrations need a session of their own: give it the server's own address."
      : POOLER_REFUSAL,
  );
}

const POOLER_REFUSAL =
  "DATABASE_URL leads to a connection pooler. If it pools transactions (PgBouncer's pool_mode = transaction), set DATABASE_POOLER=transaction and DATABASE_DIRECT_URL to the server's own address; if it pools sessions, set DATABASE_POOLER=session; or give DATABASE_URL the server's own address.";
