import { isInstead } from "./dates.ts";
import type { Token } from "./tokens.ts";

const NIGHTS = /^(noches?|noites?|nights?|nites?|diarias?|pernoctes?)$/;
const WEEKS = /^(semanas?|weeks?)$/;
const DAYS = /^(dias|days)$/;
const AGO_OR_NOTICE: ReadonlySet<string> = new Set([
  "hace",
  "faz",
  "ha",
  "ago",
  "atras",
  "antes",
  "before",
  "notice",
  "anticipacion",
  "antelacion",
  "antecedencia",
]);
const MOST = 365;

/**
 * Nights that a message counts: "3 noches", "a week". Days ("5 días") may be one night more or less: `unclear`.
 *
 * @param stay only then do weeks and days count a stay
 */
export function nightsIn(tokens: readonly Token[], stay: boolean): { nights?: number; unclear: boolean } {
  const counts = new Set<number>();
  let unclear = false;
  for (let at = 0; at + 1 < tokens.length; at++) {
    const token = tokens[at]!;
    const unit = tokens[at + 1]!.word;
    const count = token.number ?? (token.word === "a" && WEEKS.test(unit) ? 1 : undefined);
    if (token.used || count === undefined || count < 1 || count > MOST || isInstead(tokens, at)) continue;
    if (NIGHTS.test(unit)) counts.add(count);
    else if (stay && !isAgo(tokens, at)) {
      if (WEEKS.test(unit)) counts.add(count * 7);
      else if (DAYS.test(unit) && count > 1) unclear = true;
    }
  }
  const [nights] = counts;
  if (counts.size === 1 && nights !== undefined) return { nights, unclear: false };
  return { unclear: unclear || counts.size > 1 };
}

function isAgo(tokens: readonly Token[], at: number): boolean {
  return [at - 1, at + 2, at + 3].some((near) => AGO_OR_NOTICE.has(tokens[near]?.word ?? ""));
}
