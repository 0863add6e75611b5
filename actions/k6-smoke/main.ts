import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { endGroup, startGroup } from "@actions/core";
import { exitCode } from "../lib/judge/verdict.ts";
import { findK6, type K6 } from "../lib/k6/install.ts";
import { type K6RunResult, runK6, scriptDigest } from "../lib/k6/run.ts";
import { readK6Summary } from "../lib/k6/summary.ts";
import { prepareScript, secretsOf } from "../lib/k6/traffic.ts";
import type { SmokeSummary } from "../lib/report/smoke-summary.ts";
import { uploadArtifact } from "../lib/runner/artifact.ts";
import { cancellation } from "../lib/runner/cancel.ts";
import { runContext, temporaryFolder } from "../lib/runner/context.ts";
import { writeJsonAtomically } from "../lib/runner/files.ts";
import { noteReport } from "../lib/runner/gates.ts";
import { formatDuration } from "../lib/runner/inputs.ts";
import { annotate, maskSecrets, redact, say, splitUrlPassword } from "../lib/runner/log.ts";
import { setOutputs } from "../lib/runner/outputs.ts";
import { writeJobSummary } from "../lib/runner/summary.ts";
import { DEFAULT_P95_MS, loadInputs, type SmokeInputs, workspace } from "./inputs.ts";
import { type Judgement, judgeSmoke, type RunFacts } from "./judge.ts";
import { type Measurement, measure, nothingMeasured } from "./measure.ts";
import { annotations, summarySections, verdictTable } from "./render.ts";
import { freeSummaryPath, targetOf } from "./summary-path.ts";

/** Ways of failing that the report holds. */
const MOST_FAILURES = 20;

