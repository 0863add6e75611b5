import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { escapeMarkdown, fitSections, markdownTable, plainTable, SUMMARY_LIMIT_BYTES, writeJobSummary } from "./summary.ts";

test("foreign text can't become markup, a link, an image, a mention or a table cell", () => {
  const text = escapeMarkdown("<img src=x onerror=1>| **b** [a](http://x) ![i](y) @octocat `c`\n# h");
  for (const dangerous of ["<", ">", "|", "**", "[", "](", "http://", "@octocat", "`", "\n"])
    expect(text).not.toContain(dangerous);
});

test("sections are dropped whole, last first, and the text says so", () => {
  const sections = ["a", "b", "c"].map((name) => ({ name, markdown: name.repeat(100) }));
  expect(fitSections(sections, 1_000)).toBe(`${"a".repeat(100)}\n\n${"b".repeat(100)}\n\n${"c".repeat(100)}\n`);
  const cut = fitSections(sections, 300);
  expect(cut).toContain("b".repeat(100));
  expect(cut).not.toContain("ccc");
  expect(cut).toContain("Left out to stay under the size limit: c.");
  expect(fitSections(sections, 5)).toBe("");
});

test("size is counted in bytes of UTF-8", () => {
  const sections = [{ name: "é", markdown: "é".repeat(100) }];
  expect(Buffer.byteLength(fitSections(sections, 199))).toBeLessThanOrEqual(199);
  expect(fitSections(sections, 199)).toContain("Left out");
});

test("the job summary is added to what the step wrote before, under 1 MiB together", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-summary-"));
  try {
    const path = join(folder, "summary.md");
    await writeFile(path, "x".repeat(SUMMARY_LIMIT_BYTES - 200));
    await writeJobSummary([{ name: "big", markdown: "y".repeat(500) }], { GITHUB_STEP_SUMMARY: path });
    const text = await readFile(path, "utf8");
    expect(text.length).toBeLessThanOrEqual(SUMMARY_LIMIT_BYTES);
    expect(text).toContain("Left out to stay under the size limit: big.");
    expect(await writeJobSummary([], {})).toBeUndefined();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("tables", () => {
  expect(markdownTable(["a", "b"], [["1", "2"]])).toBe("| a | b |\n| --- | ---: |\n| 1 | 2 |");
  expect(plainTable(["name", "n"], [["a", "10"]])).toBe("name   n\na     10");
});
