/**
 * A simple reading of a regular expression, good enough to find text that every match must hold. Whatever it doesn't
 * know makes the whole reading `undefined`; then nothing is assumed about the pattern.
 */
export type Node =
  | { kind: "text"; text: string }
  /** One character; `source` is how the pattern says which. */
  | { kind: "character"; source: string }
  | { kind: "start" }
  | { kind: "end" }
  | { kind: "sequence"; parts: Node[] }
  | { kind: "choice"; options: Node[] }
  /** `maximum` is `undefined` without a bound. */
  | { kind: "repeat"; node: Node; minimum: number; maximum: number | undefined };

const SPECIAL = new Set("\\^$.|?*+()[]{}");

/** @returns the tree of a pattern in RE2 syntax, or `undefined` when it uses more than this knows (flags, `\Q`, `\b`, …) */
export function readPattern(pattern: string): Node | undefined {
  const characters = [...pattern];
  let at = 0;
  let depth = 0;

  function choice(): Node | undefined {
    const options: Node[] = [];
    do {
      const option = sequence();
      if (option === undefined) return undefined;
      options.push(option);
    } while (take("|"));
    return options.length === 1 ? options[0] : { kind: "choice", options };
  }

  function sequence(): Node | undefined {
    const parts: Node[] = [];
    while (at < characters.length && characters[at] !== "|" && characters[at] !== ")") {
      const atom = single();
      if (atom === undefined) return undefined;
      const node = repeated(atom);
      if (node === undefined) return undefined;
      const last = parts.at(-1);
      if (node.kind === "text" && last?.kind === "text") parts[parts.length - 1] = { kind: "text", text: last.text + node.text };
      else parts.push(node);
    }
    return parts.length === 1 ? parts[0] : { kind: "sequence", parts };
  }

  function single(): Node | undefined {
    const character = characters[at]!;
    at += 1;
    if (character === "(") return group();
    if (character === "[") return characterClass();
    if (character === "\\") return escaped();
    if (character === ".") return { kind: "character", source: "." };
    if (character === "^") return { kind: "start" };
    if (character === "$") return { kind: "end" };
    if (SPECIAL.has(character) && character !== "]" && character !== "}") return undefined;
    return { kind: "text", text: character };
  }

  function group(): Node | undefined {
    if (take("?")) {
      if (take("P")) {
        if (!take("<") || !skipName()) return undefined;
      } else if (take("<")) {
        if (!skipName()) return undefined;
      } else if (!take(":")) return undefined; // flags, or what RE2 doesn't know
    }
    depth += 1;
    if (depth > 50) return undefined;
    const inside = choice();
    depth -= 1;
    return inside !== undefined && take(")") ? inside : undefined;
  }

  function skipName(): boolean {
    while (at < characters.length && /\w/.test(characters[at]!)) at += 1;
    return take(">");
  }

  function characterClass(): Node | undefined {
    const start = at - 1;
    take("^");
    take("]"); // a first "]" stands for itself
    while (at < characters.length && characters[at] !== "]") {
      if (characters[at] === "\\") at += 1;
      else if (characters[at] === "[" && characters[at + 1] === ":") {
        const close = characters.indexOf("]", at + 2);
        if (close === -1) return undefined;
        at = close;
      }
      at += 1;
    }
    return take("]") ? { kind: "character", source: characters.slice(start, at).join("") } : undefined;
  }

  function escaped(): Node | undefined {
    const character = characters[at];
    if (character === undefined) return undefined;
    at += 1;
    if ("dDwWsS".includes(character)) return { kind: "character", source: `\\${character}` };
    if (/^[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]$/.test(character)) return { kind: "text", text: character };
    return undefined;
  }

  function repeated(atom: Node): Node | undefined {
    let node = atom;
    for (;;) {
      const count = quantifier();
      if (count === undefined) return node;
      if (count === "unknown" || atom.kind === "start" || atom.kind === "end") return undefined;
      take("?"); // lazy: the same strings match
      node = { kind: "repeat", node, ...count };
    }
  }

  function quantifier(): { minimum: number; maximum: number | undefined } | "unknown" | undefined {
    if (take("*")) return { minimum: 0, maximum: undefined };
    if (take("?")) return { minimum: 0, maximum: 1 };
    if (take("+")) return { minimum: 1, maximum: undefined };
    if (characters[at] !== "{") return undefined;
    const counts = /^\{(\d{1,4})(,?)(\d{0,4})\}/.exec(characters.slice(at, at + 12).join(""));
    if (counts === null) return "unknown";
    const [whole, minimum, comma, maximum] = counts as unknown as [string, string, string, string];
    if (comma === "" && maximum !== "") return "unknown";
    at += whole.length;
    const upper = comma === "" ? Number(minimum) : maximum === "" ? undefined : Number(maximum);
    return { minimum: Number(minimum), maximum: upper };
  }

  function take(character: string): boolean {
    if (characters[at] !== character) return false;
    at += 1;
    return true;
  }

  const tree = choice();
  return tree !== undefined && at === characters.length ? tree : undefined;
}

