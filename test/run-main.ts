import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import { parseCommandFile } from "../tools/runner/command-files.ts";
import { type LoggedAnnotation, LogReader } from "../tools/runner/log-reader.ts";

export interface MainResult {
  exitCode: number;
  /** The log as the runner would show it. */
  log: string;
  /** What the action wrote, with its workflow commands. */
  raw: string;
  annotations: LoggedAnnotation[];
  outputs: Record<string, string>;
  summary: string;
}

/**
 * Runs an action's `main` in this process, with the variables and command files that the runner gives: many cases in
 * the time of one process. Bundles are run by the harness in `tools/`.
 *
 * @param folder throw-away folder, which is the workspace too
 */
export async function runMain(
  main: (environment: Record<string, string | undefined>) => Promise<0 | 1>,
  folder: string,
  inputs: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<MainResult> {
  const commands = join(folder, ".commands");
  mkdirSync(commands, { recursive: true });
  const output = join(commands, "output");
  const summary = join(commands, "summary");
  for (const file of [output, summary]) writeFileSync(file, "");
  const environment: Record<string, string> = {
    GITHUB_OUTPUT: output,
    GITHUB_STEP_SUMMARY: summary,
    GITHUB_WORKSPACE: folder,
    RUNNER_TEMP: join(folder, ".temp"),
    ...env,
  };
  for (const [name, value] of Object.entries(inputs)) environment[`INPUT_${name.toUpperCase()}`] = value;
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);

  let raw = "";
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    raw += text;
    return true;
  });
  let exitCode: number;
  try {
    exitCode = await main(environment);
  } catch (error) {
    exitCode = 1;
    raw += `${(error as Error).message}\n`;
  } finally {
    stdout.mockRestore();
    vi.unstubAllEnvs();
  }
  const lines: string[] = [];
  const reader = new LogReader((line) => lines.push(line));
  for (const line of raw.split("\n")) reader.line(line);
  return {
    exitCode,
    log: lines.join("\n"),
    raw,
    annotations: reader.annotations,
    outputs: parseCommandFile(readFileSync(output, "utf8"), "GITHUB_OUTPUT"),
    summary: readFileSync(summary, "utf8"),
  };
}
