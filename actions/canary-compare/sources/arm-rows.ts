import { parseCsvLine } from "../../lib/k6/csv.ts";
import { parseTimestamp, routeName } from "../../lib/k6/samples.ts";
import { type LineFault, PHASES } from "../samples/lines.ts";
import { Recording } from "../samples/recording.ts";

/** A request that was sent, and of which nothing has been heard since. */
export interface PendingRequest {
  /** Unix seconds. */
  t: number;
  route: string;
}

/** One iteration of the script. */
interface Iteration {
  t: number;
  /** Index of the last request in the recording, −1 before the first. */
  last: number;
  requestFailed: boolean;
  checkFailed: boolean;
  threw: boolean;
}

/** Iterations that failed though each of their requests was answered as expected. */
export interface FailedIteration {
  t: number;
  why: "check" | "exception";
}

const FOREIGN_MOST = 20;

/**
 * Reads the rows that k6 writes for one arm: its requests with the whole time that they took, what the script's own checks said of them,
 * and an account of everything that was started.
 *
 * A request is a success when k6 expects its response, no check of its iteration failed and its iteration didn't throw: the last request
 * of an iteration takes the blame for the latter two.
 */
export class ArmRows {
  readonly recording = new Recording();
  /** Requests that were sent to each place: `own`, `other` (the other arm), a host, or `none` (no address at all). */
  readonly sentTo = new Map<string, number>();
  /** Requests to the arm whose final answer came from elsewhere, by that place. */
  readonly answeredFrom = new Map<string, number>();
  /** When each iteration was started, Unix seconds. */
  readonly startedTimes: number[] = [];
  /** When k6 could not start an iteration in time, Unix seconds. */
  readonly droppedTimes: number[] = [];
  readonly failedIterations: FailedIteration[] = [];
  /** Results of the script's checks, by the check's name: when one failed or passed. */
  readonly checks = new Map<string, { failed: number[]; passed: number[] }>();
  /** New connections, by the time of their request. */
  readonly connectedTimes: number[] = [];
  /** Unix seconds of the newest row: what happened later isn't known yet, however late it is. */
  seenUntil = 0;
  readonly #pending = new Map<string, PendingRequest>();
  readonly #iterations = new Map<string, Iteration>();
  readonly #hide: (text: string) => string;
  #columns: Map<string, number> | undefined;
  #cells: string[] = [];
  /** The request whose other rows follow. */
  #open: { index: number } | undefined;

  /** @param hide cuts out of routes, checks and versions what no report may hold */
  constructor(hide: (text: string) => string = (text) => text) {
    this.#hide = hide;
  }

