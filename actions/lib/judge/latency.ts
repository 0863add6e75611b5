import { studentQuantile, studentUpperTail } from "./distributions.ts";
import { type Estimate, hodgesLehmann, jackknife, trimmedMean } from "./location.ts";
import type { Look } from "./looks.ts";
import type { Window } from "./windows.ts";

/** Length of a stall window in seconds, at least. */
export const STALL_SECONDS = 10;
/** So many standard errors more than the typical ratio must the stall ratio be above the limit: noise on one arm looks like a stall. */
const STALL_MARGIN = 1;
/** Normal quantile of 80 % power. */
const POWER_80 = 0.84;

/** p95 of the arms, window by window: log ratios. */
export interface LatencyWindows {
  typical: readonly Window[];
  stall: readonly Window[];
}

/** What the latency test found. All numbers are log ratios unless they say otherwise. */
export interface LatencyEvidence {
  status: "pass" | "fail" | "inconclusive";
  typical: Estimate;
  stall: Estimate;
  /** Which of the two is above the limit, when the status is `fail`. */
  failed: "typical" | "stall" | undefined;
  /** One-sided p value of "the canary isn't slower", of the typical ratio. */
  pValue: number;
  /** 95 % interval of the typical ratio, as ratios. */
  ratioInterval: [number, number];
  /** The least ratio that would fail with 80 % probability. */
  minDetectableRatio: number;
}

function surelyAboveLimit({ est, se, df }: Estimate, limit: number, look: Look, margin = 0): boolean {
  return est - (look.c + margin) * se > limit && est - studentQuantile(look.alphaFail, df) * se > 0;
}

function surelyBelowLimit(estimate: Estimate, limit: number, look: Look): boolean {
  const upper = estimate.est + studentQuantile(look.alphaPass, estimate.df) * estimate.se;
  return estimate.est + look.c * estimate.se <= limit && upper < 2 * limit;
}

/**
 * Compares the arms' p95 by the typical ratio (Hodges–Lehmann over windows, which a burst on one arm can't move far) and by the stall
 * ratio (trimmed mean over longer windows, each of which holds the stalls of a canary that stands still now and then).
 *
 * @param limit logarithm of the highest allowed ratio, > 0
 * @param floor error that no amount of data removes, a log ratio
 * @returns undefined when there are too few blocks or windows to know the error
 */
export function judgeLatency(windows: LatencyWindows, limit: number, look: Look, floor: number): LatencyEvidence | undefined {
  const [typical, stall] = [
    jackknife(
      windows.typical.map((w) => w.d),
      windows.typical.map((w) => w.block),
      hodgesLehmann,
      floor,
    ),
    jackknife(
      windows.stall.map((w) => w.d),
      windows.stall.map((_, i) => i),
      trimmedMean,
      floor,
    ),
  ];
  if (!typical || !stall) return undefined;
  const stalls = surelyAboveLimit(stall, limit, look, STALL_MARGIN);
  const failed = surelyAboveLimit(typical, limit, look) ? "typical" : stalls ? "stall" : undefined;
  const passed = surelyBelowLimit(typical, limit, look) && stall.est <= limit;
  const spread = studentQuantile(0.025, typical.df) * typical.se;
  const tFail = studentQuantile(look.alphaFail, typical.df);
  return {
    status: failed ? "fail" : passed ? "pass" : "inconclusive",
    typical,
    stall,
    failed,
    pValue: studentUpperTail(typical.est / typical.se, typical.df),
    ratioInterval: [Math.exp(typical.est - spread), Math.exp(typical.est + spread)],
    minDetectableRatio: Math.exp(Math.max(limit + look.c * typical.se, tFail * typical.se) + POWER_80 * typical.se),
  };
}
