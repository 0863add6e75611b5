import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exitCode, type FailOn, isBlind } from "../lib/judge/verdict.ts";
import { secretsOf } from "../lib/k6/traffic.ts";
import { type CanaryReport, canaryReportSchema } from "../lib/report/canary-report.ts";
import { uploadArtifact } from "../lib/runner/artifact.ts";
import { cancellation } from "../lib/runner/cancel.ts";
import { runContext } from "../lib/runner/context.ts";
import { writeFileAtomically } from "../lib/runner/files.ts";
import { noteReport } from "../lib/runner/gates.ts";
import { annotate, maskSecrets, say, splitUrlPassword } from "../lib/runner/log.ts";
import { setOutputs } from "../lib/runner/outputs.ts";
import { writeJobSummary } from "../lib/runner/summary.ts";
import { type Inputs, loadInputs } from "./inputs.ts";
import { policyFacts } from "./policy.ts";
import { assemble } from "./report/assemble.ts";
import { readBudget } from "./report/budget.ts";
import type { Facts, Observed } from "./report/facts.ts";
import { pushFigures } from "./report/pushgateway.ts";
import { annotations, summarySections, verdictText } from "./report/render.ts";
import { selfCheck } from "./report/self-check.ts";
import { samplesDigest, samplesText, writeSamples } from "./samples/stored.ts";
import { observe } from "./sources/observe.ts";
import { replay, reportText } from "./sources/replay.ts";

/** Gets samples of both arms, judges, reports. Gives the exit code of the step; throws what kept it from judging at all. */
export async function main(): Promise<0 | 1> {
  const inputs = loadInputs();
  if (inputs.source.kind === "replay") return await reportReplay(inputs.source.reportPath, inputs.failOn);
  const { source } = inputs;
  const urls = source.kind === "live" ? [source.baselineUrl, source.canaryUrl] : [];
  maskSecrets([...urls, inputs.prometheus?.url, inputs.pushgatewayUrl].map((url) => splitUrlPassword(url ?? "").password));
  maskSecrets([inputs.prometheus?.token, ...Object.values(inputs.prometheus?.headers ?? {}), ...secretsOf(inputs)]);
  const cancel = cancellation();
  try {
    const observed = await observe(inputs, cancel.signal);
    const { report, text } = await conclude(inputs, observed, new Date());
    return await publish(inputs, report, text, cancel.signal.aborted);
  } finally {
    cancel.dispose();
  }
}

/** Puts a run's facts together and makes the report of them; `text` is what its samples file holds. */
async function conclude(inputs: Inputs, observed: Observed, now: Date): Promise<{ report: CanaryReport; text: string }> {
  const budget = await readBudget(inputs.errorBudget);
  const observations = { ...observed.facts.observations, notes: [...observed.facts.observations.notes, ...budget.notes] };
  let checked: Facts["self_check"] = null;
  if (inputs.selfCheck) {
    const { result, notes, wrong } = selfCheck(observed, inputs.policy);
    checked = result;
    observations.notes.push(...notes);
    observations.blocking ||= wrong;
  }
  const text = samplesText(observed.arms);
  const stamp = timestamp(now);
  const facts: Facts = {
    ...observed.facts,
    observations,
    run: runContext(),
    generated_at: now.toISOString(),
    error_budget: budget.error_budget,
    self_check: checked,
    policy: policyFacts(inputs),
    inputs: { digest: samplesDigest(text), samples_path: text === "" ? null : `canary-samples-${stamp}.ndjson.gz` },
  };
  return { report: canaryReportSchema.parse(assemble(facts, observed.arms)), text };
}

/** `20261121T072718Z`: no colon, which artifacts and some file systems refuse. */
export function timestamp(now: Date): string {
  return now.toISOString().replace(/[-:]|\.\d+/g, "");
}

/** Writes files and outputs first, then everything that may fail without harm, and gives the exit code. */
async function publish(inputs: Inputs, report: CanaryReport, text: string, cancelled: boolean): Promise<0 | 1> {
  const directory = inputs.reportDirectory;
  const { samples_path: samplesName } = report.inputs;
  const { path, samplesPath } = await freeNames(directory, timestamp(new Date(report.generated_at)), samplesName);
  const final: CanaryReport = {
    ...report,
    inputs: { ...report.inputs, samples_path: samplesPath === null ? null : samplesPath.slice(dirname(samplesPath).length + 1) },
  };
  if (samplesPath !== null) await writeSamples(samplesPath, text);
  await writeFileAtomically(path, reportText(final));
  await noteReport("canary-report", path);
  setOutputs({ ...outputsOf(final), "report-path": path, "artifact-id": null });
  say(verdictText(final));
  await writeJobSummary(summarySections(final));
  if (!cancelled) {
    const files = samplesPath === null ? [path] : [path, samplesPath];
    const artifact = await uploadArtifact({ name: inputs.artifactName, files, root: dirname(path) });
    if (artifact.id !== null) setOutputs({ "artifact-id": artifact.id });
    if (artifact.notice !== undefined) annotate(artifact.notice);
    const pushed = inputs.pushgatewayUrl === "" ? undefined : await pushFigures(inputs.pushgatewayUrl, final, inputs.service);
    if (pushed !== undefined) annotate(pushed);
  }
  return finish(final, inputs.failOn, cancelled);
}

function finish(report: CanaryReport, failOn: FailOn, cancelled: boolean): 0 | 1 {
  const { broken } = report.observations;
  // Phase baseline compares nothing, so only a measurement that could not be made is a fault there.
  const compared = report.environment.phase === "compare";
  const blind = broken || (compared && report.reasons.some(isBlind));
  const code = cancelled ? 1 : compared || blind ? exitCode(report.verdict, failOn, blind) : 0;
  for (const annotation of annotations(report, code === 1)) annotate(annotation);
  return code;
}

function outputsOf(report: CanaryReport) {
  const [p95, errors] = [report.metrics[0]!, report.metrics[1]!];
  return {
    verdict: report.verdict,
    decision: report.decision,
    reason: report.reasons[0]!.code,
    "p95-ratio": p95.ratio,
    "p95-delta-percent": p95.delta_percent,
    "error-rate-delta": errors.delta,
  };
}

/** Names for report and samples that no other run of the same second has taken. */
async function freeNames(
  directory: string,
  stamp: string,
  samplesName: string | null,
): Promise<{ path: string; samplesPath: string | null }> {
  await mkdir(directory, { recursive: true });
  for (let number = 1; ; number++) {
    const suffix = number === 1 ? stamp : `${stamp}-${number}`;
    const path = join(directory, `canary-report-${suffix}.json`);
    try {
      await writeFile(path, "", { flag: "wx" });
      return { path, samplesPath: samplesName === null ? null : join(directory, `canary-samples-${suffix}.ndjson.gz`) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

async function reportReplay(path: string, failOn: FailOn): Promise<0 | 1> {
  const { report, same, difference } = await replay(path);
  setOutputs({ ...outputsOf(report), "report-path": path, "artifact-id": null });
  say(verdictText(report));
  if (!same) {
    throw new Error(
      `report: ${path} is not what its samples give with this version: ${difference}. Keep the version that made it.`,
    );
  }
  say(`Made again from its samples: the same ${reportText(report).length} bytes.`);
  return finish(report, failOn, false);
}
