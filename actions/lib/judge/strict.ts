import type { Verdict } from "./verdict.ts";

/** p95 and error rate of one arm; undefined is not measured. */
export interface Point {
  p95Ms: number | undefined;
  /** 0–1. */
  errorRate: number | undefined;
}

/** The limits of the bare rule. */
export interface StrictLimits {
  maxP95Ratio: number;
  minP95DeltaMs: number;
  maxErrorRatio: number;
  minErrorRate: number;
}

/** The bare rule's verdicts. */
export interface StrictVerdicts {
  p95: Verdict;
  errorRate: Verdict;
}

/** a > b beyond what rounding of decimal fractions explains: 0.275 against 1.10 × 0.250 is equal. */
function above(a: number, b: number): boolean {
  return a > b + 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}

const measured = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value);

/**
 * The original plan's rule on two numbers, without statistics: FAIL when p95 is above `maxP95Ratio` × the baseline's and by more than
 * `minP95DeltaMs`, or the error rate is above max(`maxErrorRatio` × the baseline's, `minErrorRate`). Equality passes; what wasn't
 * measured is INCONCLUSIVE.
 */
export function judgeStrictly(baseline: Point, canary: Point, limits: StrictLimits): StrictVerdicts {
  let p95: Verdict = "INCONCLUSIVE";
  if (measured(baseline.p95Ms) && measured(canary.p95Ms)) {
    const slower = above(canary.p95Ms, limits.maxP95Ratio * baseline.p95Ms);
    p95 = slower && above(canary.p95Ms - baseline.p95Ms, limits.minP95DeltaMs) ? "FAIL" : "PASS";
  }
  let errorRate: Verdict = "INCONCLUSIVE";
  if (measured(baseline.errorRate) && measured(canary.errorRate)) {
    const limit = Math.max(limits.maxErrorRatio * baseline.errorRate, limits.minErrorRate);
    errorRate = above(canary.errorRate, limit) ? "FAIL" : "PASS";
  }
  return { p95, errorRate };
}
