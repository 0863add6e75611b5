import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { loadInputs as budgetInputs } from "../actions/error-budget-threshold/inputs.ts";
import { loadInputs as publishInputs } from "../actions/publish-summary/inputs.ts";
import { inputVariables, readDefinition } from "../tools/runner/definition.ts";

const folder = (name: string) => new URL(`../actions/${name}/`, import.meta.url).pathname;

test.each(["error-budget-threshold", "publish-summary"])("%s: the README's tables are those of action.yml", async (name) => {
  const readme = await readFile(`${folder(name)}README.md`, "utf8");
  const definition = await readDefinition(`${folder(name)}action.yml`);
  const rows = (heading: string) =>
    [...(readme.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "").matchAll(/^\| `([^`]+)` \|/gm)].map(([, first]) => first);
  expect(rows("Inputs")).toEqual(Object.keys(definition.inputs));
  expect(rows("Outputs")).toEqual(Object.keys(definition.outputs));
  for (const { description } of [...Object.values(definition.inputs), ...Object.values(definition.outputs)]) {
    expect(readme).toContain(description);
  }
});

test.each([
  ["error-budget-threshold", budgetInputs, { "prometheus-url": "http://localhost:9090" }],
  ["publish-summary", publishInputs, {}],
] as const)("%s: the defaults of action.yml are those of the code", async (name, load, given) => {
  const definition = await readDefinition(`${folder(name)}action.yml`);
  const bare = Object.fromEntries(Object.entries(given).map(([input, value]) => [`INPUT_${input.toUpperCase()}`, value]));
  expect(load(inputVariables(definition, given, () => ""))).toEqual(load(bare));
});
