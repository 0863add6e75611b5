import type { Aligned } from "./design.ts";
import { firstAtOrAfter } from "./windows.ts";

/** Requests that the arm would have got in a silence, at its usual rate: fewer may be missing by chance. */
const LEAST_MISSED = 20;
/** Shorter silences are pauses, in seconds. */
const LEAST_SECONDS = 2;
/** Share of its usual rate at which the other arm must have gone on. */
const GOES_ON = 0.5;

/** Time in which an arm got no request while the other went on. */
export interface Silence {
  /** Seconds of all such stretches. */
  seconds: number;
  /** The longest stretch: seconds from the start of the clock. */
  longest: { from: number; seconds: number } | undefined;
}

/**
 * Finds the time in which one arm got no request while the other arm got its usual ones.
 *
 * Users who wait for an answer before they ask again (Locust, JMeter, wrk, k6 without an arrival rate) ask nothing while a service stands
 * still: a freeze leaves a few slow requests and a hole, which no quantile shows.
 *
 * @returns both arms' silences; nothing where the arms didn't run at the same time
 * @see Tene, "How NOT to Measure Latency" (2013), on coordinated omission
 */
export function findSilences({ design, baseline, canary, seconds }: Aligned): { baseline: Silence; canary: Silence } {
  const none: Silence = { seconds: 0, longest: undefined };
  if (design !== "interleaved" || seconds <= 0) return { baseline: none, canary: none };
  return {
    baseline: silenceOf(baseline.t, canary.t, seconds),
    canary: silenceOf(canary.t, baseline.t, seconds),
  };
}

function silenceOf(t: Float64Array, other: Float64Array, seconds: number): Silence {
  const rate = t.length / seconds;
  const otherRate = other.length / seconds;
  const least = Math.max(LEAST_SECONDS, LEAST_MISSED / rate);
  const found: Silence = { seconds: 0, longest: undefined };
  for (let i = 1; i < t.length; i += 1) {
    const gap = t[i]! - t[i - 1]!;
    if (gap < least) continue;
    const went = firstAtOrAfter(other, t[i]!) - firstAtOrAfter(other, t[i - 1]!);
    if (went < GOES_ON * otherRate * gap) continue;
    found.seconds += gap;
    if (found.longest === undefined || gap > found.longest.seconds) found.longest = { from: t[i - 1]!, seconds: gap };
  }
  return found;
}
