/** Longest part of a message that is read, in UTF-16 units. What a guest wants stands in the first lines; the rest costs time. */
export const MAX_CHARACTERS = 1_000;

/** Pictographs that carry an intent become words; every other one becomes a blank. */
const PICTOGRAPHS: readonly (readonly [RegExp, string])[] = [
  [/[\u{1F44D}\u{1F44C}\u{2705}\u{1F197}\u{2714}]/gu, " emojiyes "],
  [/[\u{1F44E}\u{274C}\u{1F645}]/gu, " emojino "],
  [/[\u{1F44B}]/gu, " emojiwave "],
  [/[\u{1F64F}]/gu, " emojithanks "],
];
const MARKS = /\p{M}+/gu;
const APOSTROPHES = /['’`´]/g;
const NOT_WORD = /[^\p{L}\p{N}$€%/:]+/gu;
const STRETCHED = /(\p{L})\1{2,}/gu;
const DIGITS = /\p{N}+/gu;

/**
 * What the features are made of: lower case, no accents, no punctuation but `/ : $ € %`, numbers by their length
 * (`15/4` → `0/0`, `2026` → `0000`), stretched letters cut ("holaaaa" → "hola"), telling emoji as words.
 *
 * @param text any string; beyond MAX_CHARACTERS it is not read
 * @returns words separated by one blank; empty when nothing readable is left
 */
export function normalise(text: string): string {
  let plain = text.slice(0, MAX_CHARACTERS).toWellFormed();
  for (const [pictographs, word] of PICTOGRAPHS) plain = plain.replace(pictographs, word);
  return plain
    .normalize("NFKD")
    .replace(MARKS, "")
    .toLowerCase()
    .replace(APOSTROPHES, "")
    .replace(NOT_WORD, " ")
    .replace(STRETCHED, "$1")
    .replace(DIGITS, (digits) => "0".repeat(Math.min(digits.length, 5)))
    .trim();
}
