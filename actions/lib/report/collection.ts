import { byVerdict, type Verdict, worst } from "../judge/verdict.ts";
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

/** Kinds of reports that a summary shows, the most telling first. */
export const SHOWN_KINDS = ["canary-report", "rollout-report", "smoke-summary", "migration-report", "error-budget"] as const;
/** One of {@link SHOWN_KINDS}. */
export type ShownKind = (typeof SHOWN_KINDS)[number];

/** What a reader calls each kind. */
export const KIND_NAMES: Readonly<Record<ShownKind, string>> = {
  "canary-report": "canary report",
  "rollout-report": "rollout report",
  "smoke-summary": "smoke summary",
  "migration-report": "migration report",
  "error-budget": "error budget",
};

/** One report, or one that should be there, in one line. All texts may be foreign: escape them. */
export interface GateLine {
  /** `run`: GitHub's own word on the run. */
  kind: ShownKind | "run";
  /**
   * `found`: its verdict counts. `refused`: there, but not usable. `lost`: a gate began and left no report, or a report that is
   * required isn't there. What isn't found is INCONCLUSIVE.
   */
  state: "found" | "refused" | "lost";
  verdict: Verdict;
  /** Whether it takes part in the overall verdict, where anything else does. */
  counts: boolean;
  /** Path in the workspace; "" when there is no file. */
  path: string;
  /** What tells it from others of its kind: the URL, the release, the job. */
  about: string;
  /** Why it says so. */
  sentence: string;
}

/** Everything that a summary is made of. */
export interface Collection {
  title: string;
  /** Every report of the run, in any order. */
  gates: readonly GateLine[];
  /** The worst smoke summary, which is shown with its figures; so are the two that follow. */
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

/** Those that decide: all that count, or the others when they are all there is. */
function deciding(gates: readonly GateLine[]): readonly GateLine[] {
  const counting = gates.filter(({ counts }) => counts);
  return counting.length > 0 ? counting : gates;
}

/** One verdict for all reports: the worst decides. Nothing at all is INCONCLUSIVE. */
export function overallVerdict({ gates }: Pick<Collection, "gates">): Verdict {
  return worst(deciding(gates).map(({ verdict }) => verdict));
}

/** The lines in the order in which they are shown: what decided first, then by kind. */
export function byWeight(gates: readonly GateLine[]): GateLine[] {
  return gates.toSorted((a, b) => Number(b.counts) - Number(a.counts) || byVerdict(a.verdict, b.verdict) || rank(a) - rank(b));
}

function rank({ kind }: GateLine): number {
  return kind === "run" ? SHOWN_KINDS.length : SHOWN_KINDS.indexOf(kind);
}

/** One sentence for the reader who has ten seconds. May hold foreign text: escape it. */
export function headline({ gates }: Pick<Collection, "gates">): string {
  const verdict = overallVerdict({ gates });
  const decided = deciding(byWeight(gates)).filter((line) => line.verdict === verdict);
  const first = decided.find(({ state }) => state === "found") ?? decided[0];
  if (first === undefined) return "No report was found, so nothing is known about this change.";
  const more = decided.length - 1;
  const others = more === 0 || verdict === "PASS" ? "" : ` ${more} more ${more === 1 ? "says" : "say"} ${verdict} as well.`;
  return `${first.sentence}${others}`;
}
