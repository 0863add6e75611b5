import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { unzipSync } from "fflate";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { readDefinition } from "../tools/runner/definition.ts";
import { findActionlint } from "./actionlint.ts";
import { type GitHubStandIn, startGitHub } from "./github/server.ts";
import { realK6 } from "./k6.ts";
import { constantSamples, startPrometheus } from "./prometheus.ts";
import type { Server } from "./servers.ts";
import { startTarget } from "./target.ts";
import { interpolate, type JobResult, readWorkflow, runJob } from "./workflow.ts";

const ROOT = new URL("../", import.meta.url);
const path = (relative: string) => fileURLToPath(new URL(relative, ROOT));
const FILES = ["workflows-examples", ".github/workflows"].flatMap((folder) =>
  readdirSync(path(folder)).map((file) => `${folder}/${file}`),
);

test("actionlint has nothing to say about the workflows", async () => {
  await promisify(execFile)(await findActionlint(), FILES.map(path));
}, 120_000);

test.each(FILES)("%s: least permissions, time-outs, concurrency, actions pinned by their full hash", async (file) => {
  const text = readFileSync(path(file), "utf8");
  const workflow = await readWorkflow(path(file));
  expect(workflow.permissions).toEqual({});
  for (const [name, job] of Object.entries(workflow.jobs)) {
    expect(job.permissions, name).toBeDefined();
    expect(job["timeout-minutes"], name).toBeLessThanOrEqual(30);
  }
  const foreign = [...text.matchAll(/^\s*(?:- )?uses: (\S+)(.*)$/gm)].filter(([, name]) => !/^(\.\/|OWNER\/)/.test(name!));
  for (const [, name, comment] of foreign) expect(`${name}${comment}`).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  // Text of others must come in through the environment, where a shell doesn't read it as code.
  for (const job of Object.values(workflow.jobs)) for (const step of job.steps ?? []) expect(step.run ?? "").not.toContain("${{");
});

test.each(FILES)("%s gives our actions only inputs that they have, and reads only outputs that they have", async (file) => {
  const workflow = await readWorkflow(path(file));
  for (const job of Object.values(workflow.jobs)) {
    const outputs = new Map<string, string[]>();
    for (const step of job.steps ?? []) {
      const name = /\/actions\/([a-z0-9-]+)(?:@v1)?$/.exec(step.uses?.startsWith("actions/") ? "" : (step.uses ?? ""))?.[1];
      if (name === undefined) continue;
      const definition = await readDefinition(path(`actions/${name}/action.yml`));
      expect(Object.keys(step.with ?? {}).filter((input) => !(input in definition.inputs))).toEqual([]);
      for (const [input, { required }] of Object.entries(definition.inputs))
        if (required) expect(step.with, input).toHaveProperty([input]);
      if (step.id !== undefined) outputs.set(step.id, Object.keys(definition.outputs));
    }
    for (const [, id, output] of JSON.stringify(job).matchAll(/steps\.([\w-]+)\.outputs\.([\w-]+)/g)) {
      expect(outputs.get(id!), `${id}.${output}`).toContain(output);
    }
  }
});

test("expressions are evaluated as GitHub does", () => {
  const context = { inputs: { a: "x", empty: "" }, steps: { one: { outputs: { "p95-ms": "3" } } } };
  const value = (expression: string, failed = false) => interpolate(["[$", `{{ ${expression} }}]`].join(""), context, failed);
  expect(value("inputs.empty || inputs.a")).toBe("[x]");
  expect(value("steps.one.outputs.p95-ms")).toBe("[3]");
  expect(value("steps.two.outputs.p95-ms")).toBe("[]");
  expect(value("failure()", true)).toBe("[true]");
  expect(value("inputs.a == 'X' && 'same' || 'other'")).toBe("[same]");
});

