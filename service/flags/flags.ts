import { setTimeout } from "node:timers/promises";
import type { Shared } from "../storage/shared.ts";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Context, Outcome } from "./compiled.ts";
import { type Mistake, type Override, parseOverride } from "./definition.ts";
import { createFollower, type Every } from "./follower.ts";
import { type DeclaredFlag, type Evaluators, FLAGS, type FlagValue, type Registry } from "./registry.ts";
import { readSettings } from "./settings.ts";
import { type Entry, evaluateEntry, type Layer, Snapshot, tally } from "./snapshot.ts";
import { type Change, createStore } from "./store.ts";

export type { Context } from "./compiled.ts";

/** What a flag gives for a context, as OpenFeature describes it. */
export interface Evaluation<Value = FlagValue> {
  value: Value;
  variant: string | undefined;
  /** `STATIC DEFAULT TARGETING_MATCH DISABLED STALE ERROR`, or `PREREQUISITE_FAILED`. */
  reason: string;
  errorCode: string | undefined;
  errorMessage: string | undefined;
  /** The definition leaves the value to the caller; `value` is then this service's own default. */
  usesDefault: boolean;
}

/** Told to those who watch. */
export type FlagsEvent = { kind: "changed"; flags: string[] } | { kind: "stale" } | { kind: "fresh" };

type KeysOf<R extends Registry> = keyof R & string;
type BooleanKeys<R extends Registry> = { [Key in KeysOf<R>]: "boolean" extends R[Key]["type"] ? Key : never }[KeysOf<R>];
type ValueOf<Flag extends DeclaredFlag> = {
  boolean: boolean;
  string: string;
  number: number;
  object: { readonly [name: string]: unknown };
}[Flag["type"]];

export interface FlagsOptions<R extends Registry> {
  database: Database;
  shared: Shared;
  metrics: Metrics;
  logger: Logger;
  /** The JSON object of FEATURE_FLAGS. */
  settings: Readonly<Record<string, unknown>>;
  /** Everything is read again after this long, even when no event came. */
  cacheTtlSeconds: number;
  now?: () => Date;
  /** Repeats work until the function that it returns is called. */
  every?: Every;
  /** Fulfils after so many milliseconds. */
  wait?: (milliseconds: number) => Promise<void>;
  registry?: R;
  evaluators?: Evaluators;
}

/** An administrator's change can't be made; nothing was changed. */
export class FlagChangeError extends Error {
  readonly kind: "unknown" | "invalid" | "cycle";
  readonly mistakes: Mistake[];

  constructor(kind: FlagChangeError["kind"], message: string, mistakes: Mistake[] = []) {
    super(message);
    this.kind = kind;
    this.mistakes = mistakes;
  }
}

export type Flags<R extends Registry = typeof FLAGS> = ReturnType<typeof createFlags<R>>;

/** More gauges than this are brought up to date over several scrapes: each asks a rule that may not be compiled yet. */
const GAUGES_AT_ONCE = 100;

const startTimer: Every = (milliseconds, work) => {
  const timer = setInterval(work, milliseconds);
  return () => clearInterval(timer);
};

/**
 * The service's feature flags: evaluated in process from a snapshot that follows Redis and Postgres.
 *
 * @throws FlagSettingsError when FEATURE_FLAGS holds mistakes, naming all of them
 */
