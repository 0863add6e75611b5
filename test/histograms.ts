import type { BackfilledSeries } from "./prometheus.ts";

/** Requests of one arm as a client library would have exported them. */
export interface ExportedArm {
  /** Labels of every series, such as `{ version: "2" }`. */
  labels: Record<string, string>;
  /** Median latency in seconds at scrape k, 0 for the first. */
  median?: (k: number) => number;
  /** Requests between the scrape before and scrape k. */
  requests?: (k: number) => number;
  /** How many of them fail. */
  failures?: (k: number) => number;
  /** Name without `_bucket`. */
  metric?: string;
  /** Values and bounds are seconds times this. */
  scale?: number;
  /** Finite bounds in seconds. */
  bounds?: readonly number[];
  statusLabel?: string;
  statuses?: { ok: string; failed: string };
  /** Whether the series of failures appears with the first failure only, holding the whole burst. */
  failuresBornLate?: boolean;
  /** Scrapes at which the target gave an answer; all of them when absent. */
  scraped?: (k: number) => boolean;
  /** What the counters held when they were scraped for the first time. */
  past?: number;
}

/** When a test's Prometheus scraped: `count` times every `seconds`, the last one `endAgoSeconds` before now. */
export function scrapeTimes(count: number, seconds: number, endAgoSeconds = 5): number[] {
  const end = Math.floor(Date.now() / 1000) - endAgoSeconds;
  return Array.from({ length: count + 1 }, (_, k) => end - (count - k) * seconds);
}

/** Classic histogram series: latencies log-logistic around the median, so that 95 % lie below 2.1 times it. */
export function histogramSeries(times: readonly number[], arm: ExportedArm): BackfilledSeries[] {
  const {
    labels,
    median = (k: number) => 0.1 * (1 + 0.03 * Math.sin(k)),
    requests = () => 500,
    failures = () => 0,
    metric = "http_request_duration_seconds",
    scale = 1,
    bounds = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6],
    statusLabel = "status_code",
    statuses = { ok: "200", failed: "500" },
    failuresBornLate = false,
    scraped = () => true,
    past = 0,
  } = arm;
  const upTo = (bound: number, k: number) => (bound === Infinity ? 1 : 1 / (1 + (bound / median(k)) ** -4));
  const cumulated = (each: (k: number) => number) => {
    let sum = 0;
    return times.map((_, k) => {
      sum += k === 0 ? 0 : each(k);
      return Math.round(sum);
    });
  };
  const failed = cumulated(failures);
  const birth = failuresBornLate ? failed.findIndex((value) => value > 0) : 0;
  const out: BackfilledSeries[] = [];
  const add = (name: string, status: string, le: string | undefined, values: readonly number[], from: number) => {
    const samples = times.map((t, k): [number, number] => [t, values[k]!]).filter((_, k) => k >= from && scraped(k));
    if (samples.length === 0) return;
    out.push({
      name: `${metric}_${name}`,
      labels: { ...labels, [statusLabel]: status, ...(le === undefined ? {} : { le }) },
      samples,
    });
  };
  for (const [status, each, from] of [
    [statuses.ok, (k: number) => requests(k) - failures(k), 0],
    [statuses.failed, failures, birth < 0 ? times.length : birth],
  ] as const) {
    for (const bound of [...bounds, Infinity]) {
      const held = past * (status === statuses.ok ? upTo(bound, 0) : 0);
      const values = cumulated((k) => each(k) * upTo(bound, k)).map((value) => Math.round(value + held));
      add("bucket", status, bound === Infinity ? "+Inf" : String(Number((bound * scale).toPrecision(12))), values, from);
    }
    const held = status === statuses.ok ? past : 0;
    add(
      "count",
      status,
      undefined,
      cumulated(each).map((value) => value + held),
      from,
    );
  }
  return out;
}
