import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NOISES } from "../../bench/trials/weather.ts";
import { makeTrial } from "../../bench/trials/world.ts";
import { runCanary, throwAwayFolder } from "../../test/canary-action.ts";
import { startPushgateway } from "../../test/prometheus.ts";
import { exampleCanary, exampleSamples } from "../../test/report-examples.ts";
import { freePort } from "../../test/servers.ts";
import type { Samples } from "../lib/judge/samples.ts";
import { groupOf } from "./report/pushgateway.ts";

const place = throwAwayFolder();
afterAll(() => place[Symbol.dispose]());
const file = (name: string) => join(place.folder, name);

function lines(samples: Samples, more: object = {}): string {
  return Array.from(samples.t, (t, i) =>
    JSON.stringify({ ...more, t, latency_ms: samples.latencyMs[i], ok: samples.ok[i] === 1, route: "GET /rooms" }),
  ).join("\n");
}

function trial(factor: number, errors: [number, number] = [0, 0], seconds = 60) {
  const effect = { name: "", p95Factor: factor, shape: "scale" as const, errors };
  return makeTrial({ seed: 11, noise: NOISES[0]!, effect, seconds, rps: 50 });
}

beforeAll(() => {
  const same = trial(1);
  writeFileSync(file("baseline.ndjson"), lines(same.baseline));
  writeFileSync(file("same.ndjson"), lines(same.canary));
  writeFileSync(
    file("both.ndjson.gz"),
    gzipSync(`${lines(same.baseline, { arm: "baseline" })}\n${lines(same.canary, { arm: "canary" })}\n`),
  );
  writeFileSync(file("slow.ndjson"), lines(trial(1.3).canary));
  writeFileSync(file("failing.ndjson"), lines(trial(1, [0, 0.05]).canary));
  writeFileSync(file("short.ndjson"), lines(trial(1, [0, 0], 5).canary));
});

const compare = (canary: string, inputs: Record<string, string> = {}) =>
  runCanary(place.folder, { "baseline-samples": "baseline.ndjson", "canary-samples": canary, ...inputs });

