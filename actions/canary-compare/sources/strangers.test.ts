import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CanaryRun, runCanary, throwAwayFolder } from "../../../test/canary-action.ts";
import { realK6 } from "../../../test/k6.ts";
import { type Manners, startStranger } from "../../../test/stranger.ts";
import type { CanaryReport } from "../../lib/report/canary-report.ts";

const place = throwAwayFolder();
afterAll(() => place[Symbol.dispose]());
let k6 = "";

const SCRIPTS = {
  "rooms.js": `import http from "k6/http";
const BASE = __ENV.BASE_URL || "http://127.0.0.1:1";
export const options = { insecureSkipTLSVerify: true };
export default function () { http.get(BASE + "/rooms"); }`,
  "checked.js": `import http from "k6/http";
import { check } from "k6";
const BASE = __ENV.BASE_URL;
export default function () {
  check(http.get(BASE + "/rooms"), { "has rooms": (r) => r.status === 200 && Array.isArray(r.json("rooms")) });
}`,
  "parsing.js": `import http from "k6/http";
const BASE = __ENV.BASE_URL;
export default function () { if (http.get(BASE + "/rooms").json().rooms.length < 1) throw new Error("no rooms"); }`,
  "threshold.js": `import http from "k6/http";
import { Rate } from "k6/metrics";
const BASE = __ENV.BASE_URL;
const empty = new Rate("empty_answers");
export const options = { thresholds: { empty_answers: ["rate<0.5"] } };
export default function () { empty.add(http.get(BASE + "/rooms").body.includes("error")); }`,
  "login.js": `import http from "k6/http";
const BASE = __ENV.BASE_URL;
export function setup() { return http.get(BASE + "/login").json().rooms[0].id; }
export default function (id) { http.get(BASE + "/rooms/" + id); }`,
  "abort.js": `import http from "k6/http";
import exec from "k6/execution";
const BASE = __ENV.BASE_URL;
export default function () { if (http.get(BASE + "/rooms").status !== 200) exec.test.abort("not healthy"); }`,
  "fixed.js": `import http from "k6/http";
export default function () { http.get(__ENV.ELSEWHERE + "/rooms"); }`,
  "beside.js": `import http from "k6/http";
const BASE = __ENV.BASE_URL;
export default function () { http.get(__ENV.ELSEWHERE + "/logo.png"); http.get(BASE + "/rooms"); }`,
  "nowhere.js": `import http from "k6/http";
export default function () { http.get(__ENV.TARGET_URL + "/rooms"); }`,
};
beforeAll(async () => {
  k6 = (await realK6()).path;
  for (const [name, text] of Object.entries(SCRIPTS)) writeFileSync(join(place.folder, name), text);
}, 180_000);

/** Compares two strangers for some seconds, too few for a PASS: what is bad must show all the same. */
async function compare(
  manners: { baseline?: Manners; canary?: Manners },
  script: keyof typeof SCRIPTS,
  inputs: Record<string, string> = {},
): Promise<CanaryRun & { report: CanaryReport }> {
  await using baseline = await startStranger(manners.baseline);
  await using canary = await startStranger(manners.canary);
  const run = await runCanary(place.folder, {
    "baseline-url": baseline.url,
    "canary-url": canary.url,
    "k6-path": k6,
    script,
    rps: "15",
    duration: "6s",
    "warm-up": "1s",
    "max-extension": "0s",
    "min-samples": "30",
    "artifact-name": "",
    ...inputs,
  });
  expect(run.report, run.log).toBeDefined();
  return { ...run, report: run.report! };
}

const codes = (report: CanaryReport) => report.reasons.map(({ code }) => code);

