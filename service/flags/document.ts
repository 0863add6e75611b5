import { readFile, writeFile } from "node:fs/promises";
import { FLAGS, type Registry } from "./registry.ts";

const page = new URL("../../docs/feature-flags.md", import.meta.url);
const BEGIN = "<!-- flags: made by npm run flags:docs -->";
const END = "<!-- /flags -->";

/** The table of declared flags, in Markdown. */
export function flagTable(registry: Registry = FLAGS): string {
  const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  const rows = Object.entries(registry).map(([key, flag]) => {
    const value =
      flag.defaultVariant === undefined ? "the caller's" : `\`${JSON.stringify(flag.variants[flag.defaultVariant])}\``;
    const needs = flag.prerequisites.map(({ flag: needed, value: wanted }) => `\`${needed}\` = \`${JSON.stringify(wanted)}\``);
    return `| \`${key}\` | ${flag.type} | ${cell(value)} | ${cell(flag.owner)} | ${cell(needs.join(", ") || "–")} | ${cell(flag.description)} |`;
  });
  return ["| Flag | Type | Default | Owner | Needs | What it does |", "|---|---|---|---|---|---|", ...rows].join("\n");
}

/**
 * Puts the table into a page, between its marks.
 *
 * @throws when the page lacks the marks
 */
export function withTable(text: string, table = flagTable()): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/feature-flags.md: lacks the marks ${BEGIN} and ${END} around its table.`);
  return `${text.slice(0, begin + BEGIN.length)}\n${table}\n${text.slice(end)}`;
}

/** @returns the page as it is committed */
export function readPage(): Promise<string> {
  return readFile(page, "utf8");
}

if (import.meta.main) {
  await writeFile(page, withTable(await readPage()));
  console.log("wrote docs/feature-flags.md");
}
