import type { Environment } from "../../lib/judge/environment.ts";
import { wilson } from "../../lib/judge/errors.ts";
import { judge } from "../../lib/judge/judge.ts";
import { type ArmFigures, DEFAULT_POLICY, type Judgement, type Policy } from "../../lib/judge/judgement.ts";
import { quantileSorted } from "../../lib/judge/quantiles.ts";
import { judgeSeries } from "../../lib/judge/series.ts";
import { decide, type Reason } from "../../lib/judge/verdict.ts";
import type { CanaryReport } from "../../lib/report/canary-report.ts";
import { ARMS, type ArmName, type Recording } from "../samples/recording.ts";
import { findCause } from "./cause.ts";
import { type Facts, rounded } from "./facts.ts";
import { withFailures } from "./failures.ts";

const Z95 = 1.959963984540054;
/** Routes listed in a report, those with the most requests first. */
const MOST_ROUTES = 20;

/** The policy of a report, as the judge takes it. */
export function policyOf({ policy }: Pick<Facts, "policy">): Policy {
  return {
    mode: policy.mode,
    maxP95Ratio: policy.max_p95_ratio,
    minP95DeltaMs: policy.min_p95_delta_ms,
    maxErrorRatio: policy.max_error_ratio,
    minErrorRate: policy.min_error_rate,
    maxErrorRate: policy.max_error_rate ?? DEFAULT_POLICY.maxErrorRate,
    minSamples: policy.min_samples,
    ...(policy.p95_ceiling_ms === null ? {} : { p95CeilingMs: policy.p95_ceiling_ms }),
  };
}

/**
 * Makes the report: a pure function of what was measured. The same facts and samples give the same report, to the byte.
 */
export function assemble(facts: Facts, arms: { baseline: Recording; canary: Recording }): CanaryReport {
  const { observations } = facts;
  const judgement = withFailures(judgeFacts(facts, arms), observations.arms);
  const routes = compareRoutes(arms);
  const cause = findCause(judgement, observations.evidence, routes);
  const evidence = cause.evidence.map((item) => ({
    ...item,
    baseline: rounded(item.baseline ?? undefined),
    canary: rounded(item.canary ?? undefined),
  }));
  const { decision, override } = decide(judgement.verdict, facts.policy.on_inconclusive, cause.class);
  const reasons: Reason[] = [...judgement.reasons, ...(override ? [override] : [])];
  return {
    schema_version: 1,
    kind: "canary-report",
    run: facts.run,
    generated_at: facts.generated_at,
    environment: facts.environment,
    baseline: facts.baseline,
    canary: facts.canary,
    traffic: facts.traffic,
    verdict: judgement.verdict,
    decision,
    summary: summarise(judgement, reasons),
    reasons,
    metrics: [p95Metric(judgement, facts), errorMetric(judgement, facts)],
    routes,
    cause: { class: cause.class, evidence },
    error_budget: facts.error_budget,
    self_check: facts.self_check,
    policy: { ...facts.policy, overrides: override ? [override.message] : [] },
    inputs: facts.inputs,
    observations,
  };
}

