import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  EXAMPLE_RUN,
  exampleBudget,
  exampleCanary,
  exampleSamples,
  exampleSmoke,
  samplesText,
} from "../../test/report-examples.ts";
import { type MainResult, runMain } from "../../test/run-main.ts";
import type { CanaryReport } from "../lib/report/canary-report.ts";
import type { SmokeSummary } from "../lib/report/smoke-summary.ts";
import { GATES_FILE, type GateNote } from "../lib/runner/gates.ts";
import { main } from "./main.ts";
import { MOST_REPORTS } from "./search.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-reports-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const SMOKE = "reports/performance/smoke-summary.json";
const CANARY = "reports/canary/canary-report-20261121T073000Z.json";
const KEPT = "reports/performance/report";

function put(path: string, content: unknown): void {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, typeof content === "string" || Buffer.isBuffer(content) ? content : JSON.stringify(content));
}

const run = (inputs: Record<string, string> = {}, env: Record<string, string> = {}): Promise<MainResult> =>
  runMain(
    main,
    folder,
    { html: "false", history: "0", comment: "false", "artifact-name": "", ...inputs },
    { GITHUB_RUN_ID: "4242", GITHUB_RUN_ATTEMPT: "1", GITHUB_JOB: "gate", GITHUB_EVENT_NAME: "push", ...env },
  );

const slow = (values: Partial<SmokeSummary> = {}): SmokeSummary =>
  exampleSmoke({
    verdict: "FAIL",
    p95_ms: 912,
    reasons: [{ code: "P95_CEILING_EXCEEDED", metric: "p95", severity: "error", message: "p95 912 ms > limit 450 ms" }],
    ...values,
  });

const rollout = (verdict: string, values: Record<string, unknown> = {}) => ({
  schema_version: 1,
  kind: "rollout-report",
  run: EXAMPLE_RUN,
  mode: "run",
  generated_at: "2026-11-21T07:30:00.000Z",
  verdict,
  decision: verdict === "PASS" ? "PROCEED" : "ROLLBACK",
  summary: `rolled out to ${verdict === "PASS" ? 100 : 5} %`,
  reasons: [{ code: "DRIFT", metric: null, severity: "warning", message: "the weight drifted" }],
  phases: [{ index: 0 }],
  ...values,
});

