import { studentQuantile, studentUpperTail } from "./distributions.ts";
import { type Estimate, hodgesLehmann, jackknife, mean, trimmedMean } from "./location.ts";
import type { Look } from "./looks.ts";
import type { Window } from "./windows.ts";

/** Length of a stall window in seconds, at least. */
export const STALL_SECONDS = 10;
/** Standard errors, beyond the typical ratio's, by which the stall ratio must be above the limit: noise on one arm looks like a stall. */
const STALL_MARGIN = 1;
/**
 * Stall windows in a row, all of them twice as slow, that make an episode, and how many windows the run must have: no weather of one arm
 * lasts so long, while in a short run three windows are most of it, which the typical ratio judges.
 */
const EPISODE = { windows: 3, far: Math.log(2), ofWindows: 12 };
/** Normal quantile of 80 % power. */
const POWER_80 = 0.84;

/** p95 of the arms, window by window: log ratios. */
export interface LatencyWindows {
  typical: readonly Window[];
  stall: readonly Window[];
}

/** Ratio of the arms' p95 over the whole run, with the bounds that their own 95 % intervals give. */
export interface Pooled {
  ratio: number;
  interval: [number, number];
}

/** The ratio that decided, which every report shows. */
export interface JudgedRatio {
  /** `pooled`: one of the whole run, where the windows' ratios leave out what happened in a part of it. */
  kind: "typical" | "stall" | "pooled";
  ratio: number;
  /** At 95 %. */
  interval: [number, number];
}

/** What the latency test found. All numbers are log ratios unless they say otherwise. */
export interface LatencyEvidence {
  status: "pass" | "fail" | "inconclusive";
  typical: Estimate;
  stall: Estimate;
  /** Undefined where p95 of the whole run isn't known. */
  pooled: Pooled | undefined;
  /** What is above the limit, when the status is `fail`: `episode` is a stretch of at least half a minute. */
  failed: "typical" | "stall" | "episode" | undefined;
  /** Whether the pooled ratio is far above what the windows' ratios say: then they don't tell the whole story. */
  contradicted: boolean;
  judged: JudgedRatio;
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

/** Hodges–Lehmann of each thinning, and the mean of these; the jackknife leaves windows out, not thinnings. */
function typicalOf(windows: readonly Window[], floor: number): Estimate | undefined {
  const thinnings = Math.max(1, ...windows.map(({ thinned }) => thinned.length));
  const estimator = (indices: ArrayLike<number>) => {
    const chosen = Array.from(indices, (i) => windows[i]!.thinned);
    return mean(
      Array.from({ length: thinnings }, (_, k) => hodgesLehmann(chosen.map((thinned) => thinned[k % thinned.length]!))),
    );
  };
  const blocks = windows.map(({ block }) => block);
  return jackknife([...windows.keys()], blocks, estimator, floor);
}

/** The most stall windows in a row in which `far` holds. */
function longestRow(stall: readonly Window[], far: (d: number) => boolean): number {
  let row = 0;
  let longest = 0;
  stall.forEach(({ d, block }, i) => {
    const adjacent = i > 0 && block - stall[i - 1]!.block === 1;
    row = far(d) ? (adjacent ? row + 1 : 1) : 0;
    longest = Math.max(longest, row);
  });
  return longest;
}

/** Whether the canary was far above the limit for some stall windows in a row, and the baseline never for two. */
function hasEpisode(stall: readonly Window[], limit: number): boolean {
  const far = Math.max(EPISODE.far, 2 * limit);
  return (
    stall.length >= EPISODE.ofWindows &&
    longestRow(stall, (d) => d > far) >= EPISODE.windows &&
    longestRow(stall, (d) => d < -2 * limit) < 2
  );
}

function intervalOf({ est, se, df }: Estimate): [number, number] {
  const spread = studentQuantile(0.025, df) * se;
  return [Math.exp(est - spread), Math.exp(est + spread)];
}

/**
 * Compares the arms' p95 by the typical ratio (Hodges–Lehmann over windows, which a burst on one arm can't move far) and by the stall
 * ratio (trimmed mean over longer windows, each of which holds the stalls of a canary that stands still now and then). Both leave out what
 * happened in a small part of the run, so neither passes when the ratio of the whole run is surely above the limit squared.
 *
 * @param limit logarithm of the highest allowed ratio, > 0
 * @param floor error that no amount of data removes, a log ratio
 * @param pooled ratio of the whole run, where the arms ran at the same time
 * @returns undefined when there are too few blocks or windows to know the error
 */
export function judgeLatency(
  windows: LatencyWindows,
  limit: number,
  look: Look,
  floor: number,
  pooled?: Pooled,
): LatencyEvidence | undefined {
  const typical = typicalOf(windows.typical, floor);
  const stall = jackknife(
    windows.stall.map((w) => w.d),
    windows.stall.map((_, i) => i),
    trimmedMean,
    floor,
  );
  if (!typical || !stall) return undefined;
  const stalls = surelyAboveLimit(stall, limit, look, STALL_MARGIN);
  const contradicted = pooled !== undefined && Math.log(pooled.interval[0]) > 2 * limit;
  const episode = contradicted && hasEpisode(windows.stall, limit);
  const failed = surelyAboveLimit(typical, limit, look) ? "typical" : stalls ? "stall" : episode ? "episode" : undefined;
  const within = surelyBelowLimit(typical, limit, look) && stall.est <= limit;
  const tFail = studentQuantile(look.alphaFail, typical.df);
  const status = failed ? "fail" : within && !contradicted ? "pass" : "inconclusive";
  const judged = (): JudgedRatio => {
    if (failed === "episode" || (within && contradicted)) return { kind: "pooled", ...pooled! };
    const byStall = failed === "stall" || (status === "inconclusive" && stall.est > limit && typical.est <= limit);
    const shown = byStall ? stall : typical;
    return { kind: byStall ? "stall" : "typical", ratio: Math.exp(shown.est), interval: intervalOf(shown) };
  };
  return {
    status,
    typical,
    stall,
    pooled,
    failed,
    contradicted,
    judged: judged(),
    pValue: studentUpperTail(typical.est / typical.se, typical.df),
    ratioInterval: intervalOf(typical),
    minDetectableRatio: Math.exp(Math.max(limit + look.c * typical.se, tFail * typical.se) + POWER_80 * typical.se),
  };
}
