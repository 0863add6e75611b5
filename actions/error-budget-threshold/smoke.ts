import { type Reason, type ReasonCode, type Verdict, worst } from "../lib/judge/verdict.ts";
import type { Tier } from "../lib/prometheus/tiers.ts";
import type { ErrorBudget } from "../lib/report/error-budget.ts";
import type { SmokeSummary } from "../lib/report/smoke-summary.ts";
import type { Untrusted } from "../lib/report/untrusted.ts";

export interface SmokeJudgement {
  smoke: NonNullable<ErrorBudget["smoke"]>;
  reasons: Reason[];
  /** Whether there was no summary to judge, which is a fault to mend. */
  broken: boolean;
}

/**
 * Judges a smoke summary with the tier's p95 limit in place of the summary's own. What the run found beyond p95
 * (errors, load, a broken script) stays as it was.
 */
export function judgeSmoke(path: string, read: Untrusted<SmokeSummary>, tier: Tier): SmokeJudgement {
  if (!read.ok) {
    const message = `The smoke summary can't be judged: ${read.message}`;
    return {
      smoke: { path, p95_ms: null, verdict: "INCONCLUSIVE" },
      reasons: [{ code: "NO_DATA", metric: "p95", severity: "error", message }],
      broken: true,
    };
  }
  const { report } = read;
  const others = verdictWithoutP95(report);
  const p95 = judgeP95(report.p95_ms, tier.p95Ms);
  return {
    smoke: { path, p95_ms: report.p95_ms, verdict: worst([others, p95.verdict]) },
    reasons: [
      p95.reason,
      ...(others === "PASS" ? [] : report.reasons.filter((reason) => reason.code !== "P95_CEILING_EXCEEDED")),
    ],
    broken: false,
  };
}

/** Reasons that keep a run from passing even where no limit is broken. */
const MISSING_EVIDENCE: ReadonlySet<ReasonCode> = new Set(["LOW_SAMPLES", "LOAD_NOT_DELIVERED", "NO_DATA", "CANCELLED"]);

/** What the run's verdict would be if its p95 had been within its own limit. */
function verdictWithoutP95({ verdict, reasons }: SmokeSummary): Verdict {
  const others = reasons.filter((reason) => reason.code !== "P95_CEILING_EXCEEDED");
  if (verdict !== "FAIL" || others.length === reasons.length) return verdict;
  if (others.some((reason) => reason.severity === "error")) return "FAIL";
  return others.some((reason) => MISSING_EVIDENCE.has(reason.code)) ? "INCONCLUSIVE" : "PASS";
}

function judgeP95(p95Ms: number | null, limitMs: number): { verdict: Verdict; reason: Reason } {
  if (p95Ms === null) {
    const message = "The smoke summary holds no p95: nothing can be said about the limit.";
    return { verdict: "INCONCLUSIVE", reason: { code: "NO_DATA", metric: "p95", severity: "warning", message } };
  }
  const shown = `${Math.round(p95Ms * 10) / 10} ms`;
  if (p95Ms > limitMs * (1 + 1e-12)) {
    const message = `p95 (${shown}) > limit (${limitMs} ms) of this tier.`;
    return { verdict: "FAIL", reason: { code: "P95_CEILING_EXCEEDED", metric: "p95", severity: "error", message } };
  }
  const message = `p95 (${shown}) ≤ limit (${limitMs} ms) of this tier.`;
  return { verdict: "PASS", reason: { code: "OK", metric: "p95", severity: "info", message } };
}
