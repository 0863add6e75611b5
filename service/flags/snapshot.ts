import { CompiledFlag, type Context, type Outcome } from "./compiled.ts";
import { type Definition, declaredDefinition, type Override } from "./definition.ts";
import type { DeclaredFlag, Evaluators, FlagValue, Registry } from "./registry.ts";

/** Where a flag's value comes from, the strongest first. */
export type Source = "override" | "settings" | "registry";

/** Tally of one flag's evaluations by what they gave. */
interface Tally {
  variant: string | undefined;
  reason: string;
  count: number;
}

interface Need {
  entry: Entry | undefined;
  flag: string;
  value: FlagValue;
}

/** One flag as it stands now. */
export interface Entry {
  readonly key: string;
  readonly declared: DeclaredFlag;
  readonly source: Source;
  readonly override: Override;
  readonly compiled: CompiledFlag;
  /** What the layer below says, for a definition that leaves the value to the code. */
  readonly fallback: Outcome;
  prerequisites: Need[];
  /** Those of them that a context can change; the others are met. */
  asked: Need[];
  /** On a ring of prerequisites: fails closed. */
  cyclic: boolean;
  /** No prerequisite has prerequisites of its own: no walk is needed. */
  shallow: boolean;
  /** Its outcome when no context can change it. */
  fixed: Outcome | undefined;
  tallies: Tally[];
}

/** Overrides of settings and store that could be read, by flag. */
export type Layer = ReadonlyMap<string, Override>;

export const PREREQUISITE_FAILED = "PREREQUISITE_FAILED";

/**
 * All flags at one moment, ready to be evaluated. It is pure: it knows no store and no clock.
 *
 * Above all stands the kill switch, then prerequisites, then targeting, then the default variant.
 */
export class Snapshot {
  readonly entries: ReadonlyMap<string, Entry>;

  /** @param previous entries whose override didn't change are taken over, with what was compiled for them */
  constructor(registry: Registry, settings: Layer, overrides: Layer, evaluators: Evaluators = {}, previous?: Snapshot) {
    const entries = new Map<string, Entry>();
    for (const key of Object.keys(registry)) {
      const before = previous?.entries.get(key);
      const source: Source = overrides.has(key) ? "override" : settings.has(key) ? "settings" : "registry";
      const override = overrides.get(key) ?? settings.get(key);
      if (before !== undefined && before.source === source && (override === undefined || before.override === override)) {
        before.fixed = undefined;
        entries.set(key, before);
      } else entries.set(key, makeEntry(key, registry[key]!, source, override, settings.get(key), evaluators, before));
    }
    this.entries = entries;
    link(entries);
  }

  /** Never throws. Unknown flags are an outcome, `FLAG_NOT_FOUND`. */
  evaluate(key: string, context: Context): Outcome {
    const entry = this.entries.get(key);
    if (entry === undefined) {
      return error("FLAG_NOT_FOUND", `There is no flag "${key}".`);
    }
    return evaluateEntry(entry, context);
  }
}

/** What one entry gives, prerequisites included. */
export function evaluateEntry(entry: Entry, context: Context): Outcome {
  if (entry.fixed !== undefined) return entry.fixed;
  if (!entry.shallow) return evaluateDeep(entry, context);
  for (const need of entry.asked) {
    if (!meets(evaluateAlone(need.entry!, context), need.entry!, need.value)) return failed(entry, reasonOf(need));
  }
  return entry.compiled.evaluate(context);
}

/** Counts one evaluation; cheap enough for every call. `drainTallies` brings them to the metrics. */
export function tally(entry: Entry, outcome: Outcome, reason: string): void {
  for (const one of entry.tallies) {
    if (one.variant === outcome.variant && one.reason === reason) {
      one.count += 1;
      return;
    }
  }
  entry.tallies.push({ variant: outcome.variant, reason, count: 1 });
}

/** What the flag itself says, its prerequisites left aside. */
function evaluateAlone(entry: Entry, context: Context): Outcome {
  if (entry.override.kind === "killed") return offOutcome(entry, "DISABLED");
  if (entry.cyclic) return failed(entry, "its prerequisites form a ring");
  return entry.compiled.evaluate(context);
}

