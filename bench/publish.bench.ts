import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { constantSamples, startPrometheus } from "../test/prometheus.ts";
import { exampleBudget, exampleCanary, exampleSamples, exampleSmoke, samplesText } from "../test/report-examples.ts";
import { runNamedAction } from "../tools/action.ts";
import { type Bench, median } from "./figure.ts";

const ROUNDS = 11;

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const bench: Bench = {
  name: "publish",
  compares:
    "publish-summary's bundle on 2 × 6,000 samples against the same without HTML; error-budget-threshold's on a warm Prometheus against a server that answers at once, and against its cache",
  async run(report) {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
    const put = (path: string, content: unknown) => {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), Buffer.isBuffer(content) ? content : JSON.stringify(content));
    };
    const run = async (name: string, inputs: Record<string, string>, env: Record<string, string> = {}) => {
      const result = await runNamedAction(name, {
        inputs,
        workspace: folder,
        env: { GITHUB_RUN_ID: "4242", RUNNER_TEMP: join(folder, "temp"), ...env },
      });
      if (result.exitCode !== 0) throw new Error(`${name} ended with ${result.exitCode}:\n${result.log}`);
      return result;
    };
    const instant = createServer((request, response) => {
      const value = decodeURIComponent(request.url ?? "").includes("timestamp(") ? String(Date.now() / 1000) : "0.7";
      const result = [{ metric: {}, value: [Date.now() / 1000, value] }];
      response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
    });
    await new Promise<void>((resolve) => instant.listen(0, "127.0.0.1", resolve));
    const prometheus = await startPrometheus({
      series: ["error_budget_remaining", "slo:burn_rate:1h"].map((name) => ({ name, samples: constantSamples(0.7, 1_800) })),
    });
    try {
      const arms = exampleSamples(6_000, { seconds: 120, errorRate: 0.004 });
      const canary = exampleCanary(arms);
      put("reports/performance/smoke-summary.json", exampleSmoke());
      put("reports/performance/error-budget.json", exampleBudget());
      put("reports/canary/samples.ndjson.gz", gzipSync(samplesText(arms)));
      put("reports/canary/canary-report-20261121T073000Z.json", {
        ...canary,
        inputs: { ...canary.inputs, samples_path: "samples.ndjson.gz" },
      });
      const publish = (html: string) =>
        run("publish-summary", { html, history: "0", "artifact-name": "", "github-token": "", comment: "false" });
      const budget = (url: string, ttl: string) =>
        run("error-budget-threshold", { "prometheus-url": url, "cache-ttl": ttl, "report-directory": "bench" });
      const fake = `http://127.0.0.1:${(instant.address() as AddressInfo).port}`;
      await publish("true");
      await budget(prometheus.url, "5m");

      const times: Record<"html" | "plain" | "asked" | "instant" | "cached", number[]> = {
        html: [],
        plain: [],
        asked: [],
        instant: [],
        cached: [],
      };
      for (let round = 0; round < ROUNDS; round++) {
        times.html.push(await milliseconds(() => publish("true")));
        times.plain.push(await milliseconds(() => publish("false")));
        times.asked.push(await milliseconds(() => budget(prometheus.url, "0s")));
        times.instant.push(await milliseconds(() => budget(fake, "0s")));
        times.cached.push(await milliseconds(() => budget(prometheus.url, "5m")));
      }
      const figure = (name: string, ours: number[], peer: string, theirs: number[]) =>
        report({ name, value: median(ours), unit: "ms", peer, ratio: median(ours) / median(theirs), n: ROUNDS });
      figure("publish-summary, start to output, 2 × 6,000 samples", times.html, "the same without HTML", times.plain);
      figure(
        "error-budget-threshold, start to output, warm Prometheus",
        times.asked,
        "a server that answers at once",
        times.instant,
      );
      figure("error-budget-threshold, start to output, cached", times.cached, "asked", times.asked);
    } finally {
      instant.close();
      await prometheus.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

export default bench;
