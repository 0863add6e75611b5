import { SATURATED_CPU } from "../lib/judge/environment.ts";
import { byVerdict, type Reason, type ReasonCode, type Verdict, worst } from "../lib/judge/verdict.ts";
import type { K6Ending } from "../lib/k6/exit-codes.ts";
import type { SmokeLimits } from "./inputs.ts";
import type { Failure, Measurement } from "./measure.ts";

/** More dropped iterations than this share of the planned ones: the load wasn't delivered. */
export const MAX_DROPPED_SHARE = 0.01;
/** Failures and checks that a sentence names. */
const MOST_NAMED = 3;
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
  /** Whether the script has a threshold of its own on its checks, which then decides about them. */
  judgesChecks: boolean;
  /** CPU time of k6 as a share of what it may use, 0–1; null when it isn't known. */
  generatorCpu: number | null;
}

/**
 * Judges a smoke run.
 *
 * A limit that is broken on enough requests fails even when less load than asked was delivered: fewer requests only
 * flatter a service. Everything else that is missing makes the run inconclusive, never a pass. When not one request
 * succeeded the service is down, however few the requests were.
 */
export function judgeSmoke(measured: Measurement, limits: SmokeLimits, facts: RunFacts): Judgement {
  const { requests, failed, p95Ms, errorRate, rps } = measured;
  const enough = requests >= limits.minRequests;
  const broken = brokenFindings(measured, facts);
  const findings = [
    ...errorFindings(measured, limits, enough),
    ...latencyFindings(measured, limits, facts, enough),
    ...scriptFindings(measured, limits, facts, enough),
    ...loadFindings(measured, limits),
    ...broken.findings,
  ];
  const seen: Verdict = p95Ms !== null && errorRate !== null ? "PASS" : "INCONCLUSIVE";
  const verdict = worst([seen, ...findings.map((one) => one.verdict)]);
  if (verdict === "PASS") {
    const message = `p95 ${milliseconds(p95Ms)} ≤ ${milliseconds(limits.p95Ms)} and error rate ${percent(errorRate)} ≤ ${percent(limits.errorRate)} over ${requests} requests`;
    findings.unshift({ verdict, reason: { code: "OK", metric: null, severity: "info", message } });
  }
  const checks = measured.checks.passed + measured.checks.failed;
  const checkLimit = facts.judgesChecks ? "the script's own" : `≤ ${percent(limits.checkFailureRate)}`;
  const known = errorRate !== null && (enough || failed === requests);
  return {
    verdict,
    reasons: findings.toSorted((a, b) => byVerdict(a.verdict, b.verdict)).map((one) => one.reason),
    rules: [
      rule("p95 latency", milliseconds(p95Ms), `≤ ${milliseconds(limits.p95Ms)}`, findings, "p95", p95Ms !== null && enough),
      rule("error rate", percent(errorRate), `≤ ${percent(limits.errorRate)}`, findings, "error_rate", known),
      ...(checks === 0
        ? []
        : [rule("failed checks", percent(measured.checks.failed / checks), checkLimit, findings, "checks", enough)]),
      rule("requests", String(requests), `≥ ${limits.minRequests}`, findings, "requests", requests > 0),
      rule("requests/s", rate(rps), `≥ ${rate(limits.minRps)}`, findings, "rps", rps !== null),
      rule(
        "dropped iterations",
        percent(droppedShare(measured)),
        `≤ ${percent(MAX_DROPPED_SHARE)}`,
        findings,
        "dropped_iterations",
        droppedShare(measured) !== null,
      ),
    ],
    broken: broken.broken,
  };
}

function errorFindings(
  { requests, failed, unanswered, errorRate, failures }: Measurement,
  limits: SmokeLimits,
  enough: boolean,
): Finding[] {
  if (requests > 0 && failed === requests) {
    const down =
      failures.length > 0 && failures.every(({ what }) => !what.startsWith("status "))
        ? ". Is the service running at base-url?"
        : "";
    return [fail("ERROR_RATE_EXCEEDED", "error_rate", `none of ${requests} requests succeeded${named(failures)}${down}`)];
  }
  const allowed = limits.errorRate * requests * (1 + 1e-12);
  if (!enough || errorRate === null || failed <= allowed) return [];
  // Those without an answer alone make the difference.
  const code = failed - unanswered <= allowed ? "UNANSWERED" : "ERROR_RATE_EXCEEDED";
  const message = `error rate ${percent(errorRate)} (${failed} of ${requests}) > limit ${percent(limits.errorRate)}${named(failures)}`;
  return [fail(code, "error_rate", message)];
}

function latencyFindings({ p95Ms }: Measurement, limits: SmokeLimits, { generatorCpu }: RunFacts, enough: boolean): Finding[] {
  const findings: Finding[] = [];
  const saturated = generatorCpu !== null && generatorCpu > SATURATED_CPU;
  if (saturated) {
    const message = `k6 used ${percent(generatorCpu)} of the CPU that it may use > ${percent(SATURATED_CPU)}: its latencies hold its own waiting. Lower rps, or give the machine more cores`;
    findings.push(unsure("ENVIRONMENT", "p95", message));
  }
  if (enough && p95Ms !== null && p95Ms > limits.p95Ms * (1 + 1e-12)) {
    const message = `p95 ${milliseconds(p95Ms)} > limit ${milliseconds(limits.p95Ms)}`;
    findings.push((saturated ? unsure : fail)("P95_CEILING_EXCEEDED", "p95", message));
  }
  return findings;
}

