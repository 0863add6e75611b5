import { FeatureFlag } from "@openfeature/flagd-core";
import { LogicEngine } from "json-logic-engine";
import type { Definition } from "./definition.ts";
import type { FlagValue } from "./registry.ts";

/** Attributes of whom a flag is asked for: `targetingKey` (the guest), `tenant`, `channel`, `language`, any other. */
export type Context = Readonly<Record<string, unknown>>;

/** What a definition alone says for a context. `value` is absent when the caller's default holds. */
export interface Outcome {
  value: FlagValue | undefined;
  variant: string | undefined;
  reason: string;
  errorCode: string | undefined;
  errorMessage: string | undefined;
  /** There is no value: the caller's default holds. */
  usesDefault: boolean;
}

const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const NOT_ASCII = /[^\0-\x7f]/;
/** flagd's own operators, which the engine that computes keys doesn't know. */
const CUSTOM = /"(fractional|sem_ver|starts_with|ends_with)":/;
/** Where the keys to bucket by stand, already as UTF-8, when the context isn't ASCII. */
const KEYS = "$gatehouse";

interface Prepared {
  flag: FeatureFlag;
  /** Attributes that keys to bucket by are made of. */
  names: string[];
  /** A key holds letters of its own that aren't ASCII. */
  always: boolean;
}

interface UnicodeFlag {
  flag: FeatureFlag;
  /** Computes the keys to bucket by, in the order in which the flag looks them up. */
  keys: ((data: unknown) => unknown)[];
}

/**
 * A definition made ready by flagd-core on its first use: reading 10,000 definitions costs what parsing them costs.
 *
 * flagd-core hashes UTF-16 units where flagd hashes UTF-8 bytes, so when a key to bucket by isn't ASCII, the keys are
 * computed first and handed to it as one character a byte. Then every language's murmur3 agrees.
 */
export class CompiledFlag {
  readonly key: string;
  readonly definition: Definition;
  #prepared: Prepared | undefined;
  #unicode: UnicodeFlag | undefined;

  constructor(key: string, definition: Definition) {
    this.key = key;
    this.definition = definition;
  }

  /** Whether every context gets the same. */
  get fixed(): boolean {
    return this.definition.targeting === undefined || this.definition.state === "DISABLED";
  }

  /** Never throws: what goes wrong is an outcome with an error code, as OpenFeature defines them. */
  evaluate(context: Context): Outcome {
    const { state, targeting, variants, defaultVariant } = this.definition;
    if (state === "DISABLED") return outcome(undefined, undefined, "DISABLED");
    if (targeting === undefined) {
      return defaultVariant === undefined
        ? outcome(undefined, undefined, "DEFAULT")
        : outcome(variants[defaultVariant], defaultVariant, "STATIC");
    }
    try {
      this.#prepared ??= prepare(this.key, this.definition);
      const { flag } = this.#prepared;
      const resolution = isPlain(this.#prepared, context)
        ? flag.evaluate(context as never, SILENT)
        : this.#evaluateUnicode(context);
      return {
        value: resolution.value as FlagValue | undefined,
        variant: resolution.variant,
        reason: resolution.reason,
        errorCode: resolution.errorCode,
        errorMessage: resolution.errorMessage,
        usesDefault: resolution.value === undefined,
      };
    } catch (error) {
      return { ...outcome(undefined, undefined, "ERROR"), errorCode: "GENERAL", errorMessage: (error as Error).message };
    }
  }

  #evaluateUnicode(context: Context) {
    this.#unicode ??= buildUnicode(this.key, this.definition);
    const { flag, keys } = this.#unicode;
    const data = { ...context, $flagd: { flagKey: this.key } };
    const hashable = keys.map((key) => {
      const text: unknown = key(data);
      return typeof text === "string" ? Buffer.from(text, "utf8").toString("latin1") : text;
    });
    return flag.evaluate({ ...context, [KEYS]: hashable } as never, SILENT);
  }
}

function prepare(key: string, definition: Definition): Prepared {
  const text = JSON.stringify(hoistKeys(definition.targeting).expressions);
  const names = new Set<string>();
  for (const [, path] of text.matchAll(/"var":\[?"([^".]+)/g)) names.add(path!);
  names.delete("$flagd");
  return {
    flag: build(key, definition, definition.targeting),
    names: [...names],
    always: text !== "[]" && NOT_ASCII.test(key + text),
  };
}

function isPlain({ names, always }: Prepared, context: Context): boolean {
  if (always) return false;
  for (const name of names) {
    if (!isAscii(context[name])) return false;
  }
  return true;
}

function buildUnicode(key: string, definition: Definition): UnicodeFlag {
  const { targeting, expressions } = hoistKeys(definition.targeting);
  const engine = new LogicEngine();
  return {
    flag: build(key, definition, targeting as Definition["targeting"]),
    keys: expressions.map((expression) => engine.build(expression) as (data: unknown) => unknown),
  };
}

function build(key: string, definition: Definition, targeting: Definition["targeting"]): FeatureFlag {
  const { state, variants, defaultVariant, metadata } = definition;
  return new FeatureFlag(key, { state, variants, defaultVariant, targeting, metadata } as never, SILENT);
}

/** Replaces the key of each `fractional` by a look-up of what is computed beforehand. */
function hoistKeys(targeting: unknown): { targeting: unknown; expressions: unknown[] } {
  const expressions: unknown[] = [];
  const walk = (node: unknown, scoped: boolean): unknown => {
    if (typeof node !== "object" || node === null) return node;
    if (Array.isArray(node)) return node.map((item) => walk(item, scoped));
    return Object.fromEntries(
      Object.entries(node).map(([operator, operands]) => {
        // Inside these, `var` reads the element, so the key isn't known before.
        const inner = scoped || ["map", "filter", "reduce", "all", "none", "some"].includes(operator);
        if (operator !== "fractional" || scoped || !Array.isArray(operands)) return [operator, walk(operands, inner)];
        const shorthand = Array.isArray(operands[0]);
        if (!shorthand && CUSTOM.test(JSON.stringify(operands[0]))) return [operator, walk(operands, inner)];
        const key = shorthand
          ? { if: [{ var: "targetingKey" }, { cat: [{ var: "$flagd.flagKey" }, { var: "targetingKey" }] }, null] }
          : operands[0];
        expressions.push(key);
        const buckets = shorthand ? operands : operands.slice(1);
        return [operator, [{ var: `${KEYS}.${expressions.length - 1}` }, ...buckets.map((bucket) => walk(bucket, scoped))]];
      }),
    );
  };
  return { targeting: walk(targeting, false), expressions };
}

function isAscii(value: unknown, depth = 0): boolean {
  if (typeof value === "string") return !NOT_ASCII.test(value);
  if (typeof value !== "object" || value === null || depth > 8) return true;
  for (const name in value) {
    if (!isAscii((value as Record<string, unknown>)[name], depth + 1)) return false;
  }
  return true;
}

function outcome(value: FlagValue | undefined, variant: string | undefined, reason: string): Outcome {
  return { value, variant, reason, errorCode: undefined, errorMessage: undefined, usesDefault: value === undefined };
}

function nothing(): void {
  // flagd-core explains targeting at debug level; what decided is told by the admin route instead.
}