describe.concurrent("a canary that is bad fails", { timeout: 120_000 }, () => {
  test("errors in answers with status 200, when the script checks them", async () => {
    const run = await compare({ canary: { errorInBody: true } }, "checked.js");
    expect(run, run.log).toMatchObject({
      exitCode: 1,
      outputs: { verdict: "FAIL", decision: "ROLLBACK", reason: "CHECKS_FAILED" },
    });
    expect(run.log).toMatch(/most often the check "has rooms" \(\d+ times, 0 times on the baseline\)/);
  });

  test("requests that never get an answer, some or all of them", async () => {
    const [some, all] = await Promise.all([
      compare({ canary: { hanging: 0.2 } }, "rooms.js"),
      compare({ canary: { hanging: 1 } }, "rooms.js"),
    ]);
    for (const run of [some!, all!]) {
      expect(run.outputs, run.log).toMatchObject({ verdict: "FAIL", decision: "ROLLBACK", reason: "UNANSWERED" });
      expect(run.report.observations.arms!.baseline).toMatchObject({ unanswered: 0, not_sent: 0 });
      expect(run.report.cause.class).toBe("canary");
    }
    const { iterations, unanswered } = all!.report.observations.arms!.canary!;
    // Those of the last seconds before a look are in flight: they say nothing yet.
    expect(unanswered, all!.log).toBeGreaterThan(iterations / 2);
  });

  test("a page of HTML with 500 at which the script throws, and half of the answers broken", async () => {
    const [all, half] = await Promise.all([
      compare({ canary: { failing: 1 } }, "parsing.js"),
      compare({ canary: { failing: 0.5 } }, "rooms.js"),
    ]);
    for (const run of [all!, half!]) {
      expect(run.outputs, run.log).toMatchObject({ verdict: "FAIL", decision: "ROLLBACK", reason: "ERROR_RATE_EXCEEDED" });
    }
  });

  test("exceptions on the canary alone, in an iteration or in setup", async () => {
    const [iteration, setup] = await Promise.all([
      compare({ canary: { errorInBody: true } }, "parsing.js"),
      compare({ canary: { errorInBody: true } }, "login.js"),
    ]);
    for (const run of [iteration!, setup!]) {
      expect(run.outputs, run.log).toMatchObject({ verdict: "FAIL", decision: "ROLLBACK", reason: "ERROR_RATE_EXCEEDED" });
      expect(run.report.observations.arms!.canary!.threw).toBe(run.report.observations.arms!.canary!.iterations);
    }
    expect(setup!.log).toContain("canary: setup() threw:");
  });

  test("answers that take 300 times as long, or in which the service stands still for seconds", async () => {
    const [slow, still] = await Promise.all([
      compare({ canary: { slow: 600 } }, "rooms.js"),
      compare({ canary: { standsStill: { everyMs: 40_000, forMs: 30_000 } } }, "rooms.js"),
    ]);
    for (const run of [slow!, still!]) {
      expect(run.outputs, run.log).toMatchObject({ verdict: "FAIL", decision: "ROLLBACK" });
      expect(codes(run.report)).not.toContain("NON_FINITE");
    }
  });

  test("the script's own threshold, crossed by the canary alone; crossed by both nothing passes", async () => {
    const [alone, both] = await Promise.all([
      compare({ canary: { errorInBody: true } }, "threshold.js"),
      compare({ baseline: { errorInBody: true }, canary: { errorInBody: true } }, "threshold.js"),
    ]);
    expect(alone!.outputs, alone!.log).toMatchObject({ verdict: "FAIL", reason: "THRESHOLD_CROSSED" });
    expect(alone!.log).toContain("the canary alone crossed the script's own empty_answers: rate<0.5");
    expect(both!.outputs, both!.log).toMatchObject({ verdict: "INCONCLUSIVE" });
    expect(both!.log).toContain("both arms crossed the script's own empty_answers: rate<0.5");
  });

  test("a script that ends the canary's run by test.abort()", async () => {
    const run = await compare({ canary: { failing: 0.1 } }, "abort.js");
    expect(run.outputs, run.log).toMatchObject({ verdict: "FAIL", reason: "CHECKS_FAILED" });
    expect(run.log).toContain("not healthy");
  });

  test("a handshake for each request is part of the request's time", async () => {
    const run = await compare({ baseline: { handshakeMs: 0 }, canary: { handshakeMs: 150 } }, "rooms.js", { "fail-on": "never" });
    // k6's own duration of a request begins when it is written, after the handshake.
    expect(run.report.metrics[0]!.canary.value, run.log).toBeGreaterThan(158);
    const connections = run.report.observations.evidence.find(({ name }) => name === "connections")!;
    expect(connections).toMatchObject({ baseline: 1, canary: 1 });
    expect(run.log).toContain("certificates were not checked (insecureSkipTLSVerify in the script's options)");
  });
});

