import { createHash, randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { runChild } from "../../actions/lib/runner/child.ts";
import { GATES_FILE, type GateNote } from "../../actions/lib/runner/gates.ts";
import { parseCommandFile } from "./command-files.ts";
import { inputVariables, readDefinition } from "./definition.ts";
import { type LoggedAnnotation, LogReader } from "./log-reader.ts";

export interface ActionRun {
  /** Folder of the action: action.yml and its bundle. */
  folder: string;
  /** Inputs as `with:` gives them. */
  inputs?: Readonly<Record<string, string>>;
  /** Added to the step's environment; wins over everything. */
  env?: Readonly<Record<string, string>>;
  /** Payload of the event. */
  event?: { name: string; payload: unknown };
  /** GITHUB_WORKSPACE and working folder; by default this process' own. */
  workspace?: string;
  /** Gets each line of the log. */
  show?: (line: string) => void;
  /** Cancels as the runner does: SIGINT, after 7.5 s SIGTERM, after 2.5 s more the end. */
  signal?: AbortSignal;
}

export interface ActionResult {
  exitCode: number;
  outputs: Record<string, string>;
  /** What `saveState` kept for the post step. */
  state: Record<string, string>;
  /** GITHUB_ENV and GITHUB_PATH as later steps would see them. */
  exported: Record<string, string>;
  path: string[];
  /** The job summary, main and post step together. */
  summary: string;
  annotations: LoggedAnnotation[];
  /** The log as the runner would show it. */
  log: string;
}

/** Run that stands for what is done on this machine without a run. */
const LOCAL_RUN_ID = "1";

/** Variables of the machine that a step sees on a runner; nothing of a workflow around this process gets through. */
const INHERITED = /^(?!GITHUB_|ACTIONS_|INPUT_|STATE_|RUNNER_|CI$|NODE_OPTIONS$|VITEST)/;

/**
 * Runs a bundled action as GitHub's runner does: inputs as variables, command files, workflow commands, `pre`, `main`
 * and `post`, each in a process of its own.
 *
 * @throws Error when action.yml can't be read or a command file is malformed
 */
export async function runAction(run: ActionRun): Promise<ActionResult> {
  const definition = await readDefinition(join(run.folder, "action.yml"));
  const temporary = await mkdtemp(join(tmpdir(), "gatehouse-step-"));
  const lines: string[] = [];
  const reader = new LogReader((line) => {
    lines.push(line);
    run.show?.(line);
  });
  const unexpected = Object.keys(run.inputs ?? {}).filter((name) => !(name.toLowerCase() in definition.inputs));
  if (unexpected.length > 0) {
    const valid = Object.keys(definition.inputs).join("', '");
    reader.line(`::warning::Unexpected input(s) '${unexpected.join("', '")}', valid inputs are ['${valid}']`);
  }

  try {
    const base = await stepEnvironment(run, temporary);
    const environment = {
      ...base,
      ...inputVariables(definition, run.inputs ?? {}, (expression) => evaluate(expression, base)),
      ...run.env,
    };
    if (run.env?.["RUNNER_TEMP"] === undefined) await shareNotes(environment);
    const result: ActionResult = {
      exitCode: 0,
      outputs: {},
      state: {},
      exported: {},
      path: [],
      summary: "",
      annotations: reader.annotations,
      log: "",
    };
    for (const stage of ["pre", "main", "post"] as const) {
      const file = definition.runs[stage];
      if (file === undefined || (stage === "main" && result.exitCode !== 0)) continue;
      const files = await commandFiles(temporary);
      const states = Object.fromEntries(Object.entries(result.state).map(([name, value]) => [`STATE_${name}`, value]));
      const { exitCode } = await runChild({
        command: process.execPath,
        args: [join(run.folder, file)],
        cwd: environment["GITHUB_WORKSPACE"]!,
        env: { ...environment, ...states, ...files },
        output: (line) => reader.line(line),
        graceMs: 7_500,
        // The post step runs after a cancel too.
        ...(run.signal === undefined || stage === "post" ? {} : { signal: run.signal }),
      });
      if (result.exitCode === 0) result.exitCode = exitCode ?? 1;
      Object.assign(result.outputs, parseCommandFile(await readFile(files.GITHUB_OUTPUT, "utf8"), "GITHUB_OUTPUT"));
      Object.assign(result.state, parseCommandFile(await readFile(files.GITHUB_STATE, "utf8"), "GITHUB_STATE"));
      Object.assign(result.exported, parseCommandFile(await readFile(files.GITHUB_ENV, "utf8"), "GITHUB_ENV"));
      result.path.push(...(await readFile(files.GITHUB_PATH, "utf8")).split(/\r?\n/).filter((line) => line !== ""));
      result.summary += await readFile(files.GITHUB_STEP_SUMMARY, "utf8");
    }
    return { ...result, log: lines.join("\n") };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function stepEnvironment(run: ActionRun, temporary: string): Promise<Record<string, string>> {
  const workspace = resolve(run.workspace ?? process.cwd());
  const eventPath = join(temporary, "event.json");
  await writeFile(eventPath, JSON.stringify(run.event?.payload ?? {}));
  const runnerTemp = join(temporary, "temp");
  const home = process.env["HOME"] ?? tmpdir();
  // Kept between runs, so that a tool is installed once.
  const toolCache = process.env["RUNNER_TOOL_CACHE"] || process.env["GATEHOUSE_CACHE"] || join(home, ".cache", "gatehouse");
  await Promise.all([runnerTemp, toolCache].map((folder) => mkdir(folder, { recursive: true })));
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] => INHERITED.test(entry[0]) && entry[1] !== undefined,
  );
  return {
    ...Object.fromEntries(inherited),
    CI: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_ACTION: `__${run.folder.split("/").at(-1)}`,
    GITHUB_ACTOR: "local",
    GITHUB_API_URL: "https://api.github.com",
    GITHUB_EVENT_NAME: run.event?.name ?? "workflow_dispatch",
    GITHUB_EVENT_PATH: eventPath,
    GITHUB_JOB: "local",
    GITHUB_REF: "refs/heads/main",
    GITHUB_REPOSITORY: "local/local",
    GITHUB_REPOSITORY_OWNER: "local",
    GITHUB_RUN_ATTEMPT: "1",
    GITHUB_RUN_ID: LOCAL_RUN_ID,
    GITHUB_RUN_NUMBER: "1",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_SHA: "0".repeat(40),
    GITHUB_WORKFLOW: "local",
    GITHUB_WORKSPACE: workspace,
    RUNNER_ARCH: process.arch.toUpperCase(),
    RUNNER_OS: process.platform === "darwin" ? "macOS" : "Linux",
    RUNNER_TEMP: runnerTemp,
    RUNNER_TOOL_CACHE: toolCache,
    RUNNER_TRACKING_ID: `github_${randomUUID()}`,
  };
}

/** How long the steps of a machine's own run, which has no end, are taken for steps of one job. */
const LOCAL_JOB_MS = 60 * 60 * 1000;

/**
 * Lets the steps of one job see each other's notes, as they do on a runner, where RUNNER_TEMP is the job's. Here each step has a
 * folder of its own, and the file of the notes leads out of it.
 */
async function shareNotes(environment: Readonly<Record<string, string>>): Promise<void> {
  const { RUNNER_TEMP, GITHUB_WORKSPACE, GITHUB_RUN_ID, GITHUB_RUN_ATTEMPT, GITHUB_JOB } = environment;
  const notes = join(RUNNER_TEMP!, GATES_FILE);
  const job = [GITHUB_WORKSPACE, GITHUB_RUN_ID, GITHUB_RUN_ATTEMPT, GITHUB_JOB].join("\n");
  const shared = join(tmpdir(), `gatehouse-gates-${createHash("sha256").update(job).digest("hex").slice(0, 16)}.ndjson`);
  if (GITHUB_RUN_ID === LOCAL_RUN_ID) await forgetOld(shared, environment["GITHUB_ACTION"] ?? "");
  await symlink(shared, notes);
}

/** On this machine a step that is run again stands for the one before. */
async function forgetOld(path: string, step: string): Promise<void> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const notes = text.split("\n").filter((line) => line !== "");
  const kept = notes.filter((line) => {
    const note = JSON.parse(line) as GateNote;
    return note.step !== step && Date.now() - Date.parse(note.at) < LOCAL_JOB_MS;
  });
  await writeFile(path, kept.map((line) => `${line}\n`).join(""));
}

async function commandFiles(temporary: string) {
  const folder = join(temporary, "commands");
  const path = (name: string) => join(folder, `${name}_${randomUUID()}`);
  const files = {
    GITHUB_OUTPUT: path("set_output"),
    GITHUB_STATE: path("save_state"),
    GITHUB_ENV: path("set_env"),
    GITHUB_PATH: path("add_path"),
    GITHUB_STEP_SUMMARY: path("step_summary"),
  };
  await mkdir(dirname(files.GITHUB_OUTPUT), { recursive: true });
  await Promise.all(Object.values(files).map((file) => writeFile(file, "")));
  return files;
}

/** The few expressions that defaults use. `github.token` is GITHUB_TOKEN of this machine, empty when there is none. */
function evaluate(expression: string, environment: Readonly<Record<string, string>>): string {
  if (expression === "github.token") return process.env["GITHUB_TOKEN"] ?? "";
  const name = /^github\.([a-z_]+)$/.exec(expression)?.[1];
  const value = name === undefined ? undefined : environment[`GITHUB_${name.toUpperCase()}`];
  if (value === undefined)
    throw new Error(`action.yml: the default \${{ ${expression} }} isn't known here. Give the input with --with.`);
  return value;
}
