/** The longest address of a guest that is stored (UTF-16 units); longer ones match no tenant. */
export const MAXIMUM_USER_ID_LENGTH = 256;

const LONGEST_SPELLING_OF_A_NUMBER = 64;
/** Marks of writing direction, which phones put around numbers that are copied from their contacts. */
const DIRECTION_MARKS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const INTERNATIONAL = /^(?:\+|00)[\s().\-/]*[1-9][\d\s().\-/]*$/;
/** Without `+` or `00` a hyphen or a full stop isn't enough: "1-23456789" and "12-3456789" may be two guests. */
const SPACED = /^[1-9(][\d().\-/]*[\s(][\d\s().\-/]*$/;
const E164_DIGITS = /^[1-9]\d{7,14}$/;
const EMAIL = /^[^\s@]+@[^\s@]+$/;

/**
 * The one spelling under which a guest is stored and looked up. Cheap for any input: its time grows with its length only.
 *
 * - A telephone number becomes its E.164 digits without `+`, as WhatsApp sends it: ` 00 54 (9) 11-000-2222 `,
 *   `+549110002222` and `549110002222` are one guest.
 * - The letters A–Z of an e-mail address become small. Other letters stay: a look-alike is another guest.
 * - Anything else is opaque: only blanks around it go.
 */
export function canonicalUserId(raw: string): string {
  const trimmed = raw.trim();
  if (trimmed.length <= LONGEST_SPELLING_OF_A_NUMBER) {
    const digits = phoneDigits(trimmed);
    if (digits !== undefined) return digits;
  }
  if (trimmed.length <= MAXIMUM_USER_ID_LENGTH && EMAIL.test(trimmed)) {
    return trimmed.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  }
  return trimmed;
}

/** @returns the spellings of a canonical user id that patterns are tried on: a telephone number with `+` and without */
export function userIdForms(canonical: string): readonly string[] {
  return E164_DIGITS.test(canonical) ? [`+${canonical}`, canonical] : [canonical];
}

function phoneDigits(text: string): string | undefined {
  const plain = text.replace(DIRECTION_MARKS, "").trim();
  if (E164_DIGITS.test(plain)) return plain;
  const international = INTERNATIONAL.test(plain);
  if (!international && !SPACED.test(plain)) return undefined;
  const digits = plain.replace(/\D/g, "").slice(plain.startsWith("00") ? 2 : 0);
  return E164_DIGITS.test(digits) ? digits : undefined;
}
