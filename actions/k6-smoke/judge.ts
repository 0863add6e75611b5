import { byVerdict, type Reason, type ReasonCode, type Verdict, worst } from "../lib/judge/verdict.ts";
import type { K6Ending } from "../lib/k6/exit-codes.ts";
import type { SmokeLimits } from "./inputs.ts";
import type { Measurement } from "./measure.ts";

/** More dropped iterations than this share of the planned ones: the load wasn't delivered. */
export const MAX_DROPPED_SHARE = 0.01;
/** More iterations than this share that threw: the script doesn't measure what it means to. */
export const MAX_EXCEPTION_SHARE = 0.01;

export interface Rule {
  name: string;
  measured: string;
  limit: string;
  verdict: Verdict;
}

export interface Judgement {
  verdict: Verdict;
  /** Worst first; one with code OK when nothing is wrong. */
  reasons: Reason[];
  /** What was compared with what, for the verdict table. */
  rules: Rule[];
  /** The measurement itself could not be made: the step fails even where an inconclusive verdict would not. */
  broken: boolean;
}

export interface RunFacts {
  ending: K6Ending;
  exceptions: number;
  /** Why samples or k6's summary can't be used; empty when they can. */
  unusable: readonly string[];
}

/**
 * Judges a smoke run.
 *
 * A limit that is broken on enough requests fails even when less load than asked was delivered: fewer requests only
 * flatter a service. Everything else that is missing makes the run inconclusive, never a pass. When not one request
 * succeeded the service is down, however few the requests were.
 */
