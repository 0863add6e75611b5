import { glob } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import type { z } from "zod";
import { type CanaryReport, canaryReportSchema } from "../lib/report/canary-report.ts";
import type { Found } from "../lib/report/collection.ts";
import { type ErrorBudget, errorBudgetSchema } from "../lib/report/error-budget.ts";
import { type ReadSamples, readArmSamples } from "../lib/report/samples.ts";
import { type SmokeSummary, smokeSummarySchema } from "../lib/report/smoke-summary.ts";
import { readUntrusted } from "../lib/report/untrusted.ts";
import type { Inputs } from "./inputs.ts";

export interface Reports {
  smoke: Found<SmokeSummary>;
  canary: Found<CanaryReport>;
  budget: Found<ErrorBudget>;
}

interface AnyReport {
  run: { run_id: number | null };
}

/**
 * Looks for the three reports. What is there but not usable is refused with its reason, never half used.
 *
 * @param expectedRun the run that the reports must come from, undefined when it isn't known
 */
export async function findReports(inputs: Inputs, expectedRun: number | undefined): Promise<Reports> {
  const find = <Report extends AnyReport>(name: string, pattern: string, schema: z.ZodType<Report>) =>
    findReport(name, pattern, schema, inputs.workspace, expectedRun);
  const [smoke, canary, budget] = await Promise.all([
    find<SmokeSummary>("smoke summary", inputs.smokeSummary, smokeSummarySchema),
    find<CanaryReport>("canary report", inputs.canaryReport, canaryReportSchema),
    find<ErrorBudget>("error budget", inputs.errorBudget, errorBudgetSchema),
  ]);
  return { smoke, canary, budget };
}

async function findReport<Report extends AnyReport>(
  name: string,
  pattern: string,
  schema: z.ZodType<Report>,
  workspace: string,
  expectedRun: number | undefined,
): Promise<Found<Report>> {
  const matches: string[] = [];
  for await (const path of glob(pattern, { cwd: workspace })) matches.push(path);
  // Names carry their time, so the last one is the newest.
  const newest = matches.sort().at(-1);
  const missing: Found<Report> = { state: "missing", message: `There is no ${name} (${pattern}).` };
  if (newest === undefined) return missing;
  const read = await readUntrusted(resolve(workspace, newest), schema);
  if (!read.ok) {
    if (read.missing) return missing;
    return { state: "refused", message: `${name}: ${read.message.replaceAll(`${workspace}/`, "")}` };
  }
  const run = read.report.run.run_id;
  if (expectedRun !== undefined && run !== null && run !== expectedRun) {
    return {
      state: "refused",
      message: `${name}: ${newest} was made by run ${run}, not by run ${expectedRun}. A file of another run was left there.`,
    };
  }
  return { state: "found", report: read.report, path: read.path };
}

/**
 * The samples beside a canary report.
 *
 * @returns undefined when the report names none
 */
export async function samplesOf(found: Found<CanaryReport>): Promise<(ReadSamples & { path?: string }) | undefined> {
  if (found.state !== "found") return undefined;
  const name = found.report.inputs.samples_path;
  if (name === null) return undefined;
  const folder = dirname(found.path);
  const path = join(folder, name);
  // The report may be somebody else's: its samples are beside it, nowhere else.
  if (relative(folder, path) !== name || name.includes("/") || name.includes("\\"))
    return { ok: false, message: "the samples of the canary report aren't a file beside it, so they were not read" };
  return { ...(await readArmSamples(path)), path };
}
