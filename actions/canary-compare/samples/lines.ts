import { parseCsvLine } from "../../lib/k6/csv.ts";
import { parseTimestamp, routeName } from "../../lib/k6/samples.ts";
import type { ArmName, Recording } from "./recording.ts";

/** Where the requests of a source go. An arm that is absent isn't wanted from it. */
export type Targets = Partial<Record<ArmName, Recording>>;

/** What is wrong with a line: values that are no measurement, or a line that can't be read. */
export interface LineFault {
  code: "NON_FINITE" | "QUERY_ERROR";
  message: string;
}

/** Reads one line at a time into recordings. */
export interface LineReader {
  /** @returns what is wrong with the line, undefined when nothing is */
  read(line: string, number: number): LineFault | undefined;
}

/** k6's metrics of the parts of a request, and the names they get in reports. */
export const PHASES: Readonly<Record<string, string>> = {
  http_req_blocked: "blocked",
  http_req_connecting: "connecting",
  http_req_tls_handshaking: "tls_handshaking",
  http_req_sending: "sending",
  http_req_waiting: "waiting",
  http_req_receiving: "receiving",
};

/**
 * The arm that a k6 scenario drives: `baseline`, `canary`, or one of these with the number of its turn (`canary_2`).
 *
 * @returns null for a warm-up (turn 0), undefined for a scenario that says nothing of arms
 */
export function armOfScenario(scenario: string): ArmName | null | undefined {
  const match = /^(baseline|canary)(?:[_-](\d+))?$/.exec(scenario);
  if (match === null) return undefined;
  return match[2] === "0" ? null : (match[1] as ArmName);
}

function onlyTarget(targets: Targets): ArmName | undefined {
  const names = Object.keys(targets) as ArmName[];
  return names.length === 1 ? names[0] : undefined;
}

/** Picks the arm: the one that the line names, else the only one that is wanted. `null` says: a line of no interest. */
function pickArm(named: ArmName | null | undefined, targets: Targets): ArmName | null | undefined {
  if (named === null) return null;
  if (named !== undefined) return targets[named] ? named : null;
  return onlyTarget(targets);
}

/**
 * Seconds of a time that is a number (seconds, or Unix time in s, ms, µs or ns, told by its size) or RFC 3339 text.
 *
 * @returns undefined when it is neither
 */
export function parseTime(value: unknown): number | undefined {
  if (typeof value === "string") {
    const ms = parseTimestamp(value);
    return ms === undefined ? undefined : ms / 1000;
  }
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  const size = Math.abs(value);
  if (size >= 1e17) return value / 1e9;
  if (size >= 1e14) return value / 1e6;
  if (size >= 1e11) return value / 1e3;
  return value;
}

/** Reader of lines `{arm?, t, latency_ms, ok, route?}`. */
export function ndjsonReader(targets: Targets): LineReader {
  return {
    read(line, number) {
      const broken = (message: string): LineFault => ({ code: "QUERY_ERROR", message: `line ${number} ${message}` });
      const notFinite = (what: string): LineFault => ({ code: "NON_FINITE", message: `line ${number}: ${what}` });
      let row: Record<string, unknown>;
      try {
        row = JSON.parse(line) as Record<string, unknown>;
      } catch (error) {
        if (/:\s*[+-]?(NaN|Infinity|inf|nan)\b/.test(line)) return notFinite(`${line.slice(0, 120)} holds NaN or Infinity`);
        return broken(`isn't JSON: ${(error as Error).message}`);
      }
      if (typeof row !== "object" || row === null || Array.isArray(row)) return broken("isn't an object {t, latency_ms, ok}");
      const { arm: named, ok, route } = row;
      if (named !== undefined && named !== null && named !== "baseline" && named !== "canary") {
        return broken(`has arm ${JSON.stringify(named)}, expected "baseline" or "canary"`);
      }
      const arm = pickArm((named as ArmName | null) ?? undefined, targets);
      if (arm === null) return undefined;
      if (arm === undefined) return broken('has no arm, which a file of both arms must say: "baseline" or "canary"');
      if (typeof ok !== "boolean") return broken(`has ok ${JSON.stringify(ok)}, expected true or false`);
      if (route !== undefined && route !== null && typeof route !== "string") return broken("has a route that isn't text");
      const t = parseTime(row["t"]);
      if (t === undefined) {
        if (row["t"] === null) return notFinite("t is null");
        return broken(`has t ${JSON.stringify(row["t"])}, expected seconds, Unix time or RFC 3339`);
      }
      const latency = row["latency_ms"];
      const missing = latency === null || latency === undefined;
      if (!missing && typeof latency !== "number") return broken(`has latency_ms ${JSON.stringify(latency)}, expected a number`);
      if (missing && ok)
        return latency === null ? notFinite("latency_ms is null though ok is true") : broken("has no latency_ms");
      if (!missing && !(latency >= 0 && Number.isFinite(latency))) return notFinite(`latency_ms is ${latency}`);
      targets[arm]!.add({
        t,
        latencyMs: missing ? Number.NaN : (latency as number),
        ok,
        route: (route as string | null) ?? undefined,
      });
      return undefined;
    },
  };
}