/** Prerequisites first, each once, without recursion: chains may be long and share their ends. */
function evaluateDeep(start: Entry, context: Context): Outcome {
  const done = new Map<Entry, Outcome>();
  const stack: Entry[] = [start];
  while (stack.length > 0) {
    const entry = stack.at(-1)!;
    const settled = settle(entry, context, done);
    if (settled === undefined) {
      for (const { entry: needed } of entry.prerequisites) {
        if (needed !== undefined && !done.has(needed)) stack.push(needed);
      }
      continue;
    }
    done.set(entry, settled);
    stack.pop();
  }
  return done.get(start)!;
}

/** @returns `undefined` while a prerequisite isn't known yet */
function settle(entry: Entry, context: Context, done: ReadonlyMap<Entry, Outcome>): Outcome | undefined {
  if (entry.fixed !== undefined) return entry.fixed;
  if (entry.override.kind !== "killed" && !entry.cyclic) {
    if (entry.prerequisites.some(({ entry: needed }) => needed !== undefined && !done.has(needed))) return undefined;
    for (const need of entry.prerequisites) {
      const { entry: needed, value } = need;
      if (needed === undefined || !meets(done.get(needed)!, needed, value)) return failed(entry, reasonOf(need));
    }
  }
  return evaluateAlone(entry, context);
}

/** Fails closed: an error, or a ring, meets nothing, whatever value was asked for. */
export function meets(outcome: Outcome, needed: Entry, value: FlagValue): boolean {
  if (outcome.errorCode !== undefined || needed.cyclic) return false;
  const actual = outcome.value ?? needed.fallback.value;
  return actual === value || (typeof value === "object" && JSON.stringify(actual) === JSON.stringify(value));
}

function makeEntry(
  key: string,
  declared: DeclaredFlag,
  source: Source,
  override: Override | undefined,
  setting: Override | undefined,
  evaluators: Evaluators,
  before: Entry | undefined,
): Entry {
  const base = declaredDefinition(declared, evaluators);
  const code: Outcome = {
    value: base.defaultVariant === undefined ? undefined : base.variants[base.defaultVariant],
    variant: base.defaultVariant,
    reason: "DEFAULT",
    errorCode: undefined,
    errorMessage: undefined,
    usesDefault: true,
  };
  const own: Override = override ?? { kind: "definition", definition: base };
  return {
    key,
    declared,
    source,
    override: own,
    compiled: new CompiledFlag(key, toDefinition(own, base)),
    fallback: source === "override" && setting !== undefined ? lower(toDefinition(setting, base), setting, declared, code) : code,
    prerequisites: [],
    asked: [],
    cyclic: false,
    shallow: true,
    fixed: undefined,
    tallies: before?.tallies ?? [],
  };
}

/** The value that the settings give, when an override leaves it to the code. */
function lower(definition: Definition, setting: Override, declared: DeclaredFlag, code: Outcome): Outcome {
  if (setting.kind === "killed") return { ...code, value: declared.variants[declared.offVariant], variant: declared.offVariant };
  const variant = definition.defaultVariant;
  return variant === undefined ? code : { ...code, value: definition.variants[variant], variant };
}

/** Forced on: the declared flag without targeting, at its true variant. Its prerequisites still hold. */
function toDefinition(override: Override, base: Definition): Definition {
  if (override.kind === "definition") return override.definition;
  if (override.kind === "killed") return base;
  const on = Object.keys(base.variants).find((name) => base.variants[name] === true);
  return {
    ...base,
    state: "ENABLED",
    targeting: undefined,
    variants: on === undefined ? { on: true } : base.variants,
    defaultVariant: on ?? "on",
  };
}

