import { quantileSorted } from "./quantiles.ts";
import type { Samples } from "./samples.ts";

/** Widths tried, in seconds: the first with enough successes is taken. */
export const WIDTHS_SECONDS = [0.5, 1, 2, 5, 10, 20];
/** Mean number of successes a window that the poorer arm must have. */
export const MEAN_SUCCESSES = 18;
/** A window with fewer successes in either arm is dropped. */
export const LEAST_SUCCESSES = 10;
/** Length of a jackknife block in seconds: neighbouring windows are alike. */
export const BLOCK_SECONDS = 5;

/** p95 of both arms in one window. */
export interface Window {
  /** Seconds from the start of the clock. */
  start: number;
  /** ln(canary p95 / baseline p95). */
  d: number;
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

/** Picks the successes of samples that are sorted by time. */
export function successesOf(samples: Samples): Successes {
  const keep = (_: number, i: number) => samples.ok[i] === 1;
  return { t: samples.t.filter(keep), latencyMs: samples.latencyMs.filter(keep) };
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
 */
export function cutWindows(baseline: Successes, canary: Successes, seconds: number, widthSeconds: number): Windows {
  const blockSeconds = Math.max(BLOCK_SECONDS, widthSeconds);
  const possible = Math.max(1, Math.round(seconds / widthSeconds));
  const usable: Window[] = [];
  for (let i = 0; i < possible; i++) {
    const start = i * widthSeconds;
    const end = start + widthSeconds;
    const [b, c] = [baseline, canary].map((arm) =>
      arm.latencyMs.slice(firstAtOrAfter(arm.t, start), firstAtOrAfter(arm.t, end)).sort(),
    );
    if (b!.length < LEAST_SUCCESSES || c!.length < LEAST_SUCCESSES) continue;
    const d = Math.log(quantileSorted(c!, 0.95) / quantileSorted(b!, 0.95));
    if (Number.isFinite(d)) usable.push({ start, d, block: Math.floor((start + 1e-9) / blockSeconds) });
  }
  return { widthSeconds, blockSeconds, possible, usable };
}
