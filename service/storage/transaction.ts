import type pg from "pg";
import { Batch } from "./batch.ts";
import type { Sql, Statement } from "./sql.ts";

interface Waiting {
  statement: Statement;
  resolve: (rows: Record<string, unknown>[]) => void;
  reject: (error: unknown) => void;
}

/** A transaction on one connection of Postgres, from its first statement to its end. */
export interface Transaction {
  sql: Sql;
  /** Waits for every statement, then commits. @throws when one has failed, also if its error was swallowed */
  commit(): Promise<void>;
  /** Waits for what is under way and rolls back; refuses every further statement. */
  rollBack(): Promise<void>;
  /** The connection isn't to be used again. */
  isSpoilt(): boolean;
}

const BEGIN = { name: "begin", text: "begin" };

/**
 * Statements of one tick leave in one packet, the first ones together with `BEGIN` and the transaction's settings: no round trip
 * is spent on those. A packet ends with one `Sync`, up to which the server skips everything after an error, and the next packet waits
 * for the answer: so no statement ever runs outside of the transaction, or under another role, because its beginning failed.
 *
 * @param opening the statement that says who the transaction is for
 * @param named whether statements may have names on this connection
 */
export function beginTransaction(client: pg.ClientBase, opening: Statement, named: boolean): Transaction {
  let waiting: Waiting[] = [];
  let flight: Promise<void> | undefined;
  let begun = false;
  let ended = false;
  let spoilt = false;
  let failure: { error: unknown } | undefined;

  const send = async (): Promise<void> => {
    const passengers = waiting;
    waiting = [];
    const first = begun ? [] : [BEGIN, opening];
    let batch: Batch | undefined;
    try {
      batch = new Batch([...first, ...passengers.map(({ statement }) => statement)], named);
      begun = true;
      client.query(batch);
      const results = await batch.results;
      for (const [index, { resolve }] of passengers.entries()) resolve(results[first.length + index]!);
    } catch (error) {
      failure = { error };
      if (batch?.isSpoilt) spoilt = true;
      for (const { reject } of [...passengers, ...waiting.splice(0)]) reject(error);
    }
  };
  const fly = async (): Promise<void> => {
    // After this tick, so that all of its statements are there.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    while (waiting.length > 0) await send();
    flight = undefined;
  };

  const sql = <Row>(text: string, values: readonly unknown[] = [], name?: string): Promise<Row[]> => {
    if (ended) return Promise.reject(new Error("a statement came after the end of its transaction"));
    if (failure !== undefined)
      return Promise.reject(new Error("an earlier statement of this transaction failed", { cause: failure.error }));
    const rows = new Promise<Record<string, unknown>[]>((resolve, reject) => {
      waiting.push({ statement: { text, values, ...(name === undefined ? {} : { name }) }, resolve, reject });
    });
    // Whoever sends several and awaits the first alone learns of the error by that one, or by the commit.
    rows.catch(() => undefined);
    flight ??= fly();
    return rows as Promise<Row[]>;
  };

  return {
    sql,
    commit: async () => {
      while (flight !== undefined) await flight;
      ended = true;
      if (failure !== undefined)
        throw new Error("a statement had failed, so the transaction was rolled back", { cause: failure.error });
      if (!begun) return;
      const { command } = await client.query("COMMIT");
      if (command !== "COMMIT") throw new Error("the transaction had failed, so the database rolled it back");
    },
    rollBack: async () => {
      ended = true;
      while (flight !== undefined) await flight;
      if (!begun) return;
      try {
        await client.query("ROLLBACK");
      } catch {
        spoilt = true; // it is closed, and the server rolls back what it had begun
      }
    },
    isSpoilt: () => spoilt,
  };
}
