import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { readDefinition } from "../../tools/runner/definition.ts";

const text = await readFile(new URL("../../.github/workflows/perf-smoke.yml", import.meta.url), "utf8");
const workflow = parse(text) as {
  on: { workflow_call: { inputs: Record<string, { default: string }> } };
  permissions: Record<string, string>;
  jobs: { smoke: { steps: { uses?: string; with?: Record<string, string> }[]; permissions: Record<string, string> } };
};
const definition = await readDefinition(new URL("action.yml", import.meta.url).pathname);
const smoke = workflow.jobs.smoke.steps.find((step) => step.uses?.endsWith("/k6-smoke"));

test("perf-smoke.yml gives only inputs that the action has, with the action's defaults", () => {
  const passed = Object.keys(smoke?.with ?? {});
  expect(passed.filter((name) => !(name in definition.inputs))).toEqual([]);
  const { inputs } = workflow.on.workflow_call;
  for (const name of passed.filter((candidate) => candidate in inputs && candidate !== "base-url")) {
    expect(inputs[name]?.default, name).toBe(definition.inputs[name]?.default);
  }
});

test("it may only read the repository, and every action is pinned by its full hash with the version beside it", () => {
  expect(workflow.permissions).toEqual({});
  expect(workflow.jobs.smoke.permissions).toEqual({ contents: "read" });
  const uses = [...text.matchAll(/uses: (\S+)(.*)$/gm)].filter(
    ([, name]) => !name!.startsWith("./") && !name!.startsWith("OWNER/"),
  );
  expect(uses.length).toBeGreaterThan(0);
  for (const [, name, comment] of uses) expect(`${name}${comment}`).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});
