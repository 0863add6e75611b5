import { LATENCY_UNITS, type LatencyUnit, unitOfName } from "../lib/prometheus/histogram.ts";
import { findMatchers, formatMatcher, type Matcher } from "../lib/prometheus/matchers.ts";
import { formatDuration, type InputReader, parseNumber } from "../lib/runner/inputs.ts";
import { refuseWithoutTraffic } from "./traffic-inputs.ts";

/** Where the arms are in a Prometheus server. */
export interface PrometheusInputs {
  url: string;
  token: string;
  headers: Record<string, string>;
  /** Label matchers without braces. */
  baselineSelector: string;
  canarySelector: string;
  /** Name of the histogram without `_bucket`. */
  metric: string;
  unit: LatencyUnit;
  /** Whether the unit was given, and not taken from the metric's name. */
  unitGiven: boolean;
  /** Matches failed requests. */
  errorMatcher: Matcher;
  /** Seconds of a window; undefined: as long as the scrapes need. */
  stepSeconds: number | undefined;
  range: PrometheusRange;
}

/** The stretch of time that is compared. What is undefined follows from the others: the last of `durationSeconds`. */
export interface PrometheusRange {
  /** Unix seconds. */
  startSeconds: number | undefined;
  /** Unix seconds; undefined is now, by the server's clock. */
  endSeconds: number | undefined;
  durationSeconds: number | undefined;
}

/** Steps that a comparison needs at least: fewer windows never tell anything. */
export const LEAST_STEPS = 10;

/** Refuses inputs that can't have an effect where Prometheus is the source. The runner hands on every default, so that one isn't refused. */
export function refuseWithoutEffect(read: InputReader): void {
  refuseWithoutTraffic(read, "Prometheus is the source: no traffic is made and no file is read", [["max-age", "24h"]]);
  if (read.text("phase") === "baseline") {
    read.mistakes.push('phase: "baseline" measures by traffic, and Prometheus keeps the past itself. Leave it out.');
  }
  if (read.text("self-check") === "true") {
    read.mistakes.push("self-check: divides requests in two, and Prometheus holds sums. Give baseline-url or baseline-samples.");
  }
}

/**
 * Reads everything about Prometheus.
 *
 * @param kind where samples come from: `prometheus` itself, `live` traffic beside which it is a cross-check, or elsewhere
 * @returns undefined when no server is given
 */
export function readPrometheus(read: InputReader, kind: "prometheus" | "live" | "file" | "replay"): PrometheusInputs | undefined {
  const alone = kind === "prometheus";
  const url = read.url("prometheus-url", { example: "http://localhost:9090" });
  if (kind === "file" && url !== "") {
    read.reject("prometheus-url", "no samples beside it", "Samples may be of any time: leave one of the two out.");
  }
  if (!alone) {
    for (const name of ["start", "end", "prometheus-step"] as const) {
      if (read.given(name)) read.reject(name, "Prometheus as the source", "Beside other samples it has no effect: leave it out.");
    }
  }
  const errorMatcher = readErrorMatcher(read);
  const [baselineSelector, canarySelector] = [
    readSelector(read, "baseline-selector", url, errorMatcher),
    readSelector(read, "canary-selector", url, errorMatcher),
  ];
  if (baselineSelector !== "" && baselineSelector === canarySelector) {
    read.reject("canary-selector", "other matchers than baseline-selector", "Both arms would be read from the same series.");
  }
  const { metric, unit, unitGiven } = readMetric(read);
  const stepSeconds = read.given("prometheus-step")
    ? read.duration("prometheus-step", "30s", { minSeconds: 1, maxSeconds: 3600 })
    : undefined;
  const range = readRange(read, alone, stepSeconds);
  const headers = read.headerLines("prometheus-headers");
  if (url === "") return undefined;
  const rest = { metric, unit, unitGiven, errorMatcher, stepSeconds, range };
  return { url, token: read.text("prometheus-token"), headers, baselineSelector, canarySelector, ...rest };
}

function readErrorMatcher(read: InputReader): Matcher {
  const text = read.text("prometheus-error-matcher", 'status_code=~"5.."');
  const [matcher, ...more] = findMatchers(text);
  if (matcher === undefined || more.length > 0 || !/^\s*\w+\s*(=~|!~|!=|=)\s*"(\\.|[^"\\])*"\s*$/.test(text)) {
    read.reject("prometheus-error-matcher", "one label matcher", "Write for example 'status_code=~\"5..\"'.");
    return { label: "status_code", operator: "=~", value: "5.." };
  }
  return matcher;
}

