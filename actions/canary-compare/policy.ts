import type { Verdict } from "../lib/judge/verdict.ts";
import type { Inputs } from "./inputs.ts";
import { assemble } from "./report/assemble.ts";
import type { Facts, Observed } from "./report/facts.ts";

/** The policy as a report holds it. */
export function policyFacts({ policy, onInconclusive }: Pick<Inputs, "policy" | "onInconclusive">): Facts["policy"] {
  return {
    mode: policy.mode,
    on_inconclusive: onInconclusive,
    max_p95_ratio: policy.maxP95Ratio,
    min_p95_delta_ms: policy.minP95DeltaMs,
    p95_ceiling_ms: policy.p95CeilingMs ?? null,
    max_error_ratio: policy.maxErrorRatio,
    min_error_rate: policy.minErrorRate,
    max_error_rate: policy.maxErrorRate,
    min_samples: policy.minSamples,
    overrides: [],
  };
}

/** The verdict that a report of what was observed so far would hold. */
export function verdictSoFar(inputs: Inputs, observed: Observed): Verdict {
  const run = { repository: null, run_id: null, run_attempt: null, sha: null, ref: null, workflow: null, job: null, event: null };
  const rest = { run, generated_at: "", error_budget: null, self_check: null, inputs: { digest: "", samples_path: null } };
  return assemble({ ...observed.facts, ...rest, policy: policyFacts(inputs) }, observed.arms).verdict;
}