/** Runs k6, judges, reports. Gives the exit code of the step; throws what kept it from measuring at all. */
export async function main(): Promise<0 | 1> {
  const inputs = loadInputs();
  const { shown: target, password } = splitUrlPassword(inputs.baseUrl);
  const secrets = [password ?? "", ...secretsOf(inputs)].filter((value) => value !== "");
  maskSecrets(secrets);
  const cancel = cancellation();
  const folder = await mkdtemp(join(temporaryFolder(), "k6-smoke-"));
  try {
    const script = await prepareScript(inputs.traffic, folder);
    const digest = await scriptDigest(script);
    const summaryPath = await freeSummaryPath(inputs.reportDirectory, { target: targetOf(inputs.baseUrl), digest });
    const k6 = await findK6({ version: inputs.k6Version, path: inputs.k6Path, signal: cancel.signal, log: say });
    say(`k6 v${k6.version} (${k6.source}): ${inputs.rps} iterations/s for ${formatDuration(inputs.seconds)} against ${target}`);
    startGroup("k6");
    const run = await runK6({
      k6: k6.path,
      script,
      env: scriptEnvironment(inputs),
      load: { rps: inputs.rps, seconds: inputs.seconds, url: inputs.baseUrl },
      flags: inputs.flags,
      folder,
      cwd: workspace(),
      signal: cancel.signal,
    });
    endGroup();

    const { measured, facts } = await readRun(run, secrets);
    const judgement = judgeSmoke(measured, inputs.limits, facts);
    const summary = smokeSummary(inputs, judgement, measured, run, k6, digest);
    return await report({ inputs, judgement, summary, summaryPath, target, cancelled: cancel.signal.aborted });
  } finally {
    cancel.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the script sees: the lines of `env` and what the action knows, nothing else. */
function scriptEnvironment(inputs: SmokeInputs): Record<string, string> {
  return { ...inputs.env, BASE_URL: inputs.baseUrl, K6_RPS: String(inputs.rps), K6_DURATION: formatDuration(inputs.seconds) };
}

/** Reads what k6 left behind. What can't be read becomes a reason, never a number. */
async function readRun(run: K6RunResult, secrets: readonly string[]): Promise<{ measured: Measurement; facts: RunFacts }> {
  const unusable: string[] = [];
  const hide = (text: string) => redact(text, secrets);
  let measured = nothingMeasured();
  let judgesChecks = false;
  try {
    // What a cancel or an abort cut off was in flight, and says nothing of the service.
    const whole = run.ending.kind === "finished" || run.ending.kind === "thresholds";
    const found = await measure(run.samplesPath, { unanswered: whole });
    measured = {
      ...found,
      routes: found.routes.map((route) => ({ ...route, name: hide(route.name) })),
      failures: found.failures.map((failure) => ({ ...failure, route: hide(failure.route), what: hide(failure.what) })),
      failedChecks: found.failedChecks.map((check) => ({ ...check, name: hide(check.name) })),
    };
  } catch (error) {
    unusable.push(`the samples can't be used: ${(error as Error).message}`);
  }
  try {
    const own = await readK6Summary(run.summaryPath);
    judgesChecks = own.judgesChecks;
    const sampled = measured.requests - measured.unanswered;
    if (unusable.length === 0 && own.requests !== sampled) {
      unusable.push(`k6 counted ${own.requests} requests, its samples hold ${sampled}: samples were lost. Look for a full disk`);
    }
  } catch (error) {
    unusable.push((error as Error).message);
  }
  const ending = { ...run.ending, message: hide(run.ending.message) };
  const { exceptions, generatorCpu } = run;
  return { measured, facts: { ending, exceptions, unusable, judgesChecks, generatorCpu } };
}

function smokeSummary(
  { limits, baseUrl }: SmokeInputs,
  { verdict, reasons }: Judgement,
  measured: Measurement,
  run: K6RunResult,
  k6: K6,
  digest: string,
): SmokeSummary {
  return {
    schema_version: 1,
    kind: "smoke-summary",
    verdict,
    reasons,
    target: targetOf(baseUrl),
    p95_ms: measured.p95Ms,
    p50_ms: measured.p50Ms,
    p99_ms: measured.p99Ms,
    error_rate: measured.errorRate,
    rps: measured.rps,
    requests: measured.requests,
    unanswered: measured.unanswered,
    failures: measured.failures.slice(0, MOST_FAILURES),
    dropped_iterations: measured.droppedIterations,
    checks: measured.checks,
    duration_s: measured.durationS,
    thresholds: {
      p95_ms: limits.p95Ms,
      error_rate: limits.errorRate,
      check_failure_rate: limits.checkFailureRate,
      min_rps: limits.minRps,
      source: limits.p95Ms === DEFAULT_P95_MS ? "default" : "input",
    },
    routes: measured.routes.map(({ name, requests, p95Ms, errorRate }) => ({
      name,
      requests,
      p95_ms: p95Ms,
      error_rate: errorRate,
    })),
    k6: {
      version: k6.version,
      exit_code: run.exitCode,
      script_sha256: digest,
      cpu_share: run.generatorCpu === null ? null : Math.round(run.generatorCpu * 1000) / 1000,
    },
    run: runContext(),
    started_at: run.startedAt.toISOString(),
    ended_at: run.endedAt.toISOString(),
  };
}

interface Reporting {
  inputs: SmokeInputs;
  judgement: Judgement;
  summary: SmokeSummary;
  summaryPath: string;
  /** The URL without its password. */
  target: string;
  cancelled: boolean;
}

/** Writes file, outputs, table, summary, artifact and annotations, in this order, and gives the exit code. */
async function report({ inputs, judgement, summary, summaryPath, target, cancelled }: Reporting): Promise<0 | 1> {
  const outputs = {
    verdict: judgement.verdict,
    "p95-ms": summary.p95_ms,
    "error-rate": summary.error_rate,
    rps: summary.rps,
    requests: summary.requests,
  };
  const notWritten = await writeJsonAtomically(summaryPath, summary).then(
    () => undefined,
    (error: Error) => error,
  );
  if (notWritten === undefined) await noteReport("smoke-summary", summaryPath);
  setOutputs({ ...outputs, "summary-path": notWritten === undefined ? summaryPath : null, "artifact-id": null });
  say(verdictTable(judgement));
  await writeJobSummary(summarySections(judgement, summary, target));

  // After a cancel there are seconds left, and a partial report helps nobody on the way to another job.
  if (notWritten === undefined && !cancelled) {
    const artifact = await uploadArtifact({ name: inputs.artifactName, files: [summaryPath], root: dirname(summaryPath) });
    if (artifact.id !== null) setOutputs({ "artifact-id": artifact.id });
    if (artifact.notice !== undefined) annotate(artifact.notice);
  }
  const code = cancelled ? 1 : exitCode(judgement.verdict, inputs.failOn, judgement.broken);
  for (const annotation of annotations(judgement, code === 1)) annotate(annotation);
  if (notWritten !== undefined) throw notWritten;
  return code;
}
