import pg from "pg";
import type { Statement } from "./sql.ts";

/**
 * Private members of `pg`'s Connection that a batch relies on: `pg` has no interface for several statements before one `Sync`. They
 * are those of pg 8, whose version package.json pins; `batch.test.ts` fails when one of them changes. Its own pipeline mode, the other
 * way, sends a `Sync` and so ends a transaction per query.
 */
interface Wire {
  stream: { cork(): void; uncork(): void };
  parse(message: { name: string; text: string; types: undefined }): void;
  bind(message: {
    portal: string;
    statement: string;
    values: readonly unknown[];
    valueMapper: (value: unknown) => unknown;
  }): void;
  describe(message: { type: "P"; name: string }): void;
  execute(message: { portal: string; rows: number }): void;
  sync(): void;
}

interface Field {
  name: string;
  dataTypeID: number;
}

type Columns = { name: string; parse: (text: string) => unknown }[];

/** Named statements that a connection knows, with the columns that they give. */
const known = new WeakMap<object, Map<string, Columns>>();

const { prepareValue } = (pg as unknown as { utils: { prepareValue: (value: unknown) => unknown } }).utils;

/**
 * Statements that leave in one packet with one `Sync` behind them. So the server takes them for one transaction, which needs no
 * `BEGIN` and no `COMMIT`, and sends all of its answers at once. After a statement that fails it skips the rest and rolls back.
 *
 * A statement with a name is parsed and described once a connection. An error leaves open which of a batch's new names the
 * server has kept: then, as after any error that isn't a statement's, `isSpoilt` says that the connection is not to be used again.
 *
 * Other ways were tried (`npm run bench -- statements`; CPU time of this process per transaction of one insert, 16 at once, on a busy
 * machine). Statement by statement with an await for each: 209 µs. A transaction whose first packet holds BEGIN, its settings and its
 * statements (`transaction.ts`): 148 µs. One batch: 79 µs. Batches that join (`joiner.ts`): 40 µs. Before, `pg`'s pipeline mode and a
 * corked socket saved packets; but a statement sent behind a BEGIN that failed could run outside of any transaction.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 */
export class Batch extends pg.Query {
  /** Rows of each statement. Rejects with the error of the first that failed. */
  readonly results: Promise<Record<string, unknown>[][]>;
  isSpoilt = false;
  readonly #statements: readonly Statement[];
  readonly #values: unknown[][];
  readonly #resolve: (rows: Record<string, unknown>[][]) => void;
  readonly #reject: (error: Error) => void;
  readonly #done: Record<string, unknown>[][] = [];
  /** Columns of each statement, as far as they are known. */
  readonly #columns: Columns[] = [];
  #rows: Record<string, unknown>[] = [];
  #names: Map<string, Columns> = new Map();
  /** Names that this batch is the first to use. */
  readonly #parsed = new Set<string>();

  /**
   * @param named whether statements may have names; behind a transaction pooler the next one may come to another session
   * @throws when a value can't be sent: before anything is
   */
  constructor(statements: readonly Statement[], named = true) {
    super("");
    this.#statements = named ? statements : statements.map(({ text, values = [] }) => ({ text, values }));
    this.#values = statements.map(({ values = [] }) => values.map((value) => prepareValue(value)));
    const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>[][]>();
    this.results = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    // `pg` asks for one; what it would be told comes by the methods below.
    Object.assign(this, { callback: () => undefined });
  }

  override submit = (connection: unknown): null => {
    const wire = connection as Wire;
    const names = known.get(wire) ?? new Map<string, Columns>();
    known.set(wire, names);
    this.#names = names;
    wire.stream.cork();
    for (const [index, { name = "", text }] of this.#statements.entries()) {
      const columns = name === "" ? undefined : names.get(name);
      if (columns !== undefined) this.#columns[index] = columns;
      else if (!this.#parsed.has(name)) wire.parse({ name, text, types: undefined });
      if (columns === undefined && name !== "") this.#parsed.add(name);
      wire.bind({ portal: "", statement: name, values: this.#values[index]!, valueMapper: (value) => value });
      if (columns === undefined) wire.describe({ type: "P", name: "" });
      wire.execute({ portal: "", rows: 0 });
    }
    wire.sync();
    wire.stream.uncork();
    return null;
  };

  handleRowDescription({ fields }: { fields: Field[] }): void {
    this.#columns[this.#done.length] = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: pg.types.getTypeParser(dataTypeID, "text") as (text: string) => unknown,
    }));
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    const columns = this.#columns[this.#done.length]!;
    const row: Record<string, unknown> = {};
    for (let index = 0; index < columns.length; index += 1) {
      const { name, parse } = columns[index]!;
      const text = fields[index] ?? null;
      row[name] = text === null ? null : parse(text);
    }
    this.#rows.push(row);
  }

  handleCommandComplete(): void {
    const index = this.#done.length;
    const { name } = this.#statements[index]!;
    if (name !== undefined) this.#names.set(name, this.#columns[index] ?? []);
    this.#done.push(this.#rows);
    this.#rows = [];
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#done);
  }

  handleError(error: Error): void {
    this.isSpoilt = this.#parsed.size > 0 || !(error instanceof pg.DatabaseError) || error.severity !== "ERROR";
    this.#reject(error);
  }
}