describe("verdicts from files", () => {
  test("an identical canary passes; every output, the report, its samples and the summary are there", async () => {
    const run = await compare("same.ndjson");
    expect(run.exitCode).toBe(0);
    expect(run.outputs).toMatchObject({ verdict: "PASS", decision: "PROCEED", reason: "OK", "artifact-id": "" });
    expect(Number(run.outputs["p95-ratio"])).toBe(run.report!.metrics[0]!.ratio);
    expect(Number(run.outputs["p95-delta-percent"])).toBeCloseTo((Number(run.outputs["p95-ratio"]) - 1) * 100, 3);
    expect(Number(run.outputs["error-rate-delta"])).toBe(0);
    expect(run.outputs["report-path"]).toMatch(/reports\/canary\/canary-report-\d{8}T\d{6}Z(-\d+)?\.json$/);
    expect(run.report).toMatchObject({ traffic: { source: "file", pattern: "interleaved" }, routes: [{ name: "GET /rooms" }] });
    const stored = gunzipSync(readFileSync(join(place.folder, "reports/canary", run.report!.inputs.samples_path!))).toString();
    expect(stored.trimEnd().split("\n")).toHaveLength(6000);
    expect(run.summary).toContain("### ✅ Canary: PASS, PROCEED");
    expect(run.log).toMatch(/p95 +\d+ ms +\d+ ms/);
  });

  test("+30 % fails the step with the cause and an annotation, 5 % errors too", async () => {
    const [slow, failing] = await Promise.all([compare("slow.ndjson"), compare("failing.ndjson")]);
    expect(slow).toMatchObject({ exitCode: 1, outputs: { verdict: "FAIL", decision: "ROLLBACK", reason: "P95_RATIO_EXCEEDED" } });
    // One ratio, the judged one, wherever one is shown; and first of all what to do.
    const [p95] = slow!.report!.metrics;
    expect(p95).toMatchObject({ ratio_kind: "typical", ratio: p95!.typical_ratio });
    expect(slow!.outputs["p95-ratio"]).toBe(String(p95!.ratio));
    expect(slow!.summary).toMatch(/ROLLBACK\n\n\*\*Roll the canary back\.\*\*\n\nThe canary is worse/);
    expect(slow!.log).toMatch(/canary-compare: FAIL, ROLLBACK\n {2}Roll the canary back\./);
    expect(slow.report!.cause.class).toBe("canary");
    expect(slow.report!.metrics[0]).toMatchObject({ status: "FAIL", reason_code: "P95_RATIO_EXCEEDED", method: { looks: 1 } });
    expect(slow.log).toContain("::error title=canary-compare FAIL%3A P95_RATIO_EXCEEDED::");
    expect(failing).toMatchObject({ exitCode: 1, outputs: { verdict: "FAIL", reason: "ERROR_RATE_EXCEEDED" } });
    expect(failing.report!.metrics[1]).toMatchObject({ status: "FAIL", ratio: null });
  });

  test("one file of both arms gives what two files give", async () => {
    const run = await runCanary(place.folder, { samples: "both.ndjson.gz" });
    expect(run.outputs).toMatchObject({ verdict: "PASS" });
  });

  test("fail-on decides what fails the step, on-inconclusive what to do, and the override is recorded", async () => {
    const [never, strictest, proceed, blind] = await Promise.all([
      compare("slow.ndjson", { "fail-on": "never" }),
      compare("short.ndjson"),
      compare("short.ndjson", { "on-inconclusive": "proceed", "fail-on": "fail" }),
      compare("nowhere.ndjson", { "on-inconclusive": "proceed", "fail-on": "fail" }),
    ]);
    expect(never).toMatchObject({ exitCode: 0, outputs: { verdict: "FAIL" } });
    expect(strictest).toMatchObject({
      exitCode: 1,
      outputs: { verdict: "INCONCLUSIVE", decision: "HOLD", reason: "LOW_SAMPLES" },
    });
    expect(proceed).toMatchObject({ exitCode: 0, outputs: { verdict: "INCONCLUSIVE", decision: "PROCEED" } });
    expect(blind).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE", reason: "NO_DATA" } });
    expect(proceed.report!.policy.overrides).toHaveLength(1);
    expect(proceed.report!.reasons.map((reason) => reason.code)).toContain("OVERRIDDEN");
  });

  test("a missing file is a fault to mend: the report is written and the step fails", async () => {
    const run = await compare("nowhere.ndjson");
    expect(run).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE", reason: "NO_DATA", "p95-ratio": "" } });
    expect(run.report!.reasons[0]!.message).toContain("no such file");
  });

  test("all wrong inputs are told at once, before anything runs", async () => {
    const run = await compare("same.ndjson", {
      "max-p95-ratio": "10%",
      rps: "fast",
      "fail-on": "always",
      "pushgateway-url": "localhost:9091",
    });
    expect(run.exitCode).toBe(1);
    expect(run.report).toBeUndefined();
    for (const name of ["max-p95-ratio", "rps", "fail-on", "pushgateway-url"]) expect(run.log).toContain(`${name}: expected`);
  });

  test("reports of the same second don't overwrite each other", async () => {
    const runs = await Promise.all([compare("same.ndjson"), compare("same.ndjson"), compare("same.ndjson")]);
    expect(new Set(runs.map((run) => run.outputs["report-path"])).size).toBe(3);
    for (const run of runs) expect((await runCanary(place.folder, { report: run.outputs["report-path"]! })).exitCode).toBe(0);
  });
});

describe("replay", () => {
  test("a report made again from its samples is the same to the byte, for each verdict", async () => {
    for (const canary of ["same.ndjson", "failing.ndjson", "short.ndjson"]) {
      const run = await compare(canary, { "report-directory": "replay" });
      const again = await runCanary(place.folder, { report: run.outputs["report-path"]! });
      expect(again.log).toContain(`the same ${run.reportText!.length} bytes`);
      expect(again.outputs["verdict"]).toBe(run.outputs["verdict"]);
      expect(again.exitCode).toBe(run.exitCode);
    }
  });

  test("a changed verdict, and samples that aren't the report's, are found", async () => {
    const run = await compare("slow.ndjson", { "report-directory": "tampered" });
    const path = run.outputs["report-path"]!;
    writeFileSync(path, run.reportText!.replace('"verdict": "FAIL"', '"verdict": "PASS"'));
    const forged = await runCanary(place.folder, { report: path });
    expect(forged.exitCode).toBe(1);
    expect(forged.log).toMatch(/is not what its samples give .* stored .*PASS.* made anew .*FAIL/);
    writeFileSync(path, run.reportText!);
    writeFileSync(
      join(place.folder, "tampered", run.report!.inputs.samples_path!),
      gzipSync(lines(trial(1).canary, { arm: "canary" })),
    );
    const swapped = await runCanary(place.folder, { report: path });
    expect(swapped.exitCode).toBe(1);
    expect(swapped.log).toContain("is not what the report was made from");
  });
});

