import { dirname, join, relative } from "node:path";
import type { CanaryReport } from "../lib/report/canary-report.ts";
import type { Found } from "../lib/report/collection.ts";
import { type ReadSamples, readArmSamples } from "../lib/report/samples.ts";

/**
 * Where the samples of a canary report are.
 *
 * @returns undefined when the report names none, or names something that isn't a file beside it: the report may be somebody else's
 */
export function samplesPath({ path, report }: { path: string; report: CanaryReport }): string | undefined {
  const name = report.inputs.samples_path;
  if (name === null || name.includes("/") || name.includes("\\")) return undefined;
  const folder = dirname(path);
  const samples = join(folder, name);
  return relative(folder, samples) === name ? samples : undefined;
}

/**
 * The samples beside a canary report, for drawing.
 *
 * @returns undefined when the report names none
 */
export async function samplesOf(found: Found<CanaryReport>): Promise<ReadSamples | undefined> {
  if (found.state !== "found" || found.report.inputs.samples_path === null) return undefined;
  const path = samplesPath(found);
  if (path === undefined) {
    return { ok: false, message: "the samples of the canary report aren't a file beside it, so they were not read" };
  }
  return readArmSamples(path);
}
