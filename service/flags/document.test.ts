import { expect, test } from "vitest";
import { toggle } from "../../test/flags.ts";
import { flagTable, readPage, withTable } from "./document.ts";

test("the page's table is the registry's (npm run flags:docs)", async () => {
  const page = await readPage();
  expect(page).toBe(withTable(page));
});

test("every flag that the page names in its recipes is declared", async () => {
  const page = await readPage();
  const named = [...page.matchAll(/feature-flags\/([a-z_.]+)["'\s?/]/g)].map(([, flag]) => flag!);
  expect(named.length).toBeGreaterThan(3);
  const declared = flagTable();
  expect(named.filter((flag) => !declared.includes(`\`${flag}\``))).toEqual([]);
});

test("a description can't break the table", () => {
  expect(flagTable({ a: toggle(true, { description: "this | that\nmore" }) })).toContain("this \\| that more |");
});

test("a page without marks is an error that says so", () => {
  expect(() => withTable("# Flags")).toThrow(/lacks the marks/);
});
