import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeFileAtomically } from "../actions/lib/runner/files.ts";
import { actionNames, ensureBundle, ROOT } from "./bundle.ts";
import { type ActionResult, type ActionRun, runAction } from "./runner/run-action.ts";

const USAGE = `npm run action -- <name> [--with key=value]… [--event pr.json [--event-name pull_request]] [--env NAME=VALUE]…

Runs a bundled action on this machine as GitHub's runner would. The last line is its outputs as JSON, the exit code
is the action's, and the job summary stays in reports/<name>-summary.md.`;

/**
 * Runs one of this repository's actions by name, building its bundle first when the sources have changed.
 *
 * @throws Error when there is no such action or the bundle can't be built
 */
export async function runNamedAction(name: string, run: Omit<ActionRun, "folder"> = {}): Promise<ActionResult> {
  const names = await actionNames();
  if (!names.includes(name)) throw new Error(`no action named "${name}". There are: ${names.join(", ")}.`);
  await ensureBundle(name, (line) => run.show?.(line));
  return runAction({ ...run, folder: join(ROOT, "actions", name) });
}

/** Splits `NAME=VALUE` arguments; the value is everything after the first `=`. */
export function assignments(option: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf("=");
      if (equals <= 0) throw new Error(`--${option}: expected name=value, got ${JSON.stringify(text)}.`);
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

async function readEvent(path: string, name: string | undefined): Promise<NonNullable<ActionRun["event"]>> {
  let payload: Record<string, unknown>;
  try {
    payload = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`--event: ${path} can't be read as JSON: ${(error as Error).message}.`);
  }
  const guessed = "pull_request" in payload ? "pull_request" : "workflow_run" in payload ? "workflow_run" : "push";
  return { name: name ?? guessed, payload };
}

async function commandLine(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      with: { type: "string", multiple: true, default: [] },
      env: { type: "string", multiple: true, default: [] },
      event: { type: "string" },
      "event-name": { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const [name, ...rest] = positionals;
  if (values.help || name === undefined || rest.length > 0) {
    console.log(USAGE);
    return values.help ? 0 : 1;
  }
  const cancel = new AbortController();
  const onSignal = () => cancel.abort("SIGINT");
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const result = await runNamedAction(name, {
      inputs: assignments("with", values.with),
      env: assignments("env", values.env),
      ...(values.event === undefined ? {} : { event: await readEvent(values.event, values["event-name"]) }),
      show: (line) => console.log(line),
      signal: cancel.signal,
    });
    await writeFileAtomically(join(process.cwd(), "reports", `${name}-summary.md`), result.summary);
    console.log(JSON.stringify(result.outputs));
    return result.exitCode;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

if (import.meta.main) {
  try {
    process.exitCode = await commandLine();
  } catch (error) {
    console.error(`action: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
