import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { realK6 } from "./k6.ts";
import { startStranger } from "./stranger.ts";
import { type JobResult, runJob, type Step } from "./workflow.ts";

// What a newcomer copies first, run as it stands in the README against services that nobody here wrote.

let workspace: string;
beforeEach(async () => {
  workspace = await mkdtemp(join(tmpdir(), "gatehouse-readme-"));
  await writeFile(join(workspace, "roll-back.sh"), "#!/bin/sh\ntouch rolled-back\n", { mode: 0o755 });
});
afterEach(() => rm(workspace, { recursive: true, force: true }));

/** The steps of a README's first example. */
async function firstExample(readme: string): Promise<Step[]> {
  const text = await readFile(new URL(`../${readme}`, import.meta.url), "utf8");
  const [, block] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];
  return parse(block ?? "") as Step[];
}

/** Seconds in place of minutes, the k6 that is here, and limits on latency that a busy machine doesn't reach. */
const SHORT: Readonly<Record<string, Record<string, string>>> = {
  "k6-smoke": { duration: "4s", "min-requests": "100", "p95-threshold-ms": "20000" },
  "canary-compare": { duration: "8s", "warm-up": "1s", "max-extension": "20s", "min-p95-delta-ms": "20000" },
};

/** Runs the example with these URLs in place of its own, by the input's name. */
async function run(readme: string, urls: Record<string, string>): Promise<JobResult> {
  const k6 = await realK6();
  const steps = (await firstExample(readme)).map((step) => {
    const action = /actions\/([a-z0-9-]+)@v1$/.exec(step.uses ?? "")?.[1] ?? "";
    if (SHORT[action] === undefined) return step;
    const own = Object.keys(step.with ?? {}).filter((input) => input.endsWith("-url"));
    expect(own).toEqual(Object.keys(urls));
    return { ...step, with: { ...step.with, ...urls, ...SHORT[action], "k6-path": k6.path, "artifact-name": "" } };
  });
  return runJob({ steps }, { contexts: { github: {} }, workspace, env: { GITHUB_RUN_ID: "4242" } });
}

describe.each(["README.md", "actions/canary-compare/README.md"])("the first example of %s", (readme) => {
  test("passes for an identical canary, and nothing is rolled back", async () => {
    await using baseline = await startStranger({ release: "1.0.0" });
    await using canary = await startStranger({ release: "1.1.0" });
    const result = await run(readme, { "baseline-url": baseline.url, "canary-url": canary.url });
    expect(result.steps[0]?.outputs, result.steps[0]?.result?.log).toMatchObject({ verdict: "PASS", decision: "PROCEED" });
    expect(result.steps.map(({ outcome }) => outcome)).toEqual(["success", "skipped"]);
    expect(existsSync(join(workspace, "rolled-back"))).toBe(false);
  }, 120_000);

  test("fails for a broken canary, and the roll-back runs though its gate has failed", async () => {
    await using baseline = await startStranger({ release: "1.0.0" });
    await using canary = await startStranger({ release: "1.1.0", failing: 0.4 });
    const result = await run(readme, { "baseline-url": baseline.url, "canary-url": canary.url });
    expect(result.steps[0]?.outputs, result.steps[0]?.result?.log).toMatchObject({ verdict: "FAIL", decision: "ROLLBACK" });
    expect(result.steps.map(({ outcome }) => outcome)).toEqual(["failure", "success"]);
    expect(existsSync(join(workspace, "rolled-back"))).toBe(true);
    expect(result.status).toBe("failure");
  }, 120_000);
});

test("the first example of k6-smoke's README passes for a good service and fails for a broken one", async () => {
  await using good = await startStranger();
  await using broken = await startStranger({ failing: 0.3 });
  const readme = "actions/k6-smoke/README.md";
  const passed = await run(readme, { "base-url": good.url });
  expect(passed.status, passed.steps[0]?.result?.log).toBe("success");
  const failed = await run(readme, { "base-url": broken.url });
  expect(failed.status).toBe("failure");
  expect(failed.steps[0]?.outputs["verdict"]).toBe("FAIL");
}, 120_000);
