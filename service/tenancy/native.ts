import type { Node } from "./pattern-syntax.ts";

/** RE2's own limit for counts in {}. */
const LARGEST_COUNT = 1000;
/** Classes that both engines read alike. Its hyphens stand between two of a kind or at the end. */
const SHARED_CLASS = /^\[\^?(?:[A-Z]-[A-Z]|[a-z]-[a-z]|[0-9]-[0-9]|[A-Za-z0-9@._+ ])+-?\]$/;
const SHARED_ESCAPE = /^\\[dDwW]$/;

/**
 * Writes a pattern for JavaScript's own engine where that is as safe as RE2 and decides the same: it is many times
 * faster and costs little memory. Safe means that going back is bounded: from the start at most two places where the match
 * may go on in several ways, one when it may begin anywhere, so an id of 256 characters takes some 10⁵ steps at worst.
 *
 * @returns an expression that matches the same strings, or `undefined` when the pattern isn't of this simple kind
 */
export function toNative(tree: Node): RegExp | undefined {
  const parts = tree.kind === "sequence" ? tree.parts : [tree];
  let choices = parts[0]?.kind === "start" ? 2 : 1;
  let source = "";
  for (const part of parts) {
    const written = write(part);
    if (written === undefined) return undefined;
    choices -= written.choices;
    source += written.source;
  }
  if (choices < 0) return undefined;
  try {
    return new RegExp(source, "u");
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // a range such as [9-0]: RE2 says what is wrong with it
    throw error;
  }
}

function write(node: Node): { source: string; choices: number } | undefined {
  if (node.kind === "start") return { source: "^", choices: 0 };
  if (node.kind === "end") return { source: "$", choices: 0 };
  if (node.kind === "choice") {
    const options = node.options.map((option) => (option.kind === "text" ? quote(option.text) : undefined));
    return options.includes(undefined) ? undefined : { source: `(?:${options.join("|")})`, choices: 1 };
  }
  if (node.kind !== "repeat") return writeAtom(node);
  const atom = writeAtom(node.node);
  const { minimum, maximum } = node;
  if (atom === undefined || minimum > LARGEST_COUNT || (maximum ?? minimum) > LARGEST_COUNT) return undefined;
  if (maximum !== undefined && maximum < minimum) return undefined;
  return { source: `(?:${atom.source}){${minimum},${maximum ?? ""}}`, choices: minimum === maximum ? 0 : 1 };
}

function writeAtom(node: Node): { source: string; choices: number } | undefined {
  if (node.kind === "text") return { source: quote(node.text), choices: 0 };
  if (node.kind !== "character") return undefined;
  // JavaScript's full stop leaves out more line ends than RE2's.
  if (node.source === ".") return { source: "[^\\n]", choices: 0 };
  const shared = SHARED_ESCAPE.test(node.source) || SHARED_CLASS.test(node.source);
  return shared ? { source: node.source, choices: 0 } : undefined;
}

const quote = (text: string) =>
  text.replace(/[\\^$.|?*+()[\]{}/-]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
