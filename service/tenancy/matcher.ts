import { buildLiteralSearch, type LiteralSearch } from "./literal-search.ts";
import { compilePattern, PatternError, type PatternPlan, planPattern } from "./pattern.ts";
import { MAXIMUM_USER_ID_LENGTH, userIdForms } from "./user-id.ts";

/** A tenant's pattern and its place among others that match the same guest. */
export interface Rule {
  id: string;
  pattern: string;
  priority: number;
}

/**
 * The order of two rules that both match: the higher priority first, then the smaller id (by UTF-16 units).
 *
 * @returns whether `one` comes before `other`
 */
export function precedes(one: Rule, other: Rule): boolean {
  return one.priority !== other.priority ? one.priority > other.priority : one.id < other.id;
}

/** Finds the tenant of a guest among many patterns. */
export interface Matcher {
  /** @returns the rule that gets the guest with this canonical id, the first by `precedes`; `undefined`: none matches */
  match(canonicalUserId: string): Rule | undefined;
  /** @returns every rule that matches, in the order of `precedes` */
  matchAll(canonicalUserId: string): Rule[];
}

/** Rules that changed since the search was built are tried one by one until they are so many. */
const MOST_RECENT = 64;

class Entry {
  readonly rule: Rule;
  private readonly plan: PatternPlan;
  private readonly onBroken: OnBroken;
  private compiled: ((text: string) => boolean) | undefined;
  private checked: boolean;

  constructor(rule: Rule, onBroken: OnBroken) {
    this.rule = rule;
    this.plan = planPattern(rule.pattern);
    this.onBroken = onBroken;
    const { plain, native } = this.plan;
    this.checked = plain !== undefined || native !== undefined;
    if (native !== undefined) this.compiled = (text) => native.test(text);
  }

  get literals(): string[] | undefined {
    return this.plan.literals;
  }

  matches(forms: readonly string[]): boolean {
    const { plain } = this.plan;
    if (plain === undefined) {
      this.compiled ??= this.compile();
      return forms.some(this.compiled);
    }
    return forms.some((form) => {
      if (plain.atStart) return plain.atEnd ? form === plain.text : form.startsWith(plain.text);
      return plain.atEnd ? form.endsWith(plain.text) : form.includes(plain.text);
    });
  }

  /** Reports a pattern that can't be used, without keeping the automaton of one that can. */
  check(): void {
    if (!this.checked) this.compile();
  }

  private compile(): (text: string) => boolean {
    try {
      return compilePattern(this.plan.source);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      if (!this.checked) this.onBroken(this.rule, error);
      return () => false;
    } finally {
      this.checked = true;
    }
  }
}

/** Told once about each rule whose pattern can't be used. */
export type OnBroken = (rule: Rule, error: PatternError) => void;

/**
 * Rules that can be changed one at a time. The search over their literals is built at the first match after many
 * changes; patterns are compiled when an id first comes near them. One that can't be compiled matches nobody.
 */
export class RuleSet implements Matcher {
  private readonly entries = new Map<string, Entry>();
  /** Entries that the search knows, by owner number; `undefined`: gone or changed since. */
  private searched: (Entry | undefined)[] = [];
  private ownerOf = new Map<string, number>();
  private search: LiteralSearch | undefined;
  /** Entries that are tried on every id: without a literal, or newer than the search. */
  private readonly always = new Set<Entry>();
  private recent = 0;
  private readonly onBroken: OnBroken;

  /** @param onBroken called during a match or `checkAll`, whichever comes first */
  constructor(onBroken: OnBroken = () => undefined) {
    this.onBroken = onBroken;
  }

  /** Adds a rule or replaces the one of the same id. */
  set(rule: Rule): void {
    this.delete(rule.id);
    const entry = new Entry(rule, this.onBroken);
    this.entries.set(rule.id, entry);
    this.always.add(entry);
    if (entry.literals !== undefined) this.recent += 1;
  }

  delete(id: string): void {
    const old = this.entries.get(id);
    if (old === undefined) return;
    this.entries.delete(id);
    this.always.delete(old);
    const owner = this.ownerOf.get(id);
    if (owner !== undefined) {
      this.searched[owner] = undefined;
      this.ownerOf.delete(id);
    }
  }

  get size(): number {
    return this.entries.size;
  }

  /**
   * Finds every pattern that can't be used, before a guest comes near it.
   *
   * @param pause awaited every few milliseconds: compiling ten thousand patterns takes about a second
   */
  async checkAll(pause: () => Promise<void>): Promise<void> {
    let since = performance.now();
    for (const entry of [...this.entries.values()]) {
      if (this.entries.get(entry.rule.id) !== entry) continue;
      entry.check();
      if (performance.now() - since > 2) {
        await pause();
        since = performance.now();
      }
    }
  }

  match(canonicalUserId: string): Rule | undefined {
    let best: Rule | undefined;
    this.visit(canonicalUserId, (entry, forms) => {
      if ((best === undefined || precedes(entry.rule, best)) && entry.matches(forms)) best = entry.rule;
    });
    return best;
  }

  matchAll(canonicalUserId: string): Rule[] {
    const found = new Set<Rule>();
    this.visit(canonicalUserId, (entry, forms) => {
      if (!found.has(entry.rule) && entry.matches(forms)) found.add(entry.rule);
    });
    return [...found].sort((one, other) => (precedes(one, other) ? -1 : 1));
  }

  private visit(canonicalUserId: string, candidate: (entry: Entry, forms: readonly string[]) => void): void {
    if (canonicalUserId.length > MAXIMUM_USER_ID_LENGTH) return;
    if (this.recent > MOST_RECENT) this.rebuild();
    const forms = userIdForms(canonicalUserId);
    // The first form holds the others, so what stands in them stands in it.
    this.search?.scan(forms[0]!, (owner) => {
      const entry = this.searched[owner];
      if (entry !== undefined) candidate(entry, forms);
    });
    for (const entry of this.always) candidate(entry, forms);
  }

  private rebuild(): void {
    this.searched = [];
    this.ownerOf = new Map();
    this.always.clear();
    const literals: { text: string; owner: number }[] = [];
    for (const [id, entry] of this.entries) {
      if (entry.literals === undefined) {
        this.always.add(entry);
        continue;
      }
      const owner = this.searched.push(entry) - 1;
      this.ownerOf.set(id, owner);
      for (const text of entry.literals) literals.push({ text, owner });
    }
    this.search = buildLiteralSearch(literals);
    this.recent = 0;
  }
}
