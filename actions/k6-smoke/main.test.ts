import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startGitHub } from "../../test/github/server.ts";
import { realK6 } from "../../test/k6.ts";
import { startTarget } from "../../test/target.ts";
import { runNamedAction } from "../../tools/action.ts";
import type { ActionResult } from "../../tools/runner/run-action.ts";
import { readReport } from "../lib/report/schema.ts";
import { type SmokeSummary, smokeSummarySchema } from "../lib/report/smoke-summary.ts";

// The bundle, run as the runner runs it, with the real k6 against real servers.

let folder: string;
let k6Path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-smoke-"));
  k6Path = (await realK6()).path;
});
afterAll(() => rm(folder, { recursive: true }));

interface Run {
  inputs?: Record<string, string>;
  env?: Record<string, string>;
  script?: string;
  show?: (line: string) => void;
  signal?: AbortSignal;
}

/** Two seconds at 50 a second: enough for the rules, short enough for a test. */
async function smoke(
  url: string,
  { inputs = {}, env = {}, script, ...rest }: Run = {},
): Promise<ActionResult & { workspace: string; report: string }> {
  const workspace = await mkdtemp(join(folder, "w-"));
  if (script !== undefined) await writeFile(join(workspace, "script.js"), script);
  const result = await runNamedAction("k6-smoke", {
    inputs: {
      "base-url": url,
      duration: "2s",
      "min-requests": "50",
      "min-rps": "20",
      "k6-path": k6Path,
      ...(script === undefined ? {} : { script: "script.js" }),
      ...inputs,
    },
    env,
    workspace,
    ...rest,
  });
  return { ...result, workspace, report: join(workspace, "reports", "performance", "smoke-summary.json") };
}

const summaryOf = (run: { report: string }): Promise<SmokeSummary> => readReport(run.report, smokeSummarySchema);
const codes = (summary: SmokeSummary) => summary.reasons.map(({ code }) => code);

/** What this repository's own workflow sends. */
const JOURNEY = fileURLToPath(new URL("../../k6/smoke.js", import.meta.url));

const ONE_GET = `
  import http from "k6/http";
  export const options = { scenarios: { s: { executor: "constant-arrival-rate", rate: Number(__ENV.K6_RPS), timeUnit: "1s", duration: __ENV.K6_DURATION, preAllocatedVUs: 20 } } };
  export default function () { http.get(__ENV.BASE_URL + "/page?token=hunter2"); }`;

test.concurrent("a good service passes: outputs, report, job summary, artifact", async () => {
  await using target = await startTarget();
  await using github = await startGitHub();
  const run = await smoke(target.url, { env: { ...github.env, GITHUB_JOB: "perf", GITHUB_SHA: "a".repeat(40) } });
  const summary = await summaryOf(run);

  expect(run.exitCode, run.log).toBe(0);
  expect(summary).toMatchObject({
    verdict: "PASS",
    requests: target.count,
    thresholds: { p95_ms: 450, source: "default" },
    k6: { exit_code: 0 },
  });
  expect(summary.run).toMatchObject({ repository: "octo/hotel", job: "perf", sha: "a".repeat(40), run_id: 1 });
  expect(summary.routes.map(({ name }) => name)).toEqual(["GET /"]);
  expect(summary.rps).toBeGreaterThan(30);
  expect(run.outputs).toEqual({
    verdict: "PASS",
    "p95-ms": String(summary.p95_ms),
    "error-rate": "0",
    rps: String(summary.rps),
    requests: String(summary.requests),
    "summary-path": run.report,
    "artifact-id": "1000",
  });
  expect(github.artifacts.artifacts.map(({ name }) => name)).toEqual(["smoke-summary"]);
  expect(run.annotations).toEqual([]);
  expect(run.summary).toContain("Smoke: PASS");
  expect(run.log).toMatch(/p95 latency +[\d.]+ ms +≤ 450 ms +PASS/);
});