describe("self-check", () => {
  test("the baseline against itself doesn't fail, with +30 % it does, and the noise floor is told", async () => {
    const run = await runCanary(place.folder, { "self-check": "true", "baseline-samples": "baseline.ndjson" });
    expect(run.report!.self_check).toMatchObject({ same_verdict: "PASS", slower_verdict: "FAIL" });
    expect(run.report!.self_check!.noise_floor_ratio).toBeGreaterThan(1.1);
    expect(run.log).toContain("lies under the noise floor");
    expect(run.exitCode).toBe(0);
  });

  test("traffic too thin to tell +30 % is said, and doesn't pass", async () => {
    const run = await runCanary(place.folder, { "self-check": "true", "baseline-samples": "short.ndjson", "min-samples": "100" });
    expect(run.report!.verdict).toBe("INCONCLUSIVE");
    expect(run.log).toContain("+30 % on one arm gives INCONCLUSIVE");
  });
});

describe("figures for a Pushgateway", () => {
  test("a real Pushgateway keeps every service of every repository apart, with both phases and the verdict", async () => {
    const gateway = await startPushgateway();
    try {
      const inputs = { "pushgateway-url": gateway.url };
      const slow = await compare("slow.ndjson", { ...inputs, service: "shop" });
      await compare("same.ndjson", { ...inputs, service: "cart" });
      const text = await (await fetch(`${gateway.url}/metrics`)).text();
      const value = (name: string, service: string, phase: string) => {
        const labels = `gate="canary-compare",instance="",job="canary-compare",${phase}repository="local",service="${service}"`;
        return Number(
          text
            .split("\n")
            .find((line) => line.startsWith(`${name}{${labels}} `))
            ?.split(" ")[1],
        );
      };
      const [p95] = slow.report!.metrics;
      expect(value("canary_p95_seconds", "shop", 'phase="canary",')).toBeCloseTo(p95!.canary.value! / 1000, 9);
      expect(value("canary_p95_seconds", "shop", 'phase="baseline",')).toBeCloseTo(p95!.baseline.value! / 1000, 9);
      expect(value("canary_p95_seconds", "cart", 'phase="canary",')).toBeLessThan(p95!.canary.value! / 1000);
      expect(value("canary_error_ratio", "shop", 'phase="canary",')).toBe(0);
      expect([value("gate_verdict", "shop", ""), value("gate_verdict", "cart", "")]).toEqual([-1, 1]);
    } finally {
      await gateway.stop();
    }
  });

  test("a repository's name is its service's unless another is given", () => {
    const report = exampleCanary(exampleSamples(60));
    const ofRepository = (repository: string | null) => ({ ...report, run: { ...report.run, repository } });
    expect(groupOf(ofRepository("o/shop"))).toEqual({ repository: "o/shop", service: "shop", gate: "canary-compare" });
    expect(groupOf(ofRepository("o/mono"), "cart")).toMatchObject({ repository: "o/mono", service: "cart" });
    expect(groupOf(ofRepository(null))).toMatchObject({ repository: "local", service: "local" });
  });

  test("a gateway that refuses or isn't there is a warning, not a failure", async () => {
    const server = createServer((_, response) => response.writeHead(400).end("pushed metrics are invalid"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const refused = await compare("same.ndjson", { "pushgateway-url": `http://user:hunter2@127.0.0.1:${port}` });
    await new Promise((resolve) => server.close(resolve));
    expect(refused.exitCode).toBe(0);
    expect(refused.log).toContain("answered 400: pushed metrics are invalid");
    expect(refused.log.replace(/::add-mask::.*/g, "")).not.toContain("hunter2");
    const gone = await compare("same.ndjson", { "pushgateway-url": `http://127.0.0.1:${await freePort()}` });
    expect(gone).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS" } });
    expect(gone.log).toContain("can't be reached");
  });
});
