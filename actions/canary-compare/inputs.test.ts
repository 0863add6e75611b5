import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { throwAwayFolder } from "../../test/canary-action.ts";
import { exampleBudget } from "../../test/report-examples.ts";
import { readDefinition } from "../../tools/runner/definition.ts";
import { REASON_CODES } from "../lib/judge/verdict.ts";
import { type Inputs, type LiveSource, loadInputs } from "./inputs.ts";
import { policyFacts } from "./policy.ts";
import { assemble } from "./report/assemble.ts";
import { readBudget } from "./report/budget.ts";
import { planStretches } from "./sources/driver.ts";
import { observeFiles } from "./sources/files.ts";
import { planRun } from "./sources/live.ts";
import { armQueries } from "./sources/prometheus-arm.ts";

const place = throwAwayFolder();
afterAll(() => place[Symbol.dispose]());

const read = (inputs: Record<string, string>): Inputs =>
  loadInputs({
    GITHUB_WORKSPACE: place.folder,
    ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
  });
const mistakes = (inputs: Record<string, string>): string => {
  try {
    read(inputs);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

const URLS = { "baseline-url": "http://localhost:1", "canary-url": "http://localhost:2" };
const FILES = { "baseline-samples": "b.ndjson", "canary-samples": "c.ndjson" };

beforeAll(() => {
  // 900 requests an arm in 30 s; the canary is 12 % slower and fails three times as often.
  const rows = (factor: number, failEvery: number, n = 900) =>
    Array.from({ length: n }, (_, i) =>
      JSON.stringify({ t: i / 30, latency_ms: (40 + 60 * ((i * 0.618) % 1)) * factor, ok: (i + 1) % failEvery !== 0 }),
    ).join("\n");
  writeFileSync(join(place.folder, "b.ndjson"), rows(1, 450));
  writeFileSync(join(place.folder, "c.ndjson"), rows(1.12, 100));
  writeFileSync(join(place.folder, "d.ndjson"), rows(1.3, 450));
  writeFileSync(join(place.folder, "script.js"), "");
  writeFileSync(join(place.folder, "k6"), "");
  const entries = ["GET", "POST"].map((method) => ({ request: { method, url: "http://h/a", headers: [] } }));
  writeFileSync(join(place.folder, "session.har"), JSON.stringify({ log: { entries } }));
  writeFileSync(join(place.folder, "budget.json"), JSON.stringify(exampleBudget()));
});

/** Verdict, decision, reasons and metrics of a run on files, as text. */
async function judged(inputs: Record<string, string>): Promise<string> {
  const all = read({ ...FILES, ...inputs });
  if (all.source.kind !== "file") throw new Error("not a file");
  const observed = await observeFiles(all.source, all);
  const run = { repository: null, run_id: null, run_attempt: null, sha: null, ref: null, workflow: null, job: null, event: null };
  const rest = { run, generated_at: "", self_check: null, inputs: { digest: "", samples_path: null } };
  const { error_budget } = await readBudget(all.errorBudget);
  const report = assemble({ ...observed.facts, ...rest, error_budget, policy: policyFacts(all) }, observed.arms);
  const { verdict, decision, reasons, metrics, error_budget: budget, baseline, canary } = report;
  return JSON.stringify({ verdict, decision, reasons, metrics, budget, baseline, canary });
}

/** The same with too few requests for a verdict. */
const undecided = (inputs: Record<string, string>) => judged({ "min-samples": "5000", ...inputs });

/** What k6 would be told to do for each arm, and when it would be looked at. */
function driven(inputs: Record<string, string>): string {
  const all = read({ ...URLS, ...inputs });
  const { plan, looks } = planRun(all.source as LiveSource, all, JSON.stringify(all.traffic));
  return JSON.stringify({ plan, stretches: planStretches(plan), looks });
}

function queried(inputs: Record<string, string>): string {
  const all = read({ "prometheus-url": "http://p:9090", "baseline-selector": 'v="1"', "canary-selector": 'v="2"', ...inputs });
  const source = all.prometheus!;
  const plan = {
    kind: "classic" as const,
    start: 0,
    end: 600,
    stepSeconds: source.stepSeconds ?? 30,
    cellSeconds: 10,
    scrapeSeconds: 10,
  };
  return JSON.stringify([source, armQueries(source, source.baselineSelector, plan)]);
}

/** The same with a recorded session. */
const recorded = (inputs: Record<string, string>) => driven({ har: "session.har", ...inputs });

/** Inputs that go to other code as they are, where their effect is tested: in main.test.ts and live.test.ts. */
const handedOn = (inputs: Record<string, string>) => Promise.resolve(JSON.stringify(read({ ...URLS, ...inputs })));

describe("every input changes some outcome", () => {
  const effects: Record<string, (inputs: Record<string, string>) => string | Promise<string>> = {};
  const cases: [string, string, typeof judged | typeof driven][] = [
    ["baseline-samples", "d.ndjson", judged],
    ["canary-samples", "d.ndjson", judged],
    ["mode", "strict", judged],
    ["max-p95-ratio", "1.5", judged],
    ["min-p95-delta-ms", "50", judged],
    ["p95-ceiling-ms", "90", judged],
    ["max-error-ratio", "9", judged],
    ["min-error-rate", "0.1", judged],
    ["max-error-rate", "0.001", judged],
    ["max-age", "1s", handedOn],
    ["canary-share", "0.05", handedOn],
    ["min-samples", "1000", judged],
    ["on-inconclusive", "rollback", undecided],
    ["error-budget", "budget.json", judged],
    ["baseline-version", "1.0", judged],
    ["canary-version", "1.1", judged],
    ["baseline-url", "http://localhost:9", driven],
    ["canary-url", "http://localhost:9", driven],
    ["script", "script.js", driven],
    ["requests", "GET /rooms weight=2", driven],
    ["headers", "Accept: text/html", driven],
    ["har", "session.har", driven],
    ["har-methods", "POST", recorded],
    ["k6-flags", "--tag=team=web", handedOn],
    ["insecure-skip-tls-verify", "true", handedOn],
    ["rps", "7", driven],
    ["duration", "90s", driven],
    ["warm-up", "9s", driven],
    ["rounds", "3", driven],
    ["max-extension", "0s", driven],
    ["version-header", "X-Build", driven],
    ["phase", "baseline", driven],
    ["self-check", "true", driven],
    ["prometheus-url", "http://q:9090", queried],
    ["baseline-selector", 'v="7"', queried],
    ["canary-selector", 'v="7"', queried],
    ["prometheus-token", "secret", queried],
    ["prometheus-metric", "latency_seconds", queried],
    ["prometheus-error-matcher", 'code="500"', queried],
    ["prometheus-step", "20s", queried],
    ["prometheus-unit", "milliseconds", queried],
    ["prometheus-headers", "X-Scope-OrgID: team", queried],
    ["start", "2026-03-10T12:00:00Z", (inputs) => queried({ end: "2026-03-10T13:00:00Z", ...inputs })],
    ["end", "2026-03-10T12:00:00+01:00", queried],
    ["before", "before.json", handedOn],
    ["pushgateway-url", "http://g:9091", handedOn],
    ["service", "shop", handedOn],
    ["report-directory", "elsewhere", handedOn],
    ["artifact-name", "other", handedOn],
    ["fail-on", "never", handedOn],
    ["k6-version", "1.8.1", handedOn],
    ["k6-path", "k6", handedOn],
    ["env", "A=1", driven],
    ["min-duration", "30s", handedOn],
    ["same-release", "allow", handedOn],
  ];
  test.each(cases)("%s: %s", async (name, value, outcome) => {
    effects[name] = outcome;
    const [without, given] = [await outcome({}), await outcome({ [name]: value })];
    expect(given).not.toBe(without);
  });

  test("samples and report choose another source", () => {
    expect(read({ samples: "both.ndjson" }).source).toMatchObject({
      kind: "file",
      baselinePath: join(place.folder, "both.ndjson"),
    });
    expect(read({ report: "r.json" }).source).toMatchObject({ kind: "replay" });
    effects["samples"] = handedOn;
    effects["report"] = handedOn;
  });

  test("no input of action.yml is left out, and its defaults are the code's", async () => {
    const definition = await readDefinition(new URL("action.yml", import.meta.url).pathname);
    expect(Object.keys(effects).sort()).toEqual(Object.keys(definition.inputs).sort());
    const defaults = Object.fromEntries(Object.entries(definition.inputs).map(([name, input]) => [name, input.default ?? ""]));
    expect(read({ ...defaults, ...FILES })).toEqual(read(FILES));
  });
});

test("the README's tables are those of action.yml, and every reason code is explained", async () => {
  const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
  const definition = await readDefinition(new URL("action.yml", import.meta.url).pathname);
  const table = (heading: string) =>
    readme
      .split(`## ${heading}\n`)[1]!
      .split("\n## ")[0]!
      .split("\n")
      .filter((line) => line.startsWith("| `"));
  const input = ([name, { description, default: value }]: [string, (typeof definition.inputs)[string]]) =>
    `| \`${name}\` | ${value ? `\`${value}\`` : ""} | ${description} |`;
  expect(table("Inputs")).toEqual(Object.entries(definition.inputs).map(input));
  expect(table("Outputs")).toEqual(
    Object.entries(definition.outputs).map(([name, { description }]) => `| \`${name}\` | ${description} |`),
  );
  const explained = [...readme.split("## Reason codes")[1]!.matchAll(/`([A-Z0-9_]+)`/g)].map(([, code]) => code);
  const others = ["INTERNAL_ERROR"];
  expect(explained).toEqual(expect.arrayContaining(REASON_CODES.filter((code) => !others.includes(code))));
});