test.concurrent("a slow service fails with one error that shows the numbers", async () => {
  await using target = await startTarget(({ path }) => ({ delayMs: path.startsWith("/health") ? 0 : 120 }));
  const run = await smoke(target.url, { inputs: { "p95-threshold-ms": "100" } });
  expect(run.exitCode).toBe(1);
  expect(run.annotations.filter(({ level }) => level === "error")).toEqual([
    {
      level: "error",
      title: "k6-smoke FAIL: P95_CEILING_EXCEEDED",
      message: expect.stringMatching(/^p95 \d+(\.\d)? ms > limit 100 ms$/),
    },
  ]);
  expect(run.outputs["verdict"]).toBe("FAIL");
  expect(await summaryOf(run)).toMatchObject({ verdict: "FAIL", thresholds: { p95_ms: 100, source: "input" } });
  expect((await smoke(target.url, { inputs: { "p95-threshold-ms": "100", "fail-on": "never" } })).exitCode).toBe(0);
});

test.concurrent("fast errors fail on the error rate and don't touch p95", async () => {
  await using target = await startTarget((_, number) => (number % 5 === 4 ? { status: 500 } : { delayMs: 30 }));
  const run = await smoke(target.url, { script: ONE_GET });
  const summary = await summaryOf(run);
  expect(run.exitCode).toBe(1);
  expect(codes(summary)).toEqual(["ERROR_RATE_EXCEEDED"]);
  expect(summary.error_rate).toBeCloseTo(0.2, 1);
  expect(summary.reasons[0]?.message).toMatch(/> limit 1 %: GET \/page status 500 × \d+$/);
  expect(summary.p50_ms).toBeGreaterThanOrEqual(29);
  // Neither the token in the query nor the port makes a route.
  expect(summary.routes.map(({ name }) => name)).toEqual(["GET /page"]);
  expect(run.summary + JSON.stringify(summary)).not.toContain("hunter2");
});

test.concurrent("a threshold of the script itself fails the gate and hides no number", async () => {
  await using target = await startTarget();
  const run = await smoke(target.url, {
    script: ONE_GET.replace("options = {", "options = { thresholds: { http_req_duration: ['p(95)<0.001'] },"),
  });
  const summary = await summaryOf(run);
  expect(run.exitCode).toBe(1);
  expect(summary).toMatchObject({ verdict: "FAIL", requests: target.count, k6: { exit_code: 99 } });
  expect(codes(summary)).toEqual(["THRESHOLD_CROSSED"]);
  expect(summary.p95_ms).toBeGreaterThan(0);
  expect(run.annotations.find(({ level }) => level === "error")?.message).toContain("http_req_duration");
});

test.concurrent("a script's own scenarios are driven at the asked rate, each at its share; handleSummary stays its own", async () => {
  await using target = await startTarget();
  const script = `
    import http from "k6/http";
    import { check, group } from "k6";
    export const options = { thresholds: { http_reqs: ["count>1000000"] }, scenarios: {
      browse: { executor: "constant-vus", vus: 3, duration: "1h", exec: "browse" },
      buy: { executor: "shared-iterations", vus: 1, iterations: 2, exec: "buy" } } };
    export function setup() { return { token: "hunter2" }; }
    export function browse() { group("shop", () => check(http.get(__ENV.BASE_URL + "/list"), { ok: (r) => r.status === 200 })); }
    export function buy(data) { http.batch([["GET", __ENV.BASE_URL + "/cart"], ["POST", __ENV.BASE_URL + "/pay", "x", { tags: { name: "pay" } }]]); check(data, { token: (d) => d.token === "hunter2" }); }
    export function handleSummary() { return { "own.txt": "mine" }; }`;
  const run = await smoke(target.url, { script });
  const summary = await summaryOf(run);
  expect(run.exitCode, run.log).toBe(0);
  expect(summary).toMatchObject({ verdict: "PASS", requests: target.count, unanswered: 0, checks: { failed: 0 } });
  const [list, ...others] = summary.routes;
  expect([list, ...others].map((route) => route?.name)).toEqual(["GET /list", "GET /cart", "pay"]);
  // Three users of four: 75 of 100 iterations.
  expect(list?.requests).toBeGreaterThan(60);
  expect(list?.requests).toBeLessThan(90);
  expect(await readFile(join(run.workspace, "own.txt"), "utf8")).toBe("mine");
});

