import { appendFile, mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type RunContext, runContext } from "./context.ts";
import { explainFileError } from "./files.ts";
import { annotate } from "./log.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** File in the job's temporary folder in which gates note what they do: all steps of a job see it, no other job does. */
export const GATES_FILE = "gatehouse-gates.ndjson";

/** What one gate does, one JSON line a note. */
export interface GateNote extends Pick<RunContext, "run_id" | "run_attempt" | "job"> {
  /** Names one process of one gate. */
  gate: string;
  event: "started" | "wrote" | "ended";
  /** Kind of report that the gate makes. */
  kind: string;
  at: string;
  /** Id of the step, as the runner gives it. */
  step: string;
  /** `wrote`: the report's absolute path. */
  path?: string;
  /** `ended`: what kept it from its report. */
  error?: string;
}

/** Longest error that a note holds, in characters. */
const LONGEST_ERROR = 2_000;

/** Notes that a gate begins, before it reads an input: whoever looks for its report then knows that there should be one. */
export async function noteStart(kind: string, environment: Environment = process.env): Promise<void> {
  await append({ event: "started", kind }, environment);
}

/** Notes that a gate has written its report. @param path absolute, or from the working folder */
export async function noteReport(kind: string, path: string, environment: Environment = process.env): Promise<void> {
  await append({ event: "wrote", kind, path: resolve(path) }, environment);
}

/** Notes that a gate ends. @param error what went wrong, when it threw */
export async function noteEnd(kind: string, error: string | undefined, environment: Environment = process.env): Promise<void> {
  await append({ event: "ended", kind, ...(error === undefined ? {} : { error: error.slice(0, LONGEST_ERROR) }) }, environment);
}

/** Where the notes of this job are; undefined outside of a runner, where steps share no folder. */
export function notesPath(environment: Environment): string | undefined {
  const folder = environment["RUNNER_TEMP"];
  return folder ? resolve(folder, GATES_FILE) : undefined;
}

async function append(note: Pick<GateNote, "event" | "kind" | "path" | "error">, environment: Environment): Promise<void> {
  const path = notesPath(environment);
  if (path === undefined) return;
  const { run_id, run_attempt, job } = runContext(environment);
  const whole: GateNote = {
    // A process is one gate; its number alone may come again.
    gate: `${process.pid}-${Math.round(performance.timeOrigin)}`,
    at: new Date().toISOString(),
    run_id,
    run_attempt,
    job,
    step: environment["GITHUB_ACTION"] ?? "",
    ...note,
  };
  try {
    await mkdir(dirname(path), { recursive: true });
    await appendFile(path, `${JSON.stringify(whole)}\n`);
  } catch (error) {
    // A note must not keep a gate from its work.
    const message = `${path}: could not be written: ${explainFileError(error)} publish-summary may not know of this step.`;
    annotate({ level: "warning", title: "No note for publish-summary", message });
  }
}
