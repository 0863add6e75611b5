import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CanaryReport, canaryReportSchema } from "../actions/lib/report/canary-report.ts";
import { parseCommandFile } from "../tools/runner/command-files.ts";

const ENTRY = fileURLToPath(new URL("../actions/canary-compare/index.ts", import.meta.url));

export interface CanaryRun {
  exitCode: number | null;
  log: string;
  outputs: Record<string, string>;
  summary: string;
  /** Text of the report and the report; absent when none was written. */
  reportText: string | undefined;
  report: CanaryReport | undefined;
}

/** A throw-away folder that is the workspace of runs. */
export function throwAwayFolder(): { folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-canary-"));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/**
 * Runs canary-compare's sources in a process of its own, with the environment and files that the runner gives.
 *
 * @param onStart gets the process, to be interrupted
 */
export async function runCanary(
  folder: string,
  inputs: Readonly<Record<string, string>>,
  onStart: (child: ReturnType<typeof spawn>) => void = () => undefined,
): Promise<CanaryRun> {
  const step = mkdtempSync(join(folder, "step-"));
  const files = { GITHUB_OUTPUT: join(step, "output"), GITHUB_STEP_SUMMARY: join(step, "summary") };
  for (const file of Object.values(files)) writeFileSync(file, "");
  const env: Record<string, string> = { ...files, GITHUB_WORKSPACE: folder, RUNNER_TEMP: step };
  for (const name of ["PATH", "HOME", "GATEHOUSE_CACHE", "RUNNER_TOOL_CACHE", "HTTPS_PROXY", "NO_PROXY"]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  for (const [name, value] of Object.entries(inputs)) env[`INPUT_${name.toUpperCase()}`] = value;
  const child = spawn(process.execPath, [ENTRY], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (log += chunk));
  onStart(child);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const outputs = parseCommandFile(readFileSync(files.GITHUB_OUTPUT, "utf8"), "GITHUB_OUTPUT");
  const path = outputs["report-path"];
  const reportText = path ? readFileSync(path, "utf8") : undefined;
  const report = reportText === undefined ? undefined : canaryReportSchema.parse(JSON.parse(reportText));
  return { exitCode, log, outputs, summary: readFileSync(files.GITHUB_STEP_SUMMARY, "utf8"), reportText, report };
}
