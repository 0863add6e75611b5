import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { createMetrics } from "../service/telemetry/metrics.ts";
import { findProgram } from "../test/servers.ts";
import { dashboardQueries, metricNames, type Query, ruleFiles, rules } from "./vocabulary.ts";

const run = promisify(execFile);
const promtool = findProgram("promtool", "prometheus");

/** Metrics that other programs export: Prometheus itself, the Pushgateway, and what canary-compare pushes to it. */
const OF_OTHERS = ["canary_p95_seconds", "canary_error_ratio", "gate_verdict", "push_time_seconds", "up"];

function exported(): Set<string> {
  const names = new Set(OF_OTHERS);
  for (const metric of createMetrics().registry.getMetricsAsArray()) {
    names.add(metric.name);
    if (String(metric.type) === "histogram") for (const suffix of ["_bucket", "_sum", "_count"]) names.add(metric.name + suffix);
  }
  return names;
}

test("promtool accepts the rule files", async () => {
  const { stdout } = await run(promtool, ["check", "rules", ...(await ruleFiles())]);
  expect(stdout).not.toMatch(/FAILED/);
});

test("the promtool cases of every rule and alert pass", async () => {
  const cases = (await readdir(new URL("prometheus/tests/", import.meta.url))).map((file) => `tests/${file}`);
  await run(promtool, ["test", "rules", ...cases], { cwd: new URL("prometheus/", import.meta.url).pathname });
}, 60_000);

test("every alert and every rule that others rely on has a promtool case", async () => {
  const folder = new URL("prometheus/tests/", import.meta.url);
  const cases = (await Promise.all((await readdir(folder)).map((file) => readFile(new URL(file, folder), "utf8")))).join("\n");
  const missing = (await rules())
    // Sums that only feed other rules are tested through them.
    .map((rule) => rule.alert ?? (rule.record?.startsWith("guest:http_") ? undefined : rule.record))
    .filter((name) => name !== undefined)
    // The windows of one burn rate are the same expression.
    .map((name) => name.replace(/^(slo:latency_burn_rate):.*/, "$1"))
    .filter((name) => !cases.includes(name));
  expect(missing).toEqual([]);
});

test("every alert links to a runbook page of its own, which says what it is, what to look at, what to type and whom to wake", async () => {
  const alerts = (await rules()).filter((rule) => rule.alert !== undefined);
  expect(alerts.length).toBeGreaterThan(15);
  const folder = new URL("../docs/runbooks/", import.meta.url);
  for (const { alert, annotations } of alerts) {
    const link = /^https:\/\/github\.com\/OWNER\/gatehouse\/blob\/main\/docs\/runbooks\/(.+\.md)$/.exec(
      annotations?.["runbook_url"] ?? "",
    );
    expect(link?.[1], `${alert} links to its page`).toBe(`${alert}.md`);
    const page = await readFile(new URL(`${alert}.md`, folder), "utf8");
    expect(page.startsWith(`# ${alert}\n`), `${alert}.md begins with the alert's name`).toBe(true);
    for (const heading of ["Means", "Look at", "Type", "Wake"])
      expect(page, `${alert}.md`).toMatch(new RegExp(`^## ${heading}`, "m"));
    expect(page, `${alert}.md shows a command or a query`).toContain("```");
  }
  const pages = (await readdir(folder)).filter((file) => file !== "README.md");
  expect(pages.sort()).toEqual(alerts.map(({ alert }) => `${alert}.md`).sort());
});

test("queries and metrics that runbook pages name exist", async () => {
  const folder = new URL("../docs/runbooks/", import.meta.url);
  const recorded = (await rules()).flatMap((rule) => (rule.record === undefined ? [] : [rule.record]));
  const known = new Set([...exported(), ...recorded]);
  const queries: Query[] = [];
  for (const file of await readdir(folder)) {
    const page = await readFile(new URL(file, folder), "utf8");
    for (const [, block] of page.matchAll(/```promql\n([\s\S]*?)```/g)) {
      for (const expression of block!.trim().split("\n")) queries.push({ where: file, expression });
    }
  }
  expect(queries.length).toBeGreaterThan(15);
  expect(
    queries.flatMap((query) =>
      metricNames(query)
        .filter((name) => !known.has(name))
        .map((name) => `${query.where}: ${name}`),
    ),
  ).toEqual([]);
});

test("rules and dashboards name only metrics that the service exports or a rule records", async () => {
  const recorded = (await rules()).map((rule) => rule.record).filter((name) => name !== undefined);
  const known = new Set([...exported(), ...recorded]);
  const queries = [
    ...(await rules()).map((rule) => ({ where: rule.where, expression: rule.expr })),
    ...(await dashboardQueries()),
  ];
  expect(queries.length).toBeGreaterThan(80);
  const unknown = queries.flatMap((query) =>
    metricNames(query)
      .filter((name) => !known.has(name))
      .map((name) => `${query.where} reads ${name}`),
  );
  expect(unknown).toEqual([]);
});

test("the check sees a metric that nobody exports", () => {
  expect(
    metricNames({ where: "here", expression: 'sum(rate(http_requests_total{status="500"}[5m])) / nobody_exports_this' }),
  ).toEqual(["http_requests_total", "nobody_exports_this"]);
  expect(() => metricNames({ where: "here", expression: "sum(rate(http_requests_total[5m])" })).toThrow(/here: not PromQL/);
});

test("the labels that rules and dashboards select by are labels of the metric", async () => {
  const registry = createMetrics().registry;
  const queries = [
    ...(await rules()).map((rule) => ({ where: rule.where, expression: rule.expr })),
    ...(await dashboardQueries()),
  ];
  const wrong: string[] = [];
  for (const { where, expression } of queries) {
    for (const [, name, selector] of expression.matchAll(/([a-z_]+?)(?:_bucket|_count|_sum)?\{([^}]*)\}/g)) {
      const metric = registry.getSingleMetric(name!) as unknown as { labelNames: string[] } | undefined;
      if (metric === undefined) continue;
      for (const [, label] of selector!.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
        if (label !== "le" && !metric.labelNames.includes(label!)) wrong.push(`${where}: ${name} has no label ${label}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});
