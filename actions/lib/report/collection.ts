import { type Verdict, worst } from "../judge/verdict.ts";
import type { CanaryReport } from "./canary-report.ts";
import type { ErrorBudget } from "./error-budget.ts";
import type { HistoryPoint } from "./history.ts";
import type { SmokeSummary } from "./smoke-summary.ts";

/** A report that was looked for. Messages may quote foreign text: escape them. */
export type Found<Report> =
  | { state: "found"; report: Report; path: string }
  | { state: "missing"; message: string }
  /** There, but not usable: not valid, too large, of another run. */
  | { state: "refused"; message: string };

/** Everything that a summary is made of. */
export interface Collection {
  title: string;
  smoke: Found<SmokeSummary>;
  canary: Found<CanaryReport>;
  budget: Found<ErrorBudget>;
  /** Oldest first; this run, when it was measured, is the last. */
  history: readonly HistoryPoint[];
  /** Branch that the history is of. */
  historyBranch: string;
  /** Address of the run's page, undefined outside of GitHub Actions. */
  runUrl: string | undefined;
  /** What a reader should know about this summary itself, e.g. why it has no history. */
  notes: readonly string[];
}

/** The report, undefined when it isn't usable. */
export function reportOf<Report>(found: Found<Report>): Report | undefined {
  return found.state === "found" ? found.report : undefined;
}

/**
 * One verdict for all reports: the worst of smoke and canary. A budget that isn't known has chosen its limit already, so it
 * counts only when it failed, or when it is all there is. A refused report is missing evidence. Nothing at all is INCONCLUSIVE.
 */
export function overallVerdict({ smoke, canary, budget }: Pick<Collection, "smoke" | "canary" | "budget">): Verdict {
  const gates = [smoke, canary].flatMap((found) => (found.state === "found" ? [found.report.verdict] : []));
  const verdicts: Verdict[] = [...gates];
  const budgetVerdict = reportOf(budget)?.verdict;
  if (budgetVerdict === "FAIL" || (gates.length === 0 && budgetVerdict !== undefined)) verdicts.push(budgetVerdict);
  if ([smoke, canary, budget].some((found) => found.state === "refused")) verdicts.push("INCONCLUSIVE");
  return worst(verdicts);
}

/** One sentence for the reader who has ten seconds. May hold foreign text: escape it. */
export function headline(collection: Collection): string {
  const canary = reportOf(collection.canary);
  const smoke = reportOf(collection.smoke);
  const budget = reportOf(collection.budget);
  const verdict = overallVerdict(collection);
  const refused = [collection.smoke, collection.canary, collection.budget].find((found) => found.state === "refused");
  // What decided comes first: the report that is as bad as the verdict.
  if (canary?.verdict === verdict) return canary.summary;
  if (smoke?.verdict === verdict) return smokeSentence(smoke);
  if (budget?.verdict === verdict) return budget.reasons[0]?.message ?? `The error budget says ${verdict}.`;
  if (refused?.state === "refused") return `A report can't be used: ${refused.message}`;
  return "No report was found, so nothing is known about this change.";
}

function smokeSentence(smoke: SmokeSummary): string {
  const worstReason = smoke.reasons.find((reason) => reason.severity === "error") ?? smoke.reasons[0];
  return worstReason?.message ?? `The smoke run says ${smoke.verdict}.`;
}
