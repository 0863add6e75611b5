import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { readMigrations } from "./migrations.ts";
import { generateSchema, SCHEMA_FILE } from "./schema.ts";

test("schema.sql is what the migrations make; if not: npm run schema:sql", { timeout: 120_000 }, async () => {
  expect(await readFile(SCHEMA_FILE, "utf8")).toBe(await generateSchema());
});

test("every migration since phases exist says its own", async () => {
  const silent = (await readMigrations()).filter(({ version, sql }) => version >= "080" && !sql.startsWith("-- phase: "));
  expect(silent.map(({ name }) => name)).toEqual([]);
});
