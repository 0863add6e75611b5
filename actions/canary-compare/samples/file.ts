import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { createGunzip } from "node:zlib";
import type { Reason } from "../../lib/judge/verdict.ts";
import { RecordSplitter } from "../../lib/k6/csv.ts";
import { explainFileError } from "../../lib/runner/files.ts";
import { k6Reader, type LineFault, type LineReader, ndjsonReader, type Targets } from "./lines.ts";
import { findClockFault, type Recording, spreadWholeSeconds } from "./recording.ts";

/** Longest line that is read; a file without newlines must not fill the memory. */
const MAX_LINE = 1 << 20;

/** A row and the number of its first line. */
type Row = readonly [text: string, line: number];

/**
 * Rows of a byte stream without their ends, blank ones left out; the last one may lack its newline. Lines of JSON, told by the first
 * character, else records of CSV, whose quoted cells may hold newlines.
 */
export async function* rowsOf(stream: Readable): AsyncGenerator<Row> {
  let rows: RowSplitter | undefined;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    rows ??= /^(?:\uFEFF)?\s*\{/.test(chunk.toString("utf8", 0, 64)) ? new LineSplitter() : new RecordSplitter();
    const found: Row[] = [];
    rows.push(chunk, (text, line) => {
      if (text.trim() !== "") found.push([text, line]);
    });
    yield* found;
  }
  const rest = rows?.rest() ?? "";
  if (rest.trim() !== "") yield [rest.replace(/\r$/, ""), rows!.line];
}

type RowSplitter = Pick<RecordSplitter, "push" | "rest" | "line">;

/** Cuts text that comes in pieces into lines. */
class LineSplitter implements RowSplitter {
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";
  #line = 0;

  push(chunk: Buffer, onLine: (text: string, line: number) => void): void {
    const pieces = (this.#rest + this.#decoder.write(chunk)).split("\n");
    this.#rest = pieces.pop()!;
    if (this.#rest.length > MAX_LINE) throw new Error("a line is longer than 1 MiB, so this is no file of samples");
    for (const piece of pieces) {
      this.#line += 1;
      onLine(piece.endsWith("\r") ? piece.slice(0, -1) : piece, this.#line);
    }
  }

  rest(): string {
    return this.#rest + this.#decoder.end();
  }

  get line(): number {
    return this.#line + 1;
  }
}

/** What reading a file led to. */
export interface FileReading {
  /** Why the samples can't be judged; empty when they can. */
  faults: Reason[];
  /** Whether there was nothing to read at all: a fault to mend, not weak evidence. */
  missing: boolean;
}

/**
 * Reads samples of one arm or both: k6's CSV or NDJSON, plain or gzipped, told by what the file holds. Rows that are no measurement
 * are left out and told about, and then the samples can't be judged: half a file is no measurement.
 *
 * @param targets the arms wanted from this file
 */
export async function readSamplesFile(path: string, targets: Targets): Promise<FileReading> {
  const fault = (code: Reason["code"], message: string): Reason => ({
    code,
    metric: null,
    severity: "warning",
    message: `${path}: ${message}`,
  });
  try {
    await access(path);
  } catch (error) {
    return { faults: [fault("NO_DATA", explainFileError(error))], missing: true };
  }
  const found: LineFault[] = [];
  let counts = { NON_FINITE: 0, QUERY_ERROR: 0 };
  const note = (line: LineFault | undefined) => {
    if (!line) return;
    counts = { ...counts, [line.code]: counts[line.code] + 1 };
    if (counts[line.code] <= 3) found.push(line);
  };
  const faults: Reason[] = [];
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  try {
    let stream: Readable = file;
    if (path.endsWith(".gz")) {
      const gunzip = createGunzip();
      file.on("error", (error) => gunzip.destroy(error));
      stream = file.pipe(gunzip);
    }
    let rows = 0;
    let reader: LineReader | undefined;
    for await (const [text, line] of rowsOf(stream)) {
      rows += 1;
      const row = rows === 1 ? text.replace(/^\uFEFF/, "") : text;
      const json = row.trimStart().startsWith("{");
      reader ??= json ? ndjsonReader(targets) : k6Reader(targets);
      note(reader.read(row, line));
      if (rows === 1 && counts.QUERY_ERROR > 0 && !json) break;
    }
    if (rows === 0) faults.push(fault("NO_DATA", "the file is empty"));
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const cause = code.startsWith("Z_") ? `the gzip file is cut off or damaged (${message})` : explainFileError(error);
    faults.push(fault("QUERY_ERROR", cause));
  } finally {
    file.destroy();
  }
  for (const code of ["NON_FINITE", "QUERY_ERROR"] as const) {
    const shown = found.filter((line) => line.code === code).map((line) => line.message);
    const more = counts[code] > shown.length ? `; and ${counts[code] - shown.length} more` : "";
    if (shown.length > 0) faults.push(fault(code, `${shown.join("; ")}${more}. Write the samples again`));
  }
  for (const [arm, recording] of Object.entries(targets) as [string, Recording][]) {
    const clock = findClockFault(recording);
    if (clock) faults.push(fault("STALE_DATA", `${arm}: ${clock}`));
    spreadWholeSeconds(recording);
  }
  return { faults, missing: false };
}
