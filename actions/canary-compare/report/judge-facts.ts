import type { Environment } from "../../lib/judge/environment.ts";
import { judge } from "../../lib/judge/judge.ts";
import type { Judgement } from "../../lib/judge/judgement.ts";
import { judgeSeries } from "../../lib/judge/series.ts";
import type { Verdict } from "../../lib/judge/verdict.ts";
import type { Inputs } from "../inputs.ts";
import { policyFacts, policyOf } from "../policy.ts";
import type { Recording } from "../samples/recording.ts";
import type { Facts, Observed } from "./facts.ts";

/** What of a report's facts the judge needs. */
type JudgedFacts = Pick<Facts, "traffic" | "environment" | "observations" | "policy">;

/** The verdict on what was observed so far. */
export function verdictSoFar(inputs: Pick<Inputs, "policy" | "onInconclusive">, { facts, arms }: Observed): Verdict {
  return judgeFacts({ ...facts, policy: policyFacts(inputs) }, arms).verdict;
}

/** What the judge is told of the run beside its samples. */
export function environmentOf({ traffic, environment, observations }: Omit<JudgedFacts, "policy">): Environment {
  const { achieved_rps: achieved } = traffic;
  const given: Environment = {};
  if (traffic.target_rps !== null) given.targetRps = traffic.target_rps;
  if (achieved.baseline !== null && achieved.canary !== null && traffic.source === "k6") {
    given.achievedRps = { baseline: achieved.baseline, canary: achieved.canary };
  }
  if (traffic.dropped_iterations !== null) {
    // Those that one arm alone kept from being sent are failures of that arm, not of the generator.
    const judged = (observations.arms?.baseline?.not_sent ?? 0) + (observations.arms?.canary?.not_sent ?? 0);
    given.droppedIterations = traffic.dropped_iterations - judged;
  }
  if (observations.started_iterations !== null) given.startedIterations = observations.started_iterations;
  if (traffic.planned_canary_share !== null) given.plannedCanaryShare = traffic.planned_canary_share;
  if (traffic.observed_canary_share !== null) given.observedCanaryShare = traffic.observed_canary_share;
  if (environment.generator_cpu !== null) given.generatorCpu = environment.generator_cpu;
  if (environment.stolen_cpu !== null) given.stolenCpu = environment.stolen_cpu;
  if (environment.before_p95_ms !== null) given.beforeP95Ms = environment.before_p95_ms;
  return given;
}

/** Judges what was measured: a pure function of the facts and the samples. */
export function judgeFacts(facts: JudgedFacts, arms: { baseline: Recording; canary: Recording }): Judgement {
  const { observations, traffic } = facts;
  const policy = policyOf(facts);
  const { look, clock, prometheus, notes, blocking, unsure = false } = observations;
  const circumstances = { environment: environmentOf(facts), notes, blocking, unsure, measured: traffic.source === "k6" };
  if (prometheus) {
    return judgeSeries(
      prometheus.windows.map((w) => ({
        start: w.start,
        p95Ms: { baseline: w.baseline_p95_ms ?? undefined, canary: w.canary_p95_ms ?? undefined },
        saturated: { baseline: w.baseline_saturated, canary: w.canary_saturated },
        requests: { baseline: w.baseline_requests, canary: w.canary_requests },
        failures: { baseline: w.baseline_failures, canary: w.canary_failures },
      })),
      prometheus.step_seconds,
      { baseline: wholeOf(prometheus.baseline), canary: wholeOf(prometheus.canary), largestMs: prometheus.largest_bound_ms },
      policy,
      circumstances,
    );
  }
  return judge(arms.baseline.samples(), arms.canary.samples(), policy, {
    ...circumstances,
    design: traffic.pattern,
    look: { seconds: look.seconds, alphaFail: look.alpha_fail, alphaPass: look.alpha_pass, c: look.c },
    ...(clock ? { clock } : {}),
  });
}

function wholeOf({
  p95_ms,
  p95_interval_ms,
  saturated,
  bucket_ms,
}: NonNullable<Facts["observations"]["prometheus"]>["baseline"]) {
  return { p95Ms: p95_ms ?? undefined, p95Interval: p95_interval_ms ?? undefined, saturated, bucketMs: bucket_ms ?? 0 };
}
