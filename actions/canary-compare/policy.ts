import { DEFAULT_POLICY, type Policy } from "../lib/judge/policy.ts";
import type { Inputs } from "./inputs.ts";
import type { Facts } from "./report/facts.ts";

/** The policy as a report holds it; `policyOf` reads it back. */
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

/** The policy of a report, as the judge takes it; a limit that the report's version didn't know is the default's. */
export function policyOf({ policy }: Pick<Facts, "policy">): Policy {
  return {
    mode: policy.mode,
    maxP95Ratio: policy.max_p95_ratio,
    minP95DeltaMs: policy.min_p95_delta_ms,
    ...(policy.p95_ceiling_ms === null ? {} : { p95CeilingMs: policy.p95_ceiling_ms }),
    maxErrorRatio: policy.max_error_ratio,
    minErrorRate: policy.min_error_rate,
    maxErrorRate: policy.max_error_rate ?? DEFAULT_POLICY.maxErrorRate,
    minSamples: policy.min_samples,
  };
}