describe("several reports", () => {
  test("of one kind: each is shown in a line, the worst decides and is shown with its figures", async () => {
    put("artifacts/billing/smoke-summary.json", slow({ run: { ...EXAMPLE_RUN, job: "billing" } }));
    put("artifacts/rooms/smoke-summary.json", exampleSmoke({ target: "http://rooms.test" }));
    put("artifacts/zoo/smoke-summary.json", exampleSmoke({ started_at: "2026-11-21T08:27:18.000Z" }));
    const result = await run({ "smoke-summary": "artifacts/*/smoke-summary.json" });
    expect(result).toMatchObject({ exitCode: 0, outputs: { verdict: "FAIL" } });
    expect(result.summary).toContain("## ❌ Performance: FAIL\n\np95 912 ms &#62; limit 450 ms");
    expect(result.summary).toMatch(
      /- ❌ \*\*Smoke\*\* <code>artifacts\/billing\/smoke-summary.json<\/code> &?\S*.*job billing.*p95 912 ms/,
    );
    expect(result.summary).toMatch(/- ✅ \*\*Smoke\*\* <code>artifacts\/rooms\/smoke-summary.json<\/code>.*rooms.test/);
    expect(result.summary).toContain("artifacts/zoo/smoke-summary.json");
    expect(result.summary).toContain("| Smoke p95 |  | **912 ms** |");
  });

  test("of every kind, a rollout's and a migration's too; one more failure is counted in the headline", async () => {
    put(SMOKE, exampleSmoke());
    put(CANARY, exampleCanary(exampleSamples(900, { slower: 1.5 })));
    put("reports/rollout/rollout-report-20261121T073000Z.json", rollout("FAIL"));
    put("reports/migration/migration-report.json", { ...rollout("PASS"), kind: "migration-report", summary: undefined });
    const result = await run();
    expect(result.outputs["verdict"]).toBe("FAIL");
    expect(result.summary).toMatch(/1 more says FAIL as well/);
    expect(result.summary).toContain("ROLLBACK: rolled out to 5 %");
    expect(result.summary).toMatch(/✅ \*\*Migration\*\* .*PROCEED: the weight drifted/);
    expect(readdirSync(join(folder, KEPT)).sort()).toEqual([
      "canary-report-20261121T073000Z.json",
      "migration-report.json",
      "rollout-report-20261121T073000Z.json",
      "smoke-summary.json",
      "summary.md",
    ]);
  });

  test("of one name are all kept, each canary report with its samples beside it", async () => {
    for (const name of ["a", "b"]) {
      const arms = exampleSamples(400, { seed: name === "a" ? 1 : 2 });
      const canary = exampleCanary(arms);
      put(`got/${name}/canary-report-1.json`, { ...canary, inputs: { ...canary.inputs, samples_path: "s.ndjson.gz" } });
      put(`got/${name}/s.ndjson.gz`, gzipSync(samplesText(arms)));
    }
    await run({ "canary-report": "got/*/canary-report-*.json" });
    for (const [kept, from] of [
      ["", "a"],
      ["2", "b"],
    ] as const) {
      for (const file of ["canary-report-1.json", "s.ndjson.gz"])
        expect(readFileSync(join(folder, KEPT, kept, file))).toEqual(readFileSync(join(folder, "got", from, file)));
    }
  });

  test("the same report twice is one; paths and globs may be given line by line, with a glob's characters in a name", async () => {
    put("one/smoke-summary.json", exampleSmoke());
    put("two/smoke-summary.json", exampleSmoke());
    put("odd [x]/smoke-summary.json", slow());
    const result = await run({ "smoke-summary": "one/*.json\n two/smoke-summary.json\n\nodd [x]/smoke-summary.json" });
    expect(result.outputs["verdict"]).toBe("FAIL");
    expect(result.summary).toContain("one/smoke-summary.json");
    expect(result.summary).not.toContain("two/smoke-summary.json");
  });

  test("more than a summary has room for are named with their verdict; more than are read say so", async () => {
    for (let leg = 0; leg < 60; leg += 1) put(`got/${leg}/smoke-summary.json`, exampleSmoke({ target: `http://s${leg}.test` }));
    const many = await run({ "smoke-summary": "got/*/smoke-summary.json" });
    expect(many.outputs["verdict"]).toBe("PASS");
    expect([...many.summary.matchAll(/<code>got\/\d+\/smoke-summary.json<\/code>/g)]).toHaveLength(60);
    for (let leg = 60; leg <= MOST_REPORTS; leg += 1)
      put(`got/${leg}/smoke-summary.json`, exampleSmoke({ target: `http://s${leg}.test` }));
    const tooMany = await run({ "smoke-summary": "got/*/smoke-summary.json" });
    expect(tooMany.outputs["verdict"]).toBe("INCONCLUSIVE");
    expect(tooMany.summary).toContain(`${MOST_REPORTS + 1} files match, only ${MOST_REPORTS} were read`);
  });

  test("a baseline that was measured alone is shown and doesn't decide", async () => {
    const baseline = exampleCanary(exampleSamples(900), {
      verdict: "INCONCLUSIVE",
      decision: "HOLD",
      summary: "the baseline was stored",
    });
    put(CANARY, { ...baseline, environment: { ...baseline.environment, phase: "baseline" } } satisfies CanaryReport);
    put("reports/canary/canary-report-20261121T074000Z.json", exampleCanary(exampleSamples(900)));
    const result = await run();
    expect(result.outputs["verdict"]).toBe("PASS");
    expect(result.summary).toContain("the baseline was stored");
  });
});

