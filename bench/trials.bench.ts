import { planLooks } from "../actions/lib/judge/looks.ts";
import { DEFAULT_POLICY } from "../actions/lib/judge/policy.ts";
import type { Bench } from "./figure.ts";
import { leastDetectable } from "./trials/detectable.ts";
import { EFFECTS, MORE_EFFECTS } from "./trials/effects.ts";
import { makeRecordedTrial, RECORDED_PLACES, readTrace, recordedFile } from "./trials/recorded.ts";
import { fileLooks, gatehouse, type Score, scoreCell, scoreTrials } from "./trials/score.ts";
import { NOISES } from "./trials/weather.ts";
import type { Effect, Oddity, TrialPlan } from "./trials/world.ts";

const TRIALS = process.argv.includes("--full") || process.env["TRIALS_FULL"] === "1" ? 400 : 100;
/** Seeds from here on were never looked at while the judge's constants were chosen. */
const HELD_OUT = 5_000_000;
const RPS = 50;

const DESIGNS = [
  { name: "up to 180 s", seconds: 180, looks: planLooks(60, 120) },
  { name: "60 s", seconds: 60, looks: planLooks(60, 0) },
  { name: "file of 60 s", seconds: 60, looks: fileLooks(60) },
];
/** Requests a second and seconds of the table "requests an arm → least ratio detected". */
const DETECTABLE: readonly [number, number][] = [
  [20, 30],
  [50, 30],
  [20, 60],
  [50, 60],
  [50, 120],
  [50, 180],
  [100, 180],
];
/** Thin traffic tells +20 % seldom, +50 % often. */
const THIN: readonly Effect[] = [EFFECTS[0]!, EFFECTS[4]!, MORE_EFFECTS[3]!];
const ODDITIES: readonly Oddity[] = ["pareto", "two-endpoints", "millisecond-clock", "step", "periodic-jobs", "stolen-cpu"];

/** Shares of the canary, and half of both arms' requests per second. */
const SHARES: readonly [number, number][] = [
  [0.05, 200],
  [0.1, 200],
  [0.1, 50],
  [0.25, 50],
];
/** Seconds of 180 s for which the canary alone is slower, and how much. */
const STRETCHES: readonly [number, number][] = [
  [10, 5],
  [15, 5],
  [20, 3],
  [20, 8],
  [20, 20],
  [40, 5],
];
/** What one route of several does on the canary. */
const ROUTES = [
  { name: "20 routes, identical", count: 20, share: 0.2, canaryErrors: 0, canaryFactor: 1 },
  { name: "3 % errors on one of 6", count: 6, share: 0.2, canaryErrors: 0.03, canaryFactor: 1 },
  { name: "3 % errors on one of 20", count: 20, share: 0.15, canaryErrors: 0.03, canaryFactor: 1 },
  { name: "x3 on one of 20", count: 20, share: 0.1, canaryErrors: 0, canaryFactor: 3 },
  { name: "x2 on one of 20", count: 20, share: 0.05, canaryErrors: 0, canaryFactor: 2 },
];
/** Failures of the baseline within a second, and the canary's error rate all the time. */
const BURSTS: readonly [number, number][] = [
  [50, 0.02],
  [25, 0.01],
];

const bench: Bench = {
  name: "trials",
  compares:
    "verdicts on labelled trials by effect and noise (held-out seeds): shares of FAIL, PASS and INCONCLUSIVE; TRIALS_FULL=1 for 400 a cell",
  async run(report) {
    const tell = (cell: string, score: Score) => {
      for (const kind of ["fail", "pass", "inconclusive"] as const) {
        report({ name: `${cell}: ${kind}`, value: Math.round(score[kind] * 1000) / 1000, unit: "share", n: score.trials });
      }
      report({ name: `${cell}: time to verdict`, value: Math.round(score.meanSeconds), unit: "s", n: score.trials });
    };
    const cell = (
      effect: Effect,
      noise: (typeof NOISES)[number],
      design: (typeof DESIGNS)[number],
      rps: number,
      oddity?: Oddity,
    ) => {
      const plan = { effect, noise, rps, seconds: design.seconds, ...(oddity ? { oddity } : {}) };
      return scoreCell(plan, HELD_OUT, TRIALS, design.looks, gatehouse());
    };
    for (const design of DESIGNS) {
      for (const noise of NOISES) {
        const effects = design.seconds === 180 ? [...EFFECTS, ...MORE_EFFECTS] : EFFECTS;
        for (const effect of effects) tell(`${design.name}, ${noise.name}, ${effect.name}`, cell(effect, noise, design, RPS));
      }
    }
    const [long] = DESIGNS;
    const typical = NOISES[1]!;
    const special = (name: string, plan: Partial<TrialPlan>, looks = long!.looks) => {
      const whole = { effect: EFFECTS[0]!, noise: typical, rps: RPS, seconds: long!.seconds, ...plan };
      tell(name, scoreCell(whole, HELD_OUT, TRIALS, looks, gatehouse()));
    };
    for (const [canaryShare, rps] of SHARES) {
      for (const effect of [EFFECTS[0]!, EFFECTS[3]!, EFFECTS[4]!]) {
        special(`${canaryShare * 100} % of ${2 * rps} requests/s, ${effect.name}`, { canaryShare, rps, effect });
      }
    }
    for (const noise of NOISES) {
      for (const [seconds, factor] of STRETCHES) {
        const name = `${noise.name}, ${seconds} s of ${long!.seconds} s at x${factor}`;
        special(name, { noise, slowStretch: { seconds, factor } }, fileLooks(long!.seconds));
      }
      for (const { name, ...routes } of ROUTES) special(`${noise.name}, ${name}`, { noise, routes });
      for (const [errorBurst, rate] of BURSTS) {
        const effect = { ...EFFECTS[0]!, errors: [0, rate] as [number, number] };
        special(`${noise.name}, ${errorBurst} failures of the baseline, then ${rate * 100} %`, { noise, errorBurst, effect });
      }
    }
    for (const oddity of ODDITIES) {
      for (const effect of [EFFECTS[0]!, EFFECTS[4]!]) {
        tell(`${long!.name}, typical, ${oddity}, ${effect.name}`, cell(effect, typical, long!, RPS, oddity));
      }
    }
    for (const noise of NOISES) {
      for (const [rps, seconds] of DETECTABLE) {
        const value = leastDetectable(noise, rps, seconds, HELD_OUT, 40);
        const name = `least detectable ratio, ${noise.name}, ${rps * seconds} requests an arm in ${seconds} s`;
        if (value !== undefined) report({ name, value: Math.round(value * 1000) / 1000, unit: "ratio", n: 40 });
      }
    }
    for (const rps of [5, 10, 20, 100]) {
      for (const effect of THIN) {
        tell(`${long!.name}, typical, ${rps} requests/s, ${effect.name}`, cell(effect, typical, long!, rps));
      }
    }
    // So that the limit is the ratio, however fast the recorded machine was.
    const policy = { ...DEFAULT_POLICY, minP95DeltaMs: 0 };
    for (const place of RECORDED_PLACES) {
      const trace = readTrace(recordedFile(place));
      for (const effect of [...EFFECTS, MORE_EFFECTS[3]!]) {
        const make = (seed: number) => makeRecordedTrial(trace, { seed, effect, seconds: long!.seconds });
        tell(
          `${long!.name}, recorded in the ${place} place, ${effect.name}`,
          scoreTrials(make, HELD_OUT, TRIALS, long!.looks, gatehouse(policy)),
        );
      }
    }
  },
};
export default bench;
