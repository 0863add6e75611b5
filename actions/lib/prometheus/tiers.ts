/** A p95 limit and the share of the budget below which it holds. */
export interface Tier {
  /** As written: `80:420`. */
  name: string;
  /** Share of the budget (0–1) below which the tier holds; null for the first. */
  below: number | null;
  p95Ms: number;
}

/** Non-empty, from the most budget to the least. */
export type Tiers = readonly [Tier, ...Tier[]];

export type ParsedTiers = { ok: true; tiers: Tiers } | { ok: false; mistakes: { wanted: string; remedy: string }[] };

const EXAMPLE = 'Write for example "100:450,80:420,60:400".';
/** Prometheus computes in floating point: 0.8 may arrive as 0.7999999999999999. */
const TOLERANCE = 1e-9;

/**
 * Reads tiers such as `100:450,80:420,60:400`: the limit is 450 ms from 80 % up, 420 ms below 80 %, 400 ms below 60 %.
 * Bounds are percent of the budget, falling from 100; limits are milliseconds and don't rise as the budget falls.
 */
export function parseTiers(text: string): ParsedTiers {
  const mistakes: { wanted: string; remedy: string }[] = [];
  const entries = text.split(",").map((part) => part.trim());
  const tiers: Tier[] = [];
  let formerBound = Infinity;
  let formerLimit = Infinity;
  for (const [index, name] of entries.entries()) {
    const match = /^(\d+(?:\.\d+)?)\s*:\s*(\d+(?:\.\d+)?)$/.exec(name);
    if (match === null) {
      mistakes.push({ wanted: `percent:milliseconds in part ${index + 1} (${JSON.stringify(name)})`, remedy: EXAMPLE });
      continue;
    }
    const bound = Number(match[1]);
    const limit = Number(match[2]);
    if (index === 0 && bound !== 100) {
      mistakes.push({ wanted: `the first bound to be 100 (it is ${bound})`, remedy: `Write "100:${limit}" first.` });
    }
    if (bound >= formerBound || bound > 100) {
      mistakes.push({ wanted: `bounds that fall (${bound} follows ${formerBound})`, remedy: "Order the tiers from 100 down." });
    }
    if (limit > formerLimit) {
      mistakes.push({
        wanted: `limits that don't rise as the budget falls (${limit} ms follows ${formerLimit} ms)`,
        remedy: "Less budget asks for a stricter limit: exchange the two.",
      });
    }
    if (limit === 0) mistakes.push({ wanted: `a limit above 0 ms in ${JSON.stringify(name)}`, remedy: EXAMPLE });
    formerBound = bound;
    formerLimit = limit;
    tiers.push({ name: name.replace(/\s+/g, ""), below: index === 0 ? null : bound / 100, p95Ms: limit });
  }
  const [first, ...rest] = tiers;
  if (mistakes.length > 0 || first === undefined) return { ok: false, mistakes };
  return { ok: true, tiers: [first, ...rest] };
}

/**
 * The tier that holds.
 *
 * @param remaining share of the budget, 1 full, 0 or less exhausted
 */
export function tierFor(remaining: number, tiers: Tiers): Tier {
  return tiers.findLast((tier) => tier.below === null || remaining < tier.below - TOLERANCE) ?? tiers[0];
}

/** The tier with the lowest limit. */
export function strictest(tiers: Tiers): Tier {
  return tiers.at(-1) ?? tiers[0];
}

/**
 * Hours until the budget is exhausted when it burns on as it does now. A burn rate of 1 spends a whole budget in the window.
 *
 * @returns null when nothing burns, 0 when nothing is left
 */
export function exhaustionHours(remaining: number, burnRate: number, windowDays: number): number | null {
  if (remaining <= 0) return 0;
  return burnRate > 0 ? (remaining * windowDays * 24) / burnRate : null;
}