test.concurrent("the usual script of vus and duration gets the asked rate", async () => {
  await using target = await startTarget();
  const script = `
    import http from "k6/http";
    import { sleep } from "k6";
    export const options = { vus: 2, duration: "90s" };
    export default function () { http.get(__ENV.BASE_URL + "/"); sleep(0.3); }`;
  const summary = await summaryOf(await smoke(target.url, { script }));
  expect(summary.verdict).toBe("PASS");
  expect(summary.rps).toBeGreaterThan(40);
  expect(summary.duration_s).toBeCloseTo(2, 0);
});

test.concurrent("answers of status 200 whose checks fail are no pass; the script's own threshold on checks takes the limit's place", async () => {
  await using target = await startTarget(() => ({ body: '{"error":"database down"}' }));
  const script = (thresholds: string) => `
    import http from "k6/http";
    import { check } from "k6";
    export const options = { thresholds: ${thresholds} };
    export default function () {
      check(http.get(__ENV.BASE_URL + "/rooms"), { "is 200": (r) => r.status === 200, "has rooms": (r) => r.json("rooms") !== undefined });
    }`;
  const run = await smoke(target.url, { script: script("{}") });
  const summary = await summaryOf(run);
  expect(run.exitCode).toBe(1);
  expect(codes(summary)).toEqual(["CHECKS_FAILED"]);
  expect(summary.reasons[0]?.message).toMatch(/^failed checks 50 % \((\d+) of \d+\) > limit 1 %: "has rooms" \1 of \1$/);
  expect(run.log).toMatch(/failed checks +50 % +≤ 1 % +FAIL/);
  const lenient = await smoke(target.url, { script: script("{ checks: ['rate>0.4'] }") });
  expect((await summaryOf(lenient)).verdict).toBe("PASS");
  const strict = await smoke(target.url, { script: script("{ 'checks{check:has rooms}': ['rate>0.9'] }") });
  expect(codes(await summaryOf(strict))).toEqual(["THRESHOLD_CROSSED"]);
});

test.concurrent("requests that are never answered are failures, though k6 has no sample of them", async () => {
  await using target = await startTarget(({ path }, number) => (path === "/slow" && number % 4 === 0 ? { hangs: true } : {}));
  const script = `
    import http from "k6/http";
    export const options = { scenarios: { s: { executor: "constant-vus", vus: 1, duration: "1s" } } };
    export default function () { http.get(__ENV.BASE_URL + "/slow", { timeout: "120s" }); }`;
  const run = await smoke(target.url, { script });
  const summary = await summaryOf(run);
  expect(run.exitCode).toBe(1);
  expect(codes(summary)[0]).toBe("UNANSWERED");
  expect(summary.requests).toBe(target.count);
  expect(summary.unanswered).toBeGreaterThan(20);
  expect(summary.reasons[0]?.message).toContain(`GET /slow no answer until the run's end × ${summary.unanswered}`);
}, 60_000);

test.concurrent("two services in one job keep a summary each; the same service again replaces its own", async () => {
  await using billing = await startTarget(() => ({ status: 500 }));
  await using rooms = await startTarget();
  const inputs = { duration: "1s", "min-requests": "10", "k6-path": k6Path, script: "script.js", "artifact-name": "" };
  const workspace = await mkdtemp(join(folder, "w-"));
  await writeFile(join(workspace, "script.js"), ONE_GET);
  const measure = (url: string) => runNamedAction("k6-smoke", { workspace, inputs: { ...inputs, "base-url": url } });
  const [first, second, again] = [await measure(billing.url), await measure(rooms.url), await measure(rooms.url)];
  const place = join(workspace, "reports", "performance");
  expect(first.outputs["summary-path"]).toBe(join(place, "smoke-summary.json"));
  expect(second.outputs["summary-path"]).toBe(join(place, "smoke-summary-2.json"));
  expect(again.outputs["summary-path"]).toBe(join(place, "smoke-summary-2.json"));
  const published = await runNamedAction("publish-summary", {
    workspace,
    inputs: { html: "false", comment: "false", "artifact-name": "" },
  });
  expect(published.outputs["verdict"]).toBe("FAIL");
  for (const { url } of [billing, rooms]) expect(published.summary).toContain(new URL(url).port);
}, 60_000);

