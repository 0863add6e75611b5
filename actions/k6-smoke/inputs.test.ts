import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { inputVariables, readDefinition } from "../../tools/runner/definition.ts";
import { InputMistakes } from "../lib/runner/inputs.ts";
import { loadInputs } from "./inputs.ts";

const folder = new URL(".", import.meta.url).pathname;
const definition = await readDefinition(`${folder}action.yml`);
const none = () => "";

test("the defaults of action.yml are those of the code", () => {
  const given = { "INPUT_BASE-URL": "http://h" };
  expect(loadInputs(inputVariables(definition, { "base-url": "http://h" }, none))).toEqual(loadInputs(given));
  expect(loadInputs(given)).toMatchObject({
    baseUrl: "http://h",
    rps: 50,
    seconds: 60,
    limits: { p95Ms: 450, errorRate: 0.01, checkFailureRate: 0.01, minRps: 40, minRequests: 300 },
    artifactName: "smoke-summary",
    failOn: "fail-or-inconclusive",
    traffic: { kind: "requests", requests: [{ method: "GET", path: "" }] },
  });
  // The least rate follows the asked one.
  expect(loadInputs({ ...given, INPUT_RPS: "20" }).limits.minRps).toBe(16);
});

test("every wrong input is in one error, with its remedy", () => {
  const wrong: Record<string, string> = {
    "base-url": "localhost:8000",
    script: "nowhere.js",
    rps: "0",
    duration: "60",
    "p95-threshold-ms": "fast",
    "error-rate-threshold": "1%",
    "max-check-failure-rate": "2",
    "min-rps": "-1",
    "min-requests": "2.5",
    "k6-version": "latest",
    "k6-path": "/nowhere/k6",
    env: "BASE_URL=http://other\nnonsense",
    "artifact-name": "a:b",
    "fail-on": "sometimes",
  };
  try {
    loadInputs(inputVariables(definition, wrong, none));
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(InputMistakes);
    const { mistakes } = error as InputMistakes;
    for (const name of Object.keys(wrong))
      expect(mistakes.filter((line) => line.startsWith(`${name}: expected`)).length, name).toBe(name === "env" ? 2 : 1);
    for (const line of mistakes) expect(line).toMatch(/^[a-z0-9-]+: expected .*\. \w/);
  }
});

test("the README's tables are those of action.yml", async () => {
  const readme = await readFile(`${folder}README.md`, "utf8");
  const rows = (heading: string) =>
    [...(readme.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "").matchAll(/^\| `([^`]+)` \|(.*)\|$/gm)].map(
      ([, name, rest]) => {
        const cells = rest!.split("|").map((cell) => cell.trim());
        return [name!, ...cells];
      },
    );
  const shown = (text: string | undefined) => (text === undefined || text === "" ? "" : `\`${text}\``);
  expect(rows("Inputs")).toEqual(
    Object.entries(definition.inputs).map(([name, input]) => [
      name,
      input.required ? "required" : shown(input.default),
      input.description,
    ]),
  );
  expect(rows("Outputs")).toEqual(Object.entries(definition.outputs).map(([name, output]) => [name, output.description]));
});
