import { HttpClient } from "@actions/http-client";
import type { Verdict } from "../../lib/judge/verdict.ts";
import type { CanaryReport } from "../../lib/report/canary-report.ts";
import type { Annotation } from "../../lib/runner/log.ts";
import { splitUrlPassword } from "../../lib/runner/log.ts";

/** A verdict as a number that a rule can compare. */
const VERDICT_VALUES: Readonly<Record<Verdict, number>> = { PASS: 1, INCONCLUSIVE: 0, FAIL: -1 };

/** The figures in Prometheus' text format, without the labels of their group; what wasn't measured is left out, never zero. */
export function figuresText(report: CanaryReport): string {
  const [p95, errors] = [report.metrics[0]!, report.metrics[1]!];
  const series = [
    { name: "canary_p95_seconds", help: "95th percentile of the latency of successful requests.", of: p95, scale: 0.001 },
    { name: "canary_error_ratio", help: "Failed requests as a share of all requests.", of: errors, scale: 1 },
  ];
  const lines: string[] = [];
  for (const { name, help, of, scale } of series) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`);
    for (const phase of ["baseline", "canary"] as const) {
      const { value } = of[phase];
      if (value !== null) lines.push(`${name}{phase="${phase}"} ${value * scale}`);
    }
  }
  lines.push("# HELP gate_verdict What a gate said last: 1 PASS, 0 INCONCLUSIVE, -1 FAIL.", "# TYPE gate_verdict gauge");
  lines.push(`gate_verdict ${VERDICT_VALUES[report.verdict]}`);
  return `${lines.join("\n")}\n`;
}

/** What one group of the Pushgateway belongs to: every gate of every service of every repository has its own, and overwrites no other. */
export interface Group {
  repository: string;
  service: string;
  gate: string;
}

/** The group of a report: a repository's own name is its service's unless another is given. */
export function groupOf(report: CanaryReport, service = ""): Group {
  const repository = report.run.repository ?? "local";
  return { repository, service: service || repository.split("/").at(-1)!, gate: "canary-compare" };
}

/** The path of a group. Values are base64, since a repository's name holds a slash. */
function groupPath(group: Group): string {
  const labels = Object.entries(group).map(([label, value]) => `${label}@base64/${Buffer.from(value).toString("base64url")}`);
  return `/metrics/job/${group.gate}/${labels.join("/")}`;
}

/**
 * Pushes `canary_p95_seconds{phase}`, `canary_error_ratio{phase}` and `gate_verdict` in place of the last push of the same group, whose
 * labels (repository, service, gate) all of them get.
 *
 * @param service empty: the repository's name
 * @returns a warning when it didn't work; the verdict doesn't depend on it
 * @see https://github.com/prometheus/pushgateway#api
 */
export async function pushFigures(url: string, report: CanaryReport, service = ""): Promise<Annotation | undefined> {
  const title = "Figures not pushed";
  const { shown } = splitUrlPassword(url);
  const target = new URL(`${url}${groupPath(groupOf(report, service))}`);
  const credentials =
    target.username === "" ? undefined : `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
  target.username = "";
  target.password = "";
  const http = new HttpClient("gatehouse", [], { socketTimeout: 10_000, allowRetries: false });
  try {
    const headers = {
      "content-type": "text/plain; version=0.0.4",
      ...(credentials === undefined ? {} : { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` }),
    };
    const response = await http.put(target.href, figuresText(report), headers);
    const body = await response.readBody();
    const status = response.message.statusCode ?? 0;
    if (status >= 200 && status < 300) return undefined;
    return { level: "warning", title, message: `pushgateway-url: ${shown} answered ${status}: ${body.trim().slice(0, 200)}` };
  } catch (error) {
    return { level: "warning", title, message: `pushgateway-url: ${shown} can't be reached: ${(error as Error).message}` };
  } finally {
    http.dispose();
  }
}