  /** Requests that have not been answered so far, in the order in which they were sent. */
  get pending(): PendingRequest[] {
    return [...this.#pending.values()];
  }

  /** @returns what is wrong with the record, undefined when nothing is */
  read(record: string, number: number): LineFault | undefined {
    const broken = (message: string): LineFault => ({ code: "QUERY_ERROR", message: `line ${number} ${message}` });
    if (this.#columns === undefined) {
      this.#columns = new Map(parseCsvLine(record).map((name, i) => [name, i]));
      const missing = ["metric_name", "timestamp", "metric_value", "metadata"].filter((name) => !this.#columns!.has(name));
      return missing.length === 0 ? undefined : broken(`is no header of k6's CSV: ${missing.join(", ")} missing`);
    }
    const comma = record.indexOf(",");
    const metric = record.slice(0, comma);
    const seenMs = parseTimestamp(record.slice(comma + 1, record.indexOf(",", comma + 1)));
    if (seenMs !== undefined) this.seenUntil = Math.max(this.seenUntil, seenMs / 1000);
    if (!READ.has(metric)) return undefined;
    this.#cells = parseCsvLine(record);
    if (this.#cells.length !== this.#columns.size)
      return broken(`has ${this.#cells.length} columns, the header has ${this.#columns.size}`);
    // Setup and teardown are no traffic.
    if (this.#cell("scenario") === "") return undefined;
    const endMs = parseTimestamp(this.#cell("timestamp"));
    if (endMs === undefined) return broken(`has the timestamp ${JSON.stringify(this.#cell("timestamp"))}, which is no time`);
    const text = this.#cell("metric_value");
    const value = text === "" ? Number.NaN : Number(text);
    if (!(value >= 0 && Number.isFinite(value)))
      return { code: "NON_FINITE", message: `line ${number}: ${metric} is ${JSON.stringify(text)}` };
    this.#take(metric, value, endMs);
    return undefined;
  }

  #cell(name: string): string {
    return this.#cells[this.#columns!.get(name) ?? -1] ?? "";
  }

  #tag(column: "extra_tags" | "metadata", name: string): string | undefined {
    return new RegExp(`(?:^|&)${name}=([^&]*)`).exec(this.#cell(column))?.[1];
  }

  #take(metric: string, value: number, endMs: number): void {
    const user = this.#tag("metadata", "vu") ?? "";
    switch (metric) {
      case "gatehouse_started":
        this.startedTimes.push(endMs / 1000);
        this.#iterations.set(user, { t: endMs / 1000, last: -1, requestFailed: false, checkFailed: false, threw: false });
        return;
      case "gatehouse_threw": {
        const iteration = this.#iterations.get(user);
        if (iteration) iteration.threw = true;
        return;
      }
      case "gatehouse_sent":
        this.#pending.set(`${user}:${value}`, { t: endMs / 1000, route: this.#route() });
        count(this.sentTo, this.#tag("extra_tags", "gatehouse_to") ?? "none");
        return;
      case "gatehouse_answered":
        this.#answered(`${user}:${value}`);
        return;
      case "http_req_duration":
        this.#request(user, value, endMs);
        return;
      case "checks":
        this.#check(user, value, endMs);
        return;
      case "iterations":
        this.#endIteration(user);
        return;
      case "dropped_iterations":
        for (let i = 0; i < value; i += 1) this.droppedTimes.push(endMs / 1000);
        return;
      default:
        this.#phase(PHASES[metric]!, value);
    }
  }

  #route(): string {
    return this.#hide(routeName(this.#cell("method"), this.#cell("name")));
  }

  #answered(key: string): void {
    this.#pending.delete(key);
    const version = this.#tag("extra_tags", "version");
    const own = this.#tag("extra_tags", "gatehouse_to") === "own";
    if (version !== undefined && own) this.recording.addVersion(this.#hide(decodeURIComponent(version)));
    const from = this.#tag("extra_tags", "gatehouse_from");
    if (from !== undefined && own) count(this.answeredFrom, from);
  }

  #request(user: string, ms: number, endMs: number): void {
    this.#open = undefined;
    // What goes to other places is not the arm's.
    if (this.#tag("extra_tags", "gatehouse_to") !== "own") return;
    const expected = this.#cell("expected_response");
    const status = Number(this.#cell("status") || 0);
    const ok = expected === "" ? status >= 200 && status < 400 : expected === "true";
    const { recording } = this;
    recording.add({ t: Math.round((endMs - ms) * 1000) / 1e6, latencyMs: ms, ok, route: this.#route() });
    this.#open = { index: recording.length - 1 };
    const iteration = this.#iterations.get(user);
    if (!iteration) return;
    iteration.last = recording.length - 1;
    iteration.requestFailed ||= !ok;
  }

  /** The rows of a request's phases come right behind its duration. What it waited for a connection belongs to its time. */
  #phase(name: string, ms: number): void {
    if (this.#open === undefined) return;
    const { recording } = this;
    const { index } = this.#open;
    if (name === "blocked") recording.addWait(index, ms);
    if (name === "connecting" && ms > 0) this.connectedTimes.push(recording.t[index]!);
    if (recording.ok[index]) recording.addPhase(name, ms);
  }

  #check(user: string, value: number, endMs: number): void {
    const name = this.#hide(this.#cell("check"));
    const known = this.checks.has(name) || this.checks.size < 1_000;
    const result = this.checks.get(known ? name : "(other checks)") ?? { failed: [], passed: [] };
    this.checks.set(known ? name : "(other checks)", result);
    if (value !== 0) {
      result.passed.push(endMs / 1000);
      return;
    }
    result.failed.push(endMs / 1000);
    const iteration = this.#iterations.get(user);
    if (iteration) iteration.checkFailed = true;
  }

  #endIteration(user: string): void {
    const iteration = this.#iterations.get(user);
    this.#iterations.delete(user);
    if (!iteration || !(iteration.checkFailed || iteration.threw)) return;
    if (!iteration.requestFailed) this.#blame(iteration);
  }

  #blame({ t, last, threw }: Iteration): void {
    const { recording } = this;
    const why = threw ? "exception" : "check";
    if (last < 0) recording.add({ t, latencyMs: Number.NaN, ok: false, route: undefined });
    else recording.ok[last] = false;
    this.failedIterations.push({ t: last < 0 ? t : recording.t[last]!, why });
  }
}

/** Rows that are read; k6 writes others too. */
const READ = new Set([
  ...["gatehouse_started", "gatehouse_threw", "gatehouse_sent", "gatehouse_answered"],
  ...["http_req_duration", "checks", "iterations", "dropped_iterations"],
  ...Object.keys(PHASES),
]);

function count(map: Map<string, number>, key: string): void {
  const known = map.has(key) || map.size < FOREIGN_MOST;
  const name = known ? key : "(other hosts)";
  map.set(name, (map.get(name) ?? 0) + 1);
}
