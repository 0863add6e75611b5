import { wilson } from "./errors.ts";
import { type Facts, ms, percent, times } from "./reasons.ts";
import type { RouteJudgement } from "./routes.ts";
import type { Reason } from "./verdict.ts";

const Z95 = 1.959963984540054;
/** Share of the time in which the canary alone got nothing: beyond it p95 of those who wait is the silence itself. */
const MOST_SILENT = 0.05;
/** A silence longer than this share of the time keeps from passing. */
const LEAST_SILENT = 0.01;
/** Routes told as reasons, the worst first. */
const MOST_ROUTES = 3;

/** A canary above the absolute ceiling of p95: an error when its whole interval is, a warning when only its value is. */
export function ceilingReasons({ policy, figures }: Facts): Reason[] {
  const { p95Ms, p95Interval } = figures.canary;
  const ceiling = policy.p95CeilingMs;
  if (ceiling === undefined || p95Ms === undefined || p95Ms <= ceiling) return [];
  const message = `canary p95 ${ms(p95Ms)} > ${ceiling} ms (p95-ceiling-ms)`;
  // A source that knows no interval has but the value.
  if (policy.mode === "strict" || p95Interval === undefined || p95Interval[0] > ceiling) {
    return [{ code: "P95_CEILING_EXCEEDED", metric: "p95", severity: "error", message }];
  }
  const unsure = `${message}, but its interval begins at ${ms(p95Interval[0])}`;
  return [{ code: "NOT_SIGNIFICANT", metric: "p95", severity: "warning", message: unsure }];
}

/**
 * Error rates above `max-error-rate`: the baseline's says that the traffic itself is broken, so that nothing can pass; the canary's alone
 * fails, surely when its whole interval is above.
 */
export function errorCeilingReasons({ policy, figures }: Facts): Reason[] {
  const { baseline, canary } = figures;
  const ceiling = policy.maxErrorRate;
  const rate = ({ failures, requests }: typeof baseline) => failures / requests;
  const shown = (arm: typeof baseline) => `${percent(rate(arm))} (${arm.failures} of ${arm.requests})`;
  if (rate(baseline) > ceiling) {
    const message = `the baseline's own error rate ${shown(baseline)} > ${percent(ceiling)} (max-error-rate): the requests are wrong or the service is down, so nothing is compared`;
    return [{ code: "TRAFFIC_BROKEN", metric: "error_rate", severity: "warning", message }];
  }
  if (rate(canary) <= ceiling) return [];
  const message = `canary's error rate ${shown(canary)} > ${percent(ceiling)} (max-error-rate)`;
  const [low] = wilson(canary.failures, canary.requests, Z95);
  if (policy.mode === "strict" || low > ceiling) {
    return [{ code: "ERROR_CEILING_EXCEEDED", metric: "error_rate", severity: "error", message }];
  }
  const unsure = `${message}, but its interval begins at ${percent(low)}`;
  return [{ code: "NOT_SIGNIFICANT", metric: "error_rate", severity: "warning", message: unsure }];
}

/** Time in which the canary alone got nothing. What the baseline had as well is nobody's. */
export function silenceReasons({ silence, look, policy }: Facts): Reason[] {
  const more = silence.canary.seconds - silence.baseline.seconds;
  if (policy.mode === "strict" || more <= LEAST_SILENT * look.seconds) return [];
  const { from, seconds } = silence.canary.longest!;
  const message = `the canary answered nobody for ${silence.canary.seconds.toFixed(1)} s of ${look.seconds.toFixed(1)} s while the baseline went on; longest from second ${from.toFixed(1)} for ${seconds.toFixed(1)} s`;
  const severity = more > MOST_SILENT * look.seconds ? "error" : "warning";
  return [{ code: "UNANSWERED", metric: null, severity, message }];
}

/** A unit that seems to change keeps from passing, and takes no FAIL away. */
export function unitReasons(doubt: { arm: "baseline" | "canary"; message: string } | undefined): Reason[] {
  if (doubt === undefined) return [];
  return [{ code: "NON_FINITE", metric: "p95", severity: "warning", message: `${doubt.arm}: ${doubt.message}` }];
}

/**
 * Routes that are worse, the worst first; a rise that is too clear to pass is a warning.
 *
 * @param held whether latency may not fail, for what both arms share
 */
export function routeReasons(facts: Facts, held: boolean): Reason[] {
  const found = facts.routes.flatMap((route) => [...routeErrors(route), ...routeLatency(route, held)]);
  return found
    .toSorted((a, b) => a.weight - b.weight)
    .slice(0, MOST_ROUTES)
    .map(({ reason }) => reason);
}

interface Weighed {
  /** The smaller, the worse. */
  weight: number;
  reason: Reason;
}

function routeErrors({ name, errors, requests, failures }: RouteJudgement): Weighed[] {
  if (errors === undefined || errors.status === "pass") return [];
  const rate = (arm: "baseline" | "canary") => `${percent(failures[arm] / requests[arm])} (${failures[arm]} of ${requests[arm]})`;
  const pair = `${name}: errors ${rate("canary")} against ${rate("baseline")}`;
  if (errors.status === "fail") {
    const message = `${pair} > ${percent(errors.limit)}`;
    return [{ weight: errors.pValue, reason: { code: "ERROR_RATE_EXCEEDED", metric: "error_rate", severity: "error", message } }];
  }
  const message = `${pair}: a rise that chance hardly explains (p = ${errors.pValue.toPrecision(2)}), on one route`;
  return [{ weight: 1 + errors.pValue, reason: { code: "NOT_SIGNIFICANT", metric: "error_rate", severity: "warning", message } }];
}

function routeLatency({ name, latency, p95Ms }: RouteJudgement, held: boolean): Weighed[] {
  if (latency === undefined || latency.status === "pass") return [];
  const pair = `${name}: p95 ${ms(p95Ms.canary)} against ${ms(p95Ms.baseline)}`;
  if (latency.status === "fail" && !held) {
    const message = `${pair} > ${times(latency.limit)}`;
    return [{ weight: latency.pValue, reason: { code: "P95_RATIO_EXCEEDED", metric: "p95", severity: "error", message } }];
  }
  const message = held
    ? `${pair} > ${times(latency.limit)}; held back, see the other reasons`
    : `${pair}: a rise that chance hardly explains (p = ${latency.pValue.toPrecision(2)}), on one route`;
  return [{ weight: 1 + latency.pValue, reason: { code: "NOT_SIGNIFICANT", metric: "p95", severity: "warning", message } }];
}
