import { createHash } from "node:crypto";

/**
 * @returns the text as Postgres can store it: without U+0000 and without halves of surrogate pairs, which no encoding knows
 */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll("\u0000", "");
}

/** Ids of messages that are longer are stored as their hash. */
const LONGEST_ID = 256;

/** @returns a provider's id of a message as it is stored: the same id always gives the same text, of 256 characters at most */
export function storableId(id: string): string {
  const text = storableText(id);
  return text !== "" && text.length <= LONGEST_ID ? text : `sha256-${createHash("sha256").update(id).digest("hex")}`;
}

/** The same for every text inside a JSON value, names of members too. */
export function storableJson<Value>(value: Value): Value {
  if (typeof value === "string") return storableText(value) as Value;
  if (Array.isArray(value)) return value.map(storableJson) as Value;
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [storableText(name), storableJson(member)])) as Value;
  }
  return value;
}

const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });

/** @returns the text, cut to `maximum` UTF-16 units with "…" at its end when it is longer; never through a character */
export function clip(text: string, maximum: number): string {
  return text.length <= maximum ? text : `${beginning(text, maximum - 1).trimEnd()}…`;
}

/** @returns the text in pieces of at most `maximum` UTF-16 units, cut at an empty line, a line's end or a blank where there is one */
export function split(text: string, maximum: number): string[] {
  const pieces: string[] = [];
  let rest = text.trim();
  while (rest.length > maximum) {
    const window = rest.slice(0, maximum + 1);
    const at = ["\n\n", "\n", " "].map((mark) => window.lastIndexOf(mark)).find((index) => index >= maximum / 2);
    let piece = at === undefined ? beginning(rest, maximum) : rest.slice(0, at);
    // One character of endless accents: cut between its code points, since it fits nowhere.
    if (piece === "")
      piece = Array.from(rest.slice(0, maximum))
        .filter((point) => point.isWellFormed())
        .join("");
    pieces.push(piece.trimEnd());
    rest = rest.slice(piece.length).trimStart();
  }
  if (rest !== "") pieces.push(rest);
  return pieces;
}

/** @returns as many whole characters of the text's beginning as fit */
function beginning(text: string, maximum: number): string {
  let length = 0;
  for (const { segment } of graphemes.segment(text)) {
    if (length + segment.length > maximum) break;
    length += segment.length;
  }
  return text.slice(0, length);
}
