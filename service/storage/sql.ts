/**
 * Runs one statement with `$1`-style parameters inside a transaction and returns its rows.
 * Rejects with the database's error, with its SQLSTATE in `code`.
 */
export type Sql = <Row = Record<string, unknown>>(text: string, values?: readonly unknown[]) => Promise<Row[]>;

/** The database as every room sees it: transactions of one tenant, or of none. */
export interface Database {
  readonly kind: "postgres" | "embedded";

  /**
   * Runs `work` in a transaction that sees and writes rows of this tenant only (row-level security).
   * Commits when `work` fulfils; rolls back and rethrows when it rejects.
   */
  forTenant<Result>(tenantId: string, work: (sql: Sql) => Promise<Result>): Promise<Result>;

  /** The same without a tenant: sees tables that belong to no tenant, and functions that are granted to the service. */
  withoutTenant<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result>;

  /**
   * Calls `handler` with the payload of every `NOTIFY` on `channel`. A notification can be missed while the connection
   * is down: `onReconnect` handlers run after it is back, and callers poll as a backstop.
   */
  listen(channel: string, handler: (payload: string) => void): Promise<() => Promise<void>>;

  /** Called each time the listening connection was lost and is back. */
  onReconnect(handler: () => void): void;

  /** Runs the simplest statement; rejects when the database can't answer. */
  ping(): Promise<void>;

  close(): Promise<void>;
}
