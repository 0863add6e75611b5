import { appendFile, stat } from "node:fs/promises";

/** GitHub refuses the summary of a step above this size. */
export const SUMMARY_LIMIT_BYTES = 1024 * 1024;

/** One part of a summary that is kept or dropped whole. */
export interface Section {
  /** Said in the closing line when the section had to be dropped. */
  name: string;
  markdown: string;
}

/** Makes foreign text safe inside HTML, and so inside Markdown that holds HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Makes foreign text show as it is inside Markdown, on one line: no markup, link, mention, image or table cell comes out of it. */
export function escapeMarkdown(text: string): string {
  return escapeHtml(text.replace(/\s+/g, " ").trim())
    .replace(/[\\`*_{}[\]()|~!]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll("@", "@&#8203;")
    .replace(/(https?):\/\//gi, "$1&#58;//")
    .replace(/^([#>+=-]|\d+\.)/, "&#8203;$1");
}

/** Foreign text as inline code. Backticks, pipes and newlines can't end it. */
export function inlineCode(text: string): string {
  return `<code>${escapeMarkdown(text)}</code>`;
}

/** A Markdown table. Cells are Markdown: escape what is foreign. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map((_, index) => (index === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** A table for a log: columns padded with blanks, the first left, the rest right. */
export function plainTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/**
 * Joins sections, dropping whole sections from the last one up until the text fits.
 *
 * @param limitBytes size of the result in UTF-8, at most
 * @returns the text, which says what was left out; "" when not even that fits
 */
export function fitSections(sections: readonly Section[], limitBytes: number): string {
  for (let kept = sections.length; kept >= 0; kept--) {
    const dropped = sections.slice(kept).map((section) => section.name);
    const parts = sections.slice(0, kept).map((section) => section.markdown.trim());
    if (dropped.length > 0) parts.push(`_Left out to stay under the size limit: ${dropped.join(", ")}._`);
    const text = `${parts.join("\n\n")}\n`;
    if (Buffer.byteLength(text) <= limitBytes) return text;
  }
  return "";
}

/**
 * Adds sections to the job summary of this step, under GitHub's size limit.
 *
 * @returns where it was written, undefined when the runner gives no summary file
 */
export async function writeJobSummary(
  sections: readonly Section[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string | undefined> {
  const path = environment["GITHUB_STEP_SUMMARY"];
  if (!path) return undefined;
  const used = await stat(path).then(
    (file) => file.size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return 0;
      throw new Error(`GITHUB_STEP_SUMMARY: ${path} can't be read: ${error.message}`, { cause: error });
    },
  );
  await appendFile(path, fitSections(sections, SUMMARY_LIMIT_BYTES - used));
  return path;
}
