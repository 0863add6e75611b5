// Which load the driver asks k6 for: the user's scenarios at the gate's rate. Pure, so that `k6 inspect` shows it.

/** Options of a script that shape the load or its output, which the gate decides. */
const GATES_OWN = [
  "scenarios",
  "stages",
  "vus",
  "duration",
  "iterations",
  "thresholds",
  "rps",
  "cloud",
  "ext",
  "systemTags",
  "setupTimeout",
  "paused",
  "executionSegment",
  "executionSegmentSequence",
];

/** Metrics that say how much load there was: a threshold on them speaks of a load that is put aside. */
const LOAD_METRICS = ["http_reqs", "iterations", "vus", "vus_max", "data_sent", "data_received", "dropped_iterations"];

/** Iterations are asked for as whole numbers in this time, so that a small share of a small rate is not lost. */
const TIME_UNIT_SECONDS = 100;

/**
 * The script's scenarios, or the one that k6 makes of its default function.
 *
 * @throws Error when there is nothing to run, or something that is no HTTP request
 */
export function ownScenarios(script) {
  const given = script.options?.scenarios || {};
  const names = Object.keys(given);
  if (names.length === 0) {
    if (typeof script.default !== "function") {
      throw new Error("the script has no default function, which is what one iteration runs, and no scenarios");
    }
    return { default: { exec: "default", weight: 1, env: {}, tags: {} } };
  }
  const sizes = names.map((name) => sizeOf(given[name]));
  const alike = sizes.every(({ kind }) => kind === sizes[0].kind) && sizes.some(({ size }) => size > 0);
  const scenarios = {};
  names.forEach((name, index) => {
    const { exec = "default", env = {}, tags = {}, options } = given[name];
    if (options?.browser) throw new Error(`scenario ${name} drives a browser: only scripts that use k6/http are compared`);
    if (typeof script[exec] !== "function") {
      throw new Error(`scenario ${name} runs the function ${exec}, which the script doesn't export`);
    }
    scenarios[name] = { exec, env, tags, weight: alike ? sizes[index].size : 1 };
  });
  return scenarios;
}

/** How large a scenario is among others of its kind: its rate, or its number of virtual users. */
function sizeOf(scenario) {
  const targets = (scenario.stages || []).map(({ target }) => Number(target) || 0);
  if (/arrival-rate$/.test(scenario.executor)) {
    const rate = Math.max(Number(scenario.rate || scenario.startRate || 0), ...targets);
    return { kind: "rate", size: rate / (seconds(scenario.timeUnit) || 1) };
  }
  return { kind: "users", size: Math.max(Number(scenario.vus || scenario.startVUs || 0), ...targets, 1) };
}

/** Seconds of a duration as k6 writes it, `1m30s` or milliseconds; undefined when it is neither. */
function seconds(duration) {
  if (typeof duration === "number") return duration / 1000;
  if (typeof duration !== "string") return undefined;
  const units = { h: 3600, m: 60, s: 1, ms: 0.001 };
  const parts = [...duration.matchAll(/([\d.]+)(ms|h|m|s)/g)];
  return parts.length === 0 ? undefined : parts.reduce((sum, [, value, unit]) => sum + Number(value) * units[unit], 0);
}

/**
 * k6's options of one arm.
 *
 * @param plan `{rps, stretches: [{suffix, startMs, durationMs}], env, url}`: at which rate, and when, the arm gets its iterations
 */
export function shapeOptions(script, plan) {
  const own = script.options || {};
  const kept = {};
  for (const name of Object.keys(own)) if (!GATES_OWN.includes(name)) kept[name] = own[name];
  const scenarios = {};
  const parts = Object.entries(ownScenarios(script));
  const total = parts.reduce((sum, [, { weight }]) => sum + weight, 0);
  parts.forEach(([name, { weight, env, tags }], index) => {
    if (weight === 0) return;
    const share = weight / total;
    // Scenarios side by side start one after the other within a period, so that their requests don't come in one moment.
    const apart = (index * 1000) / (plan.rps * parts.length);
    for (const { suffix, startMs, durationMs } of plan.stretches) {
      scenarios[`${name}${suffix}`] = {
        executor: "constant-arrival-rate",
        exec: "run",
        rate: Math.max(1, Math.round(plan.rps * TIME_UNIT_SECONDS * share)),
        timeUnit: `${TIME_UNIT_SECONDS}s`,
        startTime: `${Math.round(startMs + apart)}ms`,
        duration: `${durationMs}ms`,
        gracefulStop: "15s",
        // Iterations of two seconds need no further virtual user, for each of which k6 drops an iteration. More would let connections
        // grow so old that servers close them.
        preAllocatedVUs: Math.max(8, Math.ceil(plan.rps * share * 2)),
        // Enough for answers of six seconds; beyond that iterations are dropped, and the report says so.
        maxVUs: Math.max(24, Math.ceil(plan.rps * share * 6)),
        env: { ...plan.env, ...env, BASE_URL: plan.url },
        tags,
      };
    }
  });
  return {
    ...kept,
    scenarios,
    thresholds: thresholdsOf(own),
    // An arm that is ready waits for the other one within its setup.
    setupTimeout: `${2 * (seconds(own.setupTimeout) || 60)}s`,
  };
}

/** The script's own thresholds without those on the load, and without the end of the run that one may ask for. */
function thresholdsOf({ thresholds = {} }) {
  const kept = {};
  for (const [metric, rules] of Object.entries(thresholds)) {
    if (LOAD_METRICS.includes(metric.replace(/\{.*/, ""))) continue;
    kept[metric] = (Array.isArray(rules) ? rules : [rules]).map((rule) => (typeof rule === "string" ? rule : rule.threshold));
  }
  return kept;
}
