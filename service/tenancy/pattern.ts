import { RE2JS, RE2JSException } from "re2js";
import { toNative } from "./native.ts";
import { example, type PlainText, plainText, readPattern, requiredLiterals } from "./pattern-syntax.ts";

export const MAXIMUM_PATTERN_LENGTH = 200;
/** Instructions of the compiled automaton; `(\d{1000}){…}` would make millions of a short text. */
const MAXIMUM_PROGRAM_SIZE = 2_000;

/** What the matcher needs of a pattern; nothing is compiled for it yet. */
export interface PatternPlan {
  source: string;
  /** At least one of these stands in every match; `undefined`: the pattern has to be tried on every id. */
  literals: string[] | undefined;
  plain: PlainText | undefined;
  /** Decides as RE2 does, where JavaScript's own engine can't be hurt by the pattern. */
  native: RegExp | undefined;
}

/** @returns how to find and decide matches of a pattern */
export function planPattern(source: string): PatternPlan {
  const tree = readPattern(source);
  return tree === undefined
    ? { source, literals: undefined, plain: undefined, native: undefined }
    : { source, literals: requiredLiterals(tree), plain: plainText(tree), native: toNative(tree) };
}

/**
 * Compiles a pattern: RE2 syntax, found anywhere in the id unless anchored, in time linear in the id's length.
 *
 * @throws PatternError when it isn't RE2 syntax or too large
 */
export function compilePattern(source: string): (text: string) => boolean {
  if (source.length > MAXIMUM_PATTERN_LENGTH) {
    throw new PatternError(`is ${source.length} characters long; at most ${MAXIMUM_PATTERN_LENGTH} are allowed`);
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    if (error instanceof RE2JSException) throw new PatternError(explain(source, error.message), { cause: error });
    throw error;
  }
  if (compiled.programSize() > MAXIMUM_PROGRAM_SIZE) {
    throw new PatternError(
      `compiles to ${compiled.programSize()} instructions; at most ${MAXIMUM_PROGRAM_SIZE} are allowed. Use smaller counts in {}`,
    );
  }
  return (text) => compiled.test(text);
}

/** A pattern can't be used; the message completes "the pattern …". */
export class PatternError extends Error {}

/** A pattern as somebody wants to write it, judged. */
export interface PatternReview {
  problems: string[];
  warnings: string[];
  /** An id that the pattern matches, where one was found. */
  example: string | undefined;
}

/** Judges a pattern before it is stored. */
export function reviewPattern(source: string): PatternReview {
  let matches: (text: string) => boolean;
  try {
    matches = compilePattern(source);
  } catch (error) {
    if (error instanceof PatternError) return { problems: [error.message], warnings: [], example: undefined };
    throw error;
  }
  const warnings: string[] = [];
  const plan = planPattern(source);
  if (matches("") && matches("\u0001")) warnings.push("matches every guest");
  else if (plan.literals === undefined) {
    warnings.push("is slow: it holds no text that every match must hold, so it is tried on each new guest of all hotels");
  }
  return { problems: [], warnings, example: exampleOf(source, matches) };
}

/** @returns an id that the pattern matches, where one is found quickly */
export function exampleOf(source: string, matches: (text: string) => boolean): string | undefined {
  const tree = readPattern(source);
  if (tree === undefined) return undefined;
  const text = example(tree, pick);
  return text !== "" && matches(text) ? text : undefined;
}

const COMMON: Record<string, string> = { ".": "0", "\\d": "0", "\\w": "0", "[0-9]": "0", "[^@]": "0", "\\S": "0" };

function pick(characterClass: string): string {
  const common = COMMON[characterClass];
  if (common !== undefined) return common;
  try {
    const allows = RE2JS.compile(characterClass);
    return CANDIDATES.find((character) => allows.test(character)) ?? "";
  } catch (error) {
    if (error instanceof RE2JSException) return ""; // a class that can't be compiled allows nothing
    throw error;
  }
}

const CANDIDATES = [..."0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@.-_+ áñç"];

function explain(source: string, message: string): string {
  if (/^\+\d+$/.test(source)) return `isn't RE2 syntax. For exactly this number write "^\\${source}$"`;
  const reason = message.replace(/^error parsing regexp: /, "");
  const hint = /\(\?[=!<]/.test(reason)
    ? ". Lookaround isn't supported, since its time can't be bounded"
    : /invalid escape sequence: `\\[1-9]/.test(reason)
      ? ". Back-references aren't supported, since their time can't be bounded"
      : "";
  return `isn't RE2 syntax: ${reason}${hint}`;
}
