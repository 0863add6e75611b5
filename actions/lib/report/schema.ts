import { readFile } from "node:fs/promises";
import { z } from "zod";
import { explainFileError } from "../runner/files.ts";

/**
 * Reads a report and checks it against its schema.
 *
 * @throws Error that names the file and every field that is wrong, in one message
 */
export async function readReport<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.infer<Schema>> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new Error(`${path}: could not be read: ${explainFileError(error)}`, { cause: error });
  }
  return parseReport(path, text, schema);
}

/** As `readReport`, from text. `source` names the text in messages. */
export function parseReport<Schema extends z.ZodType>(source: string, text: string, schema: Schema): z.infer<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${source}: isn't JSON: ${(error as Error).message}`, { cause: error });
  }
  const result = parseTolerantly(schema, value);
  if (result.success) return result.data;
  const mistakes = result.error.issues.map((issue) => `  ${issue.path.join(".") || "(the whole file)"}: ${issue.message}`);
  throw new Error(`${source}: isn't a valid report:\n${mistakes.join("\n")}`);
}

/**
 * Checks a value as strictly as its schema says, except that fields which the schema doesn't know are left out: a report of a
 * later minor version may hold more than this one knows, and actions are pinned one by one.
 *
 * @param value as `JSON.parse` gives it; it isn't changed
 */
export function parseTolerantly<Schema extends z.ZodType>(schema: Schema, value: unknown): z.ZodSafeParseResult<z.infer<Schema>> {
  let result = schema.safeParse(value);
  let known = value;
  for (let round = 0; !result.success && round < DEEPEST_SCHEMA; round += 1) {
    const unknown = result.error.issues.filter((issue) => issue.code === "unrecognized_keys");
    if (unknown.length === 0) break;
    for (const { path, keys } of unknown) known = without(known, path, keys);
    result = schema.safeParse(known);
  }
  return result as z.ZodSafeParseResult<z.infer<Schema>>;
}

/** Fields are told level by level at worst. */
const DEEPEST_SCHEMA = 10;

/** A copy without some keys of the object at `path`; what lies beside the path is shared with the original. */
function without(value: unknown, path: readonly PropertyKey[], keys: readonly string[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  const [step, ...rest] = path;
  if (step === undefined) return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));
  if (Array.isArray(value)) return value.map((item, index) => (index === Number(step) ? without(item, rest, keys) : item));
  const change = (key: string, item: unknown) => (key === String(step) ? without(item, rest, keys) : item);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(key, item)]));
}

/** The text of a committed JSON Schema file, made from the zod schema. */
export function jsonSchemaText(id: string, schema: z.ZodType): string {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    target: "draft-2020-12",
    // Readers let fields pass that they don't know, so a later minor version may add some.
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return `${JSON.stringify({ $schema, $id: `${id}.schema.json`, title: id, ...rest }, null, 2)}\n`;
}