describe("bad input", () => {
  test("a canary URL equal to the baseline's is refused, however it is written", () => {
    expect(mistakes({ "baseline-url": "http://h:80/", "canary-url": "http://h" })).toContain(
      "canary-url: expected another URL than baseline-url",
    );
    expect(mistakes({ "baseline-url": "http://h" })).toContain("canary-url: expected an http(s) URL, got nothing");
    expect(mistakes({ "baseline-url": "http://h", "self-check": "true" })).toBe("");
  });

  test("no source, or several, is one mistake", () => {
    expect(mistakes({})).toContain("source: expected samples of both arms, got nothing");
    expect(mistakes({ ...URLS, ...FILES })).toContain("expected one source of samples, got 2");
    expect(mistakes({ "baseline-samples": "b.ndjson" })).toContain("canary-samples: expected a file, got nothing");
    expect(mistakes({ "baseline-samples": "b.ndjson", "canary-samples": "./b.ndjson" })).toContain(
      "another file than baseline-samples",
    );
    expect(mistakes({ samples: "b.ndjson", ...FILES })).toContain("got a mix");
  });

  test("Prometheus needs two selectors that differ", () => {
    const url = { "prometheus-url": "http://p:9090" };
    expect(mistakes(url)).toContain("baseline-selector: expected label matchers");
    expect(mistakes({ ...url, "baseline-selector": 'v="1"', "canary-selector": '{v="1"}' })).toContain("the same series");
    expect(mistakes({ ...FILES, "baseline-selector": 'v="1"' })).toContain("expected prometheus-url with it");
    expect(mistakes({ ...url, "baseline-selector": 'up{v="1"}', "canary-selector": 'v="2"' })).toContain("label matchers alone");
  });

  test.each([
    [{ "prometheus-metric": "http_request_latency" }, "a name that ends in its unit"],
    [{ "prometheus-metric": "http_request_latency", "prometheus-unit": "hours" }, "prometheus-unit: expected one of"],
    [{ "prometheus-metric": "http_request_latency", "prometheus-unit": "milliseconds" }, ""],
    [{ "prometheus-metric": "latency_seconds_bucket" }, "without _bucket"],
    [{ "baseline-selector": 'v="1", status_code="200"' }, "matchers of other labels than status_code"],
    [{ "prometheus-headers": "hunter2" }, "prometheus-headers: expected"],
    [{ duration: "9m30s", "prometheus-step": "1m" }, "at least 10 steps of 1m"],
    [{ duration: "10m", "prometheus-step": "1m" }, ""],
    [{ start: "2026-03-10T12:00:00Z" }, "end or duration with it"],
    [{ start: "2026-03-10T12:00:00Z", end: "2026-03-10T12:00:00Z" }, "a time after start"],
    [{ start: "2026-03-10T12:00:00Z", end: "2026-03-10T13:00:00Z", duration: "10m" }, "nothing beside start and end"],
    [{ start: "2026-03-10T12:00:00Z", end: "2026-03-10T12:04:00Z", "prometheus-step": "30s" }, "end: expected at least 10 steps"],
    [{ start: "2026-03-10T12:00:00", duration: "10m" }, "a time with its zone"],
    [{ end: "2126-03-10T12:00:00Z" }, "a time of the past"],
  ])("Prometheus as the source: %j", (given, expected) => {
    const source = { "prometheus-url": "http://p:9090", "baseline-selector": 'v="1"', "canary-selector": 'v="2"' };
    const message = mistakes({ ...source, ...given });
    if (expected === "") expect(message).toBe("");
    else expect(message).toContain(expected);
    expect(message).not.toContain("hunter2");
  });

  test("where Prometheus is the source, every input of action.yml changes what is read or judged, or is refused by name", async () => {
    const source = { "prometheus-url": "http://p:9090", "baseline-selector": 'v="1"', "canary-selector": 'v="2"' };
    const { inputs } = await readDefinition(new URL("action.yml", import.meta.url).pathname);
    const values: Record<string, string> = {
      "prometheus-url": "http://q:9090",
      "baseline-selector": 'v="7"',
      "canary-selector": 'v="7"',
      "prometheus-token": "secret",
      "prometheus-headers": "X-Scope-OrgID: team",
      "prometheus-metric": "latency_seconds",
      "prometheus-unit": "milliseconds",
      "prometheus-error-matcher": 'code="500"',
      "prometheus-step": "20s",
      start: "2026-03-10T12:00:00Z",
      end: "2026-03-10T12:00:00Z",
      duration: "20m",
      mode: "strict",
      "max-p95-ratio": "1.5",
      "min-p95-delta-ms": "50",
      "p95-ceiling-ms": "90",
      "max-error-ratio": "9",
      "max-error-rate": "0.2",
      "min-error-rate": "0.1",
      "min-samples": "1000",
      "on-inconclusive": "rollback",
      "canary-share": "0.2",
      "baseline-version": "1.0",
      "canary-version": "1.1",
      "error-budget": "budget.json",
      "pushgateway-url": "http://g:9091",
      service: "shop",
      "report-directory": "elsewhere",
      "artifact-name": "other",
      "fail-on": "never",
    };
    const refused: Record<string, string> = {
      rps: "7",
      "warm-up": "9s",
      "max-extension": "0s",
      "min-duration": "30s",
      rounds: "3",
      requests: "GET /",
      headers: "X-A: 1",
      har: "session.har",
      "har-methods": "POST",
      script: "script.js",
      before: "before.json",
      env: "A=1",
      "k6-version": "1.8.1",
      "k6-path": "/opt/k6",
      "k6-flags": "--verbose",
      "insecure-skip-tls-verify": "true",
      "version-header": "X-Build",
      "same-release": "allow",
      "max-age": "1h",
      phase: "baseline",
      "self-check": "true",
    };
    // These choose another source, so Prometheus is a cross-check beside them, or refused.
    const others = ["baseline-url", "canary-url", "baseline-samples", "canary-samples", "samples", "report"];
    expect([...Object.keys(values), ...Object.keys(refused), ...others].sort()).toEqual(Object.keys(inputs).sort());
    const without = JSON.stringify(read(source));
    for (const [name, value] of Object.entries(values)) {
      const more = name === "start" ? { end: "2026-03-10T13:00:00Z" } : {};
      expect(JSON.stringify(read({ ...source, ...more, [name]: value })), name).not.toBe(
        JSON.stringify(read({ ...source, ...more })),
      );
    }
    for (const [name, value] of Object.entries(refused)) {
      expect(mistakes({ ...source, [name]: value }), name).toMatch(new RegExp(`^ *${name}: `, "m"));
    }
    const defaults = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.default ?? ""]));
    expect(JSON.stringify(read({ ...defaults, ...source }))).toBe(without);
  });

  test("beside other samples a stretch or a step of Prometheus is refused, and beside files Prometheus is", () => {
    const source = { "prometheus-url": "http://p:9090", "baseline-selector": 'v="1"', "canary-selector": 'v="2"' };
    for (const [name, value] of [
      ["start", "2026-03-10T12:00:00Z"],
      ["end", "2026-03-10T12:00:00Z"],
      ["prometheus-step", "30s"],
    ] as const) {
      expect(mistakes({ ...URLS, ...source, [name]: value })).toContain(`${name}: expected Prometheus as the source`);
    }
    expect(mistakes({ ...URLS, ...source })).toBe("");
    expect(mistakes({ ...FILES, ...source })).toContain("prometheus-url: expected no samples beside it");
  });

  test("numbers are strict, limits make sense, and all mistakes come together", () => {
    const message = mistakes({
      ...FILES,
      "max-p95-ratio": "1",
      "min-p95-delta-ms": "5ms",
      "min-error-rate": "1.5",
      rounds: "0",
      "warm-up": "soon",
      script: "none.js",
      "version-header": "X Release",
      "prometheus-error-matcher": "5xx",
      env: "novalue",
    });
    for (const name of [
      "max-p95-ratio",
      "min-p95-delta-ms",
      "min-error-rate",
      "rounds",
      "warm-up",
      "script",
      "version-header",
      "prometheus-error-matcher",
      "env",
    ]) {
      expect(message).toContain(`${name}: expected`);
    }
  });
});
