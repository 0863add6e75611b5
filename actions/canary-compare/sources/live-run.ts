import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { k6RunArguments } from "../../lib/k6/arguments.ts";
import { explainEnding, type K6Ending } from "../../lib/k6/exit-codes.ts";
import { type CpuTimes, readCpuTimes } from "../../lib/k6/machine.ts";
import { runChild, scrubbedEnvironment } from "../../lib/runner/child.ts";
import { redact, say } from "../../lib/runner/log.ts";
import { RecordFollower } from "../samples/follow.ts";
import type { LineFault } from "../samples/lines.ts";
import type { ArmName } from "../samples/recording.ts";
import { ArmRows } from "./arm-rows.ts";
import type { Gate } from "./gate.ts";

/** Rows of a request reach the file up to a second after its end: a look waits this long beyond its time. */
const LAG_SECONDS = 2;
const POLL_MS = 200;
/** k6 ends the requests in flight and sums up when it is told to stop; a second signal would keep it from that. */
const GRACE_MS = 8_000;
/** Lines of k6 that are shown for each arm; a script that throws writes one for each iteration. */
const MOST_LINES = 40;
/** k6's codes for a run that the script itself ended or marked as failed. */
const ENDED_BY_SCRIPT: readonly (number | null)[] = [108, 110];

/** Two k6 processes, one for each arm. */
export interface LiveRun {
  k6: string;
  /** Absolute paths of the arms' driver scripts, by arm. */
  drivers: Partial<Record<ArmName, string>>;
  /** Folder that holds a folder for each arm; its name marks the processes. */
  folder: string;
  gate: Gate;
  flags: readonly string[];
  /** Text that is kept nowhere: what routes, checks, versions and k6's messages hold of it becomes `***`. */
  secrets: readonly string[];
  cwd: string;
  warmUpSeconds: number;
  signal: AbortSignal;
}

/** How an arm's k6 ended. */
export interface ArmEnding extends K6Ending {
  /** Whether the script itself ended the run or marked it as failed. */
  byScript: boolean;
}

/** What is known of a run that goes on. */
export interface LiveState {
  rows: Partial<Record<ArmName, ArmRows>>;
  /** Unix seconds of the end of the warm-up; undefined before the arms were let go. */
  start: number | undefined;
  /** Unix seconds up to which the rows were read. */
  now: number;
  faults: LineFault[];
  cpu: { before: CpuTimes | undefined; after: CpuTimes | undefined };
  /** Of the arms whose k6 has ended. */
  endings: Partial<Record<ArmName, ArmEnding>>;
}

/** A time at which the run is looked at. */
export interface LookTime {
  seconds: number;
  /** Whether k6 is let come to its end before this look. */
  last: boolean;
}

/**
 * Runs k6 for each arm and looks at the samples while they come in. Stops k6 when a look says that it knows enough.
 *
 * @param looks ascending
 * @param onStart called once, when the warm-up is over
 * @param onLook tells whether enough is known; called at each look, and once more when k6 ended before its time
 */
