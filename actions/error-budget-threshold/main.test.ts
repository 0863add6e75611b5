import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startCacheService } from "../../test/github/cache-service.ts";
import { constantSamples, startPrometheus } from "../../test/prometheus.ts";
import { exampleSmoke } from "../../test/report-examples.ts";
import { type MainResult, runMain } from "../../test/run-main.ts";
import { type Server, until } from "../../test/servers.ts";
import { type ErrorBudget, errorBudgetSchema } from "../lib/report/error-budget.ts";
import { main } from "./main.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-budget-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Result extends MainResult {
  /** undefined when no report was written. */
  report: ErrorBudget | undefined;
}

async function run(inputs: Record<string, string>, env: Record<string, string> = {}): Promise<Result> {
  const result = await runMain(main, folder, inputs, env);
  const path = result.outputs["report-path"];
  const report = path === undefined ? undefined : errorBudgetSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  return { ...result, report };
}

function writeSmoke(values: Record<string, unknown>): string {
  const path = join(folder, "smoke-summary.json");
  writeFileSync(path, JSON.stringify({ ...exampleSmoke({ p95_ms: 410 }), ...values }));
  return path;
}

describe("with a real Prometheus", () => {
  let prometheus: Server;
  let url: string;
  beforeAll(async () => {
    const shares: Record<string, number> = { full: 1, b80: 0.8, b799: 0.799, b60: 0.6, b599: 0.599, empty: 0, overspent: -0.05 };
    prometheus = await startPrometheus({
      series: [
        { name: "error_budget_remaining", samples: constantSamples(0.7) },
        { name: "slo:burn_rate:1h", samples: constantSamples(15) },
        ...Object.entries(shares).map(([slo, value]) => ({ name: "share", labels: { slo }, samples: constantSamples(value) })),
        { name: "percent_left", samples: constantSamples(79.9) },
        { name: "nan_budget", samples: constantSamples(Number.NaN) },
        { name: "old_budget", samples: constantSamples(0.9, 3_600, 30, 3_600) },
      ],
    });
    url = prometheus.url;
  });
  afterAll(() => prometheus?.stop());

  test("the remaining budget chooses the limit, with burn rate and time left", async () => {
    const result = await run({ "prometheus-url": url });
    expect(result.exitCode).toBe(0);
    expect(result.outputs).toMatchObject({
      "p95-threshold-ms": "420",
      "budget-remaining": "0.7",
      tier: "80:420",
      source: "prometheus",
      "burn-rate": "15",
      verdict: "PASS",
    });
    expect(Number(result.outputs["exhaustion-hours"])).toBeCloseTo((0.7 * 720) / 15);
    expect(result.report?.reasons.map((reason) => reason.code)).toEqual(["BUDGET_LOW", "FAST_BURN"]);
    expect(result.report?.sample_age_s).toBeLessThan(60);
    expect(result.summary).toContain("70 % of the error budget is left, below 80 %");
    expect(result.log).toMatch(/Warning: Error budget: FAST_BURN: The budget burns at 15 times/);
  });

  test.each([
    ["full", "450", "100:450"],
    ["b80", "450", "100:450"],
    ["b799", "420", "80:420"],
    ["b60", "420", "80:420"],
    ["b599", "400", "60:400"],
    ["empty", "400", "60:400"],
    ["overspent", "400", "60:400"],
  ])("budget %s: limit %s ms", async (slo, limit, tier) => {
    const result = await run({ "prometheus-url": url, query: `share{slo="${slo}"}`, "burn-rate-query": "" });
    expect(result.outputs).toMatchObject({ "p95-threshold-ms": limit, tier, verdict: "PASS" });
    expect(result.outputs["burn-rate"]).toBe("");
    if (slo !== "overspent") return;
    expect(result.report?.reasons[0]).toMatchObject({ code: "BUDGET_EXHAUSTED", severity: "warning" });
    expect(result.summary).toContain("overspent 1.05 ×");
    expect(result.summary).not.toContain("-5 %");
  });

  test("on-exhausted: fail stops a release when nothing is left or the budget burns fast, and not otherwise", async () => {
    const slo = (name: string, burn = "") => ({
      "prometheus-url": url,
      query: `share{slo="${name}"}`,
      "burn-rate-query": burn || '""',
      "on-exhausted": "fail",
    });
    for (const name of ["empty", "overspent"]) {
      const stopped = await run(slo(name));
      expect(stopped).toMatchObject({ exitCode: 1, outputs: { verdict: "FAIL", "p95-threshold-ms": "400" } });
      expect(stopped.report?.reasons[0]).toMatchObject({ code: "BUDGET_EXHAUSTED", severity: "error" });
    }
    const burning = await run(slo("full", "slo:burn_rate:1h"));
    expect(burning).toMatchObject({ exitCode: 1, outputs: { verdict: "FAIL", "burn-rate": "15" } });
    expect(burning.log).toContain("Error: Error budget: FAST_BURN");
    expect(await run(slo("b599"))).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS" } });
    expect(await run({ ...slo("empty"), "fail-on": "never" })).toMatchObject({ exitCode: 0, outputs: { verdict: "FAIL" } });
    const judged = await run({ ...slo("empty"), "summary-path": writeSmoke({ p95_ms: 100 }) });
    expect(judged).toMatchObject({ exitCode: 1, outputs: { verdict: "FAIL" } });
  });

  test("percent is read as percent; a percentage taken for a ratio is refused with the remedy", async () => {
    expect((await run({ "prometheus-url": url, query: "percent_left", unit: "percent" })).outputs).toMatchObject({
      "p95-threshold-ms": "420",
      "budget-remaining": "0.799",
    });
    const wrong = await run({ "prometheus-url": url, query: "percent_left" });
    expect(wrong.outputs).toMatchObject({ source: "unknown", "budget-remaining": "", verdict: "INCONCLUSIVE" });
    expect(wrong.log).toContain("set unit: percent");
  });

  test.each([
    ["nobody_has_this", "NO_DATA"],
    ["nan_budget", "NON_FINITE"],
    ["old_budget", "STALE_DATA"],
    ["share", "MULTIPLE_SERIES"],
    ["sum(share", "QUERY_ERROR"],
    ["share[5m]", "QUERY_ERROR"],
  ])("%s is unknown, never zero and never full", async (query, code) => {
    const result = await run({ "prometheus-url": url, query });
    expect(result.exitCode).toBe(0);
    expect(result.outputs).toMatchObject({
      "p95-threshold-ms": "400",
      "budget-remaining": "",
      source: "unknown",
      verdict: "INCONCLUSIVE",
    });
    expect(result.report?.budget_remaining).toBeNull();
    expect(result.report?.reasons.map((reason) => reason.code)).toEqual(["BUDGET_UNKNOWN", code]);
  });

  test("on-unknown: default takes the first limit, fail fails the step with outputs and report written", async () => {
    const relaxed = await run({ "prometheus-url": url, query: "nobody_has_this", "on-unknown": "default" });
    expect(relaxed).toMatchObject({ exitCode: 0, outputs: { "p95-threshold-ms": "450", verdict: "INCONCLUSIVE" } });
    const failing = await run({ "prometheus-url": url, query: "nobody_has_this", "on-unknown": "fail" });
    expect(failing).toMatchObject({ exitCode: 1, outputs: { "p95-threshold-ms": "400", verdict: "FAIL" } });
    expect(failing.log).toContain("Error: Error budget: BUDGET_UNKNOWN");
    const gated = await run({ "prometheus-url": url, query: "nobody_has_this", "fail-on": "fail-or-inconclusive" });
    expect(gated.exitCode).toBe(1);
  });

  test("the answer is used again within cache-ttl, with its age; another question isn't answered by it", async () => {
    expect((await run({ "prometheus-url": url })).outputs.source).toBe("prometheus");
    const again = await run({ "prometheus-url": url });
    expect(again.outputs).toMatchObject({ source: "cache", "p95-threshold-ms": "420", "burn-rate": "15" });
    expect(again.report?.cache_age_s).toBeGreaterThanOrEqual(0);
    expect(again.summary).toMatch(/cache, asked \d+ s ago/);
    expect((await run({ "prometheus-url": url, query: 'share{slo="full"}' })).outputs.source).toBe("prometheus");
    expect((await run({ "prometheus-url": url, "cache-ttl": "0s" })).outputs.source).toBe("prometheus");
    // Other tiers ask nothing new.
    expect((await run({ "prometheus-url": url, tiers: "100:300" })).outputs).toMatchObject({
      source: "cache",
      "p95-threshold-ms": "300",
    });
  });

  test("an unknown budget isn't cached, and a broken cache file is no answer", async () => {
    await run({ "prometheus-url": url, query: "nobody_has_this" });
    expect((await run({ "prometheus-url": url, query: "nobody_has_this" })).outputs.source).toBe("unknown");
    await run({ "prometheus-url": url });
    const cache = join(folder, ".temp", "gatehouse");
    for (const file of readdirSync(cache)) writeFileSync(join(cache, file), '{"remaining": 1, "burnRate": null');
    const result = await run({ "prometheus-url": url });
    expect(result.outputs).toMatchObject({ source: "prometheus", "budget-remaining": "0.7" });
    expect(result.log).toContain("The cached budget isn't one");
  });

  test("another job finds the answer in GitHub's cache; a service that is down costs nothing but the answer", async () => {
    await using cache = await startCacheService();
    const nextJob = () => rmSync(join(folder, ".temp"), { recursive: true, force: true });
    expect((await run({ "prometheus-url": url }, cache.env)).outputs.source).toBe("prometheus");
    expect(cache.entries).toMatchObject([
      { key: expect.stringMatching(/^gatehouse-error-budget-1-[0-9a-f]{16}-\d+$/), finalized: true },
    ]);
    nextJob();
    const cached = await run({ "prometheus-url": url }, cache.env);
    expect(cached.outputs).toMatchObject({ source: "cache", "budget-remaining": "0.7", "p95-threshold-ms": "420" });
    // Within the job the file is enough.
    cache.entries.length = 0;
    expect((await run({ "prometheus-url": url }, cache.env)).outputs.source).toBe("cache");
    nextJob();
    cache.failWith = 400;
    const alone = await run({ "prometheus-url": url }, cache.env);
    expect(alone).toMatchObject({ exitCode: 0, outputs: { source: "prometheus", "budget-remaining": "0.7" } });
  });

  describe("an existing smoke summary under the tier", () => {
    const judged = (smoke: Record<string, unknown>, slo: string) =>
      run({ "prometheus-url": url, query: `share{slo="${slo}"}`, "summary-path": writeSmoke(smoke) });

    test("passes at the limit and fails above it", async () => {
      expect(await judged({ p95_ms: 420 }, "b799")).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS" } });
      const failed = await judged({ p95_ms: 420.1 }, "b799");
      expect(failed).toMatchObject({ exitCode: 1, outputs: { verdict: "FAIL", "p95-threshold-ms": "420" } });
      expect(failed.report?.reasons[0]).toMatchObject({
        code: "P95_CEILING_EXCEEDED",
        message: expect.stringContaining("420.1 ms) > limit (420 ms)"),
      });
    });

    test("a run that failed its own limit passes a looser tier; one with errors stays failed", async () => {
      const p95 = { code: "P95_CEILING_EXCEEDED", metric: "p95", severity: "error", message: "p95 (430 ms) > limit (420 ms)." };
      const errors = {
        code: "ERROR_RATE_EXCEEDED",
        metric: "error_rate",
        severity: "error",
        message: "errors (5 %) > limit (1 %).",
      };
      expect((await judged({ verdict: "FAIL", p95_ms: 430, reasons: [p95] }, "full")).outputs.verdict).toBe("PASS");
      expect((await judged({ verdict: "FAIL", p95_ms: 430, reasons: [p95, errors] }, "full")).outputs.verdict).toBe("FAIL");
      const load = { code: "LOAD_NOT_DELIVERED", metric: "rps", severity: "warning", message: "12 requests/s < 40." };
      expect((await judged({ verdict: "FAIL", p95_ms: 430, reasons: [p95, load] }, "full")).outputs.verdict).toBe("INCONCLUSIVE");
    });

    test("without p95, or inconclusive before, it is inconclusive", async () => {
      expect((await judged({ p95_ms: null }, "full")).outputs.verdict).toBe("INCONCLUSIVE");
      expect((await judged({ verdict: "INCONCLUSIVE" }, "full")).outputs.verdict).toBe("INCONCLUSIVE");
    });

    test("missing, foreign or huge files never pass, and the step fails", async () => {
      const missing = await run({ "prometheus-url": url, "summary-path": "nowhere.json" });
      expect(missing).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE" } });
      expect(missing.log).toMatch(/nowhere\.json: no such file/);
      expect((await judged({ p95_ms: "NaN" }, "full")).log).toMatch(/p95_ms: Invalid input/);
      expect((await judged({ schema_version: 2 }, "full")).log).toMatch(/schema_version/);
      const path = join(folder, "huge.json");
      writeFileSync(path, Buffer.alloc(50 * 1024 * 1024, 0x20));
      expect((await run({ "prometheus-url": url, "summary-path": path })).log).toMatch(
        /has 50.0 MB, a report has at most 4.0 MB/,
      );
    });
  });
});

