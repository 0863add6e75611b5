import { judge } from "../../actions/lib/judge/judge.ts";
import { type Look, onlyLook } from "../../actions/lib/judge/looks.ts";
import { DEFAULT_POLICY, type Policy } from "../../actions/lib/judge/policy.ts";
import { filterSamples } from "../../actions/lib/judge/samples.ts";
import type { Verdict } from "../../actions/lib/judge/verdict.ts";
import { makeTrial, type Trial, type TrialPlan } from "./world.ts";

/** How one trial ended. */
export interface Outcome {
  verdict: Verdict;
  /** Seconds of traffic until the verdict. */
  seconds: number;
}

/** A judge to score: it gets the trial up to `look.seconds`. */
export type TrialJudge = (trial: Pick<Trial, "baseline" | "canary">, look: Look) => Verdict;

/** Gatehouse's judge with the default policy. */
export function gatehouse(policy: Policy = DEFAULT_POLICY): TrialJudge {
  return (trial, look) =>
    judge(trial.baseline, trial.canary, policy, { look, clock: { start: 0, seconds: look.seconds }, measured: true }).verdict;
}

/** Data before which nothing passes in the live mode, unless the run is shorter. */
const LEAST_SECONDS = 60;

/** Plays a trial look by look until the judge knows, as the live mode does. */
export function play(trial: Pick<Trial, "baseline" | "canary">, looks: readonly Look[], judgeTrial: TrialJudge): Outcome {
  for (const look of looks) {
    const until = (arm: Trial["baseline"]) => filterSamples(arm, (i) => arm.t[i]! < look.seconds);
    const verdict = judgeTrial({ baseline: until(trial.baseline), canary: until(trial.canary) }, look);
    const early = look.seconds < LEAST_SECONDS && look !== looks.at(-1);
    if (verdict === "FAIL" || (verdict === "PASS" && !early)) return { verdict, seconds: look.seconds };
  }
  return { verdict: "INCONCLUSIVE", seconds: looks.at(-1)!.seconds };
}

/** The looks of a file: one, with the last column. */
export function fileLooks(seconds: number): Look[] {
  return [onlyLook(seconds)];
}

/** Shares of the outcomes of many trials, 0–1, and the mean time to them. */
export interface Score {
  trials: number;
  fail: number;
  pass: number;
  inconclusive: number;
  meanSeconds: number;
}

/** Plays `trials` trials that differ by seed only. */
export function scoreCell(
  plan: Omit<TrialPlan, "seed">,
  firstSeed: number,
  trials: number,
  looks: readonly Look[],
  judgeTrial: TrialJudge,
): Score {
  return scoreTrials((seed) => makeTrial({ ...plan, seed }), firstSeed, trials, looks, judgeTrial);
}

/** Plays `trials` trials of any world: `make` gives the trial of a seed. */
export function scoreTrials(
  make: (seed: number) => Pick<Trial, "baseline" | "canary">,
  firstSeed: number,
  trials: number,
  looks: readonly Look[],
  judgeTrial: TrialJudge,
): Score {
  const outcomes = Array.from({ length: trials }, (_, i) => play(make(firstSeed + i), looks, judgeTrial));
  const share = (verdict: Verdict) => outcomes.filter((outcome) => outcome.verdict === verdict).length / trials;
  return {
    trials,
    fail: share("FAIL"),
    pass: share("PASS"),
    inconclusive: share("INCONCLUSIVE"),
    meanSeconds: outcomes.reduce((sum, outcome) => sum + outcome.seconds, 0) / trials,
  };
}