/** Longer texts are cut: a part that must be there finds the same candidates with less memory. */
const LONGEST_LITERAL = 12;
const MOST_LITERALS = 16;

/**
 * @returns texts of which at least one stands in every string that the pattern matches, each 1 to 12 UTF-16 units;
 *   `undefined` when there are none
 */
export function requiredLiterals(node: Node): string[] | undefined {
  switch (node.kind) {
    case "text":
      return [cut(node.text)];
    case "repeat":
      return node.minimum > 0 ? requiredLiterals(node.node) : undefined;
    case "choice": {
      const all: string[] = [];
      for (const option of node.options) {
        const some = requiredLiterals(option);
        if (some === undefined) return undefined;
        all.push(...some);
      }
      return all.length <= MOST_LITERALS ? [...new Set(all)] : undefined;
    }
    case "sequence": {
      let best: string[] | undefined;
      for (const part of node.parts) {
        const some = requiredLiterals(part);
        if (some !== undefined && (best === undefined || selectivity(some) > selectivity(best))) best = some;
      }
      return best;
    }
    default:
      return undefined;
  }
}

const selectivity = (literals: string[]) => Math.min(...literals.map(({ length }) => length)) - literals.length / 100;

/** Cut between characters: half a surrogate pair isn't a text. */
function cut(text: string): string {
  const units = text.slice(0, LONGEST_LITERAL);
  return /[\ud800-\udbff]$/.test(units) && units.length < text.length ? units.slice(0, -1) : units;
}

/** A pattern that is nothing but a text, so that no automaton is needed to decide it. */
export interface PlainText {
  text: string;
  atStart: boolean;
  atEnd: boolean;
}

/** @returns the text when the pattern is one, with or without `^` before and `$` behind it */
export function plainText(node: Node): PlainText | undefined {
  const parts = [...(node.kind === "sequence" ? node.parts : [node])];
  const atStart = parts[0]?.kind === "start";
  if (atStart) parts.shift();
  const atEnd = parts.at(-1)?.kind === "end";
  if (atEnd) parts.pop();
  // What may be missing at the open end decides nothing.
  while (!atEnd && isOptional(parts.at(-1))) parts.pop();
  const [only] = parts;
  return parts.length === 1 && only?.kind === "text" ? { text: only.text, atStart, atEnd } : undefined;
}

const isOptional = (node: Node | undefined) => node?.kind === "repeat" && node.minimum === 0;

/**
 * A string that the tree describes: the shortest way through it. Not every one matches (an anchor in the middle).
 *
 * @param pick a character that a class or `.` allows
 */
export function example(node: Node, pick: (source: string) => string): string {
  switch (node.kind) {
    case "text":
      return node.text;
    case "character":
      return pick(node.source);
    case "repeat":
      return example(node.node, pick).repeat(Math.min(node.minimum, 100));
    case "choice":
      return example(node.options[0]!, pick);
    case "sequence":
      return node.parts.map((part) => example(part, pick)).join("");
    default:
      return "";
  }
}
