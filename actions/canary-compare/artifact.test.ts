import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { strFromU8, unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NOISES } from "../../bench/trials/weather.ts";
import { makeTrial } from "../../bench/trials/world.ts";
import { throwAwayFolder } from "../../test/canary-action.ts";
import { startGitHub } from "../../test/github/server.ts";
import { realK6 } from "../../test/k6.ts";
import { startTarget } from "../../test/target.ts";
import { runNamedAction } from "../../tools/action.ts";
import type { ActionResult } from "../../tools/runner/run-action.ts";
import { canaryReportSchema } from "../lib/report/canary-report.ts";

// The bundle, run as the runner runs it, with a stand-in of GitHub's artifact service.

const place = throwAwayFolder();
afterAll(() => place[Symbol.dispose]());

/** The files of an artifact, as text; packed ones unpacked. */
function contents(zip: Buffer): Record<string, string> {
  const files = Object.entries(unzipSync(zip));
  return Object.fromEntries(
    files.map(([name, bytes]) => [name, name.endsWith(".gz") ? gunzipSync(bytes).toString() : strFromU8(bytes)]),
  );
}

async function compare(
  inputs: Record<string, string>,
  env: Record<string, string>,
): Promise<ActionResult & { workspace: string }> {
  const workspace = mkdtempSync(join(place.folder, "w-"));
  const { baseline, canary } = trial;
  writeFileSync(join(workspace, "both.ndjson"), `${lines("baseline", baseline)}\n${lines("canary", canary)}\n`);
  return { ...(await runNamedAction("canary-compare", { inputs, env, workspace })), workspace };
}

const slower = { name: "", p95Factor: 1.3, shape: "scale" as const, errors: [0, 0] as [number, number] };
const trial = makeTrial({ seed: 11, noise: NOISES[0]!, effect: slower, seconds: 60, rps: 50 });

function lines(arm: string, { t, latencyMs, ok }: (typeof trial)["baseline"]): string {
  return Array.from(t, (time, i) => JSON.stringify({ arm, t: time, latency_ms: latencyMs[i], ok: ok[i] === 1 })).join("\n");
}

