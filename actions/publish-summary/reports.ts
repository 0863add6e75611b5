import { byVerdict, type Verdict } from "../lib/judge/verdict.ts";
import { type CanaryReport, canaryReportSchema } from "../lib/report/canary-report.ts";
import { type Found, type GateLine, KIND_NAMES, SHOWN_KINDS, type ShownKind } from "../lib/report/collection.ts";
import { type ErrorBudget, errorBudgetSchema } from "../lib/report/error-budget.ts";
import { type GateReport, migrationReportSchema, rolloutReportSchema } from "../lib/report/gate-report.ts";
import { type SmokeSummary, smokeSummarySchema } from "../lib/report/smoke-summary.ts";
import type { RunContext } from "../lib/runner/context.ts";
import { DEFAULT_PATTERNS, type Inputs } from "./inputs.ts";
import type { JobGate } from "./job-gates.ts";
import { type SearchResult, searchReports, shown, type Usable } from "./search.ts";

/** All reports of one run, and what is missing of them. */
export interface Reports {
  /** One line each, what can't be used and what is missing among them. */
  gates: GateLine[];
  /** Of each kind the worst, the newest of equals: what is shown with its figures. */
  smoke: Found<SmokeSummary>;
  canary: Found<CanaryReport>;
  budget: Found<ErrorBudget>;
  /** Every usable report, to be passed on. */
  usable: Usable<{ run: RunContext }>[];
  canaries: Usable<CanaryReport>[];
  smokes: Usable<SmokeSummary>[];
  budgets: Usable<ErrorBudget>[];
  /** What is there and belongs to something else, and what was given and isn't there. */
  notes: string[];
  /** Whether a report is missing that must be there: then the step is red. */
  incomplete: boolean;
}

/** The run whose reports are published. */
export interface Wanted {
  run: number | undefined;
  attempt: number | undefined;
  job: string | null;
  /** The gates that earlier steps of this job were. */
  gates: readonly JobGate[];
}

/** Looks for the reports of all kinds. */
export async function findReports(inputs: Inputs, wanted: Wanted): Promise<Reports> {
  const isDefault = (kind: ShownKind) => inputs.patterns[kind].join("\n") === DEFAULT_PATTERNS[kind];
  const search = <Report extends { run: RunContext }>(
    kind: ShownKind,
    schema: Parameters<typeof searchReports<Report>>[0]["schema"],
  ) => {
    const own = wanted.gates.filter((gate) => gate.kind === kind);
    return searchReports<Report>({
      kind,
      schema,
      workspace: inputs.workspace,
      patterns: inputs.patterns[kind],
      // A path that was given is the whole of what is wanted; other jobs' reports are brought to such a place.
      written: isDefault(kind) ? own.flatMap(({ reports }) => reports) : [],
      origin: { ...wanted, job: isDefault(kind) && own.length > 0 ? (wanted.job ?? undefined) : undefined },
    });
  };
  const [smoke, canary, rollout, migration, budget] = await Promise.all([
    search<SmokeSummary>("smoke-summary", smokeSummarySchema),
    search<CanaryReport>("canary-report", canaryReportSchema),
    search<GateReport>("rollout-report", rolloutReportSchema),
    search<GateReport>("migration-report", migrationReportSchema),
    search<ErrorBudget>("error-budget", errorBudgetSchema),
  ]);
  const results: Readonly<Record<ShownKind, SearchResult<{ run: RunContext }>>> = {
    "smoke-summary": smoke,
    "canary-report": canary,
    "rollout-report": rollout,
    "migration-report": migration,
    "error-budget": budget,
  };
  const place = (path: string) => shown(inputs.workspace, path);
  const lost = lostLines(inputs, wanted.gates, (kind) => results[kind].usable.length > 0);
  const gates = [
    ...smoke.usable.map((one) => smokeLine(one.report, place(one.path))),
    ...canary.usable.map((one) => canaryLine(one.report, place(one.path))),
    ...rollout.usable.map((one) => gateLine("rollout-report", one.report, place(one.path))),
    ...migration.usable.map((one) => gateLine("migration-report", one.report, place(one.path))),
    ...budget.usable.map((one) => budgetLine(one.report, place(one.path))),
    ...SHOWN_KINDS.flatMap((kind) => results[kind].refused),
    ...lost,
  ];
  const absent = (kind: ShownKind) => `There is no ${KIND_NAMES[kind]} (${inputs.patterns[kind].join(", ")}).`;
  return {
    gates,
    smoke: worstOf(smoke.usable, (report) => report.ended_at, absent("smoke-summary")),
    canary: worstOf(canary.usable, (report) => report.generated_at, absent("canary-report")),
    budget: worstOf(budget.usable, (report) => report.generated_at, absent("error-budget")),
    usable: SHOWN_KINDS.flatMap((kind) => results[kind].usable),
    canaries: canary.usable,
    smokes: smoke.usable,
    budgets: budget.usable,
    notes: [
      ...SHOWN_KINDS.flatMap((kind) => results[kind].leftOver),
      ...SHOWN_KINDS.filter((kind) => gates.length === 0 || !isDefault(kind))
        .filter(
          (kind) => results[kind].usable.length + results[kind].refused.length === 0 && !lost.some((line) => line.kind === kind),
        )
        .map(absent),
    ],
    incomplete: lost.length > 0,
  };
}

