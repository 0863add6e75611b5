import type pg from "pg";

/** How long a database may keep somebody waiting, in milliseconds. */
export interface Limits {
  /** Without a byte of an answer: then the connection is given up (`silence.ts`). */
  silenceMs: number;
  /** One statement, ended by the server. */
  statementMs: number;
  /** The wait for one lock, ended by the server. */
  lockMs: number;
  /** A transaction in which nothing happens, ended by the server with its connection. */
  idleInTransactionMs: number;
  /** Getting a connection, new or from the pool. */
  connectMs: number;
}

/** How often the server looks whether the client of a long statement is still there: frees the locks of a process that was killed. */
const CONNECTION_CHECK_MS = 1_000;

/** @returns every limit, out of the time after which a query is given up: the server's come first, so that it says what was wrong */
export function limitsOf(timeoutMs: number): Limits {
  return {
    silenceMs: timeoutMs,
    statementMs: Math.ceil(timeoutMs * 0.8),
    lockMs: Math.ceil(timeoutMs * 0.5),
    idleInTransactionMs: timeoutMs,
    connectMs: Math.ceil(timeoutMs * 0.5),
  };
}

/** @returns what `set_config` is to be called with, name by name */
export const settingsOf = ({ statementMs, lockMs, idleInTransactionMs }: Limits): [name: string, value: string][] => [
  ["statement_timeout", String(statementMs)],
  ["lock_timeout", String(lockMs)],
  ["idle_in_transaction_session_timeout", String(idleInTransactionMs)],
];

/** Sets the limits for the whole session, which must be this client's alone. */
export async function limitSession(client: pg.ClientBase, limits: Limits): Promise<void> {
  const settings = settingsOf(limits);
  const calls = settings.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, false)`);
  await client.query(`select ${calls.join(", ")}`, settings.flat());
  await checkClients(client);
}

/** Servers before 14 don't know this setting, and on some systems it can't be used; then TCP's keep-alive has to do. */
async function checkClients(client: pg.ClientBase): Promise<void> {
  try {
    await client.query("select set_config('client_connection_check_interval', $1, false)", [String(CONNECTION_CHECK_MS)]);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "42704" && code !== "22023") throw error; // undefined_object, invalid_parameter_value
  }
}
