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
  const decoder = new StringDecoder("utf8");
  let rest = "";
  let pending = "";
  let pendingLine = 0;
  let line = 0;
  try {
    for await (const chunk of end as AsyncIterable<Buffer>) {
      const text = rest + decoder.write(chunk);
      let start = 0;
      for (let newline = text.indexOf("\n"); newline >= 0; newline = text.indexOf("\n", start)) {
        let piece = text.slice(start, newline);
        start = newline + 1;
        line++;
        if (pending !== "") piece = `${pending}\n${piece}`;
        else pendingLine = line;
        if (piece.includes('"') && (piece.split('"').length - 1) % 2 === 1) {
          pending = piece;
        } else {
          pending = "";
          if (piece !== "") onRecord(piece.endsWith("\r") ? piece.slice(0, -1) : piece, pendingLine);
        }
        if (pending.length > MAX_RECORD) break;
      }
      rest = text.slice(start);
      if (rest.length > MAX_RECORD || pending.length > MAX_RECORD)
        throw new Error(`line ${line + 1} is longer than 1 MiB, so this is no CSV file of k6`);
    }
  } finally {
    source.destroy();
  }
  if (rest !== "" || pending !== "")
    throw new Error(`the last line (${line + 1}) isn't whole, so the file is cut off. Write the samples again.`);
}
