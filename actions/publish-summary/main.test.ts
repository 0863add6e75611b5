import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { strFromU8, strToU8, unzipSync, zipSync } from "fflate";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { WorkflowRun } from "../../test/github/rest-api.ts";
import { type GitHubStandIn, startGitHub } from "../../test/github/server.ts";
import {
  EXAMPLE_RUN,
  exampleBudget,
  exampleCanary,
  exampleHistory,
  exampleSamples,
  exampleSmoke,
  samplesText,
} from "../../test/report-examples.ts";
import { type MainResult, runMain } from "../../test/run-main.ts";
import { type HistoryPoint, historySchema } from "../lib/report/history.ts";
import { main } from "./main.ts";

let folder: string;
let github: GitHubStandIn;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-publish-"));
  github = await startGitHub();
});
afterEach(async () => {
  await github[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const SMOKE = "reports/performance/smoke-summary.json";
const BUDGET = "reports/performance/error-budget.json";
const CANARY = "reports/canary/canary-report-20261121T073000Z.json";

function put(path: string, content: unknown): void {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, typeof content === "string" || Buffer.isBuffer(content) ? content : JSON.stringify(content));
}

function putAll(slower = 1): void {
  const arms = exampleSamples(1500, { slower });
  put(SMOKE, exampleSmoke());
  put(BUDGET, exampleBudget());
  put("reports/canary/samples.ndjson.gz", gzipSync(samplesText(arms)));
  const canary = exampleCanary(arms);
  put(CANARY, { ...canary, inputs: { ...canary.inputs, samples_path: "samples.ndjson.gz" } });
}

interface Options {
  event?: { name: string; payload: unknown };
  env?: Record<string, string>;
}

async function run(inputs: Record<string, string> = {}, { event, env = {} }: Options = {}): Promise<MainResult> {
  const eventPath = join(folder, "event.json");
  writeFileSync(eventPath, JSON.stringify(event?.payload ?? {}));
  return runMain(
    main,
    folder,
    { "github-token": github.api.token, ...inputs },
    {
      GITHUB_ACTIONS: "true",
      GITHUB_EVENT_NAME: event?.name ?? "push",
      GITHUB_EVENT_PATH: eventPath,
      GITHUB_REF_NAME: "main",
      GITHUB_RUN_ID: "4242",
      GITHUB_RUN_ATTEMPT: "1",
      GITHUB_SERVER_URL: "https://github.com",
      ...github.env,
      ...env,
    },
  );
}

const pullRequest = {
  name: "pull_request",
  payload: { pull_request: { number: 17, base: { ref: "main" } }, repository: { default_branch: "main" } },
};

function baseRun(id: number, points: HistoryPoint[], values: Partial<WorkflowRun> = {}): WorkflowRun {
  const history = { schema_version: 1, kind: "performance-history", points };
  const content = Buffer.from(zipSync({ "history.json": strToU8(JSON.stringify(history)) }));
  const createdAt = new Date(Date.UTC(2026, 10, 1) + id * 1000).toISOString();
  return {
    id,
    workflow: "perf.yml",
    head_branch: "main",
    head_sha: "0".repeat(40),
    event: "push",
    status: "completed",
    conclusion: "success",
    created_at: createdAt,
    artifacts: [{ id: 90_000 + id, name: "performance-report", content, digest: "", createdAt }],
    ...values,
  };
}

describe("the job summary and the files", () => {
  test("say verdict, figures, budget, reasons; the HTML report and every report are in the artifact", async () => {
    putAll(1.3);
    const result = await run();
    expect(result.exitCode).toBe(0);
    expect(result.outputs).toMatchObject({ verdict: "FAIL", "comment-id": "", "artifact-id": "1000" });
    expect(result.summary).toMatch(
      /^## ❌ Performance: FAIL\n\n\*\*ROLLBACK\*\* Roll the canary back\.\n\n[^\n]+\n\np95 of the canary is [\d.]+ % above the baseline/,
    );
    expect(result.summary).toMatch(
      /\| Canary p95 \| \d+ ms \| \*\*\d+ ms\*\* \| ×1\.\d+ \(95 % ×1\.\d+–×1\.\d+\) \| ×1\.10 \| ❌ \|/,
    );
    expect(result.summary).toContain("| Smoke p95 |  | **312 ms** |  | ≤ 450 ms | ✅ |");
    expect(result.summary).toContain(
      "⚠️ **Error budget**: **73 %** of 30 days left → p95 limit **420 ms** (tier 80:420); from Prometheus, sample 12 s old; burns at ×1.8, exhausted in 12 days.",
    );
    expect(readFileSync(result.outputs["summary-path"]!, "utf8")).toBe(result.summary);
    const files = unzipSync(github.artifacts.artifacts[0]!.content);
    expect(Object.keys(files).sort()).toEqual([
      "canary-report-20261121T073000Z.json",
      "error-budget.json",
      "history.json",
      "report.html",
      "samples.ndjson.gz",
      "smoke-summary.json",
      "summary.md",
    ]);
    expect(strFromU8(files["report.html"]!)).toBe(readFileSync(result.outputs["html-path"]!, "utf8"));
    expect(historySchema.parse(JSON.parse(strFromU8(files["history.json"]!))).points).toMatchObject([
      { run_id: 4242, verdict: "FAIL" },
    ]);
  });

  test("without any report the verdict is INCONCLUSIVE, never a pass, and it is said where they were looked for", async () => {
    const result = await run();
    expect(result).toMatchObject({ exitCode: 0, outputs: { verdict: "INCONCLUSIVE" } });
    for (const name of ["smoke summary", "canary report", "error budget"])
      expect(result.summary).toContain(`There is no ${name}`);
    expect(result.summary).toContain("No report was found, so nothing is known about this change");
    put(SMOKE, exampleSmoke());
    const smokeOnly = await run();
    expect(smokeOnly.outputs.verdict).toBe("PASS");
    // Who has no canary needn't read that there is none; who names one does.
    expect(smokeOnly.summary).not.toContain("There is no");
    const named = await run({ "canary-report": "out/canary.json" });
    expect(named.summary).toContain("There is no canary report &#40;out/canary.json&#41;.");
  });

  test("html: false makes no page, and without an artifact's name there is none", async () => {
    put(CANARY, exampleCanary(exampleSamples(900)));
    const result = await run({ html: "false", "artifact-name": "" });
    expect(result.outputs).toMatchObject({ verdict: "PASS", "html-path": "", "artifact-id": "" });
    expect(readdirSync(join(folder, "reports/performance/report")).sort()).toEqual([
      "canary-report-20261121T073000Z.json",
      "history.json",
      "summary.md",
    ]);
  });

  test("an unknown budget is a line of its own and doesn't hide a pass", async () => {
    put(SMOKE, exampleSmoke());
    const reasons = [
      { code: "BUDGET_UNKNOWN", metric: "error_budget", severity: "warning", message: "The error budget isn't known." },
      { code: "NO_DATA", metric: "error_budget", severity: "warning", message: "error_budget_remaining: no series." },
    ] as const;
    put(BUDGET, exampleBudget({ verdict: "INCONCLUSIVE", budget_remaining: null, source: "unknown", reasons: [...reasons] }));
    const result = await run();
    expect(result.outputs.verdict).toBe("PASS");
    expect(result.summary).toMatch(/⚠️ \*\*Error budget\*\*: unknown → p95 limit \*\*420 ms\*\*.*no series/);
  });

  test("a smoke run that didn't get the budget's limit is said to be judged too loosely", async () => {
    putAll();
    expect((await run({ html: "false" })).summary).toContain(
      "judged with a p95 limit of 450 ms, the error budget asks for 420 ms",
    );
    put(SMOKE, exampleSmoke({ thresholds: { ...exampleSmoke().thresholds, p95_ms: 420 } }));
    expect((await run({ html: "false" })).summary).not.toContain("judged with a p95 limit");
  });

  test("all wrong inputs are reported together and nothing is published", async () => {
    const result = await run({
      html: "maybe",
      history: "1000",
      comment: "yes",
      "comment-marker": "a--> b",
      "artifact-name": "a/b",
    });
    expect(result.exitCode).toBe(1);
    expect(result.outputs).toEqual({});
    for (const name of ["html", "history", "comment", "comment-marker", "artifact-name"])
      expect(result.log).toContain(`${name}: expected`);
  });
});

describe("hostile reports", () => {
  const script = '<script>alert(1)</script><img src=x onerror="alert(2)">';
  const tricks = `${script} [click](javascript:alert(3)) ![x](https://evil.example/x.png) @octocat #1 | a | b \n\n# heading\n::set-output name=verdict::PASS`;

  test("text in them stays text: no tag, link, image, mention, heading, table cell or command comes out", async () => {
    const arms = exampleSamples(900);
    const canary = exampleCanary(arms);
    put(CANARY, {
      ...canary,
      verdict: "FAIL",
      summary: tricks,
      reasons: [{ code: "P95_RATIO_EXCEEDED", metric: tricks, severity: "error", message: tricks }],
      baseline: { ...canary.baseline, version: tricks, url: "javascript:alert(1)" },
      routes: [{ ...canary.routes[0], name: tricks }],
      run: { ...EXAMPLE_RUN, ref: tricks, sha: tricks, repository: tricks },
    });
    put(SMOKE, exampleSmoke({ routes: [{ name: tricks, requests: 1, p95_ms: 1, error_rate: 0 }] }));
    const result = await run({ title: tricks }, { event: pullRequest });
    const page = readFileSync(result.outputs["html-path"]!, "utf8");
    const comment = github.api.comments[0]!.body;
    for (const text of [result.summary, comment, page]) {
      expect(text).not.toMatch(/<script|<img|onerror="|href="javascript/);
      expect(text).not.toMatch(/^# heading|^::set-output/m);
    }
    for (const text of [result.summary, comment]) {
      expect(text.replace("[Run and artifacts](", "")).not.toMatch(/@octocat| #1\b|\]\(|!\[/);
      // Every row of a table has the cells of its head.
      for (const table of text.split("\n\n").filter((block) => block.startsWith("|"))) {
        const widths = new Set(
          table
            .trim()
            .split("\n")
            .map((row) => row.split("|").length),
        );
        expect(widths.size, table).toBe(1);
      }
    }
    expect(result.outputs.verdict).toBe("FAIL");
    expect(result.annotations).toEqual([]);
  });

  test.each([
    ["another version", JSON.stringify({ ...exampleSmoke(), schema_version: 2 }), /schema&#95;version/],
    ["NaN as text", JSON.stringify({ ...exampleSmoke(), p95_ms: "NaN" }), /p95&#95;ms/],
    ["bare NaN", JSON.stringify(exampleSmoke()).replace("312.4", "NaN"), /isn&#39;t JSON/],
    ["1e999", JSON.stringify(exampleSmoke()).replace("312.4", "1e999"), /p95&#95;ms/],
    ["50 MB", Buffer.alloc(50 * 1024 * 1024, 0x20), /has 50.0 MB, a report has at most 4.0 MB/],
    ["deep nesting", "[".repeat(200_000), /isn&#39;t JSON/],
  ])("%s is refused with its reason, and the verdict is INCONCLUSIVE", async (_, content, expected) => {
    put(SMOKE, content);
    const result = await run({ html: "false" });
    expect(result).toMatchObject({ exitCode: 0, outputs: { verdict: "INCONCLUSIVE" } });
    expect(result.summary).toMatch(/⚠️ Not used: smoke summary: /);
    expect(result.summary).toMatch(expected);
    expect(result.summary).not.toContain("<script");
    expect(result.summary.length).toBeLessThan(3_000);
  });

  test("a symbolic link is not followed, so nothing of this machine gets into a comment", async () => {
    put("secret.txt", "root:x:0:0");
    mkdirSync(join(folder, "reports/performance"), { recursive: true });
    symlinkSync(join(folder, "secret.txt"), join(folder, SMOKE));
    const result = await run({ html: "false" });
    expect(result.summary).toContain("it is a symbolic link");
    expect(result.summary).not.toContain("root:x");
  });

  test("a report of another run isn't used", async () => {
    put(SMOKE, exampleSmoke({ run: { ...EXAMPLE_RUN, run_id: 999 } }));
    const result = await run();
    expect(result.outputs.verdict).toBe("INCONCLUSIVE");
    expect(result.summary).toMatch(/was made by run 999, not by run 4242/);
  });

  test.each(["../secret.gz", "/etc/passwd", "a/b.gz", "..", "missing.gz"])("samples at %s are not read", async (path) => {
    put("reports/secret.gz", gzipSync(samplesText(exampleSamples(10))));
    const canary = exampleCanary(exampleSamples(900));
    put(CANARY, { ...canary, inputs: { ...canary.inputs, samples_path: path } });
    const result = await run({ "artifact-name": "" });
    expect(result.summary).toContain("No distribution is drawn");
    expect(result.outputs["html-path"]).not.toBe("");
    expect(readdirSync(join(folder, "reports/performance/report"))).not.toContain("secret.gz");
  });

  test("thousands of routes and reasons stay under the limits by whole sections", async () => {
    const route = (index: number) => ({ name: `GET /${index}/${"x".repeat(400)}`, requests: 1, p95_ms: 1, error_rate: 0 });
    const reason = { code: "LOW_SAMPLES", metric: null, severity: "warning", message: "&".repeat(5_000) } as const;
    put(
      SMOKE,
      exampleSmoke({
        routes: Array.from({ length: 3_000 }, (_, index) => route(index)),
        reasons: Array.from({ length: 200 }, () => reason),
      }),
    );
    await run({ html: "false" }, { event: pullRequest });
    const { body } = github.api.comments[0]!;
    expect(body.length).toBeLessThan(65_536);
    expect(body).toMatch(/_Left out to stay under the size limit: .*routes.*_\n$/);
    expect(body).toContain("Smoke p95");
    expect(body.match(/<details>/g)?.length ?? 0).toBe(body.match(/<\/details>/g)?.length ?? 0);
  });
});

describe("the comment", () => {
  test("is written once and then updated, found behind 250 others by marker and author", async () => {
    putAll();
    const text = "<!-- gatehouse:performance run=1 -->\nquoted by somebody";
    github.api.comments.push({ id: 1, issue: 17, body: text, user: { login: "mallory", type: "User" } });
    for (let id = 2; id < 250; id++)
      github.api.comments.push({ id, issue: 17, body: "hello", user: { login: "someone", type: "User" } });
    const first = await run({}, { event: pullRequest });
    expect(first.outputs["comment-id"]).toBe("5249");
    put(SMOKE, exampleSmoke({ run: { ...EXAMPLE_RUN, run_attempt: 2 } }));
    const again = await run(
      { "canary-report": "none.json", "error-budget": "none.json" },
      { event: pullRequest, env: { GITHUB_RUN_ATTEMPT: "2" } },
    );
    expect(again.outputs["comment-id"]).toBe("5249");
    expect(github.api.comments).toHaveLength(250);
    expect(github.api.comments[0]!.body).toBe(text);
    const { body } = github.api.comments.at(-1)!;
    expect(body).toMatch(/^<!-- gatehouse:performance run=4242 -->\n## ✅ Performance: PASS/);
    expect(body).toContain("[Run and artifacts](https://github.com/octo/hotel/actions/runs/4242)");
  });

  test("of a newer run stays; another marker is another comment", async () => {
    putAll();
    const body = "<!-- gatehouse:performance run=9999 -->\nnewer";
    github.api.comments.push({ id: 7, issue: 17, body, user: { login: github.api.login, type: "Bot" } });
    const older = await run({ html: "false" }, { event: pullRequest });
    expect(older.annotations).toMatchObject([
      { level: "notice", message: expect.stringContaining("run 9999, which is newer than run 4242") },
    ]);
    expect(github.api.comments[0]!.body).toBe(body);
    await run({ html: "false", "comment-marker": "nightly" }, { event: pullRequest });
    expect(github.api.comments).toHaveLength(2);
  });

  test("a read-only token, a used-up rate limit and a wrong token are notices, never a red job", async () => {
    putAll();
    github.api.permissions = { issues: "read", "pull-requests": "read", actions: "read" };
    const fork = await run({ html: "false" }, { event: pullRequest });
    expect(fork).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS", "comment-id": "" } });
    expect(fork.annotations).toMatchObject([
      { level: "notice", message: expect.stringMatching(/permissions: pull-requests: write.*forks/) },
    ]);
    github.api.rateLimitedUntil = new Date("2026-11-21T08:00:00Z");
    const limited = await run({ html: "false" }, { event: pullRequest });
    expect(limited).toMatchObject({
      exitCode: 0,
      annotations: [{ message: expect.stringContaining("used up until 2026-11-21T08:00:00.000Z") }],
    });
    github.api.rateLimitedUntil = undefined;
    const wrong = await run({ html: "false", "github-token": "ghs_wrong" }, { event: pullRequest });
    expect(wrong).toMatchObject({ exitCode: 0, annotations: [{ message: expect.stringContaining("not accepted (401)") }] });
  });

  test("is never written on a push, without a token, or when switched off", async () => {
    putAll();
    await run({ html: "false" });
    await run({ html: "false", comment: "false" }, { event: pullRequest });
    await run({ html: "false", "github-token": "" }, { event: pullRequest });
    expect(github.api.comments).toEqual([]);
  });

  describe("from a workflow_run", () => {
    const sha = "a".repeat(40);
    const pull = {
      number: 21,
      state: "open" as const,
      head: { ref: "feature", sha, repo: { full_name: "mallory/hotel" } },
      base: { ref: "main", sha: "b".repeat(40), repo: { full_name: "octo/hotel" } },
    };
    const event = (values: Record<string, unknown> = {}) => ({
      name: "workflow_run",
      payload: {
        repository: { default_branch: "main" },
        workflow_run: {
          id: 777,
          event: "pull_request",
          head_branch: "feature",
          head_sha: sha,
          head_repository: { full_name: "mallory/hotel", owner: { login: "mallory" } },
          ...values,
        },
      },
    });
    const ofRun = (id: number) => put(SMOKE, exampleSmoke({ run: { ...EXAMPLE_RUN, run_id: id, ref: "refs/pull/1/merge" } }));

    test("finds the pull request by head repository, branch and commit, not by what the files say", async () => {
      ofRun(777);
      github.api.pulls.push({ ...pull, number: 20, head: { ...pull.head, repo: { full_name: "mallory/other" } } }, pull);
      const result = await run({ html: "false" }, { event: event() });
      expect(github.api.comments).toMatchObject([{ issue: 21, body: expect.stringContaining("actions/runs/777") }]);
      expect(result.outputs).toMatchObject({ "comment-id": "5000", "artifact-id": "" });
      expect(readdirSync(join(folder, "reports/performance/report"))).not.toContain("history.json");
    });

    test("takes GitHub's word when the run ended badly though its reports say PASS", async () => {
      ofRun(777);
      github.api.pulls.push(pull);
      const failed = await run({ html: "false" }, { event: event({ conclusion: "failure" }) });
      expect(failed).toMatchObject({ exitCode: 0, outputs: { verdict: "INCONCLUSIVE" } });
      expect(github.api.comments[0]!.body).toMatch(/⚠️ \*\*Run\*\*: The run ended with &#34;failure&#34;/);
      const fine = await run({ html: "false" }, { event: event({ conclusion: "success" }) });
      expect(fine.outputs["verdict"]).toBe("PASS");
    });

    test("says so when the pull request has moved on, is closed, or the files are of another run", async () => {
      ofRun(777);
      github.api.pulls.push({ ...pull, head: { ...pull.head, sha: "c".repeat(40) } });
      const moved = await run({ html: "false" }, { event: event() });
      expect(moved.annotations[0]?.message).toMatch(/pull request 21 has moved on from aaaaaaaaaa/);
      github.api.pulls[0]!.state = "closed";
      expect((await run({ html: "false" }, { event: event() })).annotations[0]?.message).toMatch(
        /no open pull request from mallory:feature/,
      );
      ofRun(4242);
      expect((await run({ html: "false" }, { event: event() })).outputs.verdict).toBe("INCONCLUSIVE");
      expect(github.api.comments).toEqual([]);
    });
  });
});

describe("the history", () => {
  test("of the base branch is in summary, table and page; runs of forks and of other branches don't count", async () => {
    putAll();
    const points = exampleHistory(20);
    github.api.runs.push(
      baseRun(100, points.slice(0, 12)),
      baseRun(101, points),
      baseRun(102, [{ ...points[0]!, run_id: 1, p95_ms: 99_999 }], { head_repository_id: 666 }),
      baseRun(103, [{ ...points[0]!, run_id: 2, p95_ms: 88_888 }], { head_branch: "other" }),
      baseRun(104, [{ ...points[0]!, run_id: 3, p95_ms: 77_777 }], { artifacts: [] }),
    );
    const result = await run({}, { event: pullRequest });
    const chart = /```mermaid\n([\s\S]*?)```/.exec(result.summary)?.[1] ?? "";
    // 20 runs and this one, less the one without a p95.
    expect(chart).toMatch(
      /^xychart-beta\n {2}x-axis "run \(20 is this one\)" \[1, .*20\]\n {2}y-axis "p95 \(ms\)" 0 --> \d+\n {2}bar \[[\d., ]+312\.4\]\n {2}line \[/,
    );
    expect(result.summary).toContain("History (21 runs)");
    expect(result.summary).not.toMatch(/99,?999|88,?888/);
    expect(readFileSync(result.outputs["html-path"]!, "utf8")).toContain('id="history"');
    expect(github.api.calls.filter((call) => call.endsWith("/zip"))).toEqual([
      "GET /repos/octo/hotel/actions/artifacts/90101/zip",
    ]);
  });

  test.each([
    ["newest first, as GitHub lists them", true, 4],
    ["in another order", false, 5],
  ])("is found behind hundreds of artifacts of pull requests: %s", async (_, newestFirst, pages) => {
    putAll();
    const points = exampleHistory(20);
    const runs = [
      ...[401, 402, 403].map((id) => baseRun(id, points.slice(0, 5 + (id % 10)))),
      ...Array.from({ length: 396 }, (__, index) =>
        baseRun(1000 + index, [{ ...points[0]!, run_id: 9 }], { head_branch: "feature" }),
      ),
      ...[201, 202].map((id) => baseRun(id, points.slice(0, 2))),
    ];
    const inOrder = runs.toSorted((a, b) => (newestFirst ? b.id - a.id : a.id - b.id));
    github.api.runs.push(...inOrder);
    const result = await run({ html: "false" }, { event: pullRequest });
    expect(result.summary).toContain("History (9 runs)");
    expect(github.api.calls.filter((call) => call.endsWith("/artifacts"))).toHaveLength(pages);
  });

  test("of several summaries of one run the second is told that its history won't be found", async () => {
    putAll();
    await run({ html: "false" });
    const second = await run({ html: "false" });
    expect(second.log).toMatch(/"performance-report" was taken in this run, so this one is "performance-report-1" and later/);
    expect((await run({ html: "false", "artifact-name": "rooms" })).log).not.toContain("was taken");
  });

  test("a run of the branch itself adds its point and passes the others on", async () => {
    putAll();
    const points = exampleHistory(3);
    github.api.runs.push(baseRun(100, points));
    await run({ html: "false" });
    const files = unzipSync(github.artifacts.artifacts[0]!.content);
    const kept = historySchema.parse(JSON.parse(strFromU8(files["history.json"]!))).points;
    expect(kept.map((point) => point.run_id)).toEqual([4000, 4001, 4002, 4242]);
  });

  test("artifacts that are no zip, hold no history or a hostile one cost the history only, and say so", async () => {
    putAll();
    const broken = (id: number, content: Buffer) =>
      baseRun(id, [], {
        artifacts: [{ id: 90_000 + id, name: "performance-report", content, digest: "", createdAt: `2026-11-0${id}T00:00:00Z` }],
      });
    const hostile = { schema_version: 1, kind: "performance-history", points: [{ sha: "<script>" }] };
    github.api.runs.push(
      broken(1, Buffer.from("nonsense")),
      broken(2, Buffer.from(zipSync({ "other.txt": strToU8("x") }))),
      broken(3, Buffer.from(zipSync({ "history.json": strToU8(JSON.stringify(hostile)) }))),
    );
    const result = await run({ html: "false" });
    expect(result.outputs.verdict).toBe("PASS");
    expect(result.summary).toMatch(/The history in artifact 90001 can&#39;t be used: it isn&#39;t a zip file/);
    expect(result.summary).toMatch(/90002 can&#39;t be used: it holds no history.json/);
    expect(result.summary).toMatch(/90003 can&#39;t be used: history.json isn&#39;t valid/);
  });

  test("a token that may not read actions, and no history wanted", async () => {
    putAll();
    github.api.permissions.actions = "none";
    expect((await run({ html: "false" })).summary).toMatch(
      /The history could not be read: the token may not do this \(?&#40;403/,
    );
    github.api.calls.length = 0;
    expect((await run({ html: "false", history: "0" })).summary).not.toContain("mermaid");
    expect(github.api.calls).toEqual([]);
  });
});

test("on a GitHub Enterprise Server everything but the artifact works", async () => {
  putAll();
  const result = await run({ html: "false" }, { event: pullRequest, env: { GITHUB_SERVER_URL: "https://github.example.com" } });
  expect(result).toMatchObject({ exitCode: 0, outputs: { verdict: "PASS", "artifact-id": "", "comment-id": "5000" } });
  expect(result.annotations).toMatchObject([{ level: "warning", message: expect.stringContaining("GitHub Enterprise Server") }]);
});
