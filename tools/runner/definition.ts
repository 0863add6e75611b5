import { readFile } from "node:fs/promises";
import { parse } from "yaml";

/** What the runner needs of an action.yml. */
export interface ActionDefinition {
  name: string;
  inputs: Readonly<Record<string, { description?: string; default?: string; required?: boolean }>>;
  outputs: Readonly<Record<string, { description?: string }>>;
  runs: { using: string; main: string; pre?: string; post?: string };
}

/**
 * Reads an action.yml.
 *
 * @throws Error when it isn't one of a Node 24 action
 */
export async function readDefinition(path: string): Promise<ActionDefinition> {
  const content = parse(await readFile(path, "utf8")) as Partial<ActionDefinition> | null;
  if (content?.runs?.using !== "node24")
    throw new Error(`${path}: expected "runs.using: node24", got ${JSON.stringify(content?.runs?.using)}.`);
  if (!content.runs.main) throw new Error(`${path}: "runs.main" is missing.`);
  return { name: content.name ?? path, inputs: content.inputs ?? {}, outputs: content.outputs ?? {}, runs: content.runs };
}

/**
 * The `INPUT_*` variables of a step: defaults apply to inputs that `with` doesn't name, and nothing checks `required`.
 *
 * @param evaluate gives the value of a `${{ expression }}` in a default
 */
export function inputVariables(
  definition: ActionDefinition,
  given: Readonly<Record<string, string>>,
  evaluate: (expression: string) => string,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, input] of Object.entries(definition.inputs)) {
    const text = input.default === undefined ? "" : String(input.default);
    values[name.toLowerCase()] = text.replace(/\$\{\{\s*(.*?)\s*\}\}/g, (_, expression: string) => evaluate(expression));
  }
  for (const [name, value] of Object.entries(given)) values[name.toLowerCase()] = value;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`, value]),
  );
}
