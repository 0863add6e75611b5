import { quantileSorted } from "./quantiles.ts";
import type { Samples } from "./samples.ts";
import { thinnedP95 } from "./thinning.ts";

/** Widths tried, in seconds: the first with enough successes is taken. */
export const WIDTHS_SECONDS = [0.5, 1, 2, 5, 10, 20];
/** Mean number of successes per window that the poorer arm must have. */
export const MEAN_SUCCESSES = 18;
/** A window with fewer successes in either arm is dropped. */
export const LEAST_SUCCESSES = 10;
/** Length of a jackknife block in seconds: neighbouring windows are alike. */
export const BLOCK_SECONDS = 5;

/** p95 of both arms in one window. */
export interface Window {
  /** Seconds from the start of the clock. */
  start: number;
  /** ln(canary p95 / baseline p95), the mean over the thinnings. */
  d: number;
  /** The same of each thinning; one value where the arms are compared as they are. */
  thinned: readonly number[];
  /** Number of the jackknife block it belongs to. */
  block: number;
}

/** The windows of a run. */
export interface Windows {
  widthSeconds: number;
  blockSeconds: number;
  /** How many windows the run has room for. */
  possible: number;
  /** Those with enough successes in both arms. */
  usable: Window[];
}

/** The successes of one arm: times ascending, and their latencies. */
export interface Successes {
  t: Float64Array;
  latencyMs: Float64Array;
}

/** Picks the successes of samples that are sorted by time; where all are, without a copy. */
export function successesOf({ t, latencyMs, ok }: Samples): Successes {
  let count = 0;
  for (let i = 0; i < ok.length; i += 1) count += ok[i]!;
  if (count === ok.length) return { t, latencyMs };
  const picked = { t: new Float64Array(count), latencyMs: new Float64Array(count) };
  for (let i = 0, to = 0; i < ok.length; i += 1) {
    if (ok[i] !== 1) continue;
    picked.t[to] = t[i]!;
    picked.latencyMs[to] = latencyMs[i]!;
    to += 1;
  }
  return picked;
}

/** The first width whose windows hold enough successes of the poorer arm, else the widest, in seconds. */
export function chooseWidth(successesOfPoorerArm: number, seconds: number): number {
  const wanted = WIDTHS_SECONDS.find((width) => (successesOfPoorerArm * width) / seconds >= MEAN_SUCCESSES);
  return wanted ?? WIDTHS_SECONDS.at(-1)!;
}

/** Index of the first of ascending times that is ≥ limit. */
export function firstAtOrAfter(t: Float64Array, limit: number): number {
  let low = 0;
  let high = t.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (t[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Cuts a run into windows and takes ln(p95 canary / p95 baseline) of each. A last window of less than half the width isn't counted.
 *
 * @param seconds length of the run
 * @param widthSeconds length of a window
 * @param thin whether the richer arm of each window is thinned to the poorer's count
 */
export function cutWindows(baseline: Successes, canary: Successes, seconds: number, widthSeconds: number, thin = false): Windows {
  const blockSeconds = Math.max(BLOCK_SECONDS, widthSeconds);
  const possible = Math.max(1, Math.round(seconds / widthSeconds));
  const usable: Window[] = [];
  for (let i = 0; i < possible; i += 1) {
    const start = i * widthSeconds;
    const end = start + widthSeconds;
    const [b, c] = [baseline, canary].map((arm) =>
      arm.latencyMs.slice(firstAtOrAfter(arm.t, start), firstAtOrAfter(arm.t, end)).sort(),
    ) as [Float64Array, Float64Array];
    if (b.length < LEAST_SUCCESSES || c.length < LEAST_SUCCESSES) continue;
    const thinned = compareP95(b, c, thin ? i : undefined);
    const d = thinned.reduce((sum, value) => sum + value, 0) / thinned.length;
    if (Number.isFinite(d)) usable.push({ start, d, thinned, block: Math.floor((start + 1e-9) / blockSeconds) });
  }
  return { widthSeconds, blockSeconds, possible, usable };
}

/** ln(canary p95 / baseline p95) of ascending latencies; with a window's number, of as many thinnings as there are. */
function compareP95(baseline: Float64Array, canary: Float64Array, window: number | undefined): number[] {
  if (window === undefined || baseline.length === canary.length) {
    return [Math.log(quantileSorted(canary, 0.95) / quantileSorted(baseline, 0.95))];
  }
  if (baseline.length > canary.length) {
    const own = quantileSorted(canary, 0.95);
    return thinnedP95(baseline, canary.length, window).map((p95) => Math.log(own / p95));
  }
  const own = quantileSorted(baseline, 0.95);
  return thinnedP95(canary, baseline.length, window).map((p95) => Math.log(p95 / own));
}
