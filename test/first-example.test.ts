import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type Manners, startStranger } from "./stranger.ts";
import { type JobResult, runJob } from "./workflow.ts";

const folder = mkdtempSync(join(tmpdir(), "gatehouse-example-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The first example of canary-compare's README, as somebody copies it, with the URLs of two services of theirs. */
async function copied(canaryManners: Manners): Promise<{ result: JobResult; rolledBack: boolean }> {
  await using baseline = await startStranger({ slow: 8 });
  await using canary = await startStranger({ slow: 8, ...canaryManners });
  const readme = readFileSync(new URL("../actions/canary-compare/README.md", import.meta.url), "utf8");
  const example = /```yaml\n([\s\S]*?)```/.exec(readme)![1]!;
  const text = example.replace("http://localhost:8000", baseline.url).replace("http://localhost:8001", canary.url);
  const workspace = mkdtempSync(join(folder, "w-"));
  writeFileSync(join(workspace, "roll-back.sh"), "#!/bin/sh\ntouch rolled-back\n", { mode: 0o755 });
  const steps = parse(text) as Parameters<typeof runJob>[0]["steps"];
  steps.push({ name: "deploy", run: "touch deployed" });
  const result = await runJob({ steps }, { contexts: {}, workspace });
  return { result, rolledBack: result.steps[1]!.outcome === "success" };
}

test.concurrent("the README's first example rolls a broken canary back, and deploys nothing", async () => {
  const { result, rolledBack } = await copied({ failing: 0.3 });
  const [gate, , deploy] = result.steps;
  expect(gate, gate!.result!.log).toMatchObject({ outcome: "failure", outputs: { verdict: "FAIL", decision: "ROLLBACK" } });
  expect(rolledBack).toBe(true);
  expect(deploy!.outcome).toBe("skipped");
}, 240_000);

test.concurrent("the README's first example lets an identical canary go on", async () => {
  const { result, rolledBack } = await copied({});
  const [gate, , deploy] = result.steps;
  const { verdict, reason } = gate!.outputs;
  expect(rolledBack).toBe(false);
  // A machine of a test run that stood still is told as such, and then nothing goes on.
  if (verdict === "INCONCLUSIVE") expect(["LOAD_NOT_DELIVERED", "ENVIRONMENT"], gate!.result!.log).toContain(reason);
  else expect(gate, gate!.result!.log).toMatchObject({ outcome: "success", outputs: { verdict: "PASS", decision: "PROCEED" } });
  expect(deploy!.outcome).toBe(verdict === "PASS" ? "success" : "skipped");
}, 300_000);
