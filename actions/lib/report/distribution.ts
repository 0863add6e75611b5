import { quantileSorted } from "../judge/quantiles.ts";
import type { ArmSamples } from "./samples.ts";

/** Latencies of the successes in milliseconds, ascending. */
export function successLatencies(arm: ArmSamples): Float64Array {
  return Float64Array.from(arm.latencyMs.filter((_, index) => arm.ok[index])).sort();
}

/**
 * Points of the empirical distribution function, `[latency in ms, share of requests at or below it]`, evenly spaced in
 * share and finer towards the tail, so that few points draw thousands of requests truly.
 *
 * @param sorted ascending, at least one value
 */
export function ecdfPoints(sorted: Float64Array): [ms: number, share: number][] {
  const shares = [...Array.from({ length: 180 }, (_, i) => i / 200), ...Array.from({ length: 101 }, (_, i) => 0.9 + i / 1000)];
  return shares.map((share) => [quantileSorted(sorted, share), share]);
}

export interface HistogramBins {
  /** Bounds in milliseconds, one more than there are bins. */
  edges: number[];
  /** Share of the requests (0–1) in each bin; requests above the last edge are in none. */
  shares: number[];
}

/**
 * Shares of requests in `bins` equal bins from `from` to `to` milliseconds.
 *
 * @param sorted ascending
 */
export function histogram(sorted: Float64Array, from: number, to: number, bins: number): HistogramBins {
  const width = (to - from) / bins;
  const counts = new Array<number>(bins).fill(0);
  for (const value of sorted) {
    const bin = value === to ? bins - 1 : Math.floor((value - from) / width);
    if (bin >= 0 && bin < bins) counts[bin]!++;
  }
  const n = Math.max(1, sorted.length);
  return {
    edges: Array.from({ length: bins + 1 }, (_, index) => from + index * width),
    shares: counts.map((count) => count / n),
  };
}

/** One arm in one stretch of time. */
export interface Round {
  /** Seconds from the first request of the run, middle of the stretch. */
  second: number;
  requests: number;
  failures: number;
  /** null under 20 successes: a p95 of fewer is one or two requests. */
  p95Ms: number | null;
  /** Distribution-free 95 % interval of the p95, null when there is no p95 or the sample can't bound it. */
  interval: [number, number] | null;
}

export const FEWEST_FOR_P95 = 20;

/**
 * Cuts a run into `count` stretches of equal time.
 *
 * @param start seconds, start of the run on the samples' clock
 * @param end   seconds
 */
export function roundsOf(arm: ArmSamples, start: number, end: number, count: number): Round[] {
  const width = (end - start) / count || 1;
  const latencies: number[][] = Array.from({ length: count }, () => []);
  const requests = new Array<number>(count).fill(0);
  const failures = new Array<number>(count).fill(0);
  for (const [index, t] of arm.t.entries()) {
    const round = Math.min(count - 1, Math.max(0, Math.floor((t - start) / width)));
    requests[round]!++;
    if (arm.ok[index]) latencies[round]!.push(arm.latencyMs[index]!);
    else failures[round]!++;
  }
  return latencies.map((list, index) => {
    const sorted = Float64Array.from(list).sort();
    return {
      second: (index + 0.5) * width,
      requests: requests[index]!,
      failures: failures[index]!,
      p95Ms: sorted.length < FEWEST_FOR_P95 ? null : quantileSorted(sorted, 0.95),
      interval: quantileInterval(sorted, 0.95),
    };
  });
}

/**
 * 95 % interval of a quantile from order statistics, by the normal approximation of the binomial.
 *
 * @param sorted ascending
 * @returns null when an end lies outside the sample
 * @see Conover, Practical Nonparametric Statistics, 3rd ed., §3.2
 */
export function quantileInterval(sorted: Float64Array, q: number): [number, number] | null {
  const n = sorted.length;
  const half = 1.96 * Math.sqrt(n * q * (1 - q));
  const low = Math.floor(n * q - half);
  const high = Math.ceil(n * q + half);
  if (n < FEWEST_FOR_P95 || low < 1 || high > n) return null;
  return [sorted[low - 1]!, sorted[high - 1]!];
}
