import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";

/** Where a report comes from. Every field is null when the run isn't one of GitHub Actions. */
export interface RunContext {
  repository: string | null;
  run_id: number | null;
  run_attempt: number | null;
  sha: string | null;
  ref: string | null;
  workflow: string | null;
  job: string | null;
  event: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The `run` object of every report, from the runner's environment. */
export function runContext(environment: Environment = process.env): RunContext {
  const text = (name: string): string | null => environment[name] || null;
  const whole = (name: string): number | null => {
    const value = Number(environment[name] || Number.NaN);
    return Number.isSafeInteger(value) && value > 0 ? value : null;
  };
  return {
    repository: text("GITHUB_REPOSITORY"),
    run_id: whole("GITHUB_RUN_ID"),
    run_attempt: whole("GITHUB_RUN_ATTEMPT"),
    sha: text("GITHUB_SHA"),
    ref: text("GITHUB_REF"),
    workflow: text("GITHUB_WORKFLOW"),
    job: text("GITHUB_JOB"),
    event: text("GITHUB_EVENT_NAME"),
  };
}

/**
 * The payload of the event that started the run, `{}` when there is none.
 *
 * @throws Error when GITHUB_EVENT_PATH names a file that isn't JSON
 */
export function eventPayload(environment: Environment = process.env): Record<string, unknown> {
  const path = environment["GITHUB_EVENT_PATH"];
  if (!path) return {};
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`GITHUB_EVENT_PATH: ${path} could not be read as JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** Folder for what a run throws away: the runner's, else the system's. */
export function temporaryFolder(environment: Environment = process.env): string {
  return environment["RUNNER_TEMP"] || tmpdir();
}
