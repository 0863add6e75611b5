import { DANGER_CLASSES, type DangerModel, dangerGrams, dangerWords } from "./danger.ts";
import { grams } from "./features.ts";
import type { Lexicon } from "./lexicon.ts";
import { fitRegression, type TrainingOptions } from "./logistic.ts";
import { Vocabulary, type VocabularyOptions } from "./vocabulary.ts";

/** A message that tells of an emergency, or that only sounds so. */
export interface DangerExample {
  text: string;
  danger: (typeof DANGER_CLASSES)[number];
}

/** Everything that decides what a danger model is. Chosen on folds of the data. */
export const DANGER_OPTIONS: { vocabulary: VocabularyOptions; training: TrainingOptions; repeats: number } = {
  vocabulary: { minDocuments: 2, characterWeight: 0.3, unknownWeight: 0.5 },
  training: { epochs: 10, step: 0.5, decay: 0, seed: 20261128 },
  // There are six times as many harmless messages: each emergency counts this often.
  repeats: 3,
};

/**
 * Reads a file of messages: `# emergency` or `# harmless` opens a section, `;` starts a comment, every other line is one message, or
 * several: `[a|b] c [d|e]` stands for as many as {@link expand} makes of it.
 *
 * @param name for messages of error
 * @throws Error naming every bad line at once: unknown heading, message before the first heading, message written twice
 */
export function parseDanger(content: string, name: string): DangerExample[] {
  const examples: DangerExample[] = [];
  const problems: string[] = [];
  const seen = new Map<string, number>();
  let danger: DangerExample["danger"] | undefined;
  content.split(/\r?\n/).forEach((raw, at) => {
    const line = raw.trim();
    if (line === "" || line.startsWith(";")) return;
    const heading = line.startsWith("# ") ? line.slice(2).trim() : undefined;
    const taken = seen.get(line.toLowerCase());
    if (heading !== undefined) {
      danger = DANGER_CLASSES.find((each) => each === heading);
      if (danger === undefined)
        problems.push(`${name}:${at + 1}: unknown heading "${heading}". Known: ${DANGER_CLASSES.join(", ")}.`);
    } else if (danger === undefined) {
      problems.push(
        `${name}:${at + 1}: "${line}" stands before the first heading. Write "# emergency" or "# harmless" above it.`,
      );
    } else if (taken !== undefined) {
      problems.push(`${name}:${at + 1}: "${line}" stands in line ${taken} already. Remove one.`);
    } else {
      seen.set(line.toLowerCase(), at + 1);
      for (const text of expand(line)) examples.push({ text, danger });
    }
  });
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return examples;
}

/** Rounds through the longest bracket of a line. */
const ROUNDS = 2;

/**
 * Messages of a line with brackets: each word of the longest bracket stands in ROUNDS messages, beside other words of the shorter ones
 * in each round. So what is learnt is the event, and not who it happens to. A line without brackets is one message.
 */
export function expand(line: string): string[] {
  const brackets = [...line.matchAll(/\[([^\]]*)\]/g)].map(([, words]) => words!.split("|"));
  if (brackets.length === 0) return [line];
  const longest = Math.max(...brackets.map(({ length }) => length));
  const messages = Array.from({ length: longest * ROUNDS }, (_, at) => {
    const round = Math.floor(at / longest);
    let bracket = 0;
    return line.replace(/\[[^\]]*\]/g, () => {
      const words = brackets[bracket]!;
      // Another start and stride per bracket and round, so that the same words don't always meet.
      const word = words[(at + round * (bracket + 1)) % words.length]!;
      bracket += 1;
      return word;
    });
  });
  return [...new Set(messages)];
}

/**
 * Trains on messages of danger and on the hotel's everyday messages, which are harmless unless their words say otherwise. Deterministic.
 *
 * @param everyday texts of the intents' training data
 */
export function trainDanger(
  examples: readonly DangerExample[],
  everyday: readonly string[],
  lexicons: { hotel: Lexicon; danger: Lexicon },
): DangerModel {
  const harmless = everyday.filter((text) => dangerWords(text) !== "emergency");
  const all: DangerExample[] = [...examples, ...harmless.map((text) => ({ text, danger: "harmless" as const }))];
  const counts = all.map(({ text }) => dangerGrams(text, grams(text, lexicons.hotel), lexicons.danger));
  const vocabulary = Vocabulary.build(counts, DANGER_OPTIONS.vocabulary);
  const order = all.flatMap(({ danger }, at) => new Array<number>(danger === "emergency" ? DANGER_OPTIONS.repeats : 1).fill(at));
  const vectors = counts.map((each) => vocabulary.vector(each));
  const regression = fitRegression(
    order.map((at) => vectors[at]!),
    order.map((at) => DANGER_CLASSES.indexOf(all[at]!.danger)),
    vocabulary.size,
    DANGER_CLASSES.length,
    DANGER_OPTIONS.training,
  );
  return { vocabulary, regression, lexicon: lexicons.danger };
}
