import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { explainFileError } from "../runner/files.ts";
import { parseCsvLine, readLines } from "./csv.ts";

/** One HTTP request as k6 measured it. */
export interface RequestSample {
  /** When it was started, milliseconds since 1970 (its end minus its duration). */
  startMs: number;
  latencyMs: number;
  /** k6's own judgement: the response was one that the script expects (by default status 200–399). */
  ok: boolean;
  /** Name of the k6 scenario, "" in setup and teardown. The canary's arms are scenarios. */
  scenario: string;
  /** Name tag of the script, else `METHOD /path` without the query. */
  route: string;
  /** HTTP status, 0 when there was no response. */
  status: number;
  /** Why there was no response, in k6's words; "" when there was one. */
  error: string;
}

/** How often one of the script's checks passed and failed. */
export interface CheckCounts {
  passed: number;
  failed: number;
}

/** What the samples hold besides requests. */
export interface SampleTotals {
  requests: number;
  checksPassed: number;
  checksFailed: number;
  /** By the check's name; of very many the rest counts as one. */
  checks: Map<string, CheckCounts>;
  /** Requests that were sent and never answered, by route, where the run watched them. */
  unanswered: Map<string, number>;
  droppedIterations: number;
  iterations: number;
}

/**
 * Reads k6's raw samples (`--out csv`, plain or gzipped) as a stream, in bounded memory; columns are found by the header.
 *
 * @param onRequest called for each HTTP request, in the order of the file
 * @throws Error when the file is missing, empty, cut off, or lacks a column that is needed: half a file is no measurement
 */
export async function readSamples(path: string, onRequest: (sample: RequestSample) => void): Promise<SampleTotals> {
  const totals: SampleTotals = {
    requests: 0,
    checksPassed: 0,
    checksFailed: 0,
    checks: new Map(),
    unanswered: new Map(),
    droppedIterations: 0,
    iterations: 0,
  };
  /** Routes of requests in flight, by virtual user and number. */
  const inFlight = new Map<string, string>();
  let columns: Columns | undefined;
  const onLine = (line: string, number: number): void => {
    if (columns === undefined) {
      columns = findColumns(path, parseCsvLine(line));
      return;
    }
    const metric = line.slice(0, line.indexOf(","));
    if (!METRICS.has(metric)) return;
    const cells = parseCsvLine(line);
    if (cells.length !== columns.count)
      throw new Error(
        `${path}: line ${number} has ${cells.length} columns, the header has ${columns.count}. Write the samples again.`,
      );
    const value = Number(cells[columns.value]);
    if (cells[columns.value] === "" || !Number.isFinite(value))
      throw new Error(`${path}: line ${number} has no number in metric_value. Write the samples again.`);
    switch (metric) {
      case "http_req_duration":
        totals.requests++;
        onRequest(request(path, number, cells, columns, value));
        break;
      case "checks":
        countCheck(totals, cells[columns.check] ?? "", value !== 0);
        break;
      case "gatehouse_sent":
        inFlight.set(`${user(cells, columns)}:${value}`, routeName(cells[columns.method] ?? "", cells[columns.name] ?? ""));
        break;
      case "gatehouse_answered":
        inFlight.delete(`${user(cells, columns)}:${value}`);
        break;
      case "dropped_iterations":
        totals.droppedIterations += value;
        break;
      case "iterations":
        totals.iterations += value;
        break;
    }
  };
  try {
    const file = createReadStream(path, { highWaterMark: 1 << 18 });
    await readLines(path.endsWith(".gz") ? [file, createGunzip({ chunkSize: 1 << 18 })] : [file], onLine);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code.startsWith("Z_"))
      throw new Error(`${path}: the gzip file is cut off or damaged (${(error as Error).message}). Write the samples again.`, {
        cause: error,
      });
    if (code !== "") throw new Error(`${path}: could not be read: ${explainFileError(error)}`, { cause: error });
    throw (error as Error).message.startsWith(path) ? error : new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
  if (columns === undefined) throw new Error(`${path}: the file is empty. k6 writes a header first, so it never got to run.`);
  for (const route of inFlight.values()) totals.unanswered.set(route, (totals.unanswered.get(route) ?? 0) + 1);
  return totals;
}

