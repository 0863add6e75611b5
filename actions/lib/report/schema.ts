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
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const mistakes = result.error.issues.map((issue) => `  ${issue.path.join(".") || "(the whole file)"}: ${issue.message}`);
  throw new Error(`${source}: isn't a valid report:\n${mistakes.join("\n")}`);
}

/** The text of a committed JSON Schema file, made from the zod schema. */
export function jsonSchemaText(id: string, schema: z.ZodType): string {
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: "draft-2020-12" });
  return `${JSON.stringify({ $schema, $id: `${id}.schema.json`, title: id, ...rest }, null, 2)}\n`;
}
