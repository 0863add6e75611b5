import { rm } from "node:fs/promises";
import { join } from "node:path";
import { smokeSummarySchema } from "../lib/report/smoke-summary.ts";
import { readUntrusted } from "../lib/report/untrusted.ts";
import { runContext } from "../lib/runner/context.ts";
import { explainFileError } from "../lib/runner/files.ts";

/** The URL under test as a report may show it: without user, password and query. */
export function targetOf(baseUrl: string): string {
  const url = new URL(baseUrl);
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** What is measured: two summaries of the same are two tries, the later of which counts. */
interface Measured {
  target: string;
  /** sha256 of the script. */
  digest: string;
}

/**
 * Where the summary goes: `smoke-summary.json`, or the first of `smoke-summary-2.json`, … that no other measurement of this job has
 * taken. What lies there from an earlier run or an earlier try is removed, so that it can't be read as this one's.
 *
 * @throws Error when the folder can't be used
 */
export async function freeSummaryPath(directory: string, measured: Measured): Promise<string> {
  for (let number = 1; ; number += 1) {
    const path = join(directory, number === 1 ? "smoke-summary.json" : `smoke-summary-${number}.json`);
    if (await isOfAnother(path, measured)) continue;
    try {
      await rm(path, { force: true });
    } catch (error) {
      throw new Error(`report-directory: ${directory} can't be used: ${explainFileError(error)}`, { cause: error });
    }
    return path;
  }
}

/** Whether the file is the summary of something else that this very job has measured. */
async function isOfAnother(path: string, { target, digest }: Measured): Promise<boolean> {
  const read = await readUntrusted(path, smokeSummarySchema);
  if (!read.ok) return false;
  const { run, target: otherTarget, k6 } = read.report;
  const own = runContext();
  const sameJob = run.run_id === own.run_id && run.run_attempt === own.run_attempt && run.job === own.job;
  return sameJob && (otherTarget !== target || k6.script_sha256 !== digest);
}