describe("with the rules of other SLO tools", () => {
  let prometheus: Server;
  beforeAll(async () => {
    // 0.5 % of errors against an objective of 99 %: half of the budget.
    const end = Math.floor(Date.now() / 1000);
    const counter = (code: string, perSecond: number) => ({
      name: "http_requests_total",
      labels: { job: "shop", code },
      samples: Array.from({ length: 181 }, (_, index): [number, number] => [end - 1_800 + index * 10, index * 10 * perSecond]),
    });
    prometheus = await startPrometheus({
      series: [counter("200", 199), counter("500", 1)],
      ruleFiles: ["sloth", "pyrra"].map((name) => fileURLToPath(new URL(`fixtures/${name}.rules.yml`, import.meta.url))),
    });
  });
  afterAll(() => prometheus?.stop());

  test.each([
    [
      "Sloth's",
      'slo:period_error_budget_remaining:ratio{sloth_id="shop-requests"}',
      'slo:current_burn_rate:ratio{sloth_id="shop-requests"}',
    ],
    ["Pyrra's generic", '1 - (1 - pyrra_availability{slo="shop"}) / (1 - pyrra_objective{slo="shop"})', ""],
    [
      "Pyrra's increase",
      '1 - (sum(http_requests:increase4w{slo="shop", code=~"5.."}) or vector(0)) / sum(http_requests:increase4w{slo="shop"}) / (1 - 0.99)',
      "",
    ],
  ])("%s rules give the budget, by the queries of the README", async (_, query, burnRateQuery) => {
    const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
    expect(readme).toContain(`\`${query}\``);
    await until(async () => {
      const result = await run({ "prometheus-url": prometheus.url, query, "burn-rate-query": burnRateQuery, "cache-ttl": "0s" });
      expect(Number(result.outputs["budget-remaining"] || Number.NaN)).toBeCloseTo(0.5, 6);
      expect(result.outputs).toMatchObject({ "p95-threshold-ms": "400", source: "prometheus" });
      if (burnRateQuery !== "") {
        expect(Number(result.outputs["burn-rate"])).toBeCloseTo(0.5, 6);
        expect(Number(result.outputs["exhaustion-hours"])).toBeCloseTo(720, 3);
      }
    }, 20_000);
  });
});

