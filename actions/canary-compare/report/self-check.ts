import { judge } from "../../lib/judge/judge.ts";
import type { Policy } from "../../lib/judge/policy.ts";
import type { Reason } from "../../lib/judge/verdict.ts";
import type { CanaryReport } from "../../lib/report/canary-report.ts";
import { Recording } from "../samples/recording.ts";
import { type Observed, rounded } from "./facts.ts";

/** The slower arm of a self-check is slower by this. */
const SLOWER = 1.3;

/** Deals the requests of one arm out to two, in turn. */
export function deal(recording: Recording): { baseline: Recording; canary: Recording } {
  const arms = { baseline: new Recording(), canary: new Recording() };
  const order = [...recording.t.keys()].sort((a, b) => recording.t[a]! - recording.t[b]! || a - b);
  order.forEach((from, i) => {
    const { t, latencyMs, ok, route } = recording;
    arms[i % 2 === 0 ? "baseline" : "canary"].add({
      t: t[from]!,
      latencyMs: latencyMs[from]!,
      ok: ok[from]!,
      route: route[from],
    });
  });
  return arms;
}

/**
 * Checks the check: a place against itself must not fail, and the same with +30 % on one arm must.
 *
 * @returns what was found, and the reasons that follow: a warning when the limit lies under the noise floor, and one that keeps from
 *   passing when either check came out wrong
 */
export function selfCheck(
  observed: Observed,
  policy: Policy,
): { result: NonNullable<CanaryReport["self_check"]>; notes: Reason[]; wrong: boolean } {
  const { look, clock } = observed.facts.observations;
  const circumstances = {
    design: observed.facts.traffic.pattern,
    look: { seconds: look.seconds, alphaFail: look.alpha_fail, alphaPass: look.alpha_pass, c: look.c },
    ...(clock ? { clock } : {}),
  };
  const [baseline, canary] = [observed.arms.baseline.samples(), observed.arms.canary.samples()];
  const same = judge(baseline, canary, policy, circumstances);
  const slower = judge(baseline, { ...canary, latencyMs: canary.latencyMs.map((ms) => ms * SLOWER) }, policy, circumstances);
  const floor = same.latency.evidence?.minDetectableRatio;
  const limit = same.latency.limitRatio;
  const notes: Reason[] = [];
  const note = (message: string) => notes.push({ code: "NOT_SIGNIFICANT", metric: "p95", severity: "warning", message });
  if (same.verdict === "FAIL") note("self-check: the baseline against itself fails, so this place is too noisy for these limits");
  if (slower.verdict !== "FAIL")
    note(`self-check: +30 % on one arm gives ${slower.verdict}, not FAIL: take more requests or a longer duration`);
  const wrong = notes.length > 0;
  if (floor !== undefined && limit !== undefined && limit < floor) {
    notes.push({
      code: "NOT_SIGNIFICANT",
      metric: "p95",
      severity: "info",
      message: `self-check: the limit ×${limit.toFixed(3)} lies under the noise floor: this traffic surely detects ×${floor.toFixed(3)} and more`,
    });
  }
  return {
    result: { same_verdict: same.verdict, slower_verdict: slower.verdict, noise_floor_ratio: rounded(floor) },
    notes,
    wrong,
  };
}