test.concurrent("a script sees only what it is given, and can't command the runner", async () => {
  await using target = await startTarget();
  const script = `${ONE_GET}
    export function setup() {
      console.log("VISIBLE " + JSON.stringify(Object.keys(__ENV).sort()) + (__ENV.TENANT === "demo"));
      http.get(__ENV.BASE_URL + "/rooms/" + __ENV.MESSAGES_SECRET);
      console.log("\\n::add-path::/evil\\n::error::forged\\n::set-output name=verdict::PASS");
    }`;
  const run = await smoke(target.url, {
    script,
    inputs: { env: "TENANT=demo\nMESSAGES_SECRET=hunter2hunter2" },
    env: { GITHUB_TOKEN: "ghs_leak", ACTIONS_RUNTIME_TOKEN: "leak", "INPUT_GITHUB-TOKEN": "leak", AWS_SECRET_ACCESS_KEY: "leak" },
  });
  expect(run.exitCode, run.log).toBe(0);
  expect(run.log).toContain(String.raw`VISIBLE [\"BASE_URL\",\"K6_DURATION\",\"K6_RPS\",\"MESSAGES_SECRET\",\"TENANT\"]true`);
  expect(run.log).not.toContain("leak");
  const kept = await readFile(run.report, "utf8");
  expect(kept).toContain("GET /rooms/***");
  for (const text of [kept, run.log, run.summary]) expect(text).not.toContain("hunter2");
  expect(run.path).toEqual([]);
  expect(run.annotations.map(({ message }) => message)).not.toContain("forged");
});

test.concurrent("a cancel is passed on to k6, and the partial report says CANCELLED", async () => {
  const controller = new AbortController();
  await using target = await startTarget((_, number) => {
    if (number === 60) controller.abort("SIGINT");
    return {};
  });
  const started = performance.now();
  const run = await smoke(target.url, { inputs: { duration: "60s" }, signal: controller.signal });
  const summary = await summaryOf(run);
  expect(performance.now() - started).toBeLessThan(15_000);
  expect(run.exitCode).toBe(1);
  expect(summary.verdict).toBe("INCONCLUSIVE");
  expect(codes(summary)).toContain("CANCELLED");
  expect(summary.requests).toBeGreaterThanOrEqual(60);
  expect(run.outputs).toMatchObject({ verdict: "INCONCLUSIVE", "summary-path": run.report });
});

test.concurrent("a service that is down fails", async () => {
  const target = await startTarget();
  await target[Symbol.asyncDispose]();
  const plain = await smoke(target.url);
  expect(plain.exitCode).toBe(1);
  expect(await summaryOf(plain)).toMatchObject({ verdict: "FAIL", p95_ms: null, error_rate: 1 });
  const journey = await smoke(target.url, { inputs: { script: JOURNEY } });
  expect(journey.exitCode).toBe(1);
  expect(journey.log).toContain("Start the service");
  const own = await smoke(target.url, { script: ONE_GET });
  expect(own.exitCode).toBe(1);
  const summary = await summaryOf(own);
  expect(summary.verdict).toBe("FAIL");
  expect(summary.reasons[0]?.message).toMatch(
    /^none of \d+ requests succeeded: GET \/page connection refused × \d+. Is the service running at base-url\?$/,
  );
  // Said once, not for each of a hundred requests.
  expect(own.log.match(/connection refused/g)!.length).toBeLessThan(12);
  expect(own.log).toMatch(/… and \d+ more like .*connection refused/);
});

test.concurrent.each([
  ["a syntax error", `export default function ( {`, /k6 said: .*could not (initialize|load)/],
  [
    "test.abort()",
    `import exec from "k6/execution"; export default function () { exec.test.abort("no tenant"); }`,
    /108.*no tenant/,
  ],
  [
    "a setup that throws",
    `export function setup() { throw new Error("no seed data"); } export default function () {}`,
    /107.*no seed data/,
  ],
  [
    "options that are wrong",
    `export const options = { thresholds: { checks: ["nonsense"] } }; export default function () {}`,
    /104|nonsense/,
  ],
  ["no request at all", `export default function () {}`, /the script made no HTTP request/],
  ["iterations that throw", `export default function () { throw new Error("x"); }`, /threw an exception/],
])("%s is never a pass, and the step says what to mend", async (_, script, message) => {
  const run = await smoke("http://127.0.0.1:9", { script });
  const summary = await summaryOf(run);
  expect(run.exitCode).toBe(1);
  expect(summary).toMatchObject({ verdict: "INCONCLUSIVE", requests: 0, p95_ms: null, error_rate: null });
  expect(summary.reasons[0]?.message).toMatch(message);
  expect(run.annotations.some((annotation) => annotation.level === "error" && message.test(annotation.message))).toBe(true);
  expect(run.outputs).toMatchObject({ verdict: "INCONCLUSIVE", "p95-ms": "", "error-rate": "" });
});