export async function runLive(
  run: LiveRun,
  looks: readonly LookTime[],
  onStart: () => Promise<void>,
  onLook: (state: LiveState, look: number) => Promise<boolean>,
): Promise<LiveState> {
  const stop = new AbortController();
  const arms = Object.keys(run.drivers) as ArmName[];
  const rows = Object.fromEntries(arms.map((arm) => [arm, new ArmRows((text) => redact(text, run.secrets))]));
  const state: LiveState = {
    rows,
    start: undefined,
    now: Date.now() / 1000,
    faults: [],
    cpu: { before: undefined, after: undefined },
    endings: {},
  };
  const signal = AbortSignal.any([run.signal, stop.signal]);
  const children = Promise.all(arms.map((arm) => startK6(run, arm, signal, state)));
  const followers = arms.map((arm) => [rows[arm]!, new RecordFollower(samplesPath(run, arm))] as const);
  const readOn = async () => {
    const now = Date.now() / 1000;
    for (const [of, follower] of followers) {
      await follower.read((record, line) => {
        const fault = of.read(record, line);
        if (fault && state.faults.length < 10) state.faults.push(fault);
      });
    }
    state.now = now;
  };
  try {
    let started = false;
    for (const [index, look] of looks.entries()) {
      for (;;) {
        const ended = arms.every((arm) => state.endings[arm] !== undefined);
        if (!ended && hasBroken(state)) stop.abort("broken");
        await readOn();
        if (run.gate.openedAt !== undefined) state.start ??= run.gate.openedAt + run.warmUpSeconds;
        if (!started && state.start !== undefined && state.now >= state.start) {
          started = true;
          await onStart();
          state.cpu.before = await readCpuTimes(run.folder);
        }
        if (ended) break;
        const times = started ? await readCpuTimes(run.folder) : undefined;
        // Only while all of them run: a process that has ended takes its times with it.
        if (times?.generator?.processes === arms.length) state.cpu.after = times;
        if (!look.last && state.start !== undefined && state.now >= state.start + look.seconds + LAG_SECONDS) break;
        await Promise.race([children, delay(POLL_MS)]);
      }
      // A short run can be over before its first look is due: then the last look has all of it.
      if (!look.last && hasFinished(state, arms)) continue;
      const enough = await onLook(state, index);
      if (enough || arms.every((arm) => state.endings[arm] !== undefined)) break;
    }
  } finally {
    stop.abort("enough");
    await children;
    for (const [, follower] of followers) await follower.close();
  }
  return state;
}

/** Whether an arm's k6 came to an end that leaves nothing to compare: then the other arm needs no more traffic. */
function hasBroken({ endings }: LiveState): boolean {
  return Object.values(endings).some(({ kind }) => kind === "failed" || kind === "cancelled");
}

/** Whether k6 has done for each arm what it was told to do. */
function hasFinished({ endings }: LiveState, arms: readonly ArmName[]): boolean {
  return arms.every((arm) => endings[arm]?.kind === "finished" || endings[arm]?.kind === "thresholds");
}

function samplesPath(run: LiveRun, arm: ArmName): string {
  return join(run.folder, arm, "samples.csv");
}

/** Where an arm's driver writes its last words. */
export function summaryPath(folder: string, arm: ArmName): string {
  return join(folder, arm, "summary.json");
}

/** What an arm's driver says at the end of its run. */
export interface ArmSummary {
  /** The script's own thresholds that the arm crossed. */
  crossed: string[];
  /** Whether the script's options take any certificate. */
  insecure: boolean;
}

/** What an arm's driver said at the end of its run; undefined when it came to no end. */
export async function readArmSummary(folder: string, arm: ArmName): Promise<ArmSummary | undefined> {
  let text: string;
  try {
    text = await readFile(summaryPath(folder, arm), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return JSON.parse(text) as ArmSummary;
}

async function startK6(run: LiveRun, arm: ArmName, signal: AbortSignal, state: LiveState): Promise<void> {
  const { args, env } = k6RunArguments({
    script: run.drivers[arm]!,
    samplesPath: samplesPath(run, arm),
    iterations: true,
    flags: run.flags,
  });
  let firstErrors = "";
  let lines = 0;
  try {
    const result = await runChild({
      command: run.k6,
      args,
      env: scrubbedEnvironment(env),
      cwd: run.cwd,
      signal,
      graceMs: GRACE_MS,
      // Two processes write at once, so each line says of which arm it is; and none can command the runner.
      output: (line) => {
        if (line.trim() === "") return;
        lines += 1;
        if (lines <= MOST_LINES) say(`${arm}: ${redact(line, run.secrets)}`);
        if (lines === MOST_LINES + 1) say(`${arm}: k6 writes more lines, which are not shown`);
      },
      onLine: (line) => {
        if (line.includes("level=error") && firstErrors.length < 4_000) firstErrors += `${line}\n`;
      },
    });
    // Before the message is cut to a readable length: half a secret would be no match.
    const ending = explainEnding(result.exitCode, result.signal, result.cancelled, redact(firstErrors, run.secrets));
    state.endings[arm] = { ...ending, byScript: ENDED_BY_SCRIPT.includes(result.exitCode) };
  } catch (error) {
    state.endings[arm] = { kind: "failed", message: (error as Error).message, byScript: false };
  } finally {
    run.gate.leave(arm);
  }
}
