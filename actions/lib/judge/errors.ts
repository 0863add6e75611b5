import { normalQuantile, normalUpperTail } from "./distributions.ts";
import type { Look } from "./looks.ts";
import type { Samples } from "./samples.ts";
import type { ReasonCode } from "./verdict.ts";
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
  /** Whether it fails only without the worst blocks of each arm: a burst of the baseline hid what the canary does all the time. */
  steady: boolean;
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

/** Tries and failures of both arms; the blocks that hold any failure, in any order. */
export interface FailureCounts {
  requests: { baseline: number; canary: number };
  failures: { baseline: number; canary: number };
  blocks: readonly FailureBlock[];
}

/** Another way to fail than a request's own success: failed checks, requests without an answer, iterations that threw. */
export interface FailureMetric extends FailureCounts {
  /** What was tried, in the plural: "checks". */
  name: string;
  /** Code of the reason when the canary fails more. */
  code: ReasonCode;
}

/** Counts the failures of samples on a common clock, in blocks of 5 s. */
export function countFailureBlocks(baseline: Samples, canary: Samples): FailureCounts {
  const blocks = new Map<number, FailureBlock>();
  const failures = { baseline: 0, canary: 0 };
  for (const [arm, { ok, t }] of [
    ["baseline", baseline],
    ["canary", canary],
  ] as const) {
    for (let i = 0; i < ok.length; i += 1) {
      if (ok[i] === 1) continue;
      const key = Math.floor(t[i]! / BLOCK_SECONDS);
      let block = blocks.get(key);
      if (block === undefined) {
        block = { baseline: 0, canary: 0 };
        blocks.set(key, block);
      }
      block[arm] += 1;
      failures[arm] += 1;
    }
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

/** How far the canary's failures are above their share of all failures, in standard errors; −∞ when nothing failed. */
export function excess({ requests, failures }: FailureCounts, phi: number): number {
  const all = failures.baseline + failures.canary;
  const share = requests.canary / (requests.baseline + requests.canary);
  return all === 0 ? Number.NEGATIVE_INFINITY : (failures.canary - all * share) / Math.sqrt(phi * all * share * (1 - share));
}

/** The canary's highest allowed rate of failures. */
function allowedRate({ requests, failures }: FailureCounts, limits: ErrorLimits): number {
  return Math.max(limits.maxErrorRatio * (failures.baseline / requests.baseline), limits.minErrorRate);
}

/** a > b beyond what rounding of decimal fractions explains. */
const isAbove = (a: number, b: number) => a > b * (1 + 1e-9);

/** Blocks of each arm that are left out to see what the arms do all the time: a burst of a second may lie in two. */
const BURST_BLOCKS = 2;

/** The counts without the blocks in which each arm failed most; undefined where too few would be left. */
function withoutWorstBlocks({ requests, failures, blocks }: FailureCounts): FailureCounts | undefined {
  if (blocks.length < 4 * BURST_BLOCKS) return undefined;
  const worst = (arm: "baseline" | "canary", other: "baseline" | "canary") =>
    blocks.toSorted((a, b) => b[arm] - a[arm] || a[other] - b[other]).slice(0, BURST_BLOCKS);
  const dropped = new Set([...worst("baseline", "canary"), ...worst("canary", "baseline")]);
  const left = { ...failures };
  for (const block of dropped) {
    left.baseline -= block.baseline;
    left.canary -= block.canary;
  }
  return { requests, failures: left, blocks: blocks.filter((block) => !dropped.has(block)) };
}

/** Rate that a canary without a failure is compared with, where `minErrorRate` is finer than any run could show. */
const FINEST_RATE = 0.005;

function passes(counts: FailureCounts, limits: ErrorLimits, look: Look, phi: number): boolean {
  const { baseline: nb, canary: nc } = counts.requests;
  const { baseline: xb, canary: xc } = counts.failures;
  const z = normalQuantile(look.alphaPass);
  // Failures that come in bursts tell as much as φ times fewer that don't.
  const rate = limits.minErrorRate > 0 && xc > 0 ? limits.minErrorRate : Math.max(limits.minErrorRate, FINEST_RATE);
  const belowFloor = (xc === 0 || limits.minErrorRate > 0) && wilson(xc / phi, nc / phi, z)[1] <= 2 * rate;
  const share = nc / (nb + nc);
  const part = wilson(xc / phi, (xb + xc) / phi, z)[1];
  const belowRatio = xb + xc > 0 && ((part / (1 - part)) * (1 - share)) / share <= limits.maxErrorRatio ** 2;
  return belowFloor || belowRatio;
}

/**
 * Compares the arms' error rates: a conditional binomial test of how the failures fall on the arms, widened where failures come in bursts.
 *
 * @param counts at least one request per arm
 * @param alphaFail one-sided error probability of FAIL: the look's, or this test's share of it
 */
export function judgeErrors(counts: FailureCounts, limits: ErrorLimits, look: Look, alphaFail = look.alphaFail): ErrorEvidence {
  const { baseline: nb, canary: nc } = counts.requests;
  const { baseline: xb, canary: xc } = counts.failures;
  const all = xb + xc;
  const share = nc / (nb + nc);
  const phi = dispersion(counts.blocks);
  const z = excess(counts, phi);
  const rates = { baselineRate: xb / nb, canaryRate: xc / nc };
  const limit = allowedRate(counts, limits);
  const toRatio = (part: number) => ((part / (1 - part)) * (1 - share)) / share;
  const spread = wilson(xc / phi, all / phi, 1.959963984540054);
  const found = {
    ...rates,
    limit,
    pValue: all === 0 ? 1 : normalUpperTail(z),
    ratioInterval: xb === 0 ? undefined : ([toRatio(spread[0]), toRatio(spread[1])] as [number, number]),
    dispersion: phi,
    steady: false,
  };
  const zFail = normalQuantile(alphaFail);
  const above = isAbove(rates.canaryRate, limit);
  if (above && z > zFail) return { ...found, status: "fail" };
  const steady = withoutWorstBlocks(counts);
  if (steady && isAbove(steady.failures.canary / nc, allowedRate(steady, limits))) {
    const steadyZ = excess(steady, dispersion(steady.blocks));
    if (steadyZ > zFail) return { ...found, status: "fail", steady: true, pValue: normalUpperTail(steadyZ) };
  }
  return { ...found, status: !above && passes(counts, limits, look, phi) ? "pass" : "inconclusive" };
}
