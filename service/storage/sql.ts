/**
 * Runs one statement with `$1`-style parameters inside a transaction and returns its rows.
 * Rejects with the database's error, with its SQLSTATE in `code`.
 *
 * With a name Postgres keeps the statement's plan for the connection: for what runs at every message. The name belongs to one
 * text for ever, and the text names its result columns, since a plan can't follow a `*` through a migration.
 */
export type Sql = <Row = Record<string, unknown>>(text: string, values?: readonly unknown[], name?: string) => Promise<Row[]>;

export interface Statement {
  text: string;
  values?: readonly unknown[];
  /** As with `Sql`. */
  name?: string;
  /**
   * Names the row that it locks. The statements of a transaction go in the order of these names, those without one last: so two
   * transactions that lock the same rows never wait for each other.
   */
  locks?: string;
}

/** The database as every room sees it: transactions of one tenant, or of none. */
export interface Database {
  readonly kind: "postgres" | "embedded";

  /**
   * Runs `work` in a transaction that sees and writes rows of this tenant only (row-level security).
   * Commits when `work` fulfils; rolls back and rethrows when it rejects.
   *
   * @param options `timeoutMs`: what each statement may take, for one that is known to take long
   */
  forTenant<Result>(tenantId: string, work: (sql: Sql) => Promise<Result>, options?: { timeoutMs?: number }): Promise<Result>;

  /**
   * Runs statements that don't depend on each other's rows in one transaction of a tenant, sent in one packet: one round trip
   * in place of two. All take part, or none. Calls of one tenant that come together share a transaction.
   *
   * @returns the rows of each statement
   * @throws the error of the first one that failed
   */
  batchForTenant(tenantId: string, statements: readonly Statement[]): Promise<Record<string, unknown>[][]>;

  /** `forTenant` without a tenant: sees tables that belong to no tenant, and functions that are granted to the service. */
  withoutTenant<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result>;

  /**
   * Calls `handler` with the payload of every `NOTIFY` on `channel`. A notification can be missed while the connection
   * is down: `onReconnect` handlers run after it is back, and callers poll as a backstop.
   */
  listen(channel: string, handler: (payload: string) => void): Promise<() => Promise<void>>;

  /** Called each time the listening connection was lost and is back. */
  onReconnect(handler: () => void): void;

  /** Whether notifications arrive, as far as the last proof of it tells: the listening connection notifies itself now and then. */
  isListening(): boolean;

  /** Runs the simplest statement; rejects when the database can't answer. */
  ping(): Promise<void>;

  close(): Promise<void>;
}
