import { availableParallelism } from "node:os";
import type { Look } from "../../lib/judge/looks.ts";
import { quantile } from "../../lib/judge/quantiles.ts";
import type { Reason } from "../../lib/judge/verdict.ts";
import { cpuShares } from "../../lib/k6/machine.ts";
import type { Evidence } from "../../lib/report/canary-report.ts";
import { splitUrlPassword } from "../../lib/runner/log.ts";
import type { Inputs, LiveSource } from "../inputs.ts";
import { type Observed, rounded } from "../report/facts.ts";
import { ARMS, type ArmName, Recording } from "../samples/recording.ts";
import { findRouteMismatch } from "../samples/routes.ts";
import { type ArmPart, partOf } from "./account.ts";
import { attest } from "./attest.ts";
import { type Before, beforeEvidence } from "./before.ts";
import { type DrivePlan, drivenRate } from "./driver.ts";
import type { Gate } from "./gate.ts";
import { findWrongHosts } from "./hosts.ts";
import type { ArmSummary, LiveState } from "./live-run.ts";

/** Iterations of the baseline that threw, as a share of all: beyond it the script measures nothing, not even on the baseline. */
const MOST_EXCEPTIONS = 0.01;
/** A canary that throws so many times as often as its baseline is judged all the same. */
const CANARY_ALONE = 3;

/** So much larger share of failures explains why an arm was asked for other routes. */
const MORE_FAILURES = 0.01;

/** Everything that stays the same from look to look. */
export interface Setting {
  inputs: Inputs;
  source: LiveSource;
  plan: DrivePlan;
  looks: Look[];
  before: Before | undefined;
  k6Version: string;
  scriptSha256: string;
  /** Both arms are driven. */
  paired: boolean;
  gate: Pick<Gate, "problems">;
}

/** What is known at a look, as the judge and the report take it. */
export function describe(setting: Setting, state: LiveState, index: number, metrics: Evidence[], signal: AbortSignal): Observed {
  const { inputs, source, plan, before, paired } = setting;
  const look = setting.looks[index]!;
  const start = state.start ?? state.now;
  const slices = plan.rounds !== undefined;
  const parts = partOf(state.rows, { from: start, until: slices ? Number.POSITIVE_INFINITY : start + look.seconds });
  const arms = {
    baseline: parts.baseline?.recording ?? (before && !plan.urls.baseline ? before.baseline : new Recording()),
    canary: parts.canary?.recording ?? new Recording(),
  };
  const findings = collect(setting, state, parts, arms, signal);
  const shares = cpuShares(state.cpu.before, state.cpu.after);
  const evidence = [...phaseEvidence(arms), ...connectionEvidence(parts), ...metrics, ...generatorEvidence(shares.generator)];
  if (before) evidence.push(...beforeEvidence(before, metrics, p95Of(arms.baseline)));
  const accounts = { baseline: parts.baseline?.account ?? null, canary: parts.canary?.account ?? null };
  const achieved = (arm: ArmName) => (accounts[arm] ? rounded(accounts[arm].iterations / look.seconds) : null);
  // The plan is of iterations: how many requests one makes is up to the script, and to what an arm answers.
  const due = (arm: ArmName) => (accounts[arm]?.iterations ?? 0) + (accounts[arm]?.dropped ?? 0);
  const total = (name: "iterations" | "dropped") => ARMS.reduce((sum, arm) => sum + (accounts[arm]?.[name] ?? 0), 0);
  const armOf = (arm: ArmName, url: string | undefined) => ({
    version: findings.versions[arm],
    url: url === undefined ? null : splitUrlPassword(url).shown,
    kind: plan.urls[arm] || !before ? ("live" as const) : ("before" as const),
  });
  return {
    arms,
    facts: {
      environment: {
        phase: inputs.phase,
        k6_version: setting.k6Version,
        script_sha256: setting.scriptSha256,
        cpus: availableParallelism(),
        generator_cpu: shares.generator === null ? null : rounded(shares.generator),
        stolen_cpu: shares.stolen === null ? null : rounded(shares.stolen),
        before_p95_ms: paired ? (before?.p95Ms ?? null) : null,
      },
      baseline: armOf("baseline", source.baselineUrl),
      canary: armOf("canary", inputs.selfCheck ? source.baselineUrl : source.canaryUrl),
      traffic: {
        source: "k6",
        pattern: !paired ? "before-after" : slices ? "slices" : "interleaved",
        rounds: plan.rounds ?? null,
        duration_s: look.seconds,
        warm_up_s: plan.warmUpSeconds,
        target_rps: drivenRate(plan.rps),
        achieved_rps: { baseline: achieved("baseline"), canary: achieved("canary") },
        dropped_iterations: total("dropped"),
        planned_canary_share: paired ? 0.5 : null,
        observed_canary_share:
          due("baseline") + due("canary") === 0 ? null : rounded(due("canary") / (due("baseline") + due("canary"))),
      },
      observations: {
        look: { number: index + 1, seconds: look.seconds, alpha_fail: look.alphaFail, alpha_pass: look.alphaPass, c: look.c },
        clock: paired && !slices ? { start, seconds: look.seconds } : null,
        notes: findings.notes,
        blocking: findings.blocking,
        broken: findings.broken,
        unsure: findings.unsure,
        evidence: evidence.map((item) => ({
          ...item,
          baseline: rounded(item.baseline ?? undefined),
          canary: rounded(item.canary ?? undefined),
        })),
        started_iterations: total("iterations"),
        arms: accounts,
        prometheus: null,
      },
    },
  };
}