describe.concurrent("the artifact", { timeout: 120_000 }, () => {
  let k6 = "";
  beforeAll(async () => {
    k6 = (await realK6()).path;
  }, 180_000);

  test("holds the report and its samples under the wanted name, as they are in the folder", async () => {
    await using github = await startGitHub();
    const run = await compare({ samples: "both.ndjson", "artifact-name": "canary of today" }, github.env);
    expect(run.outputs, run.log).toMatchObject({ verdict: "FAIL", "artifact-id": "1000" });
    const [artifact, ...others] = github.artifacts.artifacts;
    expect(others).toEqual([]);
    expect(artifact!.name).toBe("canary of today");

    const files = contents(artifact!.content);
    const reportName = basename(run.outputs["report-path"]!);
    const report = canaryReportSchema.parse(JSON.parse(files[reportName]!));
    expect(Object.keys(files).sort()).toEqual([reportName, report.inputs.samples_path!].sort());
    expect(files[reportName]).toBe(readFileSync(run.outputs["report-path"]!, "utf8"));
    expect(report).toMatchObject({ verdict: "FAIL", run: { repository: "octo/hotel" } });
    expect(files[report.inputs.samples_path!]!.trimEnd().split("\n")).toHaveLength(6000);

    // What was downloaded is enough to judge again.
    const download = mkdtempSync(join(place.folder, "download-"));
    for (const [name, bytes] of Object.entries(unzipSync(artifact!.content))) writeFileSync(join(download, name), bytes);
    const again = await compare({ report: join(download, reportName) }, {});
    expect(again.log).toContain("Made again from its samples: the same");
  });

  test("a taken name gets job and attempt added; no name is no upload", async () => {
    await using github = await startGitHub();
    const env = { ...github.env, GITHUB_JOB: "deploy" };
    await compare({ samples: "both.ndjson" }, env);
    await compare({ samples: "both.ndjson" }, env);
    const none = await compare({ samples: "both.ndjson", "artifact-name": "" }, env);
    expect(github.artifacts.artifacts.map(({ name }) => name)).toEqual(["canary-report", "canary-report-deploy-1"]);
    expect(none.outputs["artifact-id"]).toBe("");
    expect(none.annotations.filter(({ title }) => title?.includes("Artifact"))).toEqual([]);
  });

  test("a service that refuses leaves the verdict as it is, warns once and says where the files are", async () => {
    await using github = await startGitHub();
    github.artifacts.failWith = 403;
    const run = await compare({ samples: "both.ndjson" }, github.env);
    expect(run).toMatchObject({
      exitCode: 1,
      outputs: { verdict: "FAIL", decision: "ROLLBACK", reason: "P95_RATIO_EXCEEDED", "artifact-id": "" },
    });
    const warnings = run.annotations.filter(({ title }) => title === 'Artifact "canary-report" not uploaded');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]!.level).toBe("warning");
    expect(warnings[0]!.message).toContain("403");
    expect(warnings[0]!.message).toContain(run.outputs["report-path"]);
    expect(canaryReportSchema.parse(JSON.parse(readFileSync(run.outputs["report-path"]!, "utf8"))).verdict).toBe("FAIL");
    expect(run.summary).toContain("FAIL, ROLLBACK");
    expect(github.artifacts.artifacts).toEqual([]);

    const passing = await compare({ samples: "both.ndjson", "fail-on": "never" }, github.env);
    expect(passing.exitCode).toBe(0);
  });

  test("no secret of env gets into artifact, log, summary or annotations, wherever the script spills it", async () => {
    const secret = "hunter 2/+é-of-the-guests";
    await using github = await startGitHub();
    const [seen, paths]: [Set<unknown>, Set<string>] = [new Set(), new Set()];
    const arm = (version: string) =>
      startTarget(({ headers, path }) => {
        seen.add(headers["x-key"]);
        paths.add(path);
        return { headers: { "X-Release-Version": `${version} for ${encodeURIComponent(secret)}` } };
      });
    await using baseline = await arm("1.0.0");
    await using canary = await arm("1.1.0");
    const script = join(mkdtempSync(join(place.folder, "script-")), "spills.js");
    writeFileSync(
      script,
      `import http from "k6/http";
import exec from "k6/execution";
const key = __ENV.HOTEL_API_KEY;
export default function () {
  const path = encodeURIComponent(key);
  http.get(__ENV.BASE_URL + "/rooms/" + path + "?key=" + path, { headers: { "X-Key": path } });
  http.get(__ENV.BASE_URL + "/named?key=" + path, { tags: { name: "GET rooms of " + key } });
  http.get("http://127.0.0.1:1/" + path);
  console.log("logged " + key);
  if (exec.scenario.iterationInTest === 30) throw new Error("thrown with " + key);
  if (exec.scenario.iterationInTest > 40) exec.test.abort("ended with " + key);
}`,
    );
    const run = await compare(
      {
        "baseline-url": baseline.url,
        "canary-url": canary.url,
        env: `HOTEL_API_KEY=${secret}`,
        script,
        "k6-path": k6,
        rps: "20",
        duration: "10s",
        "warm-up": "0s",
        "max-extension": "0s",
      },
      github.env,
    );
    expect(run.outputs, run.log).toMatchObject({ verdict: "INCONCLUSIVE", reason: "SCRIPT_ERROR", "artifact-id": "1000" });
    // It did reach the script, the arms, k6's log and its closing words.
    expect([...seen].filter((value) => value !== undefined)).toEqual([encodeURIComponent(secret)]);
    expect([...paths].some((path) => path.includes(encodeURIComponent(secret)))).toBe(true);
    for (const kept of ["logged ***", "thrown with ***"]) expect(run.log).toContain(kept);
    const files = contents(github.artifacts.artifacts[0]!.content);
    const report = canaryReportSchema.parse(JSON.parse(files[basename(run.outputs["report-path"]!)]!));
    expect(report.reasons[0]!.message).toMatch(/k6 said: .*thrown with \*\*\*/);
    expect(report.routes.map(({ name }) => name)).toEqual(expect.arrayContaining(["GET /rooms/***", "GET rooms of ***"]));
    expect(report.baseline.version).toBe("1.0.0 for ***");

    const everything = { log: run.log, summary: run.summary, annotations: JSON.stringify(run.annotations), ...files };
    for (const [name, text] of Object.entries(everything)) {
      for (const form of [secret, encodeURIComponent(secret), secret.slice(0, 12), "of-the-guests"]) {
        expect(text.includes(form), `${name} holds ${form}`).toBe(false);
      }
    }
  });
});
