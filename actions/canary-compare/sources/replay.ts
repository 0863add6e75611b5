import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type CanaryReport, canaryReportSchema } from "../../lib/report/canary-report.ts";
import { parseReport } from "../../lib/report/schema.ts";
import { explainFileError } from "../../lib/runner/files.ts";
import { assemble } from "../report/assemble.ts";
import { Recording } from "../samples/recording.ts";
import { readStoredSamples } from "../samples/stored.ts";

/** The bytes of a report on disk. */
export function reportText(report: CanaryReport): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

/**
 * Makes a report again from its own facts and the samples beside it.
 *
 * @returns the report made anew, and whether it is the same to the byte
 * @throws Error when report or samples are missing, damaged or don't belong together
 */
export async function replay(path: string): Promise<{ report: CanaryReport; same: boolean; difference: string | undefined }> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new Error(`report: ${path} could not be read: ${explainFileError(error)}`, { cause: error });
  }
  const stored = parseReport(path, text, canaryReportSchema);
  const { samples_path: samples, digest } = stored.inputs;
  const arms =
    samples === null
      ? { baseline: new Recording(), canary: new Recording() }
      : await readStoredSamples(join(dirname(path), samples), digest);
  const report = assemble(stored, arms);
  const again = reportText(report);
  return { report, same: again === text, difference: again === text ? undefined : firstDifference(text, again) };
}

function firstDifference(before: string, after: string): string {
  const [a, b] = [before.split("\n"), after.split("\n")];
  const line = a.findIndex((text, i) => text !== b[i]);
  const at = line < 0 ? a.length : line;
  return `line ${at + 1}: stored ${JSON.stringify(a[at]?.trim() ?? "")}, made anew ${JSON.stringify(b[at]?.trim() ?? "")}`;
}
