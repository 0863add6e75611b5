import { MARKS } from "../lib/judge/verdict.ts";
import type { SmokeSummary } from "../lib/report/smoke-summary.ts";
import type { Annotation } from "../lib/runner/log.ts";
import { escapeMarkdown, inlineCode, markdownTable, plainTable, type Section } from "../lib/runner/summary.ts";
import { type Judgement, milliseconds, percent } from "./judge.ts";

/** The verdict table for a log. */
export function verdictTable(judgement: Judgement): string {
  const rows = judgement.rules.map((rule) => [rule.name, rule.measured, rule.limit, rule.verdict]);
  const reasons = judgement.reasons.map((reason) => `  ${reason.code}: ${reason.message}`);
  return [`k6-smoke: ${judgement.verdict}`, ...reasons, "", plainTable(["rule", "measured", "limit", "verdict"], rows)].join(
    "\n",
  );
}

/** The job summary, the most wanted section first. */
export function summarySections(judgement: Judgement, summary: SmokeSummary, target: string): Section[] {
  const rules = judgement.rules.map((rule) => [rule.name, rule.measured, rule.limit, `${MARKS[rule.verdict]} ${rule.verdict}`]);
  const routes = summary.routes.map((route) => [
    inlineCode(route.name),
    String(route.requests),
    milliseconds(route.p95_ms),
    percent(route.error_rate),
  ]);
  const facts = [
    `Target ${inlineCode(target)}`,
    `${summary.requests} requests in ${summary.duration_s === null ? "–" : `${summary.duration_s.toFixed(1)} s`}`,
    `p50 ${milliseconds(summary.p50_ms)}, p99 ${milliseconds(summary.p99_ms)}`,
    `checks ${summary.checks.passed} passed, ${summary.checks.failed} failed`,
    `k6 ${summary.k6.version === null ? "–" : escapeMarkdown(`v${summary.k6.version}`)}`,
  ];
  return [
    {
      name: "verdict",
      markdown: [
        `### ${MARKS[judgement.verdict]} Smoke: ${judgement.verdict}`,
        judgement.reasons.map((reason) => `- \`${reason.code}\` ${escapeMarkdown(reason.message)}`).join("\n"),
        markdownTable(["Rule", "Measured", "Limit", "Verdict"], rules),
      ].join("\n\n"),
    },
    { name: "facts", markdown: facts.join(" · ") },
    ...(routes.length === 0
      ? []
      : [
          {
            name: "routes",
            markdown: `<details><summary>Routes</summary>\n\n${markdownTable(["Route", "Requests", "p95", "Errors"], routes)}\n\n</details>`,
          },
        ]),
  ];
}

/**
 * What GitHub shows beside the run: one line a reason that isn't good news, with its numbers.
 *
 * @param failing whether the step fails; then what makes it inconclusive is an error too
 */
export function annotations(judgement: Judgement, failing: boolean): Annotation[] {
  return judgement.reasons
    .filter((reason) => reason.severity !== "info")
    .map((reason) => ({
      level: reason.severity === "error" || (failing && judgement.verdict === "INCONCLUSIVE") ? "error" : "warning",
      title: `k6-smoke ${judgement.verdict}: ${reason.code}`,
      message: reason.message,
    }));
}