export function createFlags<const R extends Registry = typeof FLAGS>(options: FlagsOptions<R>) {
  const { database, shared, metrics, logger, evaluators = {}, now = () => new Date(), every = startTimer } = options;
  const registry: Registry = options.registry ?? FLAGS;
  const settings = readSettings(options.settings, registry, evaluators);
  const store = createStore({ database, shared });
  const gaugesDue = new Set<string>();
  const watchers = new Set<(event: FlagsEvent) => void>();
  const parsed = new Map<string, { text: string; override: Override | undefined; mistakes: Mistake[] }>();
  let snapshot = new Snapshot(registry, settings, new Map(), evaluators);

  const read = (flag: string, text: string) => {
    const known = parsed.get(flag);
    if (known?.text === text) return known;
    const result = parseOverride(flag, text, registry[flag]!, evaluators);
    const entry = {
      text,
      override: result.ok ? result.override : undefined,
      mistakes: result.ok ? [] : result.mistakes,
    };
    return entry;
  };
  const layerOf = (texts: ReadonlyMap<string, string>): Layer => {
    const layer = new Map<string, Override>();
    for (const [flag, text] of texts) {
      const override = Object.hasOwn(registry, flag) ? read(flag, text).override : undefined;
      if (override !== undefined) layer.set(flag, override);
    }
    return layer;
  };

  const apply = (texts: ReadonlyMap<string, string>) => {
    for (const flag of parsed.keys()) {
      if (!texts.has(flag)) parsed.delete(flag);
    }
    for (const [flag, text] of texts) {
      if (!Object.hasOwn(registry, flag)) continue; // of another release, or a slip: the admin list shows it
      const entry = read(flag, text);
      if (parsed.get(flag) === entry) continue;
      parsed.set(flag, entry);
      if (entry.override === undefined) {
        metrics.flagMalformed.inc({ flag });
        logger.error({ flag, mistakes: entry.mistakes }, "flags: an override can't be used; the default holds");
      }
    }
    const before = snapshot;
    const overridesBefore = new Map([...before.entries].map(([key, entry]) => [key, entry.override]));
    snapshot = new Snapshot(registry, settings, layerOf(texts), evaluators, before);
    const changed = affected(snapshot, (key, entry) => overridesBefore.get(key) !== entry.override);
    setGauges(changed);
    if (changed.length > 0) tell({ kind: "changed", flags: changed });
  };

  const tell = (event: FlagsEvent) => {
    for (const watcher of watchers) {
      try {
        watcher(event);
      } catch (error) {
        logger.error({ err: error }, "flags: a watcher failed");
      }
    }
  };

  const isOn = (entry: Entry): boolean => {
    const { value } = complete(entry, evaluateEntry(entry, {}), false);
    if (entry.declared.type === "boolean") return value === true;
    return JSON.stringify(value) !== JSON.stringify(entry.declared.variants[entry.declared.offVariant]);
  };
  const setGauges = (flags: Iterable<string>) => {
    for (const flag of flags) gaugesDue.add(flag);
    let room = GAUGES_AT_ONCE;
    for (const flag of gaugesDue) {
      if (room === 0) break;
      room -= 1;
      gaugesDue.delete(flag);
      metrics.flagEnabled.set({ flag }, isOn(snapshot.entries.get(flag)!) ? 1 : 0);
    }
  };

  const follower = createFollower({
    store,
    metrics,
    logger,
    ttlSeconds: options.cacheTtlSeconds,
    now,
    every,
    wait: options.wait ?? ((milliseconds) => setTimeout(milliseconds)),
    apply,
    onStale: () => tell({ kind: "stale" }),
    onFresh: () => tell({ kind: "fresh" }),
  });

  /** As `evaluate`, for a name that isn't known to be declared. Never throws. */
  function evaluateAny(flag: string, context: Context = {}): Evaluation<FlagValue | undefined> {
    const entry = snapshot.entries.get(flag);
    if (entry === undefined) return snapshot.evaluate(flag, context);
    const evaluation = complete(entry, evaluateEntry(entry, context), follower.isStale);
    tally(entry, evaluation, evaluation.reason);
    return evaluation;
  }

  /** As `evaluateAny`, for someone who looks on: it doesn't count as an evaluation. @throws FlagChangeError */
  function look(flag: string, context: Context): Evaluation<FlagValue | undefined> {
    require(flag);
    const entry = snapshot.entries.get(flag)!;
    return complete(entry, evaluateEntry(entry, context), follower.isStale);
  }

  const require = (flag: string): DeclaredFlag => {
    if (!Object.hasOwn(registry, flag)) {
      throw new FlagChangeError(
        "unknown",
        `There is no flag "${flag.slice(0, 128)}". There are: ${Object.keys(registry).slice(0, 50).join(", ")}.`,
      );
    }
    return registry[flag]!;
  };

  const snapshotWith = (
    flag: string,
    text: string | undefined,
    texts: ReadonlyMap<string, string> = follower.texts,
  ): Snapshot => {
    const next = new Map(texts);
    if (text === undefined) next.delete(flag);
    else next.set(flag, text);
    return new Snapshot(registry, settings, layerOf(next), evaluators);
  };

  /** @throws FlagChangeError */
  const check = (flag: string, text: string | undefined): void => {
    const declared = require(flag);
    if (text === undefined) return;
    const result = parseOverride(flag, text, declared, evaluators);
    const mistakes = result.ok ? [] : [...result.mistakes];
    if (result.ok && result.override.kind === "definition") {
      for (const [index, { flag: needed, value }] of result.override.definition.prerequisites.entries()) {
        const field = `prerequisites[${index}]`;
        const other = Object.hasOwn(registry, needed) ? registry[needed] : undefined;
        if (other === undefined) mistakes.push({ field, message: `there is no flag "${needed}".` });
        else if (typeof value !== other.type)
          mistakes.push({ field, message: `"${needed}" is a ${other.type}; it can't be ${JSON.stringify(value)}.` });
      }
    }
    if (mistakes.length > 0)
      throw new FlagChangeError(
        "invalid",
        `The override has mistakes in: ${mistakes.map(({ field }) => field).join(", ")}.`,
        mistakes,
      );
  };

  return {
    registry,

    /** What a declared flag gives for a context. Synchronous; never throws. */
    evaluate<Key extends KeysOf<R>>(flag: Key, context: Context = {}): Evaluation<ValueOf<R[Key]>> {
      return evaluateAny(flag, context) as Evaluation<ValueOf<R[Key]>>;
    },

    evaluateAny,
    look,

    /** Whether a boolean flag is on for a context. Synchronous; never throws. */
    isEnabled(flag: BooleanKeys<R>, context: Context = {}): boolean {
      return evaluateAny(flag, context).value === true;
    },

    /** Subscribes and reads for the first time. Fulfils without Redis too: then what Postgres holds is used, as stale. */
    async start(): Promise<void> {
      shared.onReconnect(() => void follower.refresh("reconnect"));
      shared.onLost(() => follower.lost());
      database.onReconnect(() => void follower.refresh("reconnect"));
      setGauges(snapshot.entries.keys());
      await follower.start();
    },

    close: (): Promise<void> => follower.close(),

    /** Calls the handler with changes until the function that it returns is called. */
    watch(handler: (event: FlagsEvent) => void): () => void {
      watchers.add(handler);
      return () => watchers.delete(handler);
    },

    /** Looks at the store now, as the poll of each second does. */
    poll: (): Promise<void> => follower.poll(),

    /** Brings metrics up to date: call before they are read. */
    refreshGauges(): void {
      // Rules can depend on the time, so few flags are asked anew; of many, those that changed.
      setGauges(snapshot.entries.size <= GAUGES_AT_ONCE ? snapshot.entries.keys() : []);
      metrics.flagsStale.set(follower.staleSeconds);
      for (const [flag, entry] of snapshot.entries) {
        for (const one of entry.tallies) {
          if (one.count === 0) continue;
          metrics.flagEvaluations.inc({ flag, variant: one.variant ?? "", reason: one.reason }, one.count);
          one.count = 0;
        }
      }
    },

    /**
     * Sets an override (a switch or a definition as JSON text) or, without text, clears it.
     *
     * @returns the version, and `pending` when Redis doesn't have it yet: other processes were told by Postgres
     * @throws FlagChangeError when it can't be; the database's error when it can't be written
     */
    async change(wish: { flag: string; text: string | undefined; by: string; note?: string | undefined }) {
      const { flag, text, by, note } = wish;
      check(flag, text);
      const written = await store.write({
        flag,
        text,
        by,
        note,
        check: (texts) => {
          const ring = findRing(snapshotWith(flag, text, texts), flag);
          if (ring !== undefined) throw new FlagChangeError("cycle", `The prerequisites would form a ring: ${ring.join(" → ")}.`);
        },
      });
      if (written.redis !== undefined)
        logger.warn({ err: written.redis, flag }, "flags: Redis didn't take the override; Postgres has it");
      await follower.refresh("pubsub");
      return { version: written.version, before: written.before, pending: follower.behind || follower.isStale };
    },

    /** What a flag would give with an override that isn't written. @throws FlagChangeError */
    rehearse(
      flag: string,
      text: string | undefined,
      context: Context,
    ): { evaluation: Evaluation<FlagValue | undefined>; entry: Entry } {
      check(flag, text);
      const rehearsed = snapshotWith(flag, text);
      const ring = findRing(rehearsed, flag);
      if (ring !== undefined) throw new FlagChangeError("cycle", `The prerequisites would form a ring: ${ring.join(" → ")}.`);
      const entry = rehearsed.entries.get(flag)!;
      return { evaluation: complete(entry, evaluateEntry(entry, context), false), entry };
    },

    /** The flag as it stands. @throws FlagChangeError */
    entry(flag: string): Entry {
      require(flag);
      return snapshot.entries.get(flag)!;
    },

    /** The override's text as it stands in the store, and what is wrong with it. */
    override(flag: string): { text: string | undefined; mistakes: Mistake[] } {
      return { text: follower.texts.get(flag), mistakes: parsed.get(flag)?.mistakes ?? [] };
    },

    history: (flag: string, limit: number, beforeId?: number): Promise<Change[]> => {
      require(flag);
      return store.history(flag, limit, beforeId);
    },

    get version(): number {
      return follower.version;
    },
    get isStale(): boolean {
      return follower.isStale;
    },
  };
}

