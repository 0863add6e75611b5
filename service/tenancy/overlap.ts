import { compilePattern, exampleOf, PatternError } from "./pattern.ts";
import type { Tenant } from "./tenant.ts";
import { canonicalUserId, userIdForms } from "./user-id.ts";

/** Another tenant whose pattern matches the same guest with the same priority. */
export interface Overlap {
  tenantId: string;
  /** A canonical id that both patterns match; absent when the patterns are the same text and no such id was found. */
  userId: string | undefined;
}

const MOST_REPORTED = 10;

/**
 * Looks for tenants whose pattern matches a guest of this one with equal priority. It tries an example of each pattern on
 * the other, so it finds patterns that are equal or one inside the other, and may miss some that only cross.
 *
 * @param known.matching active tenants whose pattern matches an id
 * @param known.patterns active tenants with a pattern
 */
export function findOverlaps(
  tenant: { id: string; pattern: string; priority: number },
  known: { matching: (userId: string) => Tenant[]; patterns: () => Tenant[] },
): Overlap[] {
  const mine = compilePattern(tenant.pattern);
  const isRival = (other: Tenant) => other.id !== tenant.id && other.priority === tenant.priority;
  const found = new Map<string, string | undefined>();

  for (const userId of idsLike(exampleOf(tenant.pattern, mine), mine)) {
    for (const other of known.matching(userId).filter(isRival)) found.set(other.id, userId);
  }
  for (const other of known.patterns().filter(isRival)) {
    if (found.size >= MOST_REPORTED) break;
    if (found.has(other.id)) continue;
    if (other.pattern === tenant.pattern) found.set(other.id, undefined);
    else {
      // Cheap first: most examples aren't matched by this pattern, and then the other one isn't compiled.
      const candidates = idsLike(
        exampleOf(other.pattern!, () => true),
        mine,
      );
      if (candidates.length === 0) continue;
      const theirs = compiled(other.pattern!);
      const userId = candidates.find((id) => userIdForms(id).some(theirs));
      if (userId !== undefined) found.set(other.id, userId);
    }
  }
  return [...found].slice(0, MOST_REPORTED).map(([tenantId, userId]) => ({ tenantId, userId }));
}

/** The example as a guest's canonical id, and made as long as a telephone number; those that the pattern matches. */
function idsLike(text: string | undefined, matches: (text: string) => boolean): string[] {
  if (text === undefined) return [];
  const ids = [text, `${text}${"0".repeat(Math.max(0, 12 - text.length))}`].map(canonicalUserId);
  return [...new Set(ids)].filter((id) => userIdForms(id).some(matches));
}

function compiled(pattern: string): (text: string) => boolean {
  try {
    return compilePattern(pattern);
  } catch (error) {
    if (error instanceof PatternError) return () => false; // it is in quarantine and matches nobody
    throw error;
  }
}
