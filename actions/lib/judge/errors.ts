import { normalQuantile, normalUpperTail } from "./distributions.ts";
import type { Look } from "./looks.ts";
import type { Samples } from "./samples.ts";
import { BLOCK_SECONDS } from "./windows.ts";

/** Limits of the canary's error rate. */
export interface ErrorLimits {
  /** The canary may have this many times the baseline's error rate … */
  maxErrorRatio: number;
  /** … and always this much, 0–1. */
  minErrorRate: number;
}

/** What the error test found. */
export interface ErrorEvidence {
  status: "pass" | "fail" | "inconclusive";
  /** Error rates, 0–1. */
  baselineRate: number;
  canaryRate: number;
  /** The canary's highest allowed rate, 0–1. */
  limit: number;
  /** One-sided p value of "the canary fails more"; 1 when nothing failed. */
  pValue: number;
  /** Bounds of canary rate / baseline rate at 95 %; undefined without a failure in the baseline. */
  ratioInterval: [number, number] | undefined;
  /** How many times wider than by chance the failures are spread over time; 1 when they are independent. */
  dispersion: number;
}

/**
 * Wilson's score interval of a proportion.
 *
 * @param z normal quantile, such as 1.96 for 95 %
 * @returns bounds 0–1; `[0, 1]` for no trials
 * @see Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927)
 */
export function wilson(successes: number, trials: number, z: number): [number, number] {
  if (trials === 0) return [0, 1];
  const p = successes / trials;
  const centre = p + (z * z) / (2 * trials);
  const spread = z * Math.sqrt((p * (1 - p)) / trials + (z * z) / (4 * trials * trials));
  const scale = 1 + (z * z) / trials;
  return [successes === 0 ? 0 : (centre - spread) / scale, successes === trials ? 1 : (centre + spread) / scale];
}

/** Failures of both arms in one stretch of time. */
export interface FailureBlock {
  baseline: number;
  canary: number;
}

/** Requests and failures of both arms; the blocks that hold any failure, in any order. */
export interface FailureCounts {
  requests: { baseline: number; canary: number };
  failures: { baseline: number; canary: number };
  blocks: readonly FailureBlock[];
}

/** Counts the failures of samples on a common clock, in blocks of 5 s. */
export function countFailureBlocks(baseline: Samples, canary: Samples): FailureCounts {
  const blocks = new Map<number, FailureBlock>();
  const failures = { baseline: 0, canary: 0 };
  for (const [arm, samples] of [
    ["baseline", baseline],
    ["canary", canary],
  ] as const) {
    samples.ok.forEach((ok, i) => {
      if (ok === 1) return;
      const key = Math.floor(samples.t[i]! / BLOCK_SECONDS);
      const block = blocks.get(key) ?? { baseline: 0, canary: 0 };
      block[arm]++;
      failures[arm]++;
      blocks.set(key, block);
    });
  }
  return { requests: { baseline: baseline.ok.length, canary: canary.ok.length }, failures, blocks: [...blocks.values()] };
}

/**
 * How much more unevenly than by chance the failures of the blocks fall on the arms, around the split of all failures: Pearson's χ²
 * over its degrees of freedom, at least 1.
 *
 * @param blocks those that hold any failure
 */
export function dispersion(blocks: readonly FailureBlock[]): number {
  const canary = blocks.reduce((sum, block) => sum + block.canary, 0);
  const all = blocks.reduce((sum, block) => sum + block.baseline + block.canary, 0);
  const split = canary / all;
  if (blocks.length <= 2 || split === 0 || split === 1) return 1;
  let chiSquare = 0;
  for (const block of blocks) {
    const failures = block.baseline + block.canary;
    chiSquare += (block.canary - failures * split) ** 2 / (failures * split * (1 - split));
  }
  return Math.max(1, chiSquare / (blocks.length - 1));
}

/**
 * Compares the arms' error rates: a conditional binomial test of how the failures fall on the arms, widened where failures come in bursts.
 *
 * @param counts at least one request an arm
 */
export function judgeErrors(counts: FailureCounts, limits: ErrorLimits, look: Look): ErrorEvidence {
  const { baseline: nb, canary: nc } = counts.requests;
  const { baseline: xb, canary: xc } = counts.failures;
  const all = xb + xc;
  const share = nc / (nb + nc);
  const phi = dispersion(counts.blocks);
  const z = all === 0 ? Number.NEGATIVE_INFINITY : (xc - all * share) / Math.sqrt(phi * all * share * (1 - share));
  const rates = { baselineRate: xb / nb, canaryRate: xc / nc };
  const limit = Math.max(limits.maxErrorRatio * rates.baselineRate, limits.minErrorRate);
  const toRatio = (part: number) => ((part / (1 - part)) * (1 - share)) / share;
  const spread = wilson(xc, all, 1.959963984540054);
  const found = {
    ...rates,
    limit,
    pValue: all === 0 ? 1 : normalUpperTail(z),
    ratioInterval: xb === 0 ? undefined : ([toRatio(spread[0]), toRatio(spread[1])] as [number, number]),
    dispersion: phi,
  };
  if (rates.canaryRate > limit * (1 + 1e-9)) {
    return { ...found, status: z > normalQuantile(look.alphaFail) ? "fail" : "inconclusive" };
  }
  const zPass = normalQuantile(look.alphaPass);
  const belowFloor = wilson(xc, nc, zPass)[1] <= 2 * limits.minErrorRate;
  const belowRatio = all > 0 && toRatio(wilson(xc, all, zPass)[1]) <= limits.maxErrorRatio ** 2;
  return { ...found, status: belowFloor || belowRatio ? "pass" : "inconclusive" };
}
