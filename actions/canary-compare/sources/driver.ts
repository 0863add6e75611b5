import { join } from "node:path";
import { driverModule, writeModules } from "../../lib/k6/entry.ts";
import type { ArmName } from "../samples/recording.ts";
import { summaryPath } from "./live-run.ts";

/** What is driven, for both arms. */
export interface DrivePlan {
  /** Absolute path of the script. */
  script: string;
  /** The arms that get traffic, with their base URLs. */
  urls: Partial<Record<ArmName, string>>;
  /** Iterations started per second and arm. */
  rps: number;
  warmUpSeconds: number;
  /** Longest measurement of an arm, after the warm-up. */
  seconds: number;
  /** Turns of each arm; undefined interleaves the arms request by request. */
  rounds: number | undefined;
  versionHeader: string;
  /** What the script sees in `__ENV` beside BASE_URL. */
  env: Readonly<Record<string, string>>;
}

/** A stretch of time in which an arm gets its iterations. */
export interface DriveStretch {
  /** Behind the name of each scenario: `_2` for the second turn. */
  suffix: string;
  startMs: number;
  durationMs: number;
}

/** Rate that k6 is asked for: whole iterations in 100 s. */
export function drivenRate(rps: number): number {
  return Math.max(1, Math.round(rps * 100)) / 100;
}

/**
 * When each arm gets its iterations. Interleaved: all along, the canary half a period behind. In rounds: turns in the order baseline,
 * canary, canary, baseline, … so that a drift hits both alike; the warm-up (`_0`) drives both at once.
 */
export function planStretches(plan: DrivePlan): Partial<Record<ArmName, DriveStretch[]>> {
  const arms = Object.keys(plan.urls) as ArmName[];
  const stretch = (suffix: string, start: number, seconds: number): DriveStretch => ({
    suffix,
    startMs: Math.round(start * 1000),
    durationMs: Math.round(seconds * 1000),
  });
  const found: Partial<Record<ArmName, DriveStretch[]>> = {};
  if (plan.rounds === undefined) {
    arms.forEach((arm, i) => {
      found[arm] = [stretch("", (i * 0.5) / plan.rps, plan.warmUpSeconds + plan.seconds)];
    });
    return found;
  }
  for (const arm of arms) found[arm] = plan.warmUpSeconds > 0 ? [stretch("_0", 0, plan.warmUpSeconds)] : [];
  const turn = plan.seconds / plan.rounds;
  let start = plan.warmUpSeconds;
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const arm of round % 2 === 1 ? arms : arms.toReversed()) {
      found[arm]!.push(stretch(`_${round}`, start, turn));
      start += turn;
    }
  }
  return found;
}

/**
 * Writes the driver of one arm: the k6 script that runs the user's script as it is, at the gate's rate. Each arm has its own, run by its
 * own k6: code at the top of the script and of the modules that it imports sees BASE_URL of that arm, as in a run of the script by hand.
 *
 * @param gateUrl where the arms wait for each other
 * @returns path of the driver
 */
export async function writeDriver(plan: DrivePlan, arm: ArmName, folder: string, gateUrl: string): Promise<string> {
  const other = arm === "baseline" ? "canary" : "baseline";
  const data = {
    arm,
    url: plan.urls[arm],
    otherUrl: plan.urls[other] === plan.urls[arm] ? undefined : plan.urls[other],
    rps: plan.rps,
    stretches: planStretches(plan)[arm],
    versionHeader: plan.versionHeader,
    env: plan.env,
    gate: gateUrl,
    summaryPath: summaryPath(folder, arm),
  };
  return await writeModules(join(folder, arm), {
    "plan.js": `export const plan = ${JSON.stringify(data)};\n`,
    // Evaluated before the script: its variables are there and its HTTP functions are watched from its first line on.
    "before.js": `import { plan } from "./plan.js";
import { watchRequests } from ${driverModule("watch.js")};
Object.assign(__ENV, plan.env, { BASE_URL: plan.url });
export const get = watchRequests(plan);
`,
    "driver.js": `import { get } from "./before.js";
import * as script from ${JSON.stringify(plan.script)};
import { drive } from ${driverModule("drive.js")};
import { plan } from "./plan.js";
const driven = drive(script, plan, get);
export const options = driven.options;
export const setup = driven.setup;
export const run = driven.run;
export const teardown = driven.teardown;
export const handleSummary = driven.handleSummary;
`,
  });
}