const MOST_CHECKS = 200;

function countCheck(totals: SampleTotals, name: string, passed: boolean): void {
  if (passed) totals.checksPassed += 1;
  else totals.checksFailed += 1;
  const known = totals.checks.has(name) || totals.checks.size < MOST_CHECKS ? name : "(other checks)";
  const counts = totals.checks.get(known) ?? { passed: 0, failed: 0 };
  totals.checks.set(known, counts);
  if (passed) counts.passed += 1;
  else counts.failed += 1;
}

/** The virtual user that a row is of. */
function user(cells: readonly string[], columns: Columns): string {
  return /(?:^|&)vu=([^&]*)/.exec(cells[columns.metadata] ?? "")?.[1] ?? "";
}

/** `METHOD /path` when the name is a URL (k6's default name), without the query; else the name as the script gave it. */
export function routeName(method: string, name: string): string {
  if (!/^https?:\/\//.test(name) || !URL.canParse(name)) return name === "" ? method || "(no name)" : name;
  return `${method} ${new URL(name).pathname}`.trim();
}

/**
 * Milliseconds since 1970 of a k6 timestamp: Unix time in s (10 digits), ms, µs or ns, or RFC 3339.
 *
 * @returns undefined when it is none of these
 */
export function parseTimestamp(text: string): number | undefined {
  if (/^\d{9,11}(\.\d+)?$/.test(text)) return Number(text) * 1_000;
  if (/^\d{12,14}$/.test(text)) return Number(text);
  if (/^\d{15,17}$/.test(text)) return Number(text) / 1_000;
  if (/^\d{18,20}$/.test(text)) return Number(text) / 1_000_000;
  const time = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

const METRICS = new Set([
  "http_req_duration",
  "checks",
  "dropped_iterations",
  "iterations",
  "gatehouse_sent",
  "gatehouse_answered",
]);

interface Columns {
  count: number;
  timestamp: number;
  value: number;
  expected: number;
  status: number;
  scenario: number;
  method: number;
  name: number;
  check: number;
  error: number;
  metadata: number;
}

function findColumns(path: string, header: readonly string[]): Columns {
  const at = (name: string) => header.indexOf(name);
  if (at("metric_name") !== 0)
    throw new Error(
      `${path}: isn't a CSV file of k6: the first column should be metric_name, is ${JSON.stringify(header[0] ?? "").slice(0, 60)}.`,
    );
  const missing = ["timestamp", "metric_value"].filter((name) => at(name) < 0);
  if (at("expected_response") < 0 && at("status") < 0) missing.push("expected_response or status");
  if (missing.length > 0) {
    throw new Error(
      `${path}: column ${missing.join(", ")} is missing. Remove systemTags from the script's options, or add what is missing to it.`,
    );
  }
  return {
    count: header.length,
    timestamp: at("timestamp"),
    value: at("metric_value"),
    expected: at("expected_response"),
    status: at("status"),
    scenario: at("scenario"),
    method: at("method"),
    name: at("name"),
    check: at("check"),
    error: at("error"),
    metadata: at("metadata"),
  };
}

function request(path: string, line: number, cells: readonly string[], columns: Columns, latencyMs: number): RequestSample {
  const endMs = parseTimestamp(cells[columns.timestamp] ?? "");
  if (endMs === undefined)
    throw new Error(
      `${path}: line ${line} has the timestamp ${JSON.stringify(cells[columns.timestamp])}, which is no time. Write the samples again.`,
    );
  const status = Number(cells[columns.status] || 0);
  // Empty when the script switched k6's judgement off (setResponseCallback(null)): then the status decides.
  const expected = cells[columns.expected] ?? "";
  return {
    startMs: endMs - latencyMs,
    latencyMs,
    ok: expected === "" ? status >= 200 && status < 400 : expected === "true",
    scenario: cells[columns.scenario] ?? "",
    route: routeName(cells[columns.method] ?? "", cells[columns.name] ?? ""),
    status,
    error: status === 0 ? (cells[columns.error] ?? "") : "",
  };
}
