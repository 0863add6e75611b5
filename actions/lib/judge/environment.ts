import type { Reason } from "./verdict.ts";

/** What is known of the run beside its samples. Every field is optional: a file knows none of them. */
export interface Environment {
  /** Requests a second that each arm should have got. */
  targetRps?: number;
  achievedRps?: { baseline: number; canary: number };
  /** Iterations that the generator couldn't start in time. */
  droppedIterations?: number;
  /** Iterations that it did start. */
  startedIterations?: number;
  /** The canary's share of the traffic, 0–1. */
  plannedCanaryShare?: number;
  observedCanaryShare?: number;
  /** CPU time of the load generator as a share of all cores' time, 0–1. */
  generatorCpu?: number;
  /** Share of CPU time that the host took from this machine, 0–1. */
  stolenCpu?: number;
  /** p95 in milliseconds of the same traffic before the deployment. */
  beforeP95Ms?: number;
}

/** Share of the target load below which an arm's load wasn't delivered. */
const LEAST_DELIVERED = 0.9;
/** Share of the iterations that may be dropped. */
const MOST_DROPPED = 0.01;
/** How far the canary's share may be off the planned one, as a share of the smaller arm's. */
const MOST_SPLIT_OFF = 0.1;
/** Standard errors of a split that chance doesn't explain: two-sided p < 0.001. */
const SPLIT_Z = 3.29;
/** Above this the load generator itself waits for CPU, and its latencies aren't the service's. */
export const SATURATED_CPU = 0.9;
/** Above this another guest of the host decides what is slow. */
const MOST_STOLEN = 0.1;

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

/** What the surroundings keep from being said about latency. */
export interface EnvironmentGate {
  reasons: Reason[];
  /** Both arms are slower than before the deployment. */
  slower: boolean;
  /** Latency neither passes nor fails. */
  holds: boolean;
  /** Latency doesn't pass: what hit one arm alone takes no FAIL of the canary away. */
  holdsPass: boolean;
}

/**
 * What of the surroundings makes a latency verdict untrustworthy. What both arms share holds PASS and FAIL back, except that a machine
 * slower than before (`slower`) still lets a canary pass that isn't slower than its baseline. What hits one arm alone is that arm's.
 *
 * @param requests of each arm, for how far chance explains the split
 * @param p95Ms of the arms, when both are known
 * @param limitRatio highest allowed ratio of p95
 */
export function judgeEnvironment(
  environment: Environment,
  requests: { baseline: number; canary: number },
  p95Ms: { baseline: number; canary: number } | undefined,
  limitRatio: number,
): EnvironmentGate {
  const gate: EnvironmentGate = { reasons: [], slower: false, holds: false, holdsPass: false };
  const note = (code: Reason["code"], message: string) => {
    gate.reasons.push({ code, metric: null, severity: "warning", message });
    gate.holds = true;
  };
  const { droppedIterations: dropped, startedIterations: started, generatorCpu, stolenCpu, beforeP95Ms } = environment;
  checkLoad(environment, gate);
  if (dropped !== undefined && started !== undefined && dropped > MOST_DROPPED * (dropped + started)) {
    note("LOAD_NOT_DELIVERED", `${dropped} of ${dropped + started} iterations were dropped, more than ${percent(MOST_DROPPED)}`);
  }
  const split = findSplitMismatch(environment, requests);
  if (split !== undefined) note("SPLIT_MISMATCH", split);
  if (generatorCpu !== undefined && generatorCpu > SATURATED_CPU) {
    note(
      "ENVIRONMENT",
      `the load generator used ${percent(generatorCpu)} of the CPU > ${percent(SATURATED_CPU)}: its latencies hold its own waiting`,
    );
  }
  if (stolenCpu !== undefined && stolenCpu > MOST_STOLEN) {
    note(
      "ENVIRONMENT",
      `the host took ${percent(stolenCpu)} of the CPU time away > ${percent(MOST_STOLEN)}: pauses are the machine's, not the canary's`,
    );
  }
  if (beforeP95Ms !== undefined && p95Ms !== undefined && Math.min(p95Ms.baseline, p95Ms.canary) > limitRatio * beforeP95Ms) {
    const heldAlready = gate.holds;
    note(
      "ENVIRONMENT",
      `both arms are slower than before (p95 ${p95Ms.baseline.toFixed(1)} and ${p95Ms.canary.toFixed(1)} ms > ${limitRatio.toFixed(2)} × ${beforeP95Ms.toFixed(1)} ms): the machine or a dependency is slow, not the canary alone`,
    );
    gate.holds = heldAlready;
    gate.slower = true;
  }
  return gate;
}

/** Load that neither arm got is the generator's; what one arm alone didn't get keeps it from passing, and nothing more. */
function checkLoad({ targetRps, achievedRps }: Environment, gate: EnvironmentGate): void {
  if (targetRps === undefined || !achievedRps) return;
  const short = (["baseline", "canary"] as const).filter((arm) => achievedRps[arm] < LEAST_DELIVERED * targetRps);
  for (const arm of short) {
    const message = `${arm} got ${achievedRps[arm].toFixed(1)} requests/s < ${percent(LEAST_DELIVERED)} of the target of ${targetRps}`;
    gate.reasons.push({ code: "LOAD_NOT_DELIVERED", metric: null, severity: "warning", message });
  }
  if (short.length === 2) gate.holds = true;
  if (short.length > 0) gate.holdsPass = true;
}

/**
 * Whether the requests fell on the arms as planned: a two-sided binomial test (p < 0.001), and beyond it a tenth of the smaller arm's
 * share, since with many requests the smallest difference is significant.
 */
function findSplitMismatch(environment: Environment, requests: { baseline: number; canary: number }): string | undefined {
  const { plannedCanaryShare: planned, observedCanaryShare: observed } = environment;
  if (planned === undefined || observed === undefined) return undefined;
  const off = Math.abs(observed - planned);
  const smaller = Math.min(planned, 1 - planned);
  const error = Math.sqrt((planned * (1 - planned)) / Math.max(1, requests.baseline + requests.canary));
  if (off <= SPLIT_Z * error || off <= MOST_SPLIT_OFF * smaller) return undefined;
  return `the canary got ${percent(observed)} of the requests, planned were ${percent(planned)}: chance explains ${percent(SPLIT_Z * error)} of difference, and more than a tenth of the smaller share is too much`;
}