describe("a report of something else isn't used", () => {
  test.each([
    ["another run", { run_id: 999 }, "made by run 999, not by run 4242"],
    ["an earlier attempt", { run_attempt: 2 }, "made by attempt 2, not by attempt 1"],
    ["a machine outside of GitHub Actions", { run_id: null, run_attempt: null }, "made outside of GitHub Actions"],
  ])("%s", async (_, values, message) => {
    put(SMOKE, exampleSmoke({ run: { ...EXAMPLE_RUN, ...values } }));
    const result = await run();
    expect(result.outputs["verdict"]).toBe("INCONCLUSIVE");
    expect(result.summary).toContain(message);
    expect(existsSync(join(folder, KEPT, "smoke-summary.json"))).toBe(false);
  });

  test("outside of a run every report is used", async () => {
    put(SMOKE, exampleSmoke({ run: { ...EXAMPLE_RUN, run_id: null } }));
    expect((await run({}, { GITHUB_RUN_ID: "" })).outputs["verdict"]).toBe("PASS");
  });

  test("left-overs of other runs beside this run's report are named and do no harm; another attempt's are evidence that is missing", async () => {
    put(CANARY, exampleCanary(exampleSamples(900)));
    put(
      "reports/canary/canary-report-1.json",
      exampleCanary(exampleSamples(900, { slower: 1.5 }), { run: { ...EXAMPLE_RUN, run_id: 7 } }),
    );
    const beside = await run();
    expect(beside.outputs["verdict"]).toBe("PASS");
    expect(beside.summary).toMatch(/Left aside: canary report reports\/canary\/canary-report-1.json was made by run 7/);
    put("reports/canary/canary-report-1.json", exampleCanary(exampleSamples(900), { run: { ...EXAMPLE_RUN, run_attempt: 3 } }));
    expect((await run()).outputs["verdict"]).toBe("INCONCLUSIVE");
  });

  test("of another job, where this job makes such reports itself; a path that is given is taken", async () => {
    put(SMOKE, exampleSmoke({ run: { ...EXAMPLE_RUN, job: "other" } }));
    expect((await run()).outputs["verdict"]).toBe("PASS");
    note({ event: "started", kind: "smoke-summary" });
    note({ event: "wrote", kind: "smoke-summary", path: join(folder, "out/smoke-summary.json") });
    put("out/smoke-summary.json", slow());
    const own = await run();
    expect(own.outputs["verdict"]).toBe("FAIL");
    expect(own.summary).toContain("made by job other, not by job gate");
    expect((await run({ "smoke-summary": `${SMOKE}\n`, require: "none" })).outputs["verdict"]).toBe("PASS");
  });
});

