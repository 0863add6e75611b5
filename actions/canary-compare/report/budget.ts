import type { Reason } from "../../lib/judge/verdict.ts";
import type { CanaryReport } from "../../lib/report/canary-report.ts";
import { errorBudgetSchema } from "../../lib/report/error-budget.ts";
import { readReport } from "../../lib/report/schema.ts";

const CODES: ReadonlySet<string> = new Set(["BUDGET_UNKNOWN", "BUDGET_LOW", "BUDGET_EXHAUSTED", "FAST_BURN"]);

/** What error-budget-threshold said, for the report; its warnings come along, and an unreadable report is one. */
export async function readBudget(path: string): Promise<{ error_budget: CanaryReport["error_budget"]; notes: Reason[] }> {
  if (path === "") return { error_budget: null, notes: [] };
  try {
    const budget = await readReport(path, errorBudgetSchema);
    const notes = budget.reasons
      .filter((reason) => CODES.has(reason.code))
      .map((reason): Reason => ({ ...reason, severity: reason.severity === "error" ? "warning" : reason.severity }));
    return { error_budget: { remaining: budget.budget_remaining, tier: budget.tier.name, source: budget.source }, notes };
  } catch (error) {
    const message = `error-budget: ${(error as Error).message}`;
    const note: Reason = { code: "BUDGET_UNKNOWN", metric: null, severity: "warning", message };
    return { error_budget: { remaining: null, tier: null, source: "unknown" }, notes: [note] };
  }
}