describe("the examples run", () => {
  let prometheus: Server;
  let github: GitHubStandIn;
  let workspace: string;
  beforeAll(async () => {
    prometheus = await startPrometheus({ series: [{ name: "error_budget_remaining", samples: constantSamples(0.7, 1_800) }] });
  });
  afterAll(() => prometheus?.stop());
  beforeEach(async () => {
    github = await startGitHub();
    // What the harness takes for github.token.
    vi.stubEnv("GITHUB_TOKEN", github.api.token);
    workspace = await mkdtemp(join(tmpdir(), "gatehouse-workflow-"));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await github[Symbol.asyncDispose]();
    await rm(workspace, { recursive: true, force: true });
  });

  const pullRequest = {
    name: "pull_request",
    payload: { pull_request: { number: 17, base: { ref: "main" } }, repository: { default_branch: "main" } },
  };

  async function run(
    file: string,
    contexts: Record<string, unknown>,
    more: { event?: { name: string; payload: unknown }; baseUrl?: string; compare?: Record<string, string> } = {},
  ): Promise<JobResult> {
    const workflow = await readWorkflow(path(file));
    const job = Object.values(workflow.jobs)[0]!;
    const k6 = await realK6();
    // Seconds in place of minutes, and the k6 that is here.
    const short: Record<string, Record<string, string>> = {
      "k6-smoke": { "k6-path": k6.path, duration: "4s", "min-requests": "100" },
      "canary-compare": { "k6-path": k6.path, ...more.compare },
    };
    // The example's fixed port isn't one that a test can count on.
    if (more.baseUrl !== undefined) job.env = { ...job.env, BASE_URL: more.baseUrl };
    for (const step of job.steps) {
      const name = /actions\/([a-z0-9-]+)(?:@v1)?$/.exec(step.uses ?? "")?.[1] ?? "";
      if (short[name] !== undefined) step.with = { ...step.with, ...short[name] };
    }
    return runJob(job, {
      contexts: {
        github: { token: github.api.token, event: more.event?.payload ?? {}, event_name: more.event?.name ?? "push" },
        secrets: {},
        ...contexts,
      },
      workspace,
      env: { ...github.env, GITHUB_TOKEN: github.api.token, GITHUB_RUN_ID: "4242" },
      ...(more.event === undefined ? {} : { event: more.event }),
      actions: {
        "actions/checkout": async () => ({}),
        "actions/download-artifact": async (inputs) => {
          const wanted = github.api.runs.find((one) => String(one.id) === inputs["run-id"]);
          const files = unzipSync(wanted!.artifacts.find((one) => one.name === inputs["name"])!.content);
          await mkdir(join(workspace, inputs["path"]!), { recursive: true });
          for (const [name, content] of Object.entries(files)) await writeFile(join(workspace, inputs["path"]!, name), content);
          return {};
        },
      },
    });
  }

  test("perf-smoke.yml: the budget's limit reaches k6-smoke, the comment and the artifact are there", async () => {
    await using target = await startTarget(() => ({ delayMs: 5 }));
    await writeFile(join(workspace, "start.sh"), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    const file = "workflows-examples/perf-smoke.yml";
    const workflow = await readWorkflow(path(file));
    expect(workflow.jobs["smoke"]!.env).toEqual({ BASE_URL: "http://127.0.0.1:8000" });
    const result = await run(file, { vars: { PROMETHEUS_URL: prometheus.url } }, { event: pullRequest, baseUrl: target.url });
    const [budget, smoke, summary] = result.steps.slice(-3);
    expect(result.steps.map((step) => `${step.name}: ${step.outcome}`).slice(-3)).toEqual([
      "Error budget: success",
      "Smoke: success",
      "Summary: success",
    ]);
    expect(budget!.outputs).toMatchObject({ "p95-threshold-ms": "420", source: "prometheus" });
    expect(smoke!.inputs).toMatchObject({ "p95-threshold-ms": "420" });
    expect(summary!.outputs).toMatchObject({ verdict: "PASS", "comment-id": "5000" });
    expect(github.api.comments[0]!.body).toMatch(/≤ 420 ms \| ✅ \|[\s\S]*70 %\*\* of 30 days left → p95 limit \*\*420 ms/);
    expect(github.artifacts.artifacts.map((artifact) => artifact.name).sort()).toEqual(["performance-report", "smoke-summary"]);
    expect(result.status).toBe("success");
  }, 60_000);

  test("perf-smoke.yml: a service above the limit makes the job red, and the summary is written all the same", async () => {
    await using target = await startTarget(({ path }) => ({ status: path === "/health/ready" ? 200 : 500 }));
    await writeFile(join(workspace, "start.sh"), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    const result = await run(
      "workflows-examples/perf-smoke.yml",
      { vars: { PROMETHEUS_URL: "http://127.0.0.1:9" } },
      { event: pullRequest, baseUrl: target.url },
    );
    expect(result.status).toBe("failure");
    const [budget, smoke, summary] = result.steps.slice(-3);
    expect(budget!.outputs).toMatchObject({ "p95-threshold-ms": "450", source: "unknown" });
    expect([smoke!.outcome, summary!.outcome]).toEqual(["failure", "success"]);
    expect(summary!.outputs["verdict"]).toBe("FAIL");
    expect(github.api.comments[0]!.body).toContain("## ❌ Performance: FAIL");

    // The reports of that run, as a fork's, are commented on by the second workflow.
    const sha = "a".repeat(40);
    const reports = github.artifacts.artifacts.find((artifact) => artifact.name === "performance-report")!;
    const head = { ref: "feature", sha, repo: { full_name: "mallory/hotel" } };
    github.api.pulls.push({
      number: 21,
      state: "open",
      head,
      base: { ref: "main", sha: "b".repeat(40), repo: { full_name: "octo/hotel" } },
    });
    github.api.runs.push({
      id: 4242,
      workflow: "perf.yml",
      head_branch: "feature",
      head_sha: sha,
      event: "pull_request",
      status: "completed",
      conclusion: "failure",
      created_at: new Date().toISOString(),
      artifacts: [reports],
    });
    const run4242 = {
      id: 4242,
      event: "pull_request",
      conclusion: "failure",
      head_branch: "feature",
      head_sha: sha,
      head_repository: { full_name: "mallory/hotel", owner: { login: "mallory" } },
    };
    const event = { name: "workflow_run", payload: { repository: { default_branch: "main" }, workflow_run: run4242 } };
    await rm(join(workspace, "reports"), { recursive: true });
    const comment = await run("workflows-examples/fork-safe-comment.yml", {}, { event });
    expect(comment.status).toBe("success");
    expect(github.api.comments.at(-1)).toMatchObject({ issue: 21, body: expect.stringContaining("## ❌ Performance: FAIL") });

    // The reusable workflow says the same, in a comment of its own.
    const inputs = { "artifact-name": "performance-report", title: "Nightly", "comment-marker": "nightly" };
    const job = { workflow_repository: "octo/gatehouse", workflow_sha: sha };
    const reusable = await run(".github/workflows/publish-comment.yml", { inputs, job }, { event });
    expect(reusable).toMatchObject({ status: "success", outputs: { verdict: "FAIL" } });
    expect(reusable.steps[0]!.inputs).toMatchObject({ repository: "octo/gatehouse", ref: sha });
    expect(github.api.comments.at(-1)).toMatchObject({ issue: 21, body: expect.stringContaining("## ❌ Nightly: FAIL") });

    const cancelled = { ...event, payload: { ...event.payload, workflow_run: { ...run4242, conclusion: "cancelled" } } };
    expect((await run("workflows-examples/fork-safe-comment.yml", {}, { event: cancelled })).status).toBe("skipped");
  }, 90_000);

  test("canary.yml: budget, smoke, comparison and summary, wired from step to step", async () => {
    // The canary fails as soon as it is compared. By errors, since a busy machine may hold a verdict on latency back.
    let compared = false;
    await using baseline = await startTarget(() => {
      compared = true;
      return { delayMs: 20 };
    });
    await using canary = await startTarget((_, number) => ({ delayMs: 20, status: compared && number % 4 === 0 ? 503 : 200 }));
    const result = await run(
      "workflows-examples/canary.yml",
      { vars: { PROMETHEUS_URL: prometheus.url }, inputs: { "baseline-url": baseline.url, "canary-url": canary.url } },
      { compare: { duration: "10s", "warm-up": "1s", "max-extension": "0s" } },
    );
    const [budget, smoke, compare, summary] = result.steps;
    expect(budget!.outputs["p95-threshold-ms"]).toBe("420");
    expect(smoke!.outcome, smoke!.result?.log).toBe("success");
    expect(compare!.outputs, compare!.result?.log).toMatchObject({
      verdict: "FAIL",
      decision: "ROLLBACK",
      reason: "ERROR_RATE_EXCEEDED",
    });
    expect(summary!.outputs["verdict"]).toBe("FAIL");
    expect(result.outputs).toEqual({ decision: "ROLLBACK", verdict: "FAIL" });
    expect(readFileSync(summary!.outputs["summary-path"]!, "utf8")).toMatch(/\| Canary errors \|.*❌/);
    expect(readFileSync(summary!.outputs["html-path"]!, "utf8")).toContain('id="ecdf"');
    expect(result.status).toBe("failure");

    // What follows: the gate has failed, and the roll-back runs all the same.
    const { jobs } = await readWorkflow(path("workflows-examples/canary.yml"));
    const follow = async (name: string, gate: Pick<JobResult, "status" | "outputs">) => {
      const needs = { gate: { result: gate.status, outputs: gate.outputs } };
      return (await runJob(jobs[name]!, { contexts: {}, needs, workspace })).status;
    };
    expect([await follow("roll-back", result), await follow("proceed", result)]).toEqual(["success", "skipped"]);
    const good = { status: "success", outputs: { decision: "PROCEED", verdict: "PASS" } } as const;
    expect([await follow("roll-back", good), await follow("proceed", good)]).toEqual(["skipped", "success"]);
    const unclear = { status: "failure", outputs: { decision: "HOLD", verdict: "INCONCLUSIVE" } } as const;
    expect([await follow("roll-back", unclear), await follow("proceed", unclear)]).toEqual(["skipped", "skipped"]);
  }, 120_000);

  test("perf-smoke.yml works for a fork's pull request and without a Prometheus: no variable, no secret", async () => {
    await using target = await startTarget();
    await writeFile(join(workspace, "start.sh"), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    const result = await run("workflows-examples/perf-smoke.yml", { vars: {} }, { event: pullRequest, baseUrl: target.url });
    const [budget, smoke, summary] = result.steps.slice(-3);
    expect(budget!.outputs, budget!.result?.log).toMatchObject({ "p95-threshold-ms": "450", source: "unknown" });
    expect(smoke!.inputs).toMatchObject({ "p95-threshold-ms": "450" });
    expect([budget!.outcome, summary!.outcome]).toEqual(["success", "success"]);
    expect(summary!.outputs["verdict"]).toBe(smoke!.outputs["verdict"]);
  }, 60_000);
});
