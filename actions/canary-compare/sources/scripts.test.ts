import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CanaryRun, runCanary, throwAwayFolder } from "../../../test/canary-action.ts";
import { realK6 } from "../../../test/k6.ts";
import { type Stranger, startStranger } from "../../../test/stranger.ts";

const place = throwAwayFolder();
afterAll(() => place[Symbol.dispose]());
let k6 = "";
beforeAll(async () => {
  k6 = (await realK6()).path;
}, 180_000);

const write = (name: string, text: string) => writeFileSync(join(place.folder, name), text);

interface Driven {
  run: CanaryRun;
  baseline: Stranger;
  canary: Stranger;
}

/** Drives a script against two equal services for some seconds. */
async function drive(script: string, inputs: Record<string, string> = {}): Promise<Driven> {
  await using baseline = await startStranger({ release: "1.0" });
  await using canary = await startStranger({ release: "2.0" });
  const run = await runCanary(place.folder, {
    "baseline-url": baseline.url,
    "canary-url": canary.url,
    "k6-path": k6,
    script,
    rps: "20",
    duration: "4s",
    "warm-up": "1s",
    "max-extension": "0s",
    "min-samples": "20",
    "artifact-name": "",
    ...inputs,
  });
  return { run, baseline, canary };
}

/** What a busy machine of a test run may add. */
const MACHINE = ["LOAD_NOT_DELIVERED", "ENVIRONMENT"];

/** Both arms got what the script asks for, each of its own: nothing failed, and nothing that was started is missing. */
function expectBothDriven({ run, baseline, canary }: Driven, paths: readonly string[]): void {
  const { observations, metrics, reasons } = run.report!;
  for (const [arm, server] of [
    ["baseline", baseline],
    ["canary", canary],
  ] as const) {
    expect([...server.asked.keys()].sort(), run.log).toEqual([...paths].sort());
    expect(observations.arms![arm], run.log).toMatchObject({ unanswered: 0, threw: 0, failed_by_checks: 0, not_sent: 0 });
    expect(observations.arms![arm]!.iterations, run.log).toBeGreaterThan(25);
    expect(metrics[1]![arm], run.log).toMatchObject({ value: 0 });
    expect(metrics[1]![arm].n).toBeGreaterThan(25);
    expect(run.report![arm].version).toBe(arm === "baseline" ? "1.0" : "2.0");
  }
  expect(
    reasons.filter(({ code }) => !["LOW_SAMPLES", "NOT_SIGNIFICANT", ...MACHINE].includes(code)),
    run.log,
  ).toEqual([]);
}

describe.concurrent("without a script", { timeout: 120_000 }, () => {
  test("the URL is asked for as it is given, with its query and its last slash", async () => {
    await using baseline = await startStranger({ release: "1.0" });
    await using canary = await startStranger({ release: "2.0" });
    const [query, slash] = await Promise.all(
      ["/rooms?guests=2", "/app/"].map((path) =>
        drive("", { "baseline-url": baseline.url + path, "canary-url": canary.url + path }),
      ),
    );
    for (const { run } of [query!, slash!]) expectBothDriven({ run, baseline, canary }, ["/rooms?guests=2", "/app/"]);
    expect(query!.run.report!.routes.map(({ name }) => name)).toEqual(["GET /rooms"]);
  });

  test("lines of requests go out in their shares, with headers and bodies; what is expected is no failure", async () => {
    const requests = `GET /rooms weight=3
POST /book body='{"room": 1}' expect=200`;
    const driven = await drive("", { requests, headers: "X-Api-Key: abcd1234", env: "" });
    expectBothDriven(driven, ["/rooms", "/book"]);
    for (const { asked, count, last } of [driven.baseline, driven.canary]) {
      expect(asked.get("/book")! / count).toBeCloseTo(0.25, 1);
      expect(last.get("/book")).toMatchObject({
        method: "POST",
        headers: { "x-api-key": "abcd1234", "content-type": "application/json" },
        body: '{"room": 1}',
      });
    }
  });

  test("a code that is not expected is a failure, a redirect that is expected is not followed", async () => {
    await using baseline = await startStranger({ redirectTo: "http://127.0.0.1:1" });
    await using canary = await startStranger({ redirectTo: "http://127.0.0.1:1" });
    const urls = { "baseline-url": baseline.url, "canary-url": canary.url };
    const [wanted, unwanted] = await Promise.all([
      drive("", { ...urls, requests: "GET /a expect=302" }),
      drive("", { ...urls, requests: "GET /a expect=301" }),
    ]);
    expect(wanted!.run.report!.metrics[1]!.canary, wanted!.run.log).toMatchObject({ value: 0 });
    expect(unwanted!.run.report!.metrics[1]!.canary, unwanted!.run.log).toMatchObject({ value: 1 });
  });

  test("a recorded session is sent to both arms", async () => {
    const entries = ["/rooms?a=1", "/style.css"].map((path) => ({
      request: { method: "GET", url: `https://shop.example${path}`, headers: [{ name: "Accept", value: "text/css" }] },
    }));
    write("session.har", JSON.stringify({ log: { entries } }));
    const driven = await drive("", { har: "session.har" });
    expectBothDriven(driven, ["/rooms?a=1", "/style.css"]);
    expect(driven.canary.last.get("/style.css")).toMatchObject({ headers: { accept: "text/css" } });
  });
});

