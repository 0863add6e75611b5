import { readFile } from "node:fs/promises";
import { reportKinds } from "../actions/lib/report/kinds.ts";
import { jsonSchemaText } from "../actions/lib/report/schema.ts";
import { writeFileAtomically } from "../actions/lib/runner/files.ts";

const folder = new URL("../schemas/", import.meta.url);

/** The JSON Schema files that should be committed, by path. */
export function schemaFiles(): { path: URL; text: string }[] {
  return Object.entries(reportKinds).map(([kind, schema]) => ({
    path: new URL(`${kind}.schema.json`, folder),
    text: jsonSchemaText(kind, schema),
  }));
}

/** Names of the schema files that are missing or differ from what the code says. */
export async function staleSchemas(): Promise<string[]> {
  const stale: string[] = [];
  for (const { path, text } of schemaFiles()) {
    const committed = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (committed !== text) stale.push(path.pathname.split("/").at(-1)!);
  }
  return stale;
}

if (import.meta.main) {
  for (const { path, text } of schemaFiles()) {
    await writeFileAtomically(path.pathname, text);
    console.log(`wrote schemas/${path.pathname.split("/").at(-1)}`);
  }
}
