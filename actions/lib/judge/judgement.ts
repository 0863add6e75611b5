import type { Design } from "./design.ts";
import type { Environment } from "./environment.ts";
import type { ErrorEvidence } from "./errors.ts";
import type { LatencyEvidence } from "./latency.ts";
import type { Look } from "./looks.ts";
import type { RouteJudgement } from "./routes.ts";
import type { Silence } from "./silence.ts";
import type { StrictVerdicts } from "./strict.ts";
import type { Reason, Verdict } from "./verdict.ts";

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

/** What the judge is told beside the samples. */
export interface Circumstances {
  /** Absent: the samples' times tell it. */
  design?: Design;
  /** The look that is taken; a single last look when absent. */
  look?: Look;
  /** Start and length of the run on the samples' clock, in seconds; from the samples when absent. */
  clock?: { start: number; seconds: number };
  environment?: Environment;
  /** What whoever took the samples has to say of them. A note that says that something could not be seen keeps from judging. */
  notes?: readonly Reason[];
  /** Whether the notes keep from judging even where none of them is of that kind. */
  blocking?: boolean;
  /** Whether the notes keep the canary from passing, though it may fail: nothing of that kind is taken for a reason not to judge. */
  unsure?: boolean;
  /** Whether the latencies are surely milliseconds, since whoever judges measured them itself: then nothing is guessed. */
  measured?: boolean;
}

/** One arm in numbers. */
export interface ArmFigures {
  requests: number;
  successes: number;
  failures: number;
  /** Milliseconds; undefined without a success. */
  p95Ms: number | undefined;
  /** 95 % interval of the p95 in milliseconds, as if requests were independent. */
  p95Interval: [number, number] | undefined;
}

/** The latency side of a judgement. */
export interface LatencyJudgement {
  verdict: Verdict;
  /** Highest allowed ratio: `maxP95Ratio`, or more where `minP95DeltaMs` is a larger share of the baseline's p95. */
  limitRatio: number | undefined;
  evidence: LatencyEvidence | undefined;
  windows: { widthSeconds: number; usable: number; possible: number; blocks: number; stall: number };
}

/** The errors' side of a judgement. */
export interface ErrorJudgement {
  verdict: Verdict;
  evidence: ErrorEvidence | undefined;
}

/** What the judge says and why. */
export interface Judgement {
  verdict: Verdict;
  reasons: Reason[];
  design: Design;
  look: Look;
  baseline: ArmFigures;
  canary: ArmFigures;
  latency: LatencyJudgement;
  errors: ErrorJudgement;
  /** The arms route by route, in any order; empty when the source knows none. */
  routes: RouteJudgement[];
  /** Time in which one arm got nothing while the other went on. */
  silence: { baseline: Silence; canary: Silence };
  /** Whether both arms are slower than before the deployment: then the machine or a dependency is slow. */
  slower: boolean;
  /** What the bare rule would have said. */
  strict: StrictVerdicts;
}