describe.concurrent("scripts as people write them", { timeout: 120_000 }, () => {
  test("BASE_URL in a constant at the top, in a helper module, in TypeScript, with a file and a SharedArray", async () => {
    write("users.json", JSON.stringify([{ name: "ana" }, { name: "luis" }]));
    write(
      "helper.ts",
      `import { get } from "k6/http";
import { SharedArray } from "k6/data";
const BASE: string = __ENV.BASE_URL || "http://127.0.0.1:1";
const users = new SharedArray("users", () => JSON.parse(open("./users.json")));
export function ask(path: string) { return get(\`\${BASE}\${path}?user=\${users[0].name}\`, { tags: { name: "ask" } }); }`,
    );
    write(
      "constant.ts",
      `import { ask } from "./helper.ts";
import http from "k6/http";
import { check } from "k6";
const BASE_URL: string = __ENV.BASE_URL ?? "http://127.0.0.1:1";
const { get } = http;
export const options = { vus: 3, duration: "10s" };
export default function (): void {
  check(ask("/helper"), { "helper answers": (r) => r.status === 200 });
  check(get(BASE_URL + "/own"), { "answers": (r) => r.status === 200 });
}`,
    );
    expectBothDriven(await drive("constant.ts"), ["/helper?user=ana", "/own"]);
  });

  test("asynchronous requests, batches, groups, sleep and URL templates", async () => {
    write(
      "async.js",
      `import http from "k6/http";
import { check, group, sleep } from "k6";
const BASE = __ENV.BASE_URL;
export default async function () {
  const answer = await http.asyncRequest("GET", BASE + "/async");
  check(answer, { "async answers": (r) => r.status === 200 });
  group("a group", () => {
    const answers = http.batch([BASE + "/one", ["GET", BASE + "/two", null, { tags: { kind: "x" } }], { method: "GET", url: BASE + "/three" }]);
    check(answers[2], { "batch answers": (r) => r.status === 200 });
    const named = http.batch({ four: { method: "GET", url: BASE + "/four" } });
    check(named.four, { "named batch answers": (r) => r.status === 200 });
  });
  http.get(http.url\`\${BASE}/five\`);
  sleep(0.1);
}`,
    );
    const driven = await drive("async.js", { rps: "15" });
    expectBothDriven(driven, ["/async", "/one", "/two", "/three", "/four", "/five"]);
  });

  test("setup data, teardown, custom metrics, own system tags, and a name of several lines", async () => {
    write(
      "setup.js",
      `import http from "k6/http";
import { Trend } from "k6/metrics";
const BASE = __ENV.BASE_URL;
const size = new Trend("size");
export const options = { systemTags: ["status", "method"], thresholds: { size: ["p(95)<100000"], http_reqs: ["count<1"] } };
export function setup() { return { token: http.get(BASE + "/login").json().rooms[0].id, base: BASE }; }
const query = \`query "Rooms" {
  rooms(first: 10, city: "Salto") { id }
}\`;
export default function (data) {
  if (data.base !== BASE || data.token !== 1 || __ENV.TENANT !== "demo") throw new Error("data of another arm");
  size.add(http.post(BASE + "/graphql", JSON.stringify({ query }), { tags: { name: query } }).body.length);
}
export function teardown(data) { http.get(data.base + "/logout"); }`,
    );
    const driven = await drive("setup.js", { env: "TENANT=demo" });
    expectBothDriven(driven, ["/login", "/graphql", "/logout"]);
    expect(driven.run.report!.routes).toMatchObject([{ name: 'query "Rooms" {\n  rooms(first: 10, city: "Salto") { id }\n}' }]);
  });

  test("scenarios with functions of their own run in their shares, under their names, with their variables", async () => {
    write(
      "scenarios.js",
      `import http from "k6/http";
import exec from "k6/execution";
export const options = {
  scenarios: {
    browse: { executor: "constant-arrival-rate", exec: "browse", rate: 30, timeUnit: "1s", duration: "1m", preAllocatedVUs: 5 },
    buy: { executor: "ramping-arrival-rate", exec: "buy", startRate: 1, stages: [{ target: 10, duration: "1m" }], preAllocatedVUs: 5, env: { KIND: "book" } },
  },
};
export function browse() { http.get(__ENV.BASE_URL + "/" + exec.scenario.name); }
export function buy() { http.post(__ENV.BASE_URL + "/" + __ENV.KIND, "{}"); }`,
    );
    const driven = await drive("scenarios.js");
    expectBothDriven(driven, ["/browse", "/book"]);
    for (const arm of [driven.baseline, driven.canary]) {
      const share = arm.asked.get("/book")! / arm.count;
      expect(share).toBeGreaterThan(0.15);
      expect(share).toBeLessThan(0.35);
    }
  });

  test("rounds, and two arms that differ by their folder alone", async () => {
    write(
      "folders.js",
      `import http from "k6/http"; const B = __ENV.BASE_URL; export default () => { http.get(B + "/rooms"); };`,
    );
    await using both = await startStranger();
    const run = await runCanary(place.folder, {
      "baseline-url": `${both.url}/app`,
      "canary-url": `${both.url}/app/next`,
      "k6-path": k6,
      script: "folders.js",
      rps: "20",
      rounds: "2",
      duration: "4s",
      "warm-up": "1s",
      "min-samples": "20",
      "artifact-name": "",
    });
    expect([...both.asked.keys()].sort(), run.log).toEqual(["/app/next/rooms", "/app/rooms"]);
    expect(run.report!.reasons.map(({ code }) => code)).not.toContain("WRONG_HOST");
    for (const arm of ["baseline", "canary"] as const) expect(run.report!.metrics[1]![arm].n).toBeGreaterThan(40);
  });

  test("what can't be driven is refused by name, before there is traffic", async () => {
    write("none.js", "export const options = {};");
    write(
      "missing.js",
      `export const options = { scenarios: { a: { executor: "constant-vus", exec: "nowhere", vus: 1, duration: "1s" } } };`,
    );
    write(
      "browser.js",
      `export const options = { scenarios: { ui: { executor: "shared-iterations", options: { browser: { type: "chromium" } } } } };
export default function () {}`,
    );
    const [none, missing, browser] = await Promise.all(["none.js", "missing.js", "browser.js"].map((script) => drive(script)));
    for (const [driven, message] of [
      [none!, "no default function"],
      [missing!, "scenario a runs the function nowhere"],
      [browser!, "scenario ui drives a browser"],
    ] as const) {
      expect(driven.run, driven.run.log).toMatchObject({
        exitCode: 1,
        outputs: { verdict: "INCONCLUSIVE", reason: "SCRIPT_ERROR" },
      });
      expect(driven.run.log).toContain(message);
      expect(driven.baseline.count + driven.canary.count).toBe(0);
    }
  });
});

