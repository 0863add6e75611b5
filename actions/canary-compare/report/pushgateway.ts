import { HttpClient } from "@actions/http-client";
import type { CanaryReport } from "../../lib/report/canary-report.ts";
import type { Annotation } from "../../lib/runner/log.ts";
import { splitUrlPassword } from "../../lib/runner/log.ts";

/** The figures in Prometheus' text format; what wasn't measured is left out, never zero. */
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
  return `${lines.join("\n")}\n`;
}

/**
 * Pushes `canary_p95_seconds{phase}` and `canary_error_ratio{phase}` as the group of job `canary-compare`, in place of the last push.
 *
 * @returns a warning when it didn't work; the verdict doesn't depend on it
 * @see https://github.com/prometheus/pushgateway#api
 */
export async function pushFigures(url: string, report: CanaryReport): Promise<Annotation | undefined> {
  const title = "Figures not pushed";
  const { shown } = splitUrlPassword(url);
  const target = new URL(`${url}/metrics/job/canary-compare`);
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
