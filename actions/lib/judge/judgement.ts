import type { Design } from "./design.ts";
import type { Environment } from "./environment.ts";
import type { ErrorEvidence } from "./errors.ts";
import type { LatencyEvidence } from "./latency.ts";
import type { Look } from "./looks.ts";
import type { RouteJudgement } from "./routes.ts";
import type { Silence } from "./silence.ts";
import type { StrictVerdicts } from "./strict.ts";
import type { Reason, Verdict } from "./verdict.ts";

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
