import type { ReasonCode } from "../judge/verdict.ts";
import type { CanaryReport } from "./canary-report.ts";
import { formatChange, formatMs, formatShare } from "./numbers.ts";

/** What to do when nothing could be decided for this reason. */
const REMEDIES: Partial<Record<ReasonCode, string>> = {
  NOT_SIGNIFICANT: "Take more traffic: a longer duration, a longer max-extension or more rps.",
  LOW_SAMPLES: "Take more traffic: a longer duration or more rps.",
  NO_DATA: "See whether both arms are up, and whether paths and selectors are right.",
  NON_FINITE: "Mend what writes the samples: a value is no number, or its unit changes.",
  QUERY_ERROR: "Mend the query, or write the samples again.",
  MULTIPLE_SERIES: "Make the selectors exclude each other.",
  STALE_DATA: "Take fresh samples.",
  PARTIAL_DATA: "Take samples of both arms from the beginning to the end.",
  IDENTICAL_SAMPLES: "Give the canary's own samples.",
  SATURATED_HISTOGRAM: "Give the histogram larger buckets.",
  LABEL_ABSENT: "Mend prometheus-error-matcher: no series has that label.",
  BASELINE_ZERO: "Use a finer clock for latencies.",
  SPLIT_MISMATCH: "Send both arms the same requests in the planned shares.",
  ARM_NOT_ATTESTED: "See where the requests of each arm lead, and which release answers.",
  SAME_RELEASE: "See whether the canary was deployed: both arms are one release.",
  WRONG_HOST: "Let the script send to BASE_URL: requests went elsewhere.",
  TRAFFIC_BROKEN: "Mend the requests: the baseline itself refuses most of them.",
  UNANSWERED: "See why the canary answered nobody for a while, then run again.",
  LOAD_NOT_DELIVERED: "Use a larger machine for the traffic, or fewer rps.",
  ENVIRONMENT: "Run again on a calm machine.",
  SCRIPT_ERROR: "Mend the script; its log has the first errors.",
  CANCELLED: "Run again: this run was cancelled.",
};

/** What to do now, as a sentence or two. */
export function nextStep({ decision, verdict, reasons, cause, policy }: CanaryReport): string {
  if (decision === "PROCEED") {
    return verdict === "PASS"
      ? "Proceed: release the canary."
      : "Proceed, since on-inconclusive says so; nothing showed that the canary is good.";
  }
  if (decision === "ROLLBACK") {
    const why = verdict === "FAIL" ? "" : " on-inconclusive says so; nothing showed that the canary is bad.";
    return `Roll the canary back.${why}`;
  }
  if (verdict === "FAIL") {
    return `Hold: rolling back wouldn't help, the cause is the ${cause.class === "upstream" ? "dependency that both arms share" : "environment"}. Mend that and run again.`;
  }
  const code = reasons.find(({ severity }) => severity !== "info")?.code ?? reasons[0]?.code;
  const remedy = (code && REMEDIES[code]) ?? "Look at the reasons and run again.";
  return `Hold: release nothing and roll nothing back${policy.on_inconclusive === "hold" ? "" : " yet"}. ${remedy}`;
}

/** Where to look: the worst route and the part of a request that grew most; foreign text of the report, to be escaped. */
export function culprit({ verdict, routes, cause }: CanaryReport): string | undefined {
  if (verdict === "PASS") return undefined;
  const parts: string[] = [];
  const route = routes.find(({ status }) => status === "FAIL" || status === "INCONCLUSIVE");
  if (route !== undefined) {
    const { baseline, canary, delta_percent: delta } = route;
    const errors = `errors ${formatShare(canary.error_rate)} against ${formatShare(baseline.error_rate)}`;
    parts.push(`Worst route: ${route.name} (p95 ${formatMs(canary.p95_ms)}, ${formatChange(delta)}; ${errors}).`);
  }
  const grown = cause.evidence
    .filter(({ source, baseline, canary }) => source === "phases" && baseline !== null && canary !== null)
    .toSorted((a, b) => b.canary! - b.baseline! - (a.canary! - a.baseline!))[0];
  if (grown !== undefined)
    parts.push(`The time is spent in ${grown.name}: p95 ${formatMs(grown.canary)} against ${formatMs(grown.baseline)}.`);
  return parts.length === 0 ? undefined : parts.join(" ");
}

/** How a route's test is marked in a table; a dash where there was none to make, since the route is the whole run. */
export function routeMark(status: CanaryReport["routes"][number]["status"]): string {
  return status === "FAIL"
    ? "worse"
    : status === "INCONCLUSIVE"
      ? "suspicious"
      : status === "PASS"
        ? "fine"
        : status === null
          ? "too few to say"
          : "–";
}
