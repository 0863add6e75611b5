import type { Readable, Transform } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** Longest record that is read; a file without newlines must not fill the memory. */
const MAX_RECORD = 1 << 20;

/** Cells of one CSV record (RFC 4180: quotes around cells, doubled inside). */
export function parseCsvLine(line: string): string[] {
  if (!line.includes('"')) return line.split(",");
  const cells: string[] = [];
  let position = 0;
  for (;;) {
    if (line[position] === '"') {
      let cell = "";
      for (position++; ; ) {
        const quote = line.indexOf('"', position);
        if (quote < 0) throw new Error("a quoted cell doesn't end");
        cell += line.slice(position, quote);
        position = quote + 1;
        if (line[position] !== '"') break;
        cell += '"';
        position++;
      }
      cells.push(cell);
    } else {
      const end = line.indexOf(",", position);
      cells.push(line.slice(position, end < 0 ? line.length : end));
      position = end < 0 ? line.length : end;
    }
    if (position >= line.length) return cells;
    position++;
    if (position === line.length) return [...cells, ""];
  }
}

/**
 * Cuts text that comes in pieces into CSV records: a newline inside quotes belongs to its record, wherever a piece ends.
 */
export class RecordSplitter {
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";
  /** Lines of a record whose quotes aren't closed yet. */
  #pending = "";
  #pendingLine = 0;
  #line = 0;

  /**
   * Takes the next bytes and gives the records that are whole by now, without their ends, blank ones left out.
   *
   * @param onRecord gets the record and the number of its first line
   * @throws Error when a record is longer than 1 MiB
   */
  push(chunk: Buffer, onRecord: (record: string, line: number) => void): void {
    const text = this.#rest + this.#decoder.write(chunk);
    let start = 0;
    for (let newline = text.indexOf("\n"); newline >= 0; newline = text.indexOf("\n", start)) {
      let piece = text.slice(start, newline);
      start = newline + 1;
      this.#line += 1;
      const open = this.#pending !== "";
      const odd = hasOddQuotes(piece);
      if (open) piece = `${this.#pending}\n${piece}`;
      else this.#pendingLine = this.#line;
      // A quote opens or closes: with an odd number of them in all, the record goes on.
      if (open !== odd) {
        this.#pending = piece;
      } else {
        this.#pending = "";
        if (piece !== "" && piece !== "\r") onRecord(piece.endsWith("\r") ? piece.slice(0, -1) : piece, this.#pendingLine);
      }
      if (this.#pending.length > MAX_RECORD) break;
    }
    this.#rest = text.slice(start);
    if (this.#rest.length > MAX_RECORD || this.#pending.length > MAX_RECORD)
      throw new Error(`line ${this.#line + 1} is longer than 1 MiB, so this is no CSV file of k6`);
  }

  /** Whether the text ends within a record, since whoever wrote it was cut off or hasn't come to the record's end. */
  get cutOff(): boolean {
    return this.#rest !== "" || this.#pending !== "";
  }

  /** What stands behind the last whole record. */
  rest(): string {
    const rest = this.#rest + this.#decoder.end();
    return this.#pending === "" ? rest : `${this.#pending}\n${rest}`;
  }

  /** Number of the line in which the text ends. */
  get line(): number {
    return this.#line + 1;
  }
}

function hasOddQuotes(text: string): boolean {
  let odd = false;
  for (let quote = text.indexOf('"'); quote >= 0; quote = text.indexOf('"', quote + 1)) odd = !odd;
  return odd;
}

/**
 * Reads CSV records from a chain of streams, one at a time; a newline inside quotes belongs to its record.
 *
 * @param onRecord gets the record and the number of its first line
 * @throws Error when the last record has no newline (the writer was cut off) or a record is too long
 */
export async function readLines(
  chain: readonly [Readable, ...Transform[]],
  onRecord: (record: string, line: number) => void,
): Promise<void> {
  const [source, ...transforms] = chain;
  let end: Readable = source;
  for (const transform of transforms) {
    const before = end;
    before.on("error", (error) => transform.destroy(error));
    end = before.pipe(transform);
  }
  const splitter = new RecordSplitter();
  try {
    for await (const chunk of end as AsyncIterable<Buffer>) splitter.push(chunk, onRecord);
  } finally {
    source.destroy();
  }
  if (splitter.cutOff)
    throw new Error(`the last line (${splitter.line}) isn't whole, so the file is cut off. Write the samples again.`);
}
