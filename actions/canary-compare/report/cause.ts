import type { Judgement } from "../../lib/judge/judgement.ts";
import type { CauseClass } from "../../lib/judge/verdict.ts";
import type { CanaryReport, Evidence } from "../../lib/report/canary-report.ts";

/** A measurement that rose by less than this isn't named as a cause. */
const NOTABLE_RATIO = 1.2;

/** A route with fewer requests in an arm, and no test of its own, isn't named as a cause. */
const LEAST_REQUESTS = 100;

type Cause = CanaryReport["cause"];

function rose({ baseline, canary }: Evidence, least = NOTABLE_RATIO): boolean {
  return baseline !== null && canary !== null && canary > least * baseline && canary > 0;
}

/**
 * Says where a rise comes from.
 *
 * `environment` when the machine or the generator got in the way, or both arms are slower than before with no dependency to name;
 * `upstream` when both arms are slower than before and wait longer for a shared dependency; `canary` when the canary alone is worse;
 * `unknown` when nothing is known to be worse.
 *
 * @param evidence measurements: the arms' phases and metrics
 * @param routes of the report, for naming the worst
 */
export function findCause(judgement: Judgement, evidence: readonly Evidence[], routes: CanaryReport["routes"]): Cause {
  const gates: readonly string[] = ["ENVIRONMENT", "LOAD_NOT_DELIVERED"];
  const gated = judgement.reasons.filter((reason) => gates.includes(reason.code) && reason.metric === null);
  const found: Evidence[] = [];
  const { baseline, canary } = judgement;
  const limit = judgement.latency.limitRatio ?? 1;
  if (baseline.p95Ms !== undefined && canary.p95Ms !== undefined) {
    found.push({
      source: "arms",
      name: "p95",
      unit: "ms",
      baseline: baseline.p95Ms,
      canary: canary.p95Ms,
      message: `canary p95 ${canary.p95Ms.toFixed(1)} ms, baseline ${baseline.p95Ms.toFixed(1)} ms`,
    });
  }
  found.push(
    ...evidence.filter((item) => item.source === "before" || item.source === "generator" || item.source === "prometheus"),
  );
  found.push(...evidence.filter((item) => item.source === "phases" && rose(item)));
  found.push(...evidence.filter((item) => item.source === "metrics" && rose(item)));
  found.push(...worstRoutes(routes, limit));
  return { class: classify(judgement, gated.length > 0, evidence), evidence: found };
}

function classify(judgement: Judgement, gated: boolean, evidence: readonly Evidence[]): CauseClass {
  const before = evidence.find((item) => item.source === "before" && item.name === "p95");
  const upstream = evidence.find((item) => item.source === "before" && item.name !== "p95" && rose(item));
  const alone = judgement.design === "before-after" ? "unknown" : "canary";
  // A slow machine explains latency, not failures: those hit one arm only.
  if (judgement.reasons.some((reason) => reason.code === "ERROR_RATE_EXCEEDED" && reason.severity === "error")) return alone;
  if (judgement.slower && before && upstream) return "upstream";
  if (gated) return "environment";
  const worse = judgement.reasons.some((reason) => reason.severity === "error") || judgement.latency.evidence?.status === "fail";
  if (!worse) return "unknown";
  return alone;
}

function worstRoutes(routes: CanaryReport["routes"], limit: number): Evidence[] {
  return routes
    .filter(({ status, baseline, canary, delta_percent }) => {
      // A route that was judged is told by its judgement; of one with few requests anything may be chance.
      if (status === "FAIL" || status === "INCONCLUSIVE") return true;
      if (status === "PASS" || Math.min(baseline.requests, canary.requests) < LEAST_REQUESTS) return false;
      const slower = delta_percent !== null && delta_percent > (limit - 1) * 100;
      const failing =
        canary.error_rate !== null && baseline.error_rate !== null && canary.error_rate > baseline.error_rate + 0.01;
      return slower || failing;
    })
    .slice(0, 3)
    .map(({ name, baseline, canary, delta_percent }) => ({
      source: "routes",
      name,
      unit: "ms",
      baseline: baseline.p95_ms,
      canary: canary.p95_ms,
      message: `${name}: p95 ${delta_percent === null ? "not known" : `${delta_percent >= 0 ? "+" : ""}${delta_percent.toFixed(1)} %`}, errors ${percent(canary.error_rate)} against ${percent(baseline.error_rate)}`,
    }));
}

function percent(share: number | null): string {
  return share === null ? "not known" : `${(share * 100).toFixed(2)} %`;
}
