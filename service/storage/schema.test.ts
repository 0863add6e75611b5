import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { readMigrations } from "./migrations.ts";
import { generateSchema, SCHEMA_FILE } from "./schema.ts";

test("schema.sql is what the migrations make; if not: npm run schema", { timeout: 120_000 }, async () => {
  expect(await readFile(SCHEMA_FILE, "utf8")).toBe(await generateSchema());
});

test("every migration since phases exist says its own", async () => {
  const silent = (await readMigrations()).filter(({ version, sql }) => version >= "090" && !sql.startsWith("-- phase: "));
  expect(silent.map(({ name }) => name)).toEqual([]);
});

test("two migrations of one number, and a phase that isn't one, are refused by name", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-migrations-"));
  const url = pathToFileURL(`${folder}/`);
  try {
    await writeFile(join(folder, "001-one.sql"), "-- phase: migrate\nselect 1");
    expect((await readMigrations(url))[0]).toMatchObject({ version: "001", phase: "migrate", inTransaction: true });
    await writeFile(join(folder, "001-other.sql"), "select 1");
    await expect(readMigrations(url)).rejects.toThrow(/001-other\.sql: another migration has this number/);
    await rm(join(folder, "001-other.sql"));
    await writeFile(join(folder, "002-two.sql"), "-- phase: shrink\n-- transaction: none\nselect 1");
    await expect(readMigrations(url)).rejects.toThrow(/phase is "shrink"/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
