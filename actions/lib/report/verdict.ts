/** What a gate says. Missing evidence is INCONCLUSIVE, never PASS. */
export const VERDICTS = ["PASS", "INCONCLUSIVE", "FAIL"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** When a verdict makes the step fail: input `fail-on` of every gate. The first is the default. */
export const FAIL_ON = ["fail", "fail-or-inconclusive", "never"] as const;
export type FailOn = (typeof FAIL_ON)[number];

/** The worst of some verdicts, in the order PASS, INCONCLUSIVE, FAIL; PASS when there is none. */
export function worst(verdicts: Iterable<Verdict>): Verdict {
  let rank = 0;
  for (const verdict of verdicts) rank = Math.max(rank, VERDICTS.indexOf(verdict));
  return VERDICTS[rank]!;
}

/**
 * Exit code of a gate.
 *
 * @param broken the measurement itself could not be made (the script failed, the run was cancelled): that is a fault to
 *   mend, not weak evidence, so it fails the step unless `failOn` is `never`
 */
export function exitCode(verdict: Verdict, failOn: FailOn, broken = false): 0 | 1 {
  if (failOn === "never") return 0;
  if (verdict === "FAIL" || broken) return 1;
  return verdict === "INCONCLUSIVE" && failOn === "fail-or-inconclusive" ? 1 : 0;
}