/** What the run says of itself, and what that keeps from being concluded. */
class Findings {
  readonly notes: Reason[] = [];
  /** Nothing can be judged. */
  blocking = false;
  /** The measurement itself could not be made. */
  broken = false;
  /** The canary can't pass. */
  unsure = false;
  versions: Record<ArmName, string | null> = { baseline: null, canary: null };

  note(code: Reason["code"], message: string, severity: Reason["severity"] = "warning"): void {
    this.notes.push({ code, metric: null, severity, message });
  }

  block(code: Reason["code"], message: string, severity: Reason["severity"] = "warning"): void {
    this.note(code, message, severity);
    this.blocking = true;
  }
}

type Parts = Partial<Record<ArmName, ArmPart>>;

function collect(
  setting: Setting,
  state: LiveState,
  parts: Parts,
  arms: Record<ArmName, Recording>,
  signal: AbortSignal,
): Findings {
  const findings = new Findings();
  const { inputs, paired, plan } = setting;
  noteEndings(findings, state, signal);
  noteExceptions(findings, setting, parts);
  for (const fault of state.faults) findings.block(fault.code, `k6's samples: ${fault.message}`);
  if (inputs.phase === "baseline")
    findings.block("NO_DATA", "phase baseline measures the baseline alone: nothing is compared", "info");
  const shown = Object.fromEntries(Object.entries(plan.urls).map(([arm, url]) => [arm, splitUrlPassword(url!).shown]));
  const hosts = findWrongHosts(state.rows, shown);
  findings.notes.push(...hosts.notes);
  findings.blocking ||= hosts.wrong;
  const seen = {
    baseline: state.rows.baseline?.recording.versions ?? new Map<string, number>(),
    canary: state.rows.canary?.recording.versions ?? new Map<string, number>(),
  };
  if (paired && !inputs.selfCheck) {
    const expected = { baseline: inputs.baselineVersion, canary: inputs.canaryVersion };
    const attestation = attest(seen, expected, plan.versionHeader, inputs.sameRelease);
    findings.notes.push(...attestation.notes);
    findings.blocking ||= attestation.mismatch;
    findings.broken ||= attestation.mismatch;
    findings.unsure ||= attestation.same;
    findings.versions = attestation.versions;
  } else {
    for (const arm of ARMS) findings.versions[arm] = [...seen[arm].keys()][0] ?? null;
  }
  const mismatch = paired ? findRouteMismatch(arms) : undefined;
  // Both arms run one script. Where the canary fails more, that is what made the script ask it for other things.
  const failsMore = failureShare(arms.canary) > failureShare(arms.baseline) + MORE_FAILURES;
  if (mismatch) findings.notes.push(failsMore ? { ...mismatch, severity: "info" } : mismatch);
  return findings;
}

/** How k6 ended: cancelled, broken, or ended by the script on one arm. */
function noteEndings(findings: Findings, { endings }: LiveState, signal: AbortSignal): void {
  if (signal.aborted) {
    findings.block("CANCELLED", "the run was cancelled before its end");
    return;
  }
  const failed = ARMS.flatMap((arm) => (endings[arm]?.kind === "failed" ? [{ arm, ...endings[arm] }] : []));
  if (failed.length === 1 && failed[0]!.arm === "canary" && failed[0]!.byScript) {
    findings.note("CHECKS_FAILED", `on the canary alone ${failed[0]!.message}`, "error");
    return;
  }
  const messages = new Set(failed.map(({ message }) => message));
  if (failed.length === 0 && Object.values(endings).some(({ kind }) => kind === "cancelled"))
    messages.add("k6 was ended by a signal before its time");
  for (const message of messages) findings.block("SCRIPT_ERROR", message);
  if (messages.size > 0) findings.broken = true;
}

