import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { runChild, scrubbedEnvironment } from "../runner/child.ts";
import { explainFileError } from "../runner/files.ts";
import { k6RunArguments } from "./arguments.ts";
import { type AskedLoad, writeDriven, writeEntry } from "./entry.ts";
import { explainEnding, type K6Ending } from "./exit-codes.ts";
import { type CpuTimes, cpuShares, readCpuTimes } from "./machine.ts";

export interface K6Run {
  /** Path of k6. */
  k6: string;
  script: string;
  /** What the script sees in `__ENV`, and nothing else. */
  env: Readonly<Record<string, string>>;
  /** The load in place of the script's own; requests are watched then. Absent: the script runs as it is. */
  load?: AskedLoad;
  /** Options of k6 besides. */
  flags?: readonly string[];
  /** Folder for samples and k6's summary; made when missing. */
  folder: string;
  /** Working folder of k6, where a script's handleSummary writes. */
  cwd?: string;
  signal?: AbortSignal;
  output?: "log" | "quiet" | ((line: string) => void);
}

export interface K6RunResult {
  exitCode: number | null;
  ending: K6Ending;
  samplesPath: string;
  summaryPath: string;
  startedAt: Date;
  endedAt: Date;
  /** Iterations that threw: k6 logs them and still ends with 0. */
  exceptions: number;
  /** CPU time of k6 as a share of what it may use, 0–1; null when it isn't known. */
  generatorCpu: number | null;
}

/** How often k6's CPU time is read. */
const CPU_INTERVAL_MS = 250;

/** Runs one k6 script; a cancel is passed on as SIGINT, at which k6 writes what it has. */
export async function runK6(run: K6Run): Promise<K6RunResult> {
  await mkdir(run.folder, { recursive: true });
  const samplesPath = resolve(run.folder, "samples.csv.gz");
  const summaryPath = resolve(run.folder, "k6-summary.json");
  const entry = resolve(run.folder, "entry");
  const script =
    run.load === undefined
      ? await writeEntry(resolve(run.script), run.env, entry)
      : await writeDriven(resolve(run.script), run.env, run.load, entry);
  const { args, env } = k6RunArguments({
    script,
    samplesPath,
    summaryPath,
    iterations: run.load !== undefined,
    ...(run.flags === undefined ? {} : { flags: run.flags }),
  });
  const { output = "log" } = run;
  let exceptions = 0;
  let firstErrors = "";
  const watch = (line: string) => {
    if (line.includes('hint="script exception"')) exceptions++;
    if (line.includes("level=error") && firstErrors.length < 4_000) firstErrors += `${line}\n`;
  };
  const cpu: { first?: CpuTimes; last?: CpuTimes } = {};
  const note = (times: CpuTimes | undefined) => {
    if (times?.generator === undefined) return;
    cpu.first ??= times;
    cpu.last = times;
  };
  // What can't be read isn't known: it must not end the run.
  const timer = setInterval(() => void readCpuTimes(script).then(note, () => note(undefined)), CPU_INTERVAL_MS);
  const startedAt = new Date();
  const { exitCode, signal, cancelled } = await runChild({
    command: run.k6,
    args,
    env: scrubbedEnvironment(env),
    output,
    squeeze: true,
    onLine: watch,
    ...(run.cwd === undefined ? {} : { cwd: run.cwd }),
    ...(run.signal === undefined ? {} : { signal: run.signal }),
  }).finally(() => clearInterval(timer));
  return {
    exitCode,
    ending: explainEnding(exitCode, signal, cancelled, firstErrors),
    samplesPath,
    summaryPath,
    startedAt,
    endedAt: new Date(),
    exceptions,
    generatorCpu: cpuShares(cpu.first, cpu.last).generator,
  };
}

/**
 * sha256 of a script, so that a report can say what was run.
 *
 * @throws Error naming the input when the script can't be read
 */
export async function scriptDigest(path: string): Promise<string> {
  try {
    return createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  } catch (error) {
    throw new Error(
      `script: ${path} could not be read: ${explainFileError(error)} Give the path of a k6 script, from ${join(process.cwd(), "/")}.`,
      {
        cause: error,
      },
    );
  }
}
