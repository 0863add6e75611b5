import { HttpClient } from "@actions/http-client";
import type { Evidence } from "../../lib/report/canary-report.ts";
import { ARMS, type ArmName } from "../samples/recording.ts";

/** Sums over labels of the series of one /metrics page, by name. */
export type Scrape = ReadonlyMap<string, number>;

/** Largest page that is read. */
const LARGEST_BYTES = 8 * 1024 * 1024;

/**
 * Reads Prometheus' text format, sums each series name over its labels; NaN values are left out.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function parseMetrics(text: string): Scrape {
  const sums = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{.*\})?\s+(\S+)/.exec(line);
    if (match === null) continue;
    const value = Number(match[2]);
    if (Number.isFinite(value)) sums.set(match[1]!, (sums.get(match[1]!) ?? 0) + value);
  }
  return sums;
}

/** Metrics of one arm; undefined when it has none to read, which is no fault. */
export async function scrape(baseUrl: string): Promise<Scrape | undefined> {
  const http = new HttpClient("gatehouse", [], { socketTimeout: 2_000, allowRetries: false });
  try {
    const response = await http.get(metricsUrl(baseUrl));
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response.message as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > LARGEST_BYTES) return undefined;
      chunks.push(chunk);
    }
    if (response.message.statusCode !== 200) return undefined;
    const metrics = parseMetrics(Buffer.concat(chunks).toString("utf8"));
    return metrics.size === 0 ? undefined : metrics;
  } catch {
    // Metrics are a help, not a need: an arm may keep them to itself.
    return undefined;
  } finally {
    http.dispose();
  }
}

/** Where an arm keeps its metrics: below its URL, which may end in a slash or have a query. */
function metricsUrl(baseUrl: string): string {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/metrics`;
  url.search = "";
  return url.href;
}

/** A figure taken from two scrapes of one arm. */
interface Figure {
  name: string;
  unit: string;
  title: string;
  of(before: Scrape, after: Scrape, seconds: number): number | undefined;
}

function change(before: Scrape, after: Scrape, name: string): number | undefined {
  const end = after.get(name);
  return end === undefined ? undefined : end - (before.get(name) ?? 0);
}

function rate(name: string): Figure["of"] {
  return (before, after, seconds) => {
    const by = change(before, after, name);
    return by === undefined || by < 0 ? undefined : by / seconds;
  };
}

function meanOf(histogram: string): Figure["of"] {
  return (before, after) => {
    const [sum, count] = [change(before, after, `${histogram}_sum`), change(before, after, `${histogram}_count`)];
    return sum === undefined || count === undefined || count <= 0 || sum < 0 ? undefined : (sum / count) * 1000;
  };
}

/** Names of the figures that a shared dependency shows in. */
export const UPSTREAM_FIGURES: readonly string[] = ["upstream_pms_ms", "database_ms"];

const FIGURES: readonly Figure[] = [
  { name: "cpu", unit: "cores", title: "CPU", of: rate("process_cpu_seconds_total") },
  { name: "gc", unit: "s/s", title: "garbage collection", of: rate("nodejs_gc_duration_seconds_sum") },
  {
    name: "event_loop_lag_p99_ms",
    unit: "ms",
    title: "event-loop lag, p99",
    of: (_, after) => {
      const seconds = after.get("nodejs_eventloop_lag_p99_seconds");
      return seconds === undefined ? undefined : seconds * 1000;
    },
  },
  { name: "upstream_pms_ms", unit: "ms", title: "mean time of a PMS request", of: meanOf("pms_request_duration_seconds") },
  { name: "database_ms", unit: "ms", title: "mean time of a database transaction", of: meanOf("database_transaction_seconds") },
];

/** Scrapes of one arm around the measurement. */
export interface ScrapePair {
  before: Scrape | undefined;
  after: Scrape | undefined;
}

/**
 * What the arms' own metrics say, for those figures that every driven arm has.
 *
 * @param arms the arms that got traffic; phase baseline drives one alone, and its figures are what a later comparison is held against
 */
export function metricEvidence(arms: Partial<Record<ArmName, ScrapePair>>, seconds: number): Evidence[] {
  const driven = ARMS.filter((arm) => arms[arm] !== undefined);
  return FIGURES.flatMap(({ name, unit, title, of }) => {
    const values: Record<ArmName, number | null> = { baseline: null, canary: null };
    for (const arm of driven) {
      const { before, after } = arms[arm]!;
      const value = before === undefined || after === undefined ? undefined : of(before, after, seconds);
      if (value === undefined) return [];
      values[arm] = value;
    }
    const shown = driven.toReversed().map((arm) => `${arm} ${Number(values[arm]!.toPrecision(3))} ${unit}`);
    return [{ source: "metrics", name, unit, ...values, message: `${title}: ${shown.join(", ")}` }];
  });
}