/** Puts the default in where the definition leaves the value out, and says when what is known may be old. */
function complete(entry: Entry, outcome: Outcome, stale: boolean): Evaluation<FlagValue | undefined> {
  const reason = stale && outcome.errorCode === undefined ? "STALE" : outcome.reason;
  if (!outcome.usesDefault && reason === outcome.reason) return outcome;
  return { ...outcome, reason, value: outcome.usesDefault ? entry.fallback.value : outcome.value };
}

/** Flags whose override changed, and those that need one of them. */
function affected(snapshot: Snapshot, isChanged: (key: string, entry: Entry) => boolean): string[] {
  const found = new Set<Entry>();
  for (const [key, entry] of snapshot.entries) {
    if (isChanged(key, entry)) found.add(entry);
  }
  if (found.size === 0) return [];
  const dependents = new Map<Entry, Entry[]>();
  for (const entry of snapshot.entries.values()) {
    for (const { entry: needed } of entry.prerequisites) {
      if (needed === undefined) continue;
      const list = dependents.get(needed);
      if (list === undefined) dependents.set(needed, [entry]);
      else list.push(entry);
    }
  }
  for (const entry of found) {
    for (const dependent of dependents.get(entry) ?? []) found.add(dependent); // a Set grows while it is walked
  }
  return [...found].map(({ key }) => key);
}

/** The ring of prerequisites that a flag is on, from itself to itself; `undefined` when it is on none. */
function findRing(snapshot: Snapshot, flag: string): string[] | undefined {
  const start = snapshot.entries.get(flag)!;
  if (!start.cyclic) return undefined;
  const cameFrom = new Map<Entry, Entry>();
  const queue = [start];
  for (const entry of queue) {
    for (const { entry: needed } of entry.prerequisites) {
      if (needed === undefined || cameFrom.has(needed)) continue;
      cameFrom.set(needed, entry);
      if (needed === start) {
        const ring = [start.key];
        for (let at = entry; at !== start; at = cameFrom.get(at)!) ring.unshift(at.key);
        return [start.key, ...ring];
      }
      queue.push(needed);
    }
  }
  return undefined;
}
