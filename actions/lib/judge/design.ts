import type { Samples } from "./samples.ts";

/**
 * How the arms lie in time: request by request on one clock, in alternating slices, or one after the other.
 */
export type Design = "interleaved" | "slices" | "before-after";

/** Pauses longer than this between an arm's requests are the other arm's turn in the slices design, in seconds. */
const IDLE_SECONDS = 1;

/** Arms moved onto one clock that starts at 0. */
export interface Aligned {
  design: Design;
  baseline: Samples;
  canary: Samples;
  /** Length of the common clock in seconds. */
  seconds: number;
}

function span(samples: Samples): { first: number; last: number } {
  return { first: samples.t[0] ?? 0, last: samples.t.at(-1) ?? 0 };
}

/** Share of one-second bins (longer for thin traffic) with requests of either arm that hold both. */
function sharedBins(baseline: Samples, canary: Samples): number {
  const thinnest = Math.min(...[baseline, canary].map((arm) => arm.t.length / Math.max(1, span(arm).last - span(arm).first)));
  const width = Math.max(1, 5 / thinnest);
  const bins = (arm: Samples) => new Set(Array.from(arm.t, (t) => Math.floor(t / width)));
  const ours = bins(baseline);
  const theirs = bins(canary);
  const both = [...ours].filter((bin) => theirs.has(bin)).length;
  return both / Math.min(ours.size, theirs.size);
}

/**
 * Tells the design from the times, for samples that come from a file.
 *
 * @param baseline sorted by time, not empty
 * @param canary sorted by time, not empty
 */
export function detectDesign(baseline: Samples, canary: Samples): Design {
  if (sharedBins(baseline, canary) >= 0.5) return "interleaved";
  const b = span(baseline);
  const c = span(canary);
  return b.last < c.first || c.last < b.first ? "before-after" : "slices";
}

function withClock(samples: Samples, clock: (t: number, index: number) => number): Samples {
  return { ...samples, t: samples.t.map(clock) };
}

function withoutIdleTime(samples: Samples): Samples {
  let removed = samples.t[0] ?? 0;
  return withClock(samples, (t, i) => {
    const gap = i === 0 ? 0 : t - samples.t[i - 1]!;
    if (gap > IDLE_SECONDS) removed += gap;
    return t - removed;
  });
}

/**
 * Moves both arms onto one clock that starts at 0: the interleaved design keeps the common clock, slices lose the pauses in which
 * the other arm had its turn, and before-after starts each arm's own clock.
 *
 * @param baseline sorted by time
 * @param canary sorted by time
 * @param clock start and length of the run in seconds where they are known (a live run); else they come from the samples
 */
export function align(baseline: Samples, canary: Samples, design: Design, clock?: { start: number; seconds: number }): Aligned {
  const starts = [baseline, canary].filter((arm) => arm.t.length > 0).map((arm) => span(arm).first);
  const origin = clock && design === "interleaved" ? clock.start : Math.min(...starts);
  const moved = [baseline, canary].map((arm) => {
    if (design === "slices") return withoutIdleTime(arm);
    const start = design === "interleaved" ? origin : span(arm).first;
    return withClock(arm, (t) => t - start);
  });
  const last = Math.max(0, ...moved.map((arm) => span(arm).last));
  return { design, baseline: moved[0]!, canary: moved[1]!, seconds: clock ? clock.seconds : last };
}
