import { randomInt } from "node:crypto";

/** Letters and digits that nobody confuses when read aloud. */
const ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/** A new reservation code, such as GH-7K2M9Q. Two may be the same: the database refuses the second. */
export function newCode(): string {
  return `GH-${Array.from({ length: 6 }, () => ALPHABET[randomInt(ALPHABET.length)]).join("")}`;
}