/** What the judge is told of the run beside its samples. */
export function environmentOf({ traffic, environment, observations }: Facts): Environment {
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

function judgeFacts(facts: Facts, arms: { baseline: Recording; canary: Recording }): Judgement {
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

function wholeOf({ p95_ms, p95_interval_ms, saturated }: NonNullable<Facts["observations"]["prometheus"]>["baseline"]) {
  return { p95Ms: p95_ms ?? undefined, p95Interval: p95_interval_ms ?? undefined, saturated };
}

function summarise(judgement: Judgement, reasons: readonly Reason[]): string {
  const { baseline, canary, verdict } = judgement;
  if (verdict === "PASS") {
    const { evidence, limitRatio } = judgement.latency;
    const ratio = evidence ? Math.exp(evidence.typical.est) : ratioOf(canary.p95Ms, baseline.p95Ms);
    const p95 =
      ratio === undefined || limitRatio === undefined ? "" : `p95 ×${ratio.toFixed(3)} (limit ×${limitRatio.toFixed(3)}), `;
    return `The canary is as good as its baseline: ${p95}errors ${share(canary)} against ${share(baseline)}.`;
  }
  const decisive = reasons.find((reason) => reason.severity === (verdict === "FAIL" ? "error" : "warning")) ?? reasons[0]!;
  const lead = verdict === "FAIL" ? "The canary is worse than its baseline" : "The evidence does not tell";
  return `${lead}: ${decisive.message}.`;
}

function share(arm: ArmFigures): string {
  return arm.requests === 0 ? "not known" : `${((100 * arm.failures) / arm.requests).toFixed(2)} %`;
}

type Metric = CanaryReport["metrics"][number];

function reasonCode(judgement: Judgement, name: "p95" | "error_rate", status: Metric["status"]): Metric["reason_code"] {
  if (status === "PASS") return "OK";
  const severity = status === "FAIL" ? "error" : "warning";
  const own = judgement.reasons.find((reason) => reason.metric === name && reason.severity === severity);
  return (own ?? judgement.reasons.find((reason) => reason.severity === severity) ?? judgement.reasons[0]!).code;
}

function ratioOf(canary: number | undefined, baseline: number | undefined): number | undefined {
  return canary === undefined || baseline === undefined || baseline <= 0 ? undefined : canary / baseline;
}

function compared(canary: number | undefined, baseline: number | undefined) {
  const ratio = ratioOf(canary, baseline);
  return {
    delta: rounded(canary === undefined || baseline === undefined ? undefined : canary - baseline),
    delta_percent: rounded(ratio === undefined ? undefined : (ratio - 1) * 100),
    ratio: rounded(ratio),
  };
}

function p95Metric(judgement: Judgement, facts: Facts): Metric {
  const { baseline, canary, latency, look } = judgement;
  const { evidence } = latency;
  const { policy, observations } = facts;
  const arm = (figures: ArmFigures) => ({
    value: rounded(figures.p95Ms),
    n: figures.successes,
    interval: figures.p95Interval
      ? ([rounded(figures.p95Interval[0]), rounded(figures.p95Interval[1])] as [number, number])
      : null,
  });
  const limits: Metric["limits"] = [
    { kind: "ratio", value: rounded(latency.limitRatio ?? policy.max_p95_ratio), source: "max-p95-ratio, min-p95-delta-ms" },
  ];
  if (policy.p95_ceiling_ms !== null) limits.push({ kind: "absolute", value: policy.p95_ceiling_ms, source: "p95-ceiling-ms" });
  return {
    name: "p95",
    unit: "ms",
    baseline: arm(baseline),
    canary: arm(canary),
    ...compared(canary.p95Ms, baseline.p95Ms),
    typical_ratio: rounded(evidence && Math.exp(evidence.typical.est)),
    stall_ratio: rounded(evidence && Math.exp(evidence.stall.est)),
    ratio_interval: evidence ? [rounded(evidence.ratioInterval[0]), rounded(evidence.ratioInterval[1])] : null,
    p_value: rounded(evidence?.pValue),
    method: {
      id: policy.mode === "strict" ? "bare-rule" : "hodges-lehmann-jackknife",
      alpha: look.alphaFail,
      looks: observations.look.number,
    },
    limits,
    min_detectable_ratio: rounded(evidence?.minDetectableRatio),
    status: latency.verdict,
    reason_code: reasonCode(judgement, "p95", latency.verdict),
  };
}

function errorMetric(judgement: Judgement, facts: Facts): Metric {
  const { baseline, canary, errors, look } = judgement;
  const { evidence } = errors;
  const { policy, observations } = facts;
  const rate = (figures: ArmFigures) => (figures.requests === 0 ? undefined : figures.failures / figures.requests);
  const arm = (figures: ArmFigures) => {
    const [low, high] = wilson(figures.failures, figures.requests, Z95);
    const interval = figures.requests === 0 ? null : ([rounded(low), rounded(high)] as [number, number]);
    return { value: rounded(rate(figures)), n: figures.requests, interval };
  };
  const limit = evidence?.limit ?? policy.min_error_rate;
  return {
    name: "error_rate",
    unit: "ratio",
    baseline: arm(baseline),
    canary: arm(canary),
    ...compared(rate(canary), rate(baseline)),
    typical_ratio: null,
    stall_ratio: null,
    ratio_interval: evidence?.ratioInterval ? [rounded(evidence.ratioInterval[0]), rounded(evidence.ratioInterval[1])] : null,
    p_value: rounded(evidence?.pValue),
    method: {
      id: policy.mode === "strict" ? "bare-rule" : "conditional-binomial",
      alpha: look.alphaFail,
      looks: observations.look.number,
    },
    limits: [{ kind: "absolute", value: rounded(limit), source: "max(max-error-ratio × baseline, min-error-rate)" }],
    min_detectable_ratio: null,
    status: errors.verdict,
    reason_code: reasonCode(judgement, "error_rate", errors.verdict),
  };
}

function compareRoutes(arms: Record<ArmName, Recording>): CanaryReport["routes"] {
  const byRoute = new Map<string, Record<ArmName, { latencies: number[]; requests: number }>>();
  for (const arm of ARMS) {
    const { route, latencyMs, ok, length } = arms[arm];
    for (let i = 0; i < length; i++) {
      const name = route[i];
      if (name === undefined) continue;
      const entry = byRoute.get(name) ?? { baseline: { latencies: [], requests: 0 }, canary: { latencies: [], requests: 0 } };
      entry[arm].requests++;
      if (ok[i]) entry[arm].latencies.push(latencyMs[i]!);
      byRoute.set(name, entry);
    }
  }
  const p95Of = (latencies: number[]) =>
    latencies.length === 0 ? undefined : quantileSorted(Float64Array.from(latencies).sort(), 0.95);
  return [...byRoute.entries()]
    .sort(
      ([nameA, a], [nameB, b]) =>
        b.baseline.requests + b.canary.requests - a.baseline.requests - a.canary.requests || (nameA < nameB ? -1 : 1),
    )
    .slice(0, MOST_ROUTES)
    .map(([name, entry]) => {
      const side = ({ latencies, requests }: { latencies: number[]; requests: number }) => ({
        requests,
        p95_ms: rounded(p95Of(latencies)),
        error_rate: rounded(requests === 0 ? undefined : (requests - latencies.length) / requests),
      });
      const { delta_percent } = compared(p95Of(entry.canary.latencies), p95Of(entry.baseline.latencies));
      return { name, baseline: side(entry.baseline), canary: side(entry.canary), delta_percent };
    });
}
