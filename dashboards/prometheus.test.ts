import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pushFigures } from "../actions/canary-compare/report/pushgateway.ts";
import { PrometheusClient } from "../actions/lib/prometheus/client.ts";
import { startPrometheus, startPushgateway } from "../test/prometheus.ts";
import { exampleCanary, exampleSamples } from "../test/report-examples.ts";
import { type Server, until } from "../test/servers.ts";
import { type RunningService, sendMessage, spawnService } from "../test/service.ts";
import { dashboardQueries, metricNames, ruleFiles, rules } from "./vocabulary.ts";

let service: RunningService;
let prometheus: Server;
let client: PrometheusClient;
let folder: string;
let pushgateway: Server;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-rules-"));
  // The rules as they are, but each evaluated every second.
  const files = (await ruleFiles()).map((path) => {
    const copy = join(folder, basename(path));
    writeFileSync(copy, readFileSync(path, "utf8").replace(/^( +)interval: \S+$/gm, "$1interval: 1s"));
    return copy;
  });
  service = await spawnService({ FAULT_ERROR_RATE: "0.2" });
  pushgateway = await startPushgateway();
  expect(await pushFigures(pushgateway.url, exampleCanary(exampleSamples(600, { slower: 1.3 })))).toBeUndefined();
  prometheus = await startPrometheus({
    targets: [new URL(service.url).host],
    pushgateways: [`127.0.0.1:${pushgateway.port}`],
    ruleFiles: files,
    intervalSeconds: 1,
  });
  client = new PrometheusClient({ url: prometheus.url, timeoutMs: 10_000 });
}, 60_000);
afterAll(async () => {
  await prometheus?.stop();
  await service?.stop();
  await pushgateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function values(query: string): Promise<number[]> {
  return (await client.instant(query)).map((sample) => sample.value);
}

test("before the first guest the budget is whole and nothing burns", async () => {
  await until(async () => expect(await values("error_budget_remaining")).toEqual([1]));
  await until(async () => expect(await values("slo:burn_rate:5m")).toEqual([0]));
});

test("with guests every metric that rules and dashboards name exists, and every rule has data", async () => {
  const texts = [
    "hola",
    "tienen disponibilidad del 12 al 15 de marzo para 2 adultos?",
    "xyzzy plugh",
    "quiero reservar una habitación doble",
  ];
  for (let index = 0; index < 60; index++) {
    const body = { message_id: `m${index}`, user_id: `guest${index % 7}`, text: texts[index % texts.length] };
    const response = await sendMessage(service.url, body, index % 2 === 0 ? { Prefer: "wait=5" } : {});
    await response.arrayBuffer();
    // Rates need counters that Prometheus has seen grow.
    if (index % 20 === 19) {
      await until(async () => expect((await values('sum(http_requests_total{method="POST"})'))[0]).toBeGreaterThan(index));
    }
  }
  const recorded = (await rules()).flatMap((rule) => (rule.record === undefined ? [] : [rule.record]));
  const queries = [
    ...(await rules()).map((rule) => ({ where: rule.where, expression: rule.expr })),
    ...(await dashboardQueries()),
  ];
  const metrics = [...new Set(queries.flatMap(metricNames))].filter((name) => !recorded.includes(name));
  let more = 0;
  await until(async () => {
    // A series that was born with all of its reads hasn't grown yet: more guests ask.
    more += 1;
    const question = {
      message_id: `more${more}`,
      user_id: `another${more}`,
      text: "tienen disponibilidad del 12 al 15 de marzo para 2 adultos?",
    };
    await (await sendMessage(service.url, question, { Prefer: "wait=5" })).arrayBuffer();
    const empty: string[] = [];
    for (const name of recorded) if ((await values(name)).length === 0) empty.push(name);
    expect(empty).toEqual([]);
  }, 30_000);
  // Prometheus knows a metric by its metadata as soon as the service declares it, with or without a sample.
  const metadata = (await (await fetch(`${prometheus.url}/api/v1/metadata`)).json()) as { data: Record<string, unknown> };
  const names = (await (await fetch(`${prometheus.url}/api/v1/label/__name__/values`)).json()) as { data: string[] };
  const known = new Set([...Object.keys(metadata.data), ...names.data]);
  expect(metrics.filter((name) => !known.has(name) && !known.has(name.replace(/_(bucket|count|sum)$/, "")))).toEqual([]);
  for (const name of recorded) expect((await values(name)).every(Number.isFinite), name).toBe(true);
}, 90_000);

test("errors of guests spend the budget", async () => {
  await until(async () => {
    const [left] = await values("error_budget_remaining");
    expect(left).toBeLessThan(0);
  }, 30_000);
  const [burn] = await values("slo:burn_rate:1h");
  expect(burn).toBeGreaterThan(14.4);
  expect((await values('ALERTS{alertname="AvailabilityBudgetBurnFastest", alertstate="firing"}')).length).toBe(1);
}, 60_000);

test("a canary that was pushed 30 % slower shows its delta and raises the soft alert", async () => {
  await until(async () => {
    const [delta] = await values("canary:p95_delta:ratio");
    expect(delta).toBeGreaterThan(0.1);
    expect(await values('ALERTS{alertname="CanaryP95Delta", alertstate="firing"}')).toEqual([1]);
  }, 30_000);
});

test("every query of every dashboard is one that Prometheus accepts", async () => {
  for (const { where, expression } of await dashboardQueries()) {
    await expect(client.instant(expression), where).resolves.toBeDefined();
  }
});