test("without prometheus-url the budget is unknown, and the step isn't red by that", async () => {
  const empty = await run({ "prometheus-url": "" });
  expect(empty).toMatchObject({
    exitCode: 0,
    outputs: { source: "unknown", verdict: "INCONCLUSIVE", "p95-threshold-ms": "400", "budget-remaining": "" },
  });
  expect(empty.report?.reasons.map(({ code }) => code)).toEqual(["BUDGET_UNKNOWN", "NO_DATA"]);
  expect(empty.summary).toContain("prometheus-url is empty");
  expect(await run({ "on-unknown": "default" })).toMatchObject({ exitCode: 0, outputs: { "p95-threshold-ms": "450" } });
  expect(await run({ "on-unknown": "fail" })).toMatchObject({ exitCode: 1, outputs: { verdict: "FAIL" } });
  expect(await run({ "on-exhausted": "fail" })).toMatchObject({ exitCode: 0, outputs: { verdict: "INCONCLUSIVE" } });
  expect(await run({ "summary-path": writeSmoke({ p95_ms: 390 }) })).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS" } });
});

test("all wrong inputs are reported together, before anything is asked, and no secret shows", async () => {
  const result = await run({
    "prometheus-url": "user:hunter2@localhost:9090",
    unit: "permille",
    tiers: "80:420",
    "max-age": "10",
    timeout: "soon",
    "prometheus-token": "tok en",
    "window-days": "0",
    "fail-on": "sometimes",
  });
  expect(result.exitCode).toBe(1);
  expect(result.outputs).toEqual({});
  for (const name of ["prometheus-url", "unit", "tiers", "max-age", "timeout", "prometheus-token", "window-days", "fail-on"]) {
    expect(result.log).toContain(`${name}: expected`);
  }
  expect(result.log).toContain("8 inputs are wrong");
  expect(result.raw.replace("::add-mask::tok en", "")).not.toContain("tok en");
});

test("a server that is down, or that demands another token, is unknown with its reason; the token stays hidden", async () => {
  const down = await run({ "prometheus-url": "http://127.0.0.1:9", timeout: "1s" });
  expect(down.report?.reasons[1]).toMatchObject({
    code: "QUERY_ERROR",
    message: expect.stringContaining("refused the connection"),
  });
  const server = createServer((request, response) => response.writeHead(403).end(request.headers.authorization));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const result = await run({
      "prometheus-url": `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      "prometheus-token": "s3cret-token",
    });
    expect(result.raw).toContain("::add-mask::s3cret-token");
    expect(result.raw.replace("::add-mask::s3cret-token", "")).not.toContain("s3cret-token");
    expect(JSON.stringify(result.report)).not.toContain("s3cret-token");
    expect(result.report?.reasons[1]?.message).toContain("give a token that may query");
  } finally {
    server.close();
  }
});
