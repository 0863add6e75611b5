import { judge } from "../../actions/lib/judge/judge.ts";
import { DEFAULT_POLICY } from "../../actions/lib/judge/policy.ts";
import { median } from "../figure.ts";
import { EFFECTS } from "./effects.ts";
import type { Noise } from "./weather.ts";
import { makeTrial } from "./world.ts";

/**
 * The least ratio that a run on identical builds says it would detect (80 % power, one look at the end): median over trials.
 *
 * @returns undefined when most runs are too short to say
 */
export function leastDetectable(
  noise: Noise,
  rps: number,
  seconds: number,
  firstSeed: number,
  trials: number,
): number | undefined {
  const found = Array.from({ length: trials }, (_, i) => {
    const { baseline, canary } = makeTrial({ seed: firstSeed + i, noise, effect: EFFECTS[0]!, rps, seconds });
    return judge(baseline, canary, DEFAULT_POLICY).latency.evidence?.minDetectableRatio ?? Number.POSITIVE_INFINITY;
  });
  const middle = median(found);
  return Number.isFinite(middle) ? middle : undefined;
}
