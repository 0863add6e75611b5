import { readdir, readFile } from "node:fs/promises";
import { expect, expectTypeOf, test } from "vitest";
import { parseDefinition } from "./definition.ts";
import type { Flags } from "./flags.ts";
import { FLAGS, type FlagKey, type Registry } from "./registry.ts";
import { Snapshot } from "./snapshot.ts";

const service = new URL("../", import.meta.url);

async function sources(): Promise<string> {
  const files = (await readdir(service, { recursive: true })).filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.startsWith("flags/"),
  );
  return (await Promise.all(files.map((file) => readFile(new URL(file, service), "utf8")))).join("\n");
}

test("every declared flag is read somewhere in the service", async () => {
  const text = await sources();
  const unread = Object.keys(FLAGS).filter((flag) => !new RegExp(`\\w\\(\\s*"${flag.replaceAll(".", "\\.")}"`).test(text));
  expect(unread).toEqual([]);
});

test.each(Object.entries(FLAGS as Registry))("%s is declared without a mistake", (key, flag) => {
  const { variants, defaultVariant, targeting, prerequisites } = flag;
  expect(parseDefinition(key, { variants, defaultVariant, targeting, prerequisites }, flag)).toMatchObject({ ok: true });
  expect(variants).toHaveProperty([flag.offVariant]);
  expect(flag.owner).not.toBe("");
  expect(flag.description).toMatch(/\.$/);
  for (const { flag: needed } of prerequisites) expect(FLAGS).toHaveProperty([needed]);
});

test("reading a flag that isn't declared is a type error", () => {
  expectTypeOf<Parameters<Flags["isEnabled"]>[0]>().toEqualTypeOf<FlagKey>();
  expectTypeOf<Parameters<Flags["evaluate"]>[0]>().toEqualTypeOf<FlagKey>();
  expectTypeOf<ReturnType<Flags["isEnabled"]>>().toEqualTypeOf<boolean>();
});

test("the declared flags form no ring", () => {
  const snapshot = new Snapshot(FLAGS, new Map(), new Map());
  expect([...snapshot.entries.values()].filter(({ cyclic }) => cyclic)).toEqual([]);
});
