import { VERSION_METRIC } from "../samples/lines.ts";
import type { ArmName } from "../samples/recording.ts";

/** What one k6 run drives. */
export interface DrivePlan {
  /** Absolute path of the script whose default function is one iteration. */
  script: string;
  /** The arms that get traffic, with their base URLs. */
  urls: Partial<Record<ArmName, string>>;
  /** Iterations started a second and arm. */
  rps: number;
  warmUpSeconds: number;
  /** Longest measurement an arm, after the warm-up. */
  seconds: number;
  /** Turns of each arm; undefined interleaves the arms request by request. */
  rounds: number | undefined;
  versionHeader: string;
}

/** A k6 scenario of the driver. */
interface Scenario {
  executor: "constant-arrival-rate";
  exec: "run";
  rate: number;
  timeUnit: "10s";
  duration: string;
  startTime: string;
  gracefulStop: "15s";
  preAllocatedVUs: number;
  maxVUs: number;
  env: { BASE_URL: string };
}

/** Rate that k6 is asked for, as whole iterations in 10 s. */
export function ratePerTenSeconds(rps: number): number {
  return Math.max(1, Math.round(rps * 10));
}

/**
 * The scenarios of a run. Interleaved: one an arm, the canary half a period behind. In rounds: turns in the order
 * baseline, canary, canary, baseline, … so that a drift hits both alike; the warm-up (round 0) drives both at once.
 */
export function planScenarios(plan: DrivePlan): Record<string, Scenario> {
  const arms = Object.keys(plan.urls) as ArmName[];
  const rate = ratePerTenSeconds(plan.rps);
  const halfPeriod = 5 / rate;
  const scenario = (arm: ArmName, start: number, seconds: number): Scenario => ({
    executor: "constant-arrival-rate",
    exec: "run",
    rate,
    timeUnit: "10s",
    duration: milliseconds(seconds),
    startTime: milliseconds(start),
    gracefulStop: "15s",
    preAllocatedVUs: Math.max(4, Math.ceil(plan.rps / 2)),
    // Enough for answers of six seconds; beyond that iterations are dropped, and the report says so.
    maxVUs: Math.max(10, Math.ceil(plan.rps * 6)),
    env: { BASE_URL: plan.urls[arm]! },
  });
  const scenarios: Record<string, Scenario> = {};
  if (plan.rounds === undefined) {
    arms.forEach((arm, i) => {
      scenarios[arm] = scenario(arm, i * halfPeriod, plan.warmUpSeconds + plan.seconds);
    });
    return scenarios;
  }
  if (plan.warmUpSeconds > 0) for (const arm of arms) scenarios[`${arm}_0`] = scenario(arm, 0, plan.warmUpSeconds);
  const turn = plan.seconds / plan.rounds;
  let start = plan.warmUpSeconds;
  for (let round = 1; round <= plan.rounds; round++) {
    for (const arm of round % 2 === 1 ? arms : arms.toReversed()) {
      scenarios[`${arm}_${round}`] = scenario(arm, start, turn);
      start += turn;
    }
  }
  return scenarios;
}

function milliseconds(seconds: number): string {
  return `${Math.round(seconds * 1000)}ms`;
}

/**
 * The k6 script that drives the user's script: its default function runs in one scenario an arm, with BASE_URL of that arm, and so do
 * its setup and teardown, once an arm. Options of the user's script that shape the load or judge it are put aside; the others hold.
 *
 * Responses are attested by the version header: k6's HTTP functions are wrapped, so that every response that carries it counts.
 */
export function driverSource(plan: DrivePlan): string {
  const data = JSON.stringify({ urls: plan.urls, scenarios: planScenarios(plan), header: plan.versionHeader });
  return `import exec from "k6/execution";
import http from "k6/http";
import { Counter } from "k6/metrics";
import * as script from ${JSON.stringify(plan.script)};

const plan = ${data};
const versions = new Counter(${JSON.stringify(VERSION_METRIC)});
const wanted = plan.header.toLowerCase();

function attest(response) {
  const headers = (response && response.headers) || {};
  const name = Object.keys(headers).find((key) => key.toLowerCase() === wanted);
  if (name !== undefined) versions.add(1, { version: encodeURIComponent(headers[name]) });
  return response;
}

for (const name of ["get", "post", "put", "patch", "del", "head", "options", "request"]) {
  const original = http[name];
  http[name] = (...args) => attest(original.apply(http, args));
}
const batch = http.batch;
http.batch = (...args) => {
  const responses = batch.apply(http, args);
  Object.values(responses).forEach(attest);
  return responses;
};

const own = script.options || {};
const kept = {};
for (const name of Object.keys(own)) {
  if (!["scenarios", "stages", "vus", "duration", "iterations", "thresholds", "rps", "cloud", "ext", "systemTags"].includes(name)) {
    kept[name] = own[name];
  }
}
export const options = { ...kept, scenarios: plan.scenarios };

if (typeof script.default !== "function") {
  throw new Error("the script has no default function, which is what one iteration runs");
}

export function setup() {
  const data = {};
  for (const arm of Object.keys(plan.urls)) {
    __ENV.BASE_URL = plan.urls[arm];
    if (typeof script.setup === "function") data[arm] = script.setup();
  }
  return data;
}

export function run(data) {
  return script.default(data[exec.scenario.name.replace(/_\\d+$/, "")]);
}

export function teardown(data) {
  for (const arm of Object.keys(plan.urls)) {
    __ENV.BASE_URL = plan.urls[arm];
    if (typeof script.teardown === "function") script.teardown(data[arm]);
  }
}
`;
}
