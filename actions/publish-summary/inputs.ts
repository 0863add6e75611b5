import { resolve } from "node:path";
import { LONGEST_HISTORY } from "../lib/report/history.ts";
import { type InputReader, readInputs } from "../lib/runner/inputs.ts";

export interface Inputs {
  /** Folder that relative paths start from. */
  workspace: string;
  /** Paths or globs. */
  smokeSummary: string;
  canaryReport: string;
  errorBudget: string;
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
      smokeSummary: read.text("smoke-summary", "reports/performance/smoke-summary.json"),
      canaryReport: read.text("canary-report", "reports/canary/canary-report-*.json"),
      errorBudget: read.text("error-budget", "reports/performance/error-budget.json"),
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

/** It stands inside an HTML comment, which it must not end. */
function marker(read: InputReader): string {
  const text = read.text("comment-marker", "performance");
  if (!/^[A-Za-z0-9._-]{1,60}$/.test(text)) {
    read.reject("comment-marker", "up to 60 letters, digits, dots, hyphens or underscores", 'Write for example "performance".');
  }
  return text;
}
