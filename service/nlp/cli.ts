import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { LANGUAGES } from "../vocabulary.ts";
import { openCandidate } from "./training.ts";
import { type Context, openUnderstander, type Understanding, understanderOf } from "./understand.ts";

const USAGE = [
  'npm run nlp -- "texto" [--now 2026-03-10T12:00:00] [--time-zone America/Montevideo] [--language es] [--model candidate.bin]',
  "npm run nlp -- --file messages.jsonl …",
].join("\n       ");
const OPTIONS = {
  file: { type: "string" },
  now: { type: "string" },
  "time-zone": { type: "string" },
  language: { type: "string" },
  model: { type: "string" },
} as const;

/**
 * An instant from `--now`: with an offset or Z as it is, without one the clock on the hotel's wall.
 *
 * @returns undefined when it is no date
 */
export function instantOf(now: string, timeZone: string): Date | undefined {
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(now)) return undefined;
  const zoned = /(Z|[+-]\d{2}:\d{2})$/.test(now.slice(10));
  const wall = Date.parse(zoned ? now : now.length === 10 ? `${now}T00:00:00Z` : `${now}Z`);
  if (Number.isNaN(wall)) return undefined;
  if (zoned) return new Date(wall);
  const first = wall - offsetAt(wall, timeZone);
  return new Date(wall - offsetAt(first, timeZone));
}

/** Milliseconds that a time zone is ahead of UTC at an instant. */
function offsetAt(instant: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  const wall = Date.UTC(parts.year!, parts.month! - 1, parts.day!, parts.hour!, parts.minute!, parts.second!);
  return wall - Math.floor(instant / 1_000) * 1_000;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Texts of `{text}` lines. @throws Error naming every bad line at once */
export function parseTexts(content: string, name: string): string[] {
  const texts: string[] = [];
  const problems: string[] = [];
  content.split("\n").forEach((line, at) => {
    if (line.trim() === "") return;
    try {
      const value: unknown = JSON.parse(line);
      const text = typeof value === "object" && value !== null && "text" in value ? value.text : undefined;
      if (typeof text === "string") texts.push(text);
      else problems.push(`${name}:${at + 1}: expected {"text": "…"}, got ${line.slice(0, 60)}.`);
    } catch (error) {
      problems.push(`${name}:${at + 1}: not JSON (${error instanceof Error ? error.message : String(error)}).`);
    }
  });
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return texts;
}

/** The fields of the contract, the confidence with four digits. */
export function lineOf({ text, language, intent, confidence, band, entities }: Understanding): string {
  return JSON.stringify({ text, language, intent, confidence: Math.floor(confidence * 1e4) / 1e4, band, entities });
}

/**
 * The command: one JSON line a message.
 *
 * @returns exit code
 */
export async function main(
  argv: readonly string[],
  print: (line: string) => void,
  complain: (line: string) => void,
): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const problems: string[] = [];
    const timeZone = values["time-zone"] ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
    const known = isTimeZone(timeZone);
    if (!known) problems.push(`--time-zone: "${timeZone}" is no IANA time zone. Write for example America/Montevideo.`);
    const now = values.now === undefined ? new Date() : known ? instantOf(values.now, timeZone) : new Date(0);
    if (!now) problems.push(`--now: "${values.now}" is no date and time. Write for example 2026-03-10T12:00:00.`);
    if (values.language !== undefined && !LANGUAGES.some((language) => language === values.language)) {
      problems.push(`--language: expected one of ${LANGUAGES.join(", ")}, got "${values.language}".`);
    }
    if ((positionals.length === 0) === (values.file === undefined))
      problems.push('Give a text, or --file with one {"text"} a line.');
    if (problems.length > 0) throw new Error(`${problems.join("\n")}\nUsage: ${USAGE}`);
    const texts =
      values.file === undefined ? [positionals.join(" ")] : parseTexts(await readFile(values.file, "utf8"), values.file);
    const { understand } =
      values.model === undefined ? await openUnderstander() : understanderOf(await openCandidate(values.model));
    const context: Context = { now: now!, timeZone, tenantLanguage: values.language };
    for (const text of texts) print(lineOf(understand(text, context)));
    return 0;
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2), console.log, console.error);
}
