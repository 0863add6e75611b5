import { quantileSorted } from "../lib/judge/quantiles.ts";
import { type CheckCounts, type RequestSample, readSamples, type SampleTotals } from "../lib/k6/samples.ts";

/** Requests of one route that failed in the same way. */
export interface Failure {
  route: string;
  /** HTTP status, or what kept the answer from coming. */
  what: string;
  count: number;
}

/** What one run showed. Unknown is null. */
export interface Measurement {
  /** Requests that were sent, those without an answer among them. */
  requests: number;
  /** Requests without a success, those without an answer among them. */
  failed: number;
  /** Requests that were sent and not answered by the end: k6 has no sample of them. */
  unanswered: number;
  /** The ways in which requests failed, the most frequent first. */
  failures: Failure[];
  /** Latency of successful responses, ms, type 7. */
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  /** 0–1 */
  errorRate: number | null;
  /** Requests a second that scenarios started. */
  rps: number | null;
  /** Seconds in which scenarios started requests. */
  durationS: number | null;
  iterations: number;
  droppedIterations: number;
  checks: CheckCounts;
  /** Checks that failed, the most frequent first. */
  failedChecks: ({ name: string } & CheckCounts)[];
  /** By name, the busiest first. */
  routes: { name: string; requests: number; p95Ms: number | null; errorRate: number | null }[];
}

/** A URL with an id in its path makes a route of each id: beyond this many the rest is counted together. */
const MAX_ROUTES = 100;
export const OTHER_ROUTES = "(other routes)";

/** Ways to fail that are told apart; the rest is counted together. */
const MAX_FAILURES = 100;
const NO_ANSWER = "no answer until the run's end";

/** A run without a single sample. */
export function nothingMeasured(): Measurement {
  return new Collector().result({
    requests: 0,
    checksPassed: 0,
    checksFailed: 0,
    checks: new Map(),
    unanswered: new Map(),
    droppedIterations: 0,
    iterations: 0,
  });
}

/**
 * Measures a run from k6's raw samples.
 *
 * @param count.unanswered whether requests without an answer are failures: not when the run was cut off
 * @throws Error when the samples are missing or not whole
 */
export async function measure(samplesPath: string, count: { unanswered: boolean }): Promise<Measurement> {
  const collector = new Collector();
  const totals = await readSamples(samplesPath, (sample) => collector.add(sample));
  return collector.result(count.unanswered ? totals : { ...totals, unanswered: new Map() });
}

class Collector {
  readonly #all = new Group();
  readonly #routes = new Map<string, Group>();
  readonly #failures = new Map<string, Failure>();
  #firstStart = Number.POSITIVE_INFINITY;
  #lastStart = Number.NEGATIVE_INFINITY;
  #started = 0;

  add(sample: RequestSample): void {
    this.#all.add(sample);
    this.#route(sample.route).add(sample);
    if (!sample.ok) this.#fail(sample.route, sample.status === 0 ? networkError(sample.error) : `status ${sample.status}`, 1);
    // Setup and teardown aren't load: they stand outside the window that the rate is told for.
    if (sample.scenario !== "") {
      this.#started++;
      this.#firstStart = Math.min(this.#firstStart, sample.startMs);
      this.#lastStart = Math.max(this.#lastStart, sample.startMs);
    }
  }

  result({ checksPassed, checksFailed, checks, unanswered, droppedIterations, iterations }: SampleTotals): Measurement {
    let missing = 0;
    for (const [route, count] of unanswered) {
      missing += count;
      this.#all.miss(count);
      this.#route(route).miss(count);
      this.#fail(route, NO_ANSWER, count);
    }
    const sorted = this.#all.sorted();
    // n starts have n − 1 gaps between them.
    const spanMs = this.#started > 1 ? this.#lastStart - this.#firstStart : 0;
    const rps = spanMs > 0 ? ((this.#started - 1) / spanMs) * 1000 : null;
    return {
      requests: this.#all.requests,
      failed: this.#all.failed,
      unanswered: missing,
      failures: [...this.#failures.values()].sort((a, b) => b.count - a.count),
      p50Ms: quantileOrNull(sorted, 0.5),
      p95Ms: quantileOrNull(sorted, 0.95),
      p99Ms: quantileOrNull(sorted, 0.99),
      errorRate: this.#all.errorRate(),
      rps: rps === null ? null : rounded(rps),
      durationS: rps === null ? null : rounded(this.#started / rps),
      iterations,
      droppedIterations,
      checks: { passed: checksPassed, failed: checksFailed },
      failedChecks: [...checks]
        .map(([name, counts]) => ({ name, ...counts }))
        .filter(({ failed }) => failed > 0)
        .sort((a, b) => b.failed - a.failed),
      routes: [...this.#routes]
        .map(([name, route]) => ({
          name,
          requests: route.requests,
          p95Ms: quantileOrNull(route.sorted(), 0.95),
          errorRate: route.errorRate(),
        }))
        .sort((a, b) => b.requests - a.requests || (a.name < b.name ? -1 : 1)),
    };
  }

  #route(wanted: string): Group {
    const name = this.#routes.has(wanted) || this.#routes.size < MAX_ROUTES ? wanted : OTHER_ROUTES;
    let route = this.#routes.get(name);
    if (route === undefined) {
      route = new Group();
      this.#routes.set(name, route);
    }
    return route;
  }

  #fail(route: string, what: string, count: number): void {
    const key = `${route}\n${what}`;
    const known = this.#failures.has(key) || this.#failures.size < MAX_FAILURES;
    const failure = this.#failures.get(known ? key : "") ?? {
      route: known ? route : OTHER_ROUTES,
      what: known ? what : "other failures",
      count: 0,
    };
    failure.count += count;
    this.#failures.set(known ? key : "", failure);
  }
}

/** The end of Go's chain of errors, which says what happened: `Get "…": dial tcp …: connect: connection refused`. */
function networkError(text: string): string {
  const last = text.split(": ").at(-1)?.trim() ?? "";
  return last === "" ? "no response" : last.slice(0, 120);
}

/** Requests counted together: eight bytes each, so that long runs fit in memory. */
class Group {
  requests = 0;
  failed = 0;
  #latencies = new Float64Array(64);
  #count = 0;

  add({ ok, latencyMs }: RequestSample): void {
    this.requests++;
    if (!ok) {
      this.failed++;
      return;
    }
    if (this.#count === this.#latencies.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#latencies);
      this.#latencies = larger;
    }
    this.#latencies[this.#count++] = latencyMs;
  }

  /** Counts requests that were sent and never answered. */
  miss(count: number): void {
    this.requests += count;
    this.failed += count;
  }

  sorted(): Float64Array {
    return this.#latencies.slice(0, this.#count).sort();
  }

  errorRate(): number | null {
    return this.requests === 0 ? null : this.failed / this.requests;
  }
}

function quantileOrNull(sorted: Float64Array, q: number): number | null {
  return sorted.length === 0 ? null : rounded(quantileSorted(sorted, q));
}

/** To k6's own precision, a nanosecond of a latency: interpolation leaves digits behind that mean nothing. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