/** k6's time stamps in whole seconds, its default: then the start of a request isn't known any better than its end. */
const WHOLE_SECONDS = /^(\d{9,10}|[^.]*T[^.]*)$/;

/**
 * Reader of k6's `--out csv`; the first line must be the header. A request is put at its start, its end minus the whole of its time: what it
 * waited for a connection and k6's own duration.
 *
 * @param hide cuts out of routes and versions what no report may hold
 */
export function k6Reader(targets: Targets, hide: (text: string) => string = (text) => text): LineReader {
  let columns: Map<string, number> | undefined;
  /** The request whose other rows follow. */
  let last: { recording: Recording; stamp: string } | undefined;
  return {
    read(line, number) {
      const broken = (message: string): LineFault => ({ code: "QUERY_ERROR", message: `line ${number} ${message}` });
      if (columns === undefined) {
        const header = parseCsvLine(line);
        columns = new Map(header.map((name, i) => [name, i]));
        const missing = ["metric_name", "timestamp", "metric_value"].filter((name) => !columns!.has(name));
        // Without either nobody knows whether a request succeeded.
        if (!columns.has("expected_response") && !columns.has("status")) missing.push("expected_response or status");
        return missing.length === 0 ? undefined : broken(`is no header of k6's CSV: ${missing.join(", ")} missing`);
      }
      const metric = line.slice(0, line.indexOf(","));
      const phase = PHASES[metric];
      if (phase === undefined && metric !== "http_req_duration") return undefined;
      const cells = parseCsvLine(line);
      if (cells.length !== columns.size) return broken(`has ${cells.length} columns, the header has ${columns.size}`);
      const cell = (name: string) => cells[columns!.get(name) ?? -1] ?? "";
      const text = cell("metric_value");
      const value = text === "" ? Number.NaN : Number(text);
      const arm = pickArm(armOfScenario(cell("scenario")), targets);
      // Setup and teardown belong to no arm; in a file of one arm they are requests like others.
      if (arm === null || arm === undefined) return undefined;
      const recording = targets[arm]!;
      const endMs = parseTimestamp(cell("timestamp"));
      if (endMs === undefined) return broken(`has the timestamp ${JSON.stringify(cell("timestamp"))}, which is no time`);
      const expected = cell("expected_response");
      const status = Number(cell("status") || 0);
      const ok = expected === "" ? status >= 200 && status < 400 : expected === "true";
      if (!(value >= 0 && Number.isFinite(value))) {
        return { code: "NON_FINITE", message: `line ${number}: ${metric} is ${JSON.stringify(text)}` };
      }
      const stamp = cell("timestamp");
      if (phase !== undefined) {
        // The rows of a request's phases come right behind its duration.
        if (phase === "blocked" && last?.recording === recording && last.stamp === stamp)
          recording.addWait(recording.length - 1, value);
        if (ok) recording.addPhase(phase, value);
        return undefined;
      }
      last = { recording, stamp };
      const t = Math.round((WHOLE_SECONDS.test(cell("timestamp")) ? endMs : endMs - value) * 1000) / 1e6;
      recording.add({ t, latencyMs: value, ok, route: hide(routeName(cell("method"), cell("name"))) });
      return undefined;
    },
  };
}