function note(values: Partial<GateNote>): void {
  const whole: GateNote = {
    gate: "1-1",
    event: "started",
    kind: "canary-report",
    at: "2026-11-21T07:30:00.000Z",
    run_id: 4242,
    run_attempt: 1,
    job: "gate",
    step: "compare",
    ...values,
  };
  const path = join(folder, ".temp", GATES_FILE);
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(whole)}\n`);
}

describe("what must be there", () => {
  test("a gate of this job that died before its report makes all INCONCLUSIVE and the step red", async () => {
    put(SMOKE, exampleSmoke());
    note({ event: "started" });
    const killed = await run();
    expect(killed).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE" } });
    expect(killed.summary).toContain("A step of this job &#40;compare&#41; left no canary report: it was ended from outside");
    expect(killed.annotations).toMatchObject([{ level: "error", message: expect.stringContaining("left no canary report") }]);
    note({ event: "ended", error: "k6-path: expected a file" });
    expect((await run()).summary).toContain("left no canary report: k6-path: expected a file");
    expect((await run({ require: "none" })).exitCode).toBe(0);
  });

  test("notes of another job, attempt or run, and a line that was cut off, don't count", async () => {
    put(SMOKE, exampleSmoke());
    note({ job: "other" });
    note({ run_attempt: 2 });
    note({ run_id: 1 });
    appendFileSync(join(folder, ".temp", GATES_FILE), '{"gate":"2-2","event":"star');
    expect(await run()).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS" } });
  });

  test("a report that a gate of this job wrote elsewhere is found; one that can't be used is missing", async () => {
    note({ kind: "smoke-summary" });
    note({ event: "wrote", kind: "smoke-summary", path: join(folder, "elsewhere/smoke.json") });
    note({ event: "ended", kind: "smoke-summary" });
    put("elsewhere/smoke.json", slow());
    expect(await run()).toMatchObject({ exitCode: 0, outputs: { verdict: "FAIL" } });
    put("elsewhere/smoke.json", "{");
    const broken = await run();
    expect(broken).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE" } });
    expect(broken.summary).toContain("no usable smoke summary");
  });

  test("kinds that are required, by name", async () => {
    put(SMOKE, exampleSmoke());
    const result = await run({ require: "smoke-summary, canary-report" });
    expect(result).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE" } });
    expect(result.summary).toContain(
      "There is no usable canary report &#40;reports/canary/canary-report-&#42;.json&#41;, which is required",
    );
    put(CANARY, exampleCanary(exampleSamples(900)));
    expect(await run({ require: "smoke-summary canary-report" })).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS" } });
    const wrong = await run({ require: "canary" });
    expect(wrong.log).toMatch(/require: expected kinds out of canary-report, .*, got "canary"/);
  });
});

describe("hostile and broken places", () => {
  test("samples that are missing or cut off cost the drawing, nothing else", async () => {
    const canary = exampleCanary(exampleSamples(900));
    put(CANARY, { ...canary, inputs: { ...canary.inputs, samples_path: "gone.ndjson.gz" } });
    const missing = await run();
    expect(missing).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS" } });
    expect(missing.summary).toContain("No distribution is drawn");
    put("reports/canary/gone.ndjson.gz", gzipSync(samplesText(exampleSamples(900))).subarray(0, 500));
    const cut = await run();
    expect(cut).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS" } });
    expect(cut.summary).toContain("cut off or damaged");
  });

  test("no symbolic link is followed: not the report's, not the samples', not a folder's on the way", async () => {
    put("secret.txt", "root:x:0:0");
    const canary = exampleCanary(exampleSamples(900));
    put(CANARY, { ...canary, inputs: { ...canary.inputs, samples_path: "linked.ndjson.gz" } });
    symlinkSync(join(folder, "secret.txt"), join(folder, "reports/canary/linked.ndjson.gz"));
    put("real/smoke-summary.json", exampleSmoke());
    symlinkSync(join(folder, "real"), join(folder, "reports/performance"));
    mkdirSync(join(folder, "out"));
    const result = await run({ "report-directory": "out" });
    expect(result.outputs["verdict"]).toBe("INCONCLUSIVE");
    expect(result.summary).toContain("it lies behind a symbolic link");
    expect(result.summary).toContain("linked.ndjson.gz was not kept: it is a symbolic link");
    expect(result.summary).not.toContain("root:x");
    expect(readdirSync(join(folder, "out/report")).sort()).toEqual(["canary-report-20261121T073000Z.json", "summary.md"]);
  });

  test("a report of a later minor version is read, with fields that this version doesn't know", async () => {
    const canary = exampleCanary(exampleSamples(900));
    put(CANARY, { ...canary, canary: { ...canary.canary, region: "eu" }, verdict_url: "https://example.com" });
    put(SMOKE, { ...exampleSmoke(), protocol: "h2", checks: { passed: 1, failed: 0, skipped: 2 } });
    put("reports/performance/error-budget.json", { ...exampleBudget(), objective: 0.999 });
    expect(await run()).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS" } });
  });
});