export function judgeSmoke(measured: Measurement, limits: SmokeLimits, facts: RunFacts): Judgement {
  const findings: Finding[] = [];
  const { requests, failed, p95Ms, errorRate, rps, droppedIterations, iterations } = measured;
  const enough = requests >= limits.minRequests;
  const noneSucceeded = requests > 0 && failed === requests;

  if (noneSucceeded) {
    findings.push(finding("FAIL", "ERROR_RATE_EXCEEDED", "error_rate", `none of ${requests} requests succeeded`));
  } else if (enough && errorRate !== null && failed > limits.errorRate * requests * (1 + 1e-12)) {
    findings.push(
      finding(
        "FAIL",
        "ERROR_RATE_EXCEEDED",
        "error_rate",
        `error rate ${percent(errorRate)} (${failed} of ${requests}) > limit ${percent(limits.errorRate)}`,
      ),
    );
  }
  const slow = p95Ms !== null && p95Ms > limits.p95Ms * (1 + 1e-12);
  if (enough && slow) {
    findings.push(
      finding("FAIL", "P95_CEILING_EXCEEDED", "p95", `p95 ${milliseconds(p95Ms)} > limit ${milliseconds(limits.p95Ms)}`),
    );
  }
  if (facts.ending.kind === "thresholds") {
    findings.push(finding("FAIL", "THRESHOLD_CROSSED", null, `${facts.ending.message}; k6 ended with 99`));
  }
  if (requests > 0 && !enough) {
    const remedy = "Raise rps or duration, or lower min-requests";
    findings.push(
      finding("INCONCLUSIVE", "LOW_SAMPLES", "requests", `${requests} requests < min-requests ${limits.minRequests}. ${remedy}`),
    );
  }
  // Compared as it is shown: k6 starts requests at the millisecond, so 49.98 is 50.
  if (requests > 0 && (rps === null || Math.round(rps * 10) / 10 < limits.minRps)) {
    const remedy = "Raise rps, give the load generator more CPU, or lower min-rps";
    findings.push(
      finding("INCONCLUSIVE", "LOAD_NOT_DELIVERED", "rps", `${rate(rps)} requests/s < min-rps ${limits.minRps}. ${remedy}`),
    );
  }
  const planned = iterations + droppedIterations;
  const droppedShare = planned === 0 ? 0 : droppedIterations / planned;
  if (droppedShare > MAX_DROPPED_SHARE) {
    const message = `${droppedIterations} of ${planned} iterations dropped (${percent(droppedShare)}) > ${percent(MAX_DROPPED_SHARE)}. Raise maxVUs in the script or lower rps`;
    findings.push(finding("INCONCLUSIVE", "LOAD_NOT_DELIVERED", "dropped_iterations", message));
  }

  let broken = false;
  const breaks = (code: ReasonCode, message: string) => {
    broken = true;
    findings.push({ verdict: "INCONCLUSIVE", reason: { code, metric: null, severity: "error", message } });
  };
  if (facts.ending.kind === "cancelled")
    breaks("CANCELLED", `${facts.ending.message}; the numbers are those of the part that ran`);
  if (facts.ending.kind === "failed") breaks("SCRIPT_ERROR", facts.ending.message);
  const finished = facts.ending.kind === "finished" || facts.ending.kind === "thresholds";
  for (const problem of finished ? facts.unusable : []) breaks("NO_DATA", problem);
  if (facts.exceptions > 0 && iterations === 0) {
    // An ending that failed has told it already, with k6's own words.
    if (!broken)
      breaks("SCRIPT_ERROR", "the script threw an exception before its first iteration; k6's log shows it. Mend the script");
  } else if (facts.exceptions > 0) {
    const message = `${facts.exceptions} of ${iterations} iterations threw an exception; k6's log shows it`;
    if (facts.exceptions > MAX_EXCEPTION_SHARE * iterations) breaks("SCRIPT_ERROR", `${message}. Mend the script`);
    else findings.push({ verdict: "PASS", reason: { code: "SCRIPT_ERROR", metric: null, severity: "warning", message } });
  }
  if (requests === 0 && finished && !broken) {
    breaks("NO_DATA", "the script made no HTTP request. Check that its scenarios run and that it uses k6/http");
  }

  const seen: Verdict = p95Ms !== null && errorRate !== null ? "PASS" : "INCONCLUSIVE";
  const verdict = worst([seen, ...findings.map((one) => one.verdict)]);
  if (verdict === "PASS") {
    const message = `p95 ${milliseconds(p95Ms)} ≤ ${milliseconds(limits.p95Ms)} and error rate ${percent(errorRate)} ≤ ${percent(limits.errorRate)} over ${requests} requests`;
    findings.unshift({ verdict, reason: { code: "OK", metric: null, severity: "info", message } });
  }
  return {
    verdict,
    reasons: findings.toSorted((a, b) => byVerdict(a.verdict, b.verdict)).map((one) => one.reason),
    rules: [
      rule("p95 latency", milliseconds(p95Ms), `≤ ${milliseconds(limits.p95Ms)}`, findings, ["p95"], p95Ms !== null && enough),
      rule(
        "error rate",
        percent(errorRate),
        `≤ ${percent(limits.errorRate)}`,
        findings,
        ["error_rate"],
        errorRate !== null && (enough || noneSucceeded),
      ),
      rule("requests", String(requests), `≥ ${limits.minRequests}`, findings, ["requests"], requests > 0),
      rule("requests/s", rate(rps), `≥ ${limits.minRps}`, findings, ["rps"], rps !== null),
      rule(
        "dropped iterations",
        percent(planned === 0 ? null : droppedShare),
        `≤ ${percent(MAX_DROPPED_SHARE)}`,
        findings,
        ["dropped_iterations"],
        planned > 0,
      ),
    ],
    broken,
  };
}

/** Milliseconds as a reader wants them; an unknown value is "–". */
export function milliseconds(value: number | null): string {
  return value === null ? "–" : `${trim(value, value < 10 ? 2 : 1)} ms`;
}

export function percent(ratio: number | null): string {
  return ratio === null ? "–" : `${trim(ratio * 100, 2)} %`;
}

function rate(value: number | null): string {
  return value === null ? "–" : trim(value, 1);
}

function trim(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

interface Finding {
  verdict: Verdict;
  reason: Reason;
}

function finding(verdict: Verdict, code: ReasonCode, metric: string | null, message: string): Finding {
  return { verdict, reason: { code, metric, severity: verdict === "FAIL" ? "error" : "warning", message } };
}

function rule(
  name: string,
  measured: string,
  limit: string,
  findings: readonly Finding[],
  metrics: readonly string[],
  known: boolean,
): Rule {
  const about = findings.filter((one) => one.reason.metric !== null && metrics.includes(one.reason.metric));
  return { name, measured, limit, verdict: worst([known ? "PASS" : "INCONCLUSIVE", ...about.map((one) => one.verdict)]) };
}