/** Exceptions of the baseline: a script that throws there too measures nothing. Those of the canary alone are judged as errors. */
function noteExceptions(findings: Findings, { gate }: Setting, parts: Parts): void {
  for (const [arm, problem] of Object.entries(gate.problems))
    findings.note("SCRIPT_ERROR", `${arm}: setup() threw: ${problem}`, "info");
  const [baseline, canary] = [parts.baseline?.account, parts.canary?.account];
  const first = baseline ?? canary;
  if (first === undefined || first.iterations === 0) return;
  const share = first.threw / first.iterations;
  const alone = canary && canary.iterations > 0 ? canary.threw / canary.iterations > CANARY_ALONE * share : false;
  if (first.threw > 1 && share > MOST_EXCEPTIONS && !alone) {
    findings.block(
      "SCRIPT_ERROR",
      `${first.threw} of ${first.iterations} iterations threw an exception on the ${baseline ? "baseline" : "canary"}; k6's log has the first ones. Mend the script`,
    );
  }
}

/**
 * Adds what the arms' drivers said at their end: which of the script's own thresholds were crossed. What the canary alone crossed fails
 * it; what both crossed keeps it from passing. Certificates that nobody checked are told.
 *
 * @param insecure whether the inputs take any certificate
 */
export function withSummaries(
  observed: Observed,
  summaries: Partial<Record<ArmName, ArmSummary | undefined>>,
  insecure: boolean,
): Observed {
  const { observations } = observed.facts;
  const who = insecure ? "insecure-skip-tls-verify" : "insecureSkipTLSVerify in the script's options";
  if (insecure || Object.values(summaries).some((summary) => summary?.insecure)) {
    const message = `certificates were not checked (${who}): anybody on the way could have answered`;
    observations.notes.push({ code: "ENVIRONMENT", metric: null, severity: "info", message });
  }
  if (observations.blocking) return observed;
  const { arms } = observations;
  for (const arm of ARMS) if (arms?.[arm]) arms[arm].crossed = summaries[arm]?.crossed ?? [];
  const note = (severity: Reason["severity"], message: string) =>
    observations.notes.push({ code: "THRESHOLD_CROSSED", metric: null, severity, message });
  const silent = ARMS.filter((arm) => arms?.[arm] && summaries[arm] === undefined);
  if (silent.length > 0) {
    note("warning", `k6 told nothing of the script's own thresholds on the ${silent.join(" and the ")}`);
    observations.unsure = true;
  }
  const baseline = new Set(summaries.baseline?.crossed);
  const crossed = summaries.canary?.crossed ?? [];
  const [both, alone] = [crossed.filter((rule) => baseline.has(rule)), crossed.filter((rule) => !baseline.has(rule))];
  if (alone.length > 0) note("error", `the canary alone crossed the script's own ${alone.join(" and ")}`);
  if (both.length > 0) {
    note("warning", `both arms crossed the script's own ${both.join(" and ")}`);
    observations.unsure = true;
  }
  return observed;
}

function failureShare({ ok, length }: Recording): number {
  return length === 0 ? 0 : ok.filter((one) => !one).length / length;
}

function p95Of(recording: Recording): number | undefined {
  const latencies = recording.latencyMs.filter((_, i) => recording.ok[i]);
  return latencies.length === 0 ? undefined : quantile(latencies, 0.95);
}

function phaseEvidence(arms: Record<ArmName, Recording>): Evidence[] {
  return [...arms.canary.phases.keys()].sort().flatMap((name) => {
    const [baseline, canary] = [arms.baseline.phases.get(name), arms.canary.phases.get(name)];
    if (baseline === undefined || canary === undefined) return [];
    const [b, c] = [quantile(baseline, 0.95), quantile(canary, 0.95)];
    // Below half a millisecond there is nothing to explain.
    if (Math.max(b, c) < 0.5) return [];
    const message = `${name}, p95: canary ${c.toFixed(1)} ms, baseline ${b.toFixed(1)} ms`;
    return [{ source: "phases", name, unit: "ms", baseline: b, canary: c, message }];
  });
}

/** How many of the arms' requests opened a new connection. */
function connectionEvidence({ baseline, canary }: Parts): Evidence[] {
  if (!baseline || !canary || baseline.recording.length === 0 || canary.recording.length === 0) return [];
  const share = ({ account, recording }: ArmPart) => Math.min(1, account.connections / recording.length);
  const [b, c] = [share(baseline), share(canary)];
  const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
  const message = `requests that opened a new connection: canary ${percent(c)}, baseline ${percent(b)}`;
  return [{ source: "phases", name: "connections", unit: "ratio", baseline: b, canary: c, message }];
}

function generatorEvidence(share: number | null): Evidence[] {
  if (share === null) return [];
  const message = `k6 used ${(share * 100).toFixed(1)} % of the CPU that it may use`;
  return [{ source: "generator", name: "cpu", unit: "ratio", baseline: share, canary: share, message }];
}
