import pg from "pg";
import type { Statement } from "./sql.ts";

type Rows = Record<string, unknown>[][];
type Send = (tenantId: string, statements: readonly Statement[]) => Promise<Rows>;

interface Call {
  statements: readonly Statement[];
  resolve: (rows: Rows) => void;
  reject: (error: unknown) => void;
}

/**
 * Transactions of one tenant that are under way at a time; calls that come meanwhile share the next one. With one, the server would
 * be idle while an answer travels; with more, fewer calls share, and one tenant could hold most of the pool.
 */
const AT_ONCE = 2;
/** Calls that share a transaction at most: their locks are held until its end, and an error makes all of them be sent again, one by one. */
const MOST_CALLS = 32;

/** What has no name comes last. */
const compare = (a: string | undefined, b: string | undefined) =>
  a === b ? 0 : a === undefined ? 1 : b === undefined ? -1 : a < b ? -1 : 1;

/**
 * Lets calls of one tenant that come while others are on their way share a transaction. The more there is to do, the less each call
 * costs, and one call alone waits for nothing. Each call takes part whole or not at all: when a statement fails, Postgres has rolled
 * all of them back, and the calls are sent again one by one. When it isn't known what became of the transaction, all calls reject.
 * Rows are locked in the order of their names.
 *
 * The other ways: a transaction per call (BEGIN, statements, COMMIT) costs one more round trip, and a batch per call a `Sync` and a
 * commit each. With 16 calls at once a call costs this process 40 µs of CPU time here, 79 µs as a batch of its own, 148 µs as a
 * transaction (`npm run bench -- statements`, on a busy machine). A timer that collects calls would make a call alone wait for nothing.
 */
export function createJoiner(send: Send): Send {
  const tenants = new Map<string, { underWay: number; waiting: Call[] }>();

  const sendTogether = async (tenantId: string, calls: Call[]): Promise<void> => {
    const all = calls.flatMap(({ statements }, call) => statements.map((statement) => ({ statement, call })));
    const ordered = all.toSorted((a, b) => compare(a.statement.locks, b.statement.locks));
    try {
      const rows = await send(
        tenantId,
        ordered.map(({ statement }) => statement),
      );
      const rowsOf = new Map(ordered.map(({ statement }, index) => [statement, rows[index]!]));
      for (const { statements, resolve } of calls) resolve(statements.map((statement) => rowsOf.get(statement)!));
    } catch (error) {
      const isUndone = error instanceof pg.DatabaseError && error.severity === "ERROR";
      if (calls.length > 1 && isUndone) for (const call of calls) await sendTogether(tenantId, [call]);
      else for (const { reject } of calls) reject(error);
    }
  };

  return (tenantId, statements) =>
    new Promise((resolve, reject) => {
      const tenant = tenants.get(tenantId) ?? { underWay: 0, waiting: [] };
      tenants.set(tenantId, tenant);
      tenant.waiting.push({ statements, resolve, reject });
      const next = (): void => {
        if (tenant.underWay >= AT_ONCE) return;
        if (tenant.waiting.length === 0) {
          if (tenant.underWay === 0) tenants.delete(tenantId);
          return;
        }
        tenant.underWay += 1;
        void sendTogether(tenantId, tenant.waiting.splice(0, MOST_CALLS)).finally(() => {
          tenant.underWay -= 1;
          next();
        });
      };
      next();
    });
}
