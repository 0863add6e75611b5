import { setTimeout as delay } from "node:timers/promises";
import { k6RunArguments } from "../../lib/k6/arguments.ts";
import { explainEnding, type K6Ending } from "../../lib/k6/exit-codes.ts";
import { runChild, scrubbedEnvironment } from "../../lib/runner/child.ts";
import { redact } from "../../lib/runner/log.ts";
import { LineFollower } from "../samples/follow.ts";
import { k6Reader, type LineFault } from "../samples/lines.ts";
import { type ArmName, Recording } from "../samples/recording.ts";
import { type CpuTimes, readCpuTimes } from "./machine.ts";

/** Rows of a request reach the file up to a second after its end: a look waits this long beyond its time. */
const LAG_SECONDS = 2;
const POLL_MS = 200;

/** One k6 process with the driver script. */
export interface LiveRun {
  k6: string;
  /** Absolute path of the driver script; its name marks the process. */
  driver: string;
  samplesPath: string;
  summaryPath: string;
  env: Readonly<Record<string, string>>;
  /** Text that is kept nowhere: what the script's routes, the arms' versions and k6's messages hold of it becomes `***`. */
  secrets: readonly string[];
  cwd: string;
  warmUpSeconds: number;
  signal: AbortSignal;
}

/** What is known of a run that goes on. */
export interface LiveState {
  arms: Record<ArmName, Recording>;
  /** Unix seconds of the first request after the warm-up; undefined before the first request. */
  start: number | undefined;
  faults: LineFault[];
  exceptions: number;
  cpu: { before: CpuTimes | undefined; after: CpuTimes | undefined };
  /** Set when k6 has ended. */
  ending: K6Ending | undefined;
}

/** A time at which the run is looked at. */
export interface LookTime {
  seconds: number;
  /** Whether k6 is let come to its end before this look. */
  last: boolean;
}

/**
 * Runs k6 and looks at its samples while they come in. Stops k6 when a look says that it knows enough.
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
  const state: LiveState = {
    arms: { baseline: new Recording(), canary: new Recording() },
    start: undefined,
    faults: [],
    exceptions: 0,
    cpu: { before: undefined, after: undefined },
    ending: undefined,
  };
  const child = startK6(run, AbortSignal.any([run.signal, stop.signal]), state);
  const follower = new LineFollower(run.samplesPath);
  const reader = k6Reader(state.arms, (text) => redact(text, run.secrets));
  let number = 0;
  const readOn = () =>
    follower.read((line) => {
      const fault = reader.read(line, ++number);
      if (fault && state.faults.length < 10) state.faults.push(fault);
    });
  try {
    let started = false;
    for (const [index, look] of looks.entries()) {
      for (;;) {
        const ended = state.ending !== undefined;
        await readOn();
        state.start ??= startOf(state.arms, run.warmUpSeconds);
        const now = Date.now() / 1000;
        if (!started && state.start !== undefined && now >= state.start) {
          started = true;
          await onStart();
          state.cpu.before = await readCpuTimes(run.driver);
        }
        if (ended) break;
        const times = started ? await readCpuTimes(run.driver) : undefined;
        if (times?.generator !== undefined) state.cpu.after = times;
        if (!look.last && state.start !== undefined && now >= state.start + look.seconds + LAG_SECONDS) break;
        await Promise.race([child, delay(POLL_MS)]);
      }
      const enough = await onLook(state, index);
      if (enough || state.ending !== undefined) break;
    }
  } finally {
    stop.abort("enough");
    await child;
    await follower.close();
  }
  return state;
}

/** The end of the warm-up: so long after the first request; in rounds the warm-up isn't recorded, so the first request ends it. */
function startOf(arms: Record<ArmName, Recording>, warmUpSeconds: number): number | undefined {
  const firsts = [arms.baseline, arms.canary].flatMap((arm) =>
    arm.length === 0 ? [] : [arm.t.reduce((a, b) => Math.min(a, b))],
  );
  return firsts.length === 0 ? undefined : Math.min(...firsts) + warmUpSeconds;
}

async function startK6(run: LiveRun, signal: AbortSignal, state: LiveState): Promise<void> {
  const { args, env } = k6RunArguments({
    script: run.driver,
    env: run.env,
    samplesPath: run.samplesPath,
    summaryPath: run.summaryPath,
  });
  let firstErrors = "";
  try {
    const result = await runChild({
      command: run.k6,
      args,
      env: scrubbedEnvironment(env),
      cwd: run.cwd,
      signal,
      onLine: (line) => {
        if (line.includes('hint="script exception"')) state.exceptions++;
        if (line.includes("level=error") && firstErrors.length < 4_000) firstErrors += `${line}\n`;
      },
    });
    // Before the message is cut to a readable length: half a secret would be no match.
    state.ending = explainEnding(result.exitCode, result.signal, result.cancelled, redact(firstErrors, run.secrets));
  } catch (error) {
    state.ending = { kind: "failed", message: (error as Error).message };
  }
}
