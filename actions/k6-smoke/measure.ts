import { quantileSorted } from "../lib/judge/quantiles.ts";
import { type RequestSample, readSamples } from "../lib/k6/samples.ts";

/** What one run showed. Unknown is null. */
export interface Measurement {
  requests: number;
  failed: number;
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
  checks: { passed: number; failed: number };
  /** By name, the busiest first. */
  routes: { name: string; requests: number; p95Ms: number | null; errorRate: number | null }[];
}

/** A URL with an id in its path makes a route of each id: beyond this many the rest is counted together. */
const MAX_ROUTES = 100;
export const OTHER_ROUTES = "(other routes)";

/** A run without a single sample. */
export function nothingMeasured(): Measurement {
  return new Collector().result({ checksPassed: 0, checksFailed: 0, droppedIterations: 0, iterations: 0 });
}

/**
 * Measures a run from k6's raw samples.
 *
 * @throws Error when the samples are missing or not whole
 */
export async function measure(samplesPath: string): Promise<Measurement> {
  const collector = new Collector();
  const totals = await readSamples(samplesPath, (sample) => collector.add(sample));
  return collector.result(totals);
}

class Collector {
  readonly #all = new Group();
  readonly #routes = new Map<string, Group>();
  #firstStart = Number.POSITIVE_INFINITY;
  #lastStart = Number.NEGATIVE_INFINITY;
  #started = 0;

  add(sample: RequestSample): void {
    this.#all.add(sample);
    const name = this.#routes.has(sample.route) || this.#routes.size < MAX_ROUTES ? sample.route : OTHER_ROUTES;
    let route = this.#routes.get(name);
    if (route === undefined) {
      route = new Group();
      this.#routes.set(name, route);
    }
    route.add(sample);
    // Setup and teardown aren't load: they stand outside the window that the rate is told for.
    if (sample.scenario !== "") {
      this.#started++;
      this.#firstStart = Math.min(this.#firstStart, sample.startMs);
      this.#lastStart = Math.max(this.#lastStart, sample.startMs);
    }
  }

  result(totals: { checksPassed: number; checksFailed: number; droppedIterations: number; iterations: number }): Measurement {
    const sorted = this.#all.sorted();
    // n starts have n − 1 gaps between them.
    const spanMs = this.#started > 1 ? this.#lastStart - this.#firstStart : 0;
    const rps = spanMs > 0 ? ((this.#started - 1) / spanMs) * 1000 : null;
    return {
      requests: this.#all.requests,
      failed: this.#all.failed,
      p50Ms: quantileOrNull(sorted, 0.5),
      p95Ms: quantileOrNull(sorted, 0.95),
      p99Ms: quantileOrNull(sorted, 0.99),
      errorRate: this.#all.errorRate(),
      rps: rps === null ? null : rounded(rps),
      durationS: rps === null ? null : rounded(this.#started / rps),
      iterations: totals.iterations,
      droppedIterations: totals.droppedIterations,
      checks: { passed: totals.checksPassed, failed: totals.checksFailed },
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
