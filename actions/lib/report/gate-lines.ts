import { MARKS } from "../judge/verdict.ts";
import type { Section } from "../runner/summary.ts";
import { byWeight, type Collection, type GateLine, type ShownKind } from "./collection.ts";
import { foreign } from "./foreign.ts";

/** Lines with their reason; of what follows only verdict and path are told. */
const MOST_LINES = 25;
/** Paths beyond those lines; a hostile artifact may hold hundreds of reports. */
const MOST_PATHS = 100;

const HEADINGS: Readonly<Record<ShownKind | "run", string>> = {
  "canary-report": "Canary",
  "rollout-report": "Rollout",
  "smoke-summary": "Smoke",
  "migration-report": "Migration",
  "error-budget": "Error budget",
  run: "Run",
};

/** One line a report, the worst first. A budget that is the only one has a section of its own. */
export function linesOf({ gates }: Pick<Collection, "gates">): GateLine[] {
  const budgets = gates.filter(({ kind }) => kind === "error-budget");
  const shownBelow = budgets.length === 1 && budgets[0]!.state === "found" ? budgets[0] : undefined;
  return byWeight(gates).filter((line) => line !== shownBelow);
}

/** Every report in one line: its verdict, where it is, what it is about, and why. */
export function gatesSection(collection: Pick<Collection, "gates">): Section | undefined {
  const lines = linesOf(collection);
  // What a single report says is the headline already.
  if (lines.length === 0 || (lines.length === 1 && lines[0]!.state === "found")) return undefined;
  const full = lines.slice(0, MOST_LINES).map((line) => `- ${gateText(line)}`);
  const rest = lines.slice(MOST_LINES);
  const named = rest.slice(0, MOST_PATHS).map((line) => `${MARKS[line.verdict]} ${code(line.path)}`);
  const untold = rest.length - named.length;
  const more = [...named, ...(untold > 0 ? [`and ${untold} more`] : [])].join(", ");
  return { name: "reports", markdown: [...full, ...(more === "" ? [] : [`- ${more}`])].join("\n") };
}

/** What a line is called, for other renderings of it. */
export function gateHeading({ kind }: GateLine): string {
  return HEADINGS[kind];
}

function gateText(line: GateLine): string {
  if (line.state === "refused") return `${MARKS.INCONCLUSIVE} Not used: ${foreign(line.sentence)}`;
  if (line.state === "lost") return `${MARKS.INCONCLUSIVE} **${gateHeading(line)}**: ${foreign(line.sentence)}`;
  const about = line.about === "" ? "" : ` (${foreign(line.about, 120)})`;
  return `${MARKS[line.verdict]} **${gateHeading(line)}** ${code(line.path)}${about}: ${foreign(line.sentence, 300)}`;
}

function code(path: string): string {
  return `<code>${foreign(path, 160)}</code>`;
}