describe.concurrent("what was not compared never passes", { timeout: 120_000 }, () => {
  test("requests that go elsewhere, to the other arm, to no host, or are redirected away", async () => {
    await using elsewhere = await startStranger();
    const env = `ELSEWHERE=${elsewhere.url}`;
    const [fixed, nowhere, redirected, beside] = await Promise.all([
      compare({}, "fixed.js", { env }),
      compare({}, "nowhere.js"),
      compare({ baseline: { redirectTo: elsewhere.url }, canary: { redirectTo: elsewhere.url } }, "rooms.js"),
      compare({}, "beside.js", { env }),
    ]);
    for (const run of [fixed!, nowhere!, redirected!]) {
      expect(run, run.log).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE", reason: "WRONG_HOST" } });
    }
    expect(fixed!.log).toMatch(/canary: none of \d+ requests went to http/);
    expect(nowhere!.log).toContain("to no http(s) address at all");
    expect(redirected!.log).toMatch(/canary: \d+ of \d+ requests were redirected away/);
    // Another host beside the arm is named, and counts for nothing.
    const about = beside!.report.reasons.filter(({ code }) => code === "WRONG_HOST");
    expect(about, beside!.log).toMatchObject([{ severity: "info" }, { severity: "info" }]);
    expect(beside!.report.routes.map(({ name }) => name)).toEqual(["GET /rooms"]);
  });

  test("a canary that sends everybody to the baseline", async () => {
    await using baseline = await startStranger();
    await using canary = await startStranger({ redirectTo: baseline.url });
    const inputs = { "baseline-url": baseline.url, "canary-url": canary.url };
    const run = await compare({}, "rooms.js", inputs);
    expect(run, run.log).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE", reason: "WRONG_HOST" } });
    expect(run.log).toContain("to the baseline");
  });

  test("the same release on both arms, the wrong one, or several on one", async () => {
    const [same, wrong] = await Promise.all([
      compare({ baseline: { release: "1" }, canary: { release: "1" } }, "rooms.js"),
      compare({ baseline: { release: "1" }, canary: { release: "1" } }, "rooms.js", { "canary-version": "2", "fail-on": "fail" }),
    ]);
    expect(same, same!.log).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE" } });
    expect(codes(same!.report)).toContain("SAME_RELEASE");
    expect(wrong, wrong!.log).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE", reason: "ARM_NOT_ATTESTED" } });
  });

  test("a script that throws on the baseline too", async () => {
    const run = await compare({ baseline: { errorInBody: true }, canary: { errorInBody: true } }, "parsing.js", {
      "fail-on": "fail",
    });
    expect(run, run.log).toMatchObject({ exitCode: 1, outputs: { verdict: "INCONCLUSIVE", reason: "SCRIPT_ERROR" } });
  });
});

describe.concurrent("an identical canary passes", { timeout: 180_000 }, () => {
  test("with a script of the usual kind, whose checks and thresholds hold", async () => {
    writeFileSync(
      join(place.folder, "usual.js"),
      `import http from "k6/http";
import { check, sleep } from "k6";
const BASE_URL = __ENV.BASE_URL || "http://127.0.0.1:1";
export const options = { vus: 5, duration: "30s", thresholds: { http_req_failed: ["rate<0.01"], checks: ["rate>0.99"] } };
export default function () {
  check(http.get(BASE_URL + "/rooms"), { "answers 200": (r) => r.status === 200 });
  sleep(0.2);
}`,
    );
    await using baseline = await startStranger({ release: "1", slow: 8 });
    await using canary = await startStranger({ release: "1", slow: 8 });
    const run = await runCanary(place.folder, {
      "baseline-url": baseline.url,
      "canary-url": canary.url,
      "k6-path": k6,
      script: "usual.js",
      rps: "25",
      duration: "40s",
      "max-extension": "40s",
      "min-p95-delta-ms": "60",
      "same-release": "allow",
      "artifact-name": "",
    });
    // A machine of a test run that stood still is told as such, and no test can ask for more.
    const { verdict, reason } = run.outputs;
    if (verdict === "INCONCLUSIVE") expect(["LOAD_NOT_DELIVERED", "ENVIRONMENT"], run.log).toContain(reason);
    else expect(run, run.log).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS", decision: "PROCEED", reason: "OK" } });
    // Not before the whole duration, though the first look is at half of it.
    expect(run.report!.traffic.duration_s).toBeGreaterThanOrEqual(40);
    expect(run.report!.observations.arms!.canary).toMatchObject({ unanswered: 0, threw: 0, failed_by_checks: 0, crossed: [] });
  });
});
