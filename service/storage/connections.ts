import type pg from "pg";
import type { Listening } from "./listener.ts";
import type { Pooling } from "./pooler.ts";
import type { Database, Statement } from "./sql.ts";

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
