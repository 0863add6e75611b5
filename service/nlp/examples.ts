import { INTENTS, type Language, OUT_OF_SCOPE } from "../vocabulary.ts";
import type { Example } from "./classifier.ts";

/** A message of the training data with its language. */
export interface HotelExample extends Example {
  language: Language;
}

const KNOWN: ReadonlySet<string> = new Set([...INTENTS, OUT_OF_SCOPE]);

/**
 * Reads a file of messages: `# intent` opens a section, `;` starts a comment, every other line is one message.
 *
 * @param name for messages of error
 * @throws Error naming every bad line at once: unknown intent, message before the first heading, message written twice
 */
export function parseExamples(content: string, language: Language, name: string): HotelExample[] {
  const examples: HotelExample[] = [];
  const problems: string[] = [];
  const seen = new Map<string, number>();
  let intent: string | undefined;
  content.split(/\r?\n/).forEach((raw, at) => {
    const line = raw.trim();
    if (line === "" || line.startsWith(";")) return;
    if (line.startsWith("# ")) {
      intent = line.slice(2).trim();
      if (!KNOWN.has(intent)) problems.push(`${name}:${at + 1}: unknown intent "${intent}". Known: ${[...KNOWN].join(", ")}.`);
    } else if (intent === undefined) {
      problems.push(`${name}:${at + 1}: "${line}" stands before the first heading. Write "# intent" above it.`);
    } else if (seen.has(line.toLowerCase())) {
      problems.push(`${name}:${at + 1}: "${line}" stands in line ${seen.get(line.toLowerCase())} already. Remove one.`);
    } else {
      seen.set(line.toLowerCase(), at + 1);
      examples.push({ text: line, intent: intent === OUT_OF_SCOPE ? null : intent, language });
    }
  });
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return examples;
}