/** Resolves prerequisites, finds rings, and computes what no context can change. */
function link(entries: ReadonlyMap<string, Entry>): void {
  for (const entry of entries.values()) {
    entry.prerequisites = entry.compiled.definition.prerequisites.map(({ flag, value }) => ({
      entry: entries.get(flag),
      flag,
      value,
    }));
  }
  for (const entry of entries.values()) {
    entry.cyclic = false;
    entry.shallow = entry.prerequisites.every(({ entry: needed }) => needed === undefined || needed.prerequisites.length === 0);
  }
  for (const ring of findRings([...entries.values()].filter(({ shallow }) => !shallow))) {
    for (const entry of ring) entry.cyclic = true;
  }
  for (const entry of entries.values()) {
    if (entry.override.kind === "killed" || entry.cyclic || (entry.compiled.fixed && entry.prerequisites.length === 0)) {
      entry.fixed = Object.freeze(evaluateAlone(entry, {}));
    }
  }
  // What needs only such flags is decided here too, or needs to ask for the others only.
  for (const entry of entries.values()) {
    if (entry.fixed !== undefined || !entry.shallow) continue;
    const unmet = entry.prerequisites.find(({ entry: needed, value }) => {
      return needed === undefined || (needed.fixed !== undefined && !meets(needed.fixed, needed, value));
    });
    entry.asked = entry.prerequisites.filter(({ entry: needed }) => needed?.fixed === undefined);
    if (unmet !== undefined) entry.fixed = Object.freeze(failed(entry, reasonOf(unmet)));
    else if (entry.asked.length === 0 && entry.compiled.fixed) entry.fixed = Object.freeze(entry.compiled.evaluate({}));
  }
}

/**
 * Rings of prerequisites: strongly connected components of more than one flag, or a flag that needs itself.
 *
 * @see R. Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1 (1972); here without recursion
 */
function findRings(entries: readonly Entry[]): Entry[][] {
  const rings: Entry[][] = [];
  const index = new Map<Entry, number>();
  const low = new Map<Entry, number>();
  const open: Entry[] = [];
  const isOpen = new Set<Entry>();
  for (const root of entries) {
    if (index.has(root)) continue;
    const path: { entry: Entry; next: number }[] = [{ entry: root, next: 0 }];
    while (path.length > 0) {
      const step = path.at(-1)!;
      const { entry } = step;
      if (step.next === 0) {
        index.set(entry, index.size);
        low.set(entry, index.get(entry)!);
        open.push(entry);
        isOpen.add(entry);
      }
      const needed = entry.prerequisites[step.next]?.entry;
      step.next += 1;
      if (step.next <= entry.prerequisites.length) {
        if (needed !== undefined && !index.has(needed)) path.push({ entry: needed, next: 0 });
        else if (needed !== undefined && isOpen.has(needed)) low.set(entry, Math.min(low.get(entry)!, index.get(needed)!));
        continue;
      }
      path.pop();
      const above = path.at(-1)?.entry;
      if (above !== undefined) low.set(above, Math.min(low.get(above)!, low.get(entry)!));
      if (low.get(entry) !== index.get(entry)) continue;
      const ring = open.splice(open.lastIndexOf(entry));
      for (const member of ring) isOpen.delete(member);
      if (ring.length > 1 || entry.prerequisites.some(({ entry: own }) => own === entry)) rings.push(ring);
    }
  }
  return rings;
}

function offOutcome(entry: Entry, reason: string): Outcome {
  const { variants, offVariant } = entry.declared;
  return {
    value: variants[offVariant],
    variant: offVariant,
    reason,
    errorCode: undefined,
    errorMessage: undefined,
    usesDefault: false,
  };
}

function failed(entry: Entry, why: string): Outcome {
  return { ...offOutcome(entry, PREREQUISITE_FAILED), errorMessage: `${entry.key} is off because ${why}.` };
}

function reasonOf({ entry, flag, value }: Need): string {
  return entry === undefined ? `there is no flag "${flag}"` : `its prerequisite "${flag}" isn't ${JSON.stringify(value)}`;
}

function error(errorCode: string, errorMessage: string): Outcome {
  return { value: undefined, variant: undefined, reason: "ERROR", errorCode, errorMessage, usesDefault: true };
}