function readSelector(read: InputReader, name: string, url: string, errorMatcher: Matcher): string {
  const text = read
    .text(name)
    .replace(/^\{([\s\S]*)\}$/, "$1")
    .replace(/,\s*$/, "")
    .trim();
  if (url !== "" && text === "") read.reject(name, "label matchers", `Write for example 'version="2.4.0"'.`);
  if (/[{}]/.test(text))
    read.reject(name, "label matchers alone", `Write for example 'version="2.4.0"', without a metric's name.`);
  if (url === "" && text !== "") read.reject(name, "prometheus-url with it", "Give prometheus-url, or leave the selector out.");
  if (findMatchers(text).some(({ label }) => label === errorMatcher.label)) {
    const taken = formatMatcher(errorMatcher);
    read.reject(
      name,
      `matchers of other labels than ${errorMatcher.label}, which tells failures (prometheus-error-matcher ${taken})`,
      "An arm of successes alone has no failures to count.",
    );
  }
  return text;
}

function readMetric(read: InputReader): { metric: string; unit: LatencyUnit; unitGiven: boolean } {
  const metric = read.text("prometheus-metric", "http_request_duration_seconds");
  const example = 'Write for example "http_request_duration_seconds".';
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(metric)) read.reject("prometheus-metric", "the name of a histogram", example);
  if (/_(bucket|count|sum)$/.test(metric)) {
    read.reject("prometheus-metric", "the histogram's name without _bucket, _count or _sum", example);
  }
  const named = unitOfName(metric);
  const units = Object.keys(LATENCY_UNITS) as LatencyUnit[];
  const unitGiven = read.given("prometheus-unit");
  const given = unitGiven
    ? read.choice("prometheus-unit", ["seconds", ...units.filter((unit) => unit !== "seconds")])
    : undefined;
  if (given === undefined && named === undefined) {
    read.reject(
      "prometheus-metric",
      "a name that ends in its unit, such as _seconds or _milliseconds",
      `Say the unit in prometheus-unit: ${units.join(", ")}.`,
    );
  }
  return { metric, unit: given ?? named ?? "seconds", unitGiven };
}

function readRange(read: InputReader, alone: boolean, stepSeconds: number | undefined): PrometheusRange {
  const [startSeconds, endSeconds] = [readTime(read, "start"), readTime(read, "end")];
  const limits = { minSeconds: 2, maxSeconds: 7 * 86_400 };
  const given = alone && read.given("duration") ? read.duration("duration", "10m", limits) : undefined;
  if (startSeconds !== undefined && endSeconds !== undefined) {
    if (startSeconds >= endSeconds) read.reject("end", "a time after start", 'Write for example "2026-03-10T12:30:00Z".');
    if (given !== undefined) read.reject("duration", "nothing beside start and end", "Leave one of the three out.");
  }
  const fromNow = startSeconds !== undefined && endSeconds === undefined && given === undefined;
  if (fromNow) read.reject("start", "end or duration with it", 'Write for example "duration: 30m".');
  const between = startSeconds !== undefined && endSeconds !== undefined ? endSeconds - startSeconds : undefined;
  const durationSeconds = between ?? given;
  if (alone && stepSeconds !== undefined && durationSeconds !== undefined && durationSeconds < LEAST_STEPS * stepSeconds) {
    const name = between === undefined ? "duration" : "end";
    read.reject(
      name,
      `at least ${LEAST_STEPS} steps of ${formatDuration(stepSeconds)} (prometheus-step)`,
      `Compare ${formatDuration(LEAST_STEPS * stepSeconds)} or more.`,
    );
  }
  return { startSeconds, endSeconds, durationSeconds };
}

/** A time of the past: RFC 3339 with a zone, or Unix seconds. */
function readTime(read: InputReader, name: "start" | "end"): number | undefined {
  if (!read.given(name)) return undefined;
  const text = read.text(name);
  const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/.test(text);
  const seconds = rfc3339 ? Date.parse(text.replace(" ", "T").toUpperCase()) / 1000 : (parseNumber(text) ?? Number.NaN);
  if (!(seconds >= 1e8 && seconds < 1e11)) {
    read.reject(name, "a time with its zone, or Unix seconds", 'Write for example "2026-03-10T12:00:00Z".');
    return undefined;
  }
  if (seconds > Date.now() / 1000 + 60) read.reject(name, "a time of the past", "Prometheus knows no future.");
  return seconds;
}