test.concurrent("test.fail() is never a pass, though every request was good", async () => {
  await using target = await startTarget();
  const run = await smoke(target.url, {
    script: `import exec from "k6/execution";${ONE_GET.replace("http.get(", 'exec.test.fail("bad data"); http.get(')}`,
  });
  expect(run.exitCode).toBe(1);
  expect(codes(await summaryOf(run))).toEqual(["SCRIPT_ERROR"]);
});

test.concurrent("too few requests are inconclusive; fail-on decides about the step", async () => {
  await using target = await startTarget();
  const weak = { "min-requests": "5000" };
  const lenient = await smoke(target.url, { inputs: { ...weak, "fail-on": "fail" } });
  expect(lenient.exitCode).toBe(0);
  expect(lenient.outputs["verdict"]).toBe("INCONCLUSIVE");
  expect(lenient.annotations.map(({ level }) => level)).toContain("warning");
  const strict = await smoke(target.url, { inputs: weak });
  expect(strict.exitCode).toBe(1);
  expect(strict.annotations.map(({ level }) => level)).toContain("error");
});

test.concurrent("an answer without words fails the guest agent's journey", async () => {
  await using target = await startTarget(({ path }) => ({
    body: path.startsWith("/health") ? "{}" : '{"replies":[{"text":" "}]}',
  }));
  const run = await smoke(target.url, { inputs: { script: JOURNEY } });
  expect(run.exitCode).toBe(1);
  expect(codes(await summaryOf(run))).toEqual(["THRESHOLD_CROSSED"]);
});

test("all wrong inputs are told before anything runs", async () => {
  const run = await smoke("nowhere", { inputs: { rps: "fast", "fail-on": "maybe" } });
  expect(run.exitCode).toBe(1);
  expect(run.annotations).toHaveLength(1);
  for (const name of ["base-url", "rps", "fail-on"]) expect(run.annotations[0]?.message).toContain(`${name}: expected`);
  expect(await readdir(run.workspace)).toEqual([]);
});

test("a report that can't be written fails the step with the remedy, after the outputs", async () => {
  await using target = await startTarget();
  // During the run a file takes the place of the folder.
  const script = `${ONE_GET} export function handleSummary() { return { reports: "in the way" }; }`;
  const run = await smoke(target.url, { script });
  expect(run.exitCode).toBe(1);
  expect(run.outputs).toMatchObject({ verdict: "PASS", "summary-path": "" });
  expect(run.annotations.at(-1)?.message).toMatch(
    /smoke-summary\.json: could not be written: a file stands where a folder is needed/,
  );
});

test("a report folder that can't be used is told before anything runs", async () => {
  const run = await smoke("http://127.0.0.1:9", { script: ONE_GET, inputs: { "report-directory": "script.js/reports" } });
  expect(run.exitCode).toBe(1);
  expect(run.annotations[0]?.message).toMatch(/^report-directory: .* a file stands where a folder is needed/);
  expect(run.outputs).toEqual({});
});

test("a report of an earlier run isn't left to be read as this one's", async () => {
  const workspace = await mkdtemp(join(folder, "w-"));
  const report = join(workspace, "reports", "performance", "smoke-summary.json");
  await mkdir(join(report, ".."), { recursive: true });
  await writeFile(report, "{}");
  await writeFile(join(workspace, "k6"), "#!/bin/sh\nexit 3\n", { mode: 0o755 });
  const run = await runNamedAction("k6-smoke", { workspace, inputs: { "base-url": "http://127.0.0.1:9", "k6-path": "k6" } });
  expect(run.exitCode).toBe(1);
  expect(run.annotations[0]?.message).toMatch(/^k6-path: .*isn't k6/);
  expect(await readdir(join(report, ".."))).toEqual([]);
});
