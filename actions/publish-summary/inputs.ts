import { resolve } from "node:path";
import { SHOWN_KINDS, type ShownKind } from "../lib/report/collection.ts";
import { LONGEST_HISTORY } from "../lib/report/history.ts";
import { type InputReader, readInputs } from "../lib/runner/inputs.ts";

/** Where each kind of report is looked for by default: where the gates write it. */
export const DEFAULT_PATTERNS: Readonly<Record<ShownKind, string>> = {
  "smoke-summary": "reports/performance/smoke-summary*.json",
  "canary-report": "reports/canary/canary-report-*.json",
  "rollout-report": "reports/rollout/rollout-report-*.json",
  "migration-report": "reports/migration/migration-report*.json",
  "error-budget": "reports/performance/error-budget*.json",
};

export interface Inputs {
  /** Folder that relative paths start from. */
  workspace: string;
  /** Paths or globs of each kind, one or more. */
  patterns: Readonly<Record<ShownKind, readonly string[]>>;
  /** Kinds that must be there; undefined means what earlier steps of the job were. */
  require: readonly ShownKind[] | undefined;
  title: string;
  html: boolean;
  history: number;
  comment: "auto" | "false";
  commentMarker: string;
  githubToken: string;
  artifactName: string;
  reportDirectory: string;
}

/** The inputs of one run. @throws InputMistakes with every mistake */
export function loadInputs(environment: Readonly<Record<string, string | undefined>> = process.env): Inputs {
  const workspace = resolve(environment["GITHUB_WORKSPACE"] || process.cwd());
  return readInputs(
    (read) => ({
      workspace,
      patterns: {
        "smoke-summary": patterns(read, "smoke-summary"),
        "canary-report": patterns(read, "canary-report"),
        "rollout-report": patterns(read, "rollout-report"),
        "migration-report": patterns(read, "migration-report"),
        "error-budget": patterns(read, "error-budget"),
      },
      require: required(read),
      title: read.text("title", "Performance"),
      html: read.boolean("html", true),
      history: read.number("history", { fallback: 20, min: 0, max: LONGEST_HISTORY, integer: true }),
      comment: read.choice("comment", ["auto", "false"]),
      commentMarker: marker(read),
      githubToken: read.text("github-token"),
      artifactName: read.artifactName("artifact-name", "performance-report"),
      reportDirectory: resolve(workspace, read.text("report-directory", "reports/performance")),
    }),
    environment,
  );
}

/** One path or glob a line. */
function patterns(read: InputReader, kind: ShownKind): string[] {
  const lines = read.text(kind, DEFAULT_PATTERNS[kind]).split(/\r?\n/);
  return lines.map((line) => line.trim()).filter((line) => line !== "");
}

function required(read: InputReader): ShownKind[] | undefined {
  if (!read.given("require")) return undefined;
  const names = read.raw("require").split(/[\s,]+/);
  if (names.length === 1 && names[0] === "none") return [];
  const isKind = (name: string): name is ShownKind => (SHOWN_KINDS as readonly string[]).includes(name);
  if (!names.every(isKind)) {
    read.reject(
      "require",
      `kinds out of ${SHOWN_KINDS.join(", ")}`,
      'Write for example "smoke-summary, canary-report", or "none".',
    );
  }
  return names.filter(isKind);
}

/** It stands inside an HTML comment, which it must not end. */
function marker(read: InputReader): string {
  const text = read.text("comment-marker", "performance");
  if (!/^[A-Za-z0-9._-]{1,60}$/.test(text)) {
    read.reject("comment-marker", "up to 60 letters, digits, dots, hyphens or underscores", 'Write for example "performance".');
  }
  return text;
}
