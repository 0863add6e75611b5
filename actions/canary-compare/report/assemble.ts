import { wilson } from "../../lib/judge/errors.ts";
import type { ArmFigures, Judgement } from "../../lib/judge/judgement.ts";
import type { RouteJudgement, RouteTest } from "../../lib/judge/routes.ts";
import { decide, type Reason } from "../../lib/judge/verdict.ts";
import type { CanaryReport } from "../../lib/report/canary-report.ts";
import type { Recording } from "../samples/recording.ts";
import { findCause } from "./cause.ts";
import { type Facts, rounded } from "./facts.ts";
import { withFailures } from "./failures.ts";
import { judgeFacts } from "./judge-facts.ts";

const Z95 = 1.959963984540054;
/** Routes listed in a report, the worst first. */
const MOST_ROUTES = 20;

/**
 * Makes the report: a pure function of what was measured. The same facts and samples give the same report, to the byte.
 */
export function assemble(facts: Facts, arms: { baseline: Recording; canary: Recording }): CanaryReport {
  const { observations } = facts;
  const judgement = withFailures(judgeFacts(facts, arms), observations.arms);
  const routes = compareRoutes(judgement);
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
    summary: summarise(judgement, reasons, facts.policy),
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

function summarise(judgement: Judgement, reasons: readonly Reason[], policy: Facts["policy"]): string {
  const { baseline, canary, verdict } = judgement;
  if (verdict === "PASS") {
    const { evidence, limitRatio } = judgement.latency;
    const ratio = policy.mode === "strict" ? ratioOf(canary.p95Ms, baseline.p95Ms) : evidence?.judged.ratio;
    const raised =
      limitRatio !== undefined && limitRatio > policy.max_p95_ratio ? `, by min-p95-delta-ms ${policy.min_p95_delta_ms} ms` : "";
    const p95 =
      ratio === undefined || limitRatio === undefined
        ? ""
        : `p95 ×${ratio.toFixed(3)} (limit ×${limitRatio.toFixed(3)}${raised}), `;
    const slower = ratio !== undefined && ratio > policy.max_p95_ratio;
    const lead = slower ? "The canary is slower than its baseline, within the limit" : "The canary is as good as its baseline";
    return `${lead}: ${p95}errors ${share(canary)} against ${share(baseline)}.`;
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

/** @param judged the ratio that decided, where it isn't the one of the two values */
function compared(canary: number | undefined, baseline: number | undefined, judged?: number) {
  const ratio = judged ?? ratioOf(canary, baseline);
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
  const judged = policy.mode === "strict" ? undefined : evidence?.judged;
  return {
    name: "p95",
    unit: "ms",
    baseline: arm(baseline),
    canary: arm(canary),
    ...compared(canary.p95Ms, baseline.p95Ms, judged?.ratio),
    ...(judged ? { ratio_kind: judged.kind } : {}),
    typical_ratio: rounded(evidence && Math.exp(evidence.typical.est)),
    stall_ratio: rounded(evidence && Math.exp(evidence.stall.est)),
    ratio_interval: judged ? [rounded(judged.interval[0]), rounded(judged.interval[1])] : null,
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

/** Routes by harm: those that fail, those that rose suspiciously, then the rest by their number of requests. */
function compareRoutes({ routes }: Judgement): CanaryReport["routes"] {
  const size = ({ requests }: RouteJudgement) => requests.baseline + requests.canary;
  return routes
    .map((route) => ({ route, test: worseTest(route) }))
    .toSorted(
      (a, b) =>
        harmOf(a.test) - harmOf(b.test) ||
        (harmOf(a.test) < 2 ? a.test!.pValue - b.test!.pValue : 0) ||
        size(b.route) - size(a.route) ||
        (a.route.name < b.route.name ? -1 : 1),
    )
    .slice(0, MOST_ROUTES)
    .map(({ route, test }) => {
      const { name, requests, failures, p95Ms } = route;
      const side = (arm: "baseline" | "canary") => ({
        requests: requests[arm],
        p95_ms: rounded(p95Ms[arm]),
        error_rate: rounded(requests[arm] === 0 ? undefined : failures[arm] / requests[arm]),
      });
      return {
        name,
        baseline: side("baseline"),
        canary: side("canary"),
        delta_percent: compared(p95Ms.canary, p95Ms.baseline).delta_percent,
        ...(routes.length === 1
          ? {}
          : { status: test === undefined ? null : STATUS[test.status], p_value: rounded(test?.pValue) }),
      };
    });
}

const STATUS = { pass: "PASS", suspicious: "INCONCLUSIVE", fail: "FAIL" } as const;

/** The worse of a route's tests; undefined where the route has too few requests for either. */
function worseTest({ latency, errors }: RouteJudgement): RouteTest | undefined {
  const tests = [latency, errors].filter((test) => test !== undefined);
  return tests.sort((a, b) => harmOf(a) - harmOf(b) || a.pValue - b.pValue)[0];
}

function harmOf(test: RouteTest | undefined): number {
  return test?.status === "fail" ? 0 : test?.status === "suspicious" ? 1 : 2;
}