test("variables are in no command line while k6 runs, and in no output, whatever their names and wherever the script shows them", async () => {
  write(
    "leaky.js",
    `import http from "k6/http";
import { check } from "k6";
const { BASE_URL, PASS_OF_USER, JWT } = __ENV;
export default function () {
  console.error("logged in with " + PASS_OF_USER);
  const answer = http.get(BASE_URL + "/rooms/" + JWT, { tags: { name: "rooms of " + encodeURIComponent(JWT) } });
  check(answer, { ["seen " + PASS_OF_USER]: () => false });
}`,
  );
  await using baseline = await startStranger();
  await using canary = await startStranger();
  const commands: string[] = [];
  const environments: string[] = [];
  const run = await runCanary(
    place.folder,
    {
      "baseline-url": baseline.url,
      "canary-url": canary.url,
      "k6-path": k6,
      script: "leaky.js",
      env: "PASS_OF_USER=hunter-twenty-two\nJWT=ey/abc+def",
      rps: "10",
      duration: "4s",
      "warm-up": "0s",
      "max-extension": "0s",
      "artifact-name": "",
    },
    (child) => {
      const look = setInterval(() => {
        const rows = execFileSync("ps", ["-eo", "ppid=,pid=,args="]).toString().split("\n");
        const own = rows.filter((row) => row.trim().startsWith(`${child.pid} `) && row.includes("driver.js"));
        commands.push(...own);
        for (const row of own) environments.push(readFileSync(`/proc/${row.trim().split(/\s+/)[1]}/environ`, "utf8"));
      }, 250);
      child.on("close", () => clearInterval(look));
    },
  );
  expect(commands.length).toBeGreaterThan(2);
  const shown = run.log.split("\n").filter((line) => !line.startsWith("::add-mask::"));
  const samples = gunzipSync(readFileSync(join(dirname(run.outputs["report-path"]!), run.report!.inputs.samples_path!)));
  for (const text of [commands, environments, shown, [run.reportText!], [run.summary], [samples.toString()]]) {
    expect(text.join("\n")).not.toMatch(/hunter-twenty-two|ey\/abc|ey%2Fabc/);
  }
  expect(run.report!.routes).toMatchObject([{ name: "rooms of ***" }]);
  expect(shown.join("\n")).toContain("logged in with ***");
  expect(canary.asked.get("/rooms/ey/abc+def")).toBeGreaterThan(10);
}, 60_000);
