import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";
import { parse } from "yaml";
import { runNamedAction } from "../tools/action.ts";
import { parseCommandFile } from "../tools/runner/command-files.ts";
import type { ActionResult } from "../tools/runner/run-action.ts";

export interface Step {
  id?: string;
  name?: string;
  if?: string | boolean;
  uses?: string;
  run?: string;
  with?: Record<string, string>;
  env?: Record<string, string>;
}

export interface Job {
  if?: string;
  env?: Record<string, string>;
  outputs?: Record<string, string>;
  steps: Step[];
}

export interface Workflow {
  name: string;
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  concurrency?: unknown;
  jobs: Record<string, Job & { permissions?: Record<string, string>; "timeout-minutes"?: number }>;
}

/** Reads a workflow file. */
export async function readWorkflow(path: string | URL): Promise<Workflow> {
  return parse(await readFile(path, "utf8")) as Workflow;
}

export interface JobRun {
  /** Values of the contexts beside `steps`, `env` and `job`: github, inputs, vars, secrets. */
  contexts: Record<string, unknown>;
  /** The jobs that this one needs, by name: when one of them failed, this job is skipped unless its `if` says otherwise. */
  needs?: Record<string, { result: JobResult["status"]; outputs: Record<string, string> }>;
  workspace: string;
  /** Added to the environment of every step. */
  env?: Record<string, string>;
  event?: { name: string; payload: unknown };
  /** What stands in for the actions of others, by name without version; each gives the step's outputs. */
  actions?: Record<string, (inputs: Record<string, string>) => Promise<Record<string, string>>>;
  show?: (line: string) => void;
}

export interface StepResult {
  name: string;
  outcome: "success" | "failure" | "skipped";
  inputs: Record<string, string>;
  outputs: Record<string, string>;
  /** Of a Gatehouse action. */
  result?: ActionResult;
}

export interface JobResult {
  status: "success" | "failure" | "skipped";
  outputs: Record<string, string>;
  steps: StepResult[];
}

/**
 * Runs one job of a workflow on this machine, step by step: our actions as their real bundles, `run:` in bash, the
 * actions of others by what stands in for them. Expressions are evaluated by GitHub's own evaluator.
 */
export async function runJob(job: Job, options: JobRun): Promise<JobResult> {
  const steps: StepResult[] = [];
  const context = {
    ...options.contexts,
    needs: options.needs ?? {},
    env: {} as Record<string, string>,
    steps: {} as Record<string, unknown>,
    job: options.contexts["job"] ?? {},
  };
  let status: JobResult["status"] = "success";
  const fill = (text: unknown) => interpolate(String(text), context, status === "failure");
  const needed = Object.values(options.needs ?? {}).every(({ result }) => result === "success");
  if (!truthy(job.if ?? "success()", context, !needed)) return { status: "skipped", outputs: {}, steps };
  for (const [name, value] of Object.entries(job.env ?? {})) context.env[name] = fill(value);

  for (const [index, step] of job.steps.entries()) {
    const name = step.name ?? step.id ?? step.uses ?? `step ${index + 1}`;
    const condition = step.if === undefined ? "success()" : String(step.if);
    const one: StepResult = { name, outcome: "skipped", inputs: {}, outputs: {} };
    steps.push(one);
    if (truthy(condition, context, status === "failure")) {
      for (const [input, value] of Object.entries(step.with ?? {})) one.inputs[input] = fill(value);
      const env = { ...options.env, ...context.env };
      for (const [variable, value] of Object.entries(step.env ?? {})) env[variable] = fill(value);
      options.show?.(`▶ ${name}`);
      one.outcome = (await runStep(step, one, env, options, fill)) ? "success" : "failure";
      if (one.outcome === "failure") status = "failure";
    }
    if (step.id !== undefined) context.steps[step.id] = { outputs: one.outputs, outcome: one.outcome, conclusion: one.outcome };
  }
  const outputs = Object.fromEntries(Object.entries(job.outputs ?? {}).map(([name, value]) => [name, fill(value)]));
  return { status, outputs, steps };
}

async function runStep(
  step: Step,
  one: StepResult,
  env: Record<string, string>,
  options: JobRun,
  fill: (text: unknown) => string,
): Promise<boolean> {
  if (step.run !== undefined) {
    const { ok, outputs } = await runShell(fill(step.run), env, options);
    Object.assign(one.outputs, outputs);
    return ok;
  }
  const uses = step.uses ?? "";
  const own = /^(?:OWNER\/gatehouse|\.\/\.gatehouse|\.)\/actions\/([a-z0-9-]+)(?:@v1)?$/.exec(uses)?.[1];
  if (own !== undefined) {
    const result = await runNamedAction(own, {
      inputs: one.inputs,
      env,
      workspace: options.workspace,
      ...(options.event === undefined ? {} : { event: options.event }),
      ...(options.show === undefined ? {} : { show: options.show }),
    });
    one.result = result;
    Object.assign(one.outputs, result.outputs);
    return result.exitCode === 0;
  }
  const stand = options.actions?.[uses.replace(/@.*$/, "")];
  if (stand === undefined) throw new Error(`${one.name}: nothing stands in for ${uses}`);
  Object.assign(one.outputs, await stand(one.inputs));
  return true;
}

async function runShell(
  script: string,
  env: Record<string, string>,
  options: JobRun,
): Promise<{ ok: boolean; outputs: Record<string, string> }> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-run-"));
  try {
    const file = join(folder, "script.sh");
    const output = join(folder, "output");
    await writeFile(file, script);
    await writeFile(output, "");
    // What GitHub runs for `shell: bash`'s default.
    const ok = await new Promise<boolean>((resolve) => {
      const variables = { PATH: process.env.PATH, HOME: process.env.HOME, RUNNER_TEMP: folder, GITHUB_OUTPUT: output, ...env };
      execFile("bash", ["-e", file], { cwd: options.workspace, env: variables }, (error, stdout, stderr) => {
        for (const line of `${stdout}${stderr}`.split("\n")) if (line !== "") options.show?.(line);
        resolve(error === null);
      });
    });
    return { ok, outputs: parseCommandFile(await readFile(output, "utf8"), "GITHUB_OUTPUT") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Replaces each `${{ … }}` by the value of its expression. */
export function interpolate(text: string, context: Record<string, unknown>, failed: boolean): string {
  return text.replace(/\$\{\{([\s\S]*?)\}\}/g, (_, expression: string) =>
    evaluate(expression.trim(), context, failed).coerceString(),
  );
}

function truthy(condition: string, context: Record<string, unknown>, failed: boolean): boolean {
  const expression = condition.replace(/^\s*\$\{\{([\s\S]*)\}\}\s*$/, "$1").trim();
  // As on GitHub: without one of these functions, a step needs success.
  const whole = /\b(?:success|failure|always|cancelled)\(\)/.test(expression) ? expression : `success() && (${expression})`;
  const value = evaluate(whole, context, failed);
  return !["", "false", "0"].includes(value.coerceString());
}

function evaluate(expression: string, context: Record<string, unknown>, failed: boolean): data.ExpressionData {
  const state = (name: string, value: boolean) => ({ name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value) });
  const functions = [state("success", !failed), state("failure", failed), state("always", true), state("cancelled", false)];
  const { tokens } = new Lexer(expression).lex();
  const tree = new Parser(tokens, Object.keys(context), functions).parse();
  const dictionary = JSON.parse(JSON.stringify(context), data.reviver) as data.Dictionary;
  return new Evaluator(tree, dictionary, new Map(functions.map((one) => [one.name, one]))).evaluate();
}