/** What must be there and isn't: gates of this job that left no report, and kinds that are required. */
function lostLines(inputs: Inputs, gates: readonly JobGate[], found: (kind: ShownKind) => boolean): GateLine[] {
  const lines: GateLine[] = [];
  const lose = (kind: ShownKind, sentence: string) =>
    lines.push({ kind, state: "lost", verdict: "INCONCLUSIVE", counts: true, path: "", about: "", sentence });
  if (inputs.require === undefined) {
    for (const { kind, step, reports, error, ended } of gates) {
      if (!isShown(kind) || reports.length > 0 || (ended && error === undefined)) continue;
      const why = error === undefined ? "it was ended from outside" : error.split("\n").join(" ");
      lose(kind, `A step of this job (${step || "without a name"}) left no ${KIND_NAMES[kind]}: ${why}`);
    }
  }
  const kinds = inputs.require ?? gates.filter(({ reports }) => reports.length > 0).map(({ kind }) => kind);
  for (const kind of new Set(kinds.filter(isShown))) {
    if (found(kind) || lines.some((line) => line.kind === kind)) continue;
    const reason = inputs.require === undefined ? "though a step of this job made one" : "which is required";
    lose(kind, `There is no usable ${KIND_NAMES[kind]} (${inputs.patterns[kind].join(", ")}), ${reason}.`);
  }
  return lines;
}

function isShown(kind: string): kind is ShownKind {
  return (SHOWN_KINDS as readonly string[]).includes(kind);
}

function worstOf<Report extends { verdict: Verdict }>(
  usable: readonly Usable<Report>[],
  time: (report: Report) => string,
  absent: string,
): Found<Report> {
  const [first] = usable.toSorted(
    (a, b) => byVerdict(a.report.verdict, b.report.verdict) || Date.parse(time(b.report)) - Date.parse(time(a.report)),
  );
  return first === undefined ? { state: "missing", message: absent } : { state: "found", ...first };
}

function smokeLine(report: SmokeSummary, path: string): GateLine {
  const reason = report.reasons.find(({ severity }) => severity === "error") ?? report.reasons[0];
  return line("smoke-summary", report, path, about(report.target, report.run), reason?.message);
}

function canaryLine(report: CanaryReport, path: string): GateLine {
  const arm = [report.canary.version, report.canary.url].filter((part) => part !== null).join(", ");
  const one = line("canary-report", report, path, about(arm, report.run), report.summary);
  // It measured the baseline alone, for a later comparison.
  return { ...one, counts: report.environment.phase === "compare" };
}

function gateLine(kind: ShownKind, report: GateReport, path: string): GateLine {
  const decided = report.decision ? `${report.decision}: ` : "";
  const why =
    report.summary ?? report.reasons.find(({ severity }) => severity === "error")?.message ?? report.reasons[0]?.message;
  return line(kind, report, path, about(undefined, report.run), why === undefined ? undefined : `${decided}${why}`);
}

function budgetLine(report: ErrorBudget, path: string): GateLine {
  const one = line("error-budget", report, path, about(undefined, report.run), report.reasons[0]?.message);
  // A budget that isn't known has chosen its limit already: it decides only when it failed.
  return { ...one, counts: report.verdict === "FAIL" };
}

function line(kind: ShownKind, { verdict }: { verdict: Verdict }, path: string, what: string, why: string | undefined): GateLine {
  return {
    kind,
    state: "found",
    verdict,
    counts: true,
    path,
    about: what,
    sentence: why ?? `The ${KIND_NAMES[kind]} says ${verdict}.`,
  };
}

function about(target: string | null | undefined, { job }: RunContext): string {
  return [target, job === null ? undefined : `job ${job}`]
    .filter((part) => part !== undefined && part !== null && part !== "")
    .join(", ");
}