/** What the script itself says: its thresholds, and its checks. */
function scriptFindings(
  { checks, failedChecks }: Measurement,
  limits: SmokeLimits,
  { ending, judgesChecks }: RunFacts,
  enough: boolean,
): Finding[] {
  const findings: Finding[] = [];
  if (ending.kind === "thresholds") findings.push(fail("THRESHOLD_CROSSED", null, `${ending.message}; k6 ended with 99`));
  const total = checks.passed + checks.failed;
  if (!judgesChecks && enough && checks.failed > limits.checkFailureRate * total * (1 + 1e-12)) {
    const which = failedChecks.map(({ name, failed, passed }) => `"${name}" ${failed} of ${failed + passed}`);
    const message = `failed checks ${percent(checks.failed / total)} (${checks.failed} of ${total}) > limit ${percent(limits.checkFailureRate)}${listed(which)}`;
    findings.push(fail("CHECKS_FAILED", "checks", message));
  }
  return findings;
}

function loadFindings(measured: Measurement, limits: SmokeLimits): Finding[] {
  const { requests, rps, droppedIterations, iterations } = measured;
  const findings: Finding[] = [];
  if (requests > 0 && requests < limits.minRequests) {
    const remedy = "Raise rps or duration, or lower min-requests";
    findings.push(unsure("LOW_SAMPLES", "requests", `${requests} requests < min-requests ${limits.minRequests}. ${remedy}`));
  }
  // Compared as it is shown: k6 starts requests at the millisecond, so 49.98 is 50.
  if (requests > 0 && (rps === null || Math.round(rps * 10) / 10 < limits.minRps)) {
    const remedy = "Give the load generator more CPU, shorten what the script waits, or lower rps or min-rps";
    findings.push(unsure("LOAD_NOT_DELIVERED", "rps", `${rate(rps)} requests/s < min-rps ${rate(limits.minRps)}. ${remedy}`));
  }
  const share = droppedShare(measured);
  if (share !== null && share > MAX_DROPPED_SHARE) {
    const message = `${droppedIterations} of ${iterations + droppedIterations} iterations dropped (${percent(share)}) > ${percent(MAX_DROPPED_SHARE)}: the earlier ones were still waiting for their answers. Lower rps, or find out why they take so long`;
    findings.push(unsure("LOAD_NOT_DELIVERED", "dropped_iterations", message));
  }
  return findings;
}

function droppedShare({ droppedIterations, iterations }: Measurement): number | null {
  const planned = iterations + droppedIterations;
  return planned === 0 ? null : droppedIterations / planned;
}

/** What kept the run from being measured. */
function brokenFindings({ requests, iterations }: Measurement, facts: RunFacts): { findings: Finding[]; broken: boolean } {
  const findings: Finding[] = [];
  let broken = false;
  const breaks = (code: ReasonCode, message: string) => {
    broken = true;
    findings.push({ verdict: "INCONCLUSIVE", reason: { code, metric: null, severity: "error", message } });
  };
  const { ending, exceptions, unusable } = facts;
  if (ending.kind === "cancelled") breaks("CANCELLED", `${ending.message}; the numbers are those of the part that ran`);
  if (ending.kind === "failed") breaks("SCRIPT_ERROR", ending.message);
  const finished = ending.kind === "finished" || ending.kind === "thresholds";
  for (const problem of finished ? unusable : []) breaks("NO_DATA", problem);
  if (exceptions > 0 && iterations === 0) {
    // An ending that failed has told it already, with k6's own words.
    if (!broken)
      breaks("SCRIPT_ERROR", "the script threw an exception before its first iteration; k6's log shows it. Mend the script");
  } else if (exceptions > 0) {
    const message = `${exceptions} of ${iterations} iterations threw an exception; k6's log shows it`;
    if (exceptions > MAX_EXCEPTION_SHARE * iterations) breaks("SCRIPT_ERROR", `${message}. Mend the script`);
    else findings.push({ verdict: "PASS", reason: { code: "SCRIPT_ERROR", metric: null, severity: "warning", message } });
  }
  if (requests === 0 && finished && !broken) {
    breaks("NO_DATA", "the script made no HTTP request. Check that its scenarios run and that it uses k6/http");
  }
  return { findings, broken };
}

/** Routes with what happened on them, for the end of a sentence. */
function named(failures: readonly Failure[]): string {
  return listed(failures.map(({ route, what, count }) => `${route} ${what} × ${count}`));
}

/** The first of some things, for the end of a sentence. */
function listed(things: readonly string[]): string {
  if (things.length === 0) return "";
  const more = things.length > MOST_NAMED ? ` and ${things.length - MOST_NAMED} more` : "";
  return `: ${things.slice(0, MOST_NAMED).join(", ")}${more}`;
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

function fail(code: ReasonCode, metric: string | null, message: string): Finding {
  return { verdict: "FAIL", reason: { code, metric, severity: "error", message } };
}

function unsure(code: ReasonCode, metric: string | null, message: string): Finding {
  return { verdict: "INCONCLUSIVE", reason: { code, metric, severity: "warning", message } };
}

function rule(name: string, measured: string, limit: string, findings: readonly Finding[], metric: string, known: boolean): Rule {
  const about = findings.filter((one) => one.reason.metric === metric);
  return { name, measured, limit, verdict: worst([known ? "PASS" : "INCONCLUSIVE", ...about.map((one) => one.verdict)]) };
}
