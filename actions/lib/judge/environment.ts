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

const LEAST_DELIVERED = 0.9;
const MOST_DROPPED = 0.01;
const MOST_SPLIT_POINTS = 0.05;
/** Above this the load generator itself waits for CPU, and its latencies aren't the service's. */
const SATURATED_CPU = 0.9;
/** Above this another guest of the host decides what is slow. */
const MOST_STOLEN = 0.1;

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

/**
 * What of the surroundings makes a latency verdict untrustworthy. Any result keeps FAIL and PASS on latency back, except that a
 * machine slower than before (`slower`) still lets a canary pass that isn't slower than its baseline.
 *
 * @param p95Ms of the arms, when both are known
 * @param limitRatio highest allowed ratio of p95
 */
export function judgeEnvironment(
  environment: Environment,
  p95Ms: { baseline: number; canary: number } | undefined,
  limitRatio: number,
): { reasons: Reason[]; slower: boolean } {
  const reasons: Reason[] = [];
  const note = (code: Reason["code"], message: string) => reasons.push({ code, metric: null, severity: "warning", message });
  const {
    targetRps,
    achievedRps,
    droppedIterations: dropped,
    startedIterations: started,
    generatorCpu,
    stolenCpu,
    beforeP95Ms,
  } = environment;
  if (targetRps !== undefined && achievedRps) {
    for (const arm of ["baseline", "canary"] as const) {
      if (achievedRps[arm] < LEAST_DELIVERED * targetRps) {
        note(
          "LOAD_NOT_DELIVERED",
          `${arm} got ${achievedRps[arm].toFixed(1)} requests/s < ${percent(LEAST_DELIVERED)} of the target of ${targetRps}`,
        );
      }
    }
  }
  if (dropped !== undefined && started !== undefined && dropped > MOST_DROPPED * (dropped + started)) {
    note("LOAD_NOT_DELIVERED", `${dropped} of ${dropped + started} iterations were dropped, more than ${percent(MOST_DROPPED)}`);
  }
  const { plannedCanaryShare: planned, observedCanaryShare: observed } = environment;
  if (planned !== undefined && observed !== undefined && Math.abs(planned - observed) > MOST_SPLIT_POINTS) {
    note(
      "SPLIT_MISMATCH",
      `the canary got ${percent(observed)} of the requests, planned were ${percent(planned)}: more than 5 points off`,
    );
  }
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
  const slower =
    beforeP95Ms !== undefined && p95Ms !== undefined && Math.min(p95Ms.baseline, p95Ms.canary) > limitRatio * beforeP95Ms;
  if (slower) {
    note(
      "ENVIRONMENT",
      `both arms are slower than before (p95 ${p95Ms.baseline.toFixed(1)} and ${p95Ms.canary.toFixed(1)} ms > ${limitRatio.toFixed(2)} × ${beforeP95Ms.toFixed(1)} ms): the machine or a dependency is slow, not the canary alone`,
    );
  }
  return { reasons, slower };
}
