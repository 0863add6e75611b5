/** Fewer successes per arm than this: no latency verdict. */
export const LEAST_SUCCESSES_AN_ARM = 500;
/** Jackknife blocks without which the error of the typical ratio isn't known. */
export const LEAST_BLOCKS = 6;
/** Stall windows without which the stall ratio isn't known. */
export const LEAST_STALL_WINDOWS = 2;
/** Share of the windows that must be usable: a hole in the data is missing data. */
export const LEAST_USABLE = 0.8;

/** What may be, and how it is judged. */
export interface Policy {
  mode: "guarded" | "strict";
  /** Highest allowed p95 ratio, > 1. */
  maxP95Ratio: number;
  /** Milliseconds; a smaller difference never fails. */
  minP95DeltaMs: number;
  maxErrorRatio: number;
  /** 0–1; a lower error rate never fails. */
  minErrorRate: number;
  /** 0–1; above it the baseline's traffic is broken, and a canary that alone is above it fails. */
  maxErrorRate: number;
  /** Requests per arm without which nothing is judged. */
  minSamples: number;
  /** Highest allowed p95 of the canary in milliseconds, whatever the baseline's is. */
  p95CeilingMs?: number;
}

/** The policy of an action whose inputs are all empty. */
export const DEFAULT_POLICY: Policy = {
  mode: "guarded",
  maxP95Ratio: 1.1,
  minP95DeltaMs: 1,
  maxErrorRatio: 1.5,
  minErrorRate: 0.005,
  maxErrorRate: 0.1,
  minSamples: 300,
};

/** The highest allowed ratio for a baseline of this p95: 1 ms on a 5-ms service is ×1.2. */
export function effectiveLimit(policy: Pick<Policy, "maxP95Ratio" | "minP95DeltaMs">, baselineP95Ms: number): number {
  return Math.max(policy.maxP95Ratio, 1 + policy.minP95DeltaMs / baselineP95Ms);
}
