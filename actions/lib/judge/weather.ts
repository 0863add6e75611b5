import { quantileSorted } from "./quantiles.ts";
import { firstAtOrAfter, type Successes } from "./windows.ts";

/** Length of the moments whose level is taken, in windows: long enough for a steady median, shorter than most bursts. */
export const LEVEL_WINDOWS = 2;

/** Median latency in milliseconds of each moment; undefined where the arm has no success. */
function medians(arm: Successes, count: number, widthSeconds: number): (number | undefined)[] {
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i, i + 1].map((window) => firstAtOrAfter(arm.t, window * widthSeconds));
    return from === to ? undefined : quantileSorted(arm.latencyMs.slice(from, to).sort(), 0.5);
  });
}

/**
 * Takes out of both arms' latencies what slowed both at that moment: each latency as a multiple of the level of its moment, which is the
 * lower of the arms' medians there. What slows one arm alone leaves the level alone.
 *
 * Needed for windows that are longer than the weather: in ten seconds with a shared burst of three, p95 of both arms is a latency of the
 * burst, and a canary's own stall is hidden behind it.
 *
 * @param baseline successes on the common clock, sorted by time
 * @param canary successes on the common clock, sorted by time
 * @param seconds length of the run
 * @param widthSeconds length of a moment
 * @returns the arms with latencies as multiples; as they are when a level is 0, which a coarse clock gives
 */
export function withoutWeather(
  baseline: Successes,
  canary: Successes,
  seconds: number,
  widthSeconds: number,
): { baseline: Successes; canary: Successes } {
  // The last request may lie a little behind the end of the run.
  const count = Math.ceil(seconds / widthSeconds) + 1;
  const [b, c] = [medians(baseline, count, widthSeconds), medians(canary, count, widthSeconds)];
  const levels = b.map((median, i) => Math.min(median ?? Number.POSITIVE_INFINITY, c[i] ?? Number.POSITIVE_INFINITY));
  if (levels.includes(0)) return { baseline, canary };
  const adjust = ({ t, latencyMs }: Successes): Successes => ({
    t,
    latencyMs: latencyMs.map((ms, i) => ms / levels[Math.min(count - 1, Math.max(0, Math.floor(t[i]! / widthSeconds)))]!),
  });
  return { baseline: adjust(baseline), canary: adjust(canary) };
}
