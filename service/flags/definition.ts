import { checkTargeting, inlineReferences } from "./jsonlogic.ts";
import type { DeclaredFlag, Evaluators, FlagType, FlagValue, Prerequisite } from "./registry.ts";
import { compileRules } from "./rules.ts";

/** Longest override, in UTF-8 bytes. */
export const MAXIMUM_BYTES = 65_536;
const MAXIMUM_DEPTH = 100;

const ON = new Set(["1", "true", "yes", "on"]);
const OFF = new Set(["0", "false", "no", "off"]);
const FIELDS = new Set([
  "state",
  "variants",
  "defaultVariant",
  "targeting",
  "rules",
  "salt",
  "prerequisites",
  "description",
  "owner",
  "metadata",
  "$schema",
  "$evaluators",
]);

/** One mistake in a definition: where, and what to do. */
export interface Mistake {
  field: string;
  message: string;
}

/** A flag definition that can be evaluated: everything that was left out has been filled in. */
export interface Definition {
  state: "ENABLED" | "DISABLED";
  variants: Readonly<Record<string, FlagValue>>;
  /** Absent: flagd's "no default variant"; the code's default holds. */
  defaultVariant: string | undefined;
  targeting: Readonly<Record<string, unknown>> | undefined;
  prerequisites: readonly Prerequisite[];
  metadata: Readonly<Record<string, string | number | boolean>>;
}

/** What an override says. */
export type Override = { kind: "killed" } | { kind: "forced" } | { kind: "definition"; definition: Definition };
export type Parsed = { ok: true; override: Override } | { ok: false; mistakes: Mistake[] };

/**
 * Reads an override as it stands in the Redis hash: a switch (`1 true yes on` / `0 false no off`, any case) or a flag
 * definition as JSON.
 *
 * @param flag the declared flag, for its type and for what the definition leaves out
 */
export function parseOverride(key: string, text: string, flag: DeclaredFlag, evaluators: Evaluators = {}): Parsed {
  const word = text.length <= 16 ? text.trim().toLowerCase() : "";
  if (OFF.has(word)) return { ok: true, override: { kind: "killed" } };
  if (ON.has(word)) {
    if (flag.type === "boolean") return { ok: true, override: { kind: "forced" } };
    return wrong("value", `"${text}" switches boolean flags on; this flag is a ${flag.type}. Send a definition, or "off".`);
  }
  if (Buffer.byteLength(text) > MAXIMUM_BYTES) {
    return wrong(
      "definition",
      `has ${Buffer.byteLength(text)} bytes; at most ${MAXIMUM_BYTES} are read. Move long lists into an attribute of the context.`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return wrong("value", `expected 1, true, yes, on, 0, false, no, off, or a definition as JSON; got ${shown(text)}.`);
  }
  return parseDefinition(key, json, flag, evaluators);
}

/** Checks a flagd flag definition against the declared flag and fills in what it leaves out. Collects every mistake. */
export function parseDefinition(key: string, json: unknown, flag: DeclaredFlag, evaluators: Evaluators = {}): Parsed {
  if (isDeeper(json, MAXIMUM_DEPTH)) return wrong("definition", `is nested deeper than ${MAXIMUM_DEPTH} levels.`);
  if (!isObject(json)) return wrong("definition", `expected a JSON object, got ${shown(json)}.`);
  const mistakes: Mistake[] = [];
  const say = (field: string, message: string) => mistakes.push({ field, message });
  for (const field of Object.keys(json)) {
    if (!FIELDS.has(field)) say(field, `isn't a field of a definition. There are: ${[...FIELDS].join(", ")}.`);
  }

  const state = json.state ?? "ENABLED";
  if (state !== "ENABLED" && state !== "DISABLED") say("state", `expected "ENABLED" or "DISABLED", got ${shown(state)}.`);
  const variants = readVariants(json.variants, flag, say);
  const defaultVariant = json.defaultVariant === undefined ? flag.defaultVariant : (json.defaultVariant ?? undefined);
  if (defaultVariant !== undefined && (typeof defaultVariant !== "string" || !Object.hasOwn(variants, defaultVariant))) {
    say("defaultVariant", `expected one of ${names(variants)} or null, got ${shown(defaultVariant)}.`);
  }
  const own = readEvaluators(json.$evaluators, say);
  const targeting = readTargeting(key, json, flag, variants, { ...evaluators, ...own }, say);
  const prerequisites = readPrerequisites(key, json.prerequisites, flag, say);
  const metadata = readMetadata(json.metadata, say);
  if (mistakes.length > 0) return { ok: false, mistakes };
  return {
    ok: true,
    override: {
      kind: "definition",
      definition: {
        state: state as Definition["state"],
        variants,
        defaultVariant: defaultVariant as string | undefined,
        targeting,
        prerequisites,
        metadata,
      },
    },
  };
}

/** The declared flag itself as a definition. What is wrong in it is reported when it is evaluated, as flagd does. */
export function declaredDefinition(flag: DeclaredFlag, evaluators: Evaluators = {}): Definition {
  const { variants, defaultVariant, prerequisites, targeting } = flag;
  return {
    state: flag.state ?? "ENABLED",
    variants,
    defaultVariant,
    targeting: targeting === undefined ? undefined : (inlineReferences(targeting, evaluators) as Definition["targeting"]),
    prerequisites,
    metadata: {},
  };
}

/** Whether a value has a flag's type; NaN and infinities have none. */
export function isOfType(value: unknown, type: FlagType): value is FlagValue {
  if (type === "object") return isObject(value);
  return typeof value === type && (type !== "number" || Number.isFinite(value));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value for a message: JSON, cut to 60 characters. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function isDeeper(json: unknown, levels: number): boolean {
  if (typeof json !== "object" || json === null) return false;
  if (levels === 0) return true;
  return (Array.isArray(json) ? json : Object.values(json)).some((value) => isDeeper(value, levels - 1));
}

type Say = (field: string, message: string) => void;

function readVariants(json: unknown, flag: DeclaredFlag, say: Say): Definition["variants"] {
  if (json === undefined) return flag.variants;
  if (!isObject(json) || Object.keys(json).length === 0) {
    say("variants", `expected an object of variant → ${flag.type} with at least one entry, got ${shown(json)}.`);
    return flag.variants;
  }
  for (const [name, value] of Object.entries(json)) {
    if (!isOfType(value, flag.type))
      say(`variants.${name}`, `expected a ${flag.type}, as this flag is declared; got ${shown(value)}.`);
  }
  return json as Definition["variants"];
}

function readEvaluators(json: unknown, say: Say): Evaluators {
  if (json === undefined) return {};
  if (isObject(json) && Object.values(json).every(isObject)) return json as Evaluators;
  say("$evaluators", `expected an object of name → rule, got ${shown(json)}.`);
  return {};
}

function readTargeting(
  key: string,
  json: Record<string, unknown>,
  flag: DeclaredFlag,
  variants: Definition["variants"],
  evaluators: Evaluators,
  say: Say,
): Definition["targeting"] {
  if (json.salt !== undefined && json.rules === undefined)
    say("salt", "is for `rules`; write the salt into `fractional` yourself.");
  if (json.rules !== undefined) {
    if (json.targeting !== undefined) say("rules", "can't stand beside `targeting`. Leave one of them out.");
    return compileRules(key, json.rules, json.salt, flag, variants, say);
  }
  if (json.targeting === undefined || json.targeting === null) return undefined;
  if (!isObject(json.targeting)) {
    say("targeting", `expected a JsonLogic object, got ${shown(json.targeting)}.`);
    return undefined;
  }
  if (Object.keys(json.targeting).length === 0) return undefined;
  return checkTargeting(json.targeting, new Set(Object.keys(variants)), evaluators, say);
}

function readPrerequisites(key: string, json: unknown, flag: DeclaredFlag, say: Say): readonly Prerequisite[] {
  if (json === undefined) return flag.prerequisites;
  if (!Array.isArray(json) || json.length > 100) {
    say("prerequisites", `expected a list of at most 100 {"flag", "value"}, got ${shown(json)}.`);
    return [];
  }
  const read: Prerequisite[] = [];
  for (const [index, entry] of json.entries()) {
    const field = `prerequisites[${index}]`;
    if (!isObject(entry) || typeof entry.flag !== "string" || entry.value === undefined || entry.value === null) {
      say(field, `expected {"flag": name, "value": what it must be}, got ${shown(entry)}.`);
    } else if (entry.flag === key) {
      say(field, "names the flag itself.");
    } else read.push({ flag: entry.flag, value: entry.value as FlagValue });
  }
  return read;
}

function readMetadata(json: unknown, say: Say): Definition["metadata"] {
  if (json === undefined) return {};
  if (isObject(json) && Object.values(json).every((value) => ["string", "number", "boolean"].includes(typeof value))) {
    return json as Definition["metadata"];
  }
  say("metadata", `expected an object of texts, numbers and booleans, got ${shown(json)}.`);
  return {};
}

function names(variants: Definition["variants"]): string {
  return Object.keys(variants)
    .map((name) => `"${name}"`)
    .join(", ");
}

function wrong(field: string, message: string): Parsed {
  return { ok: false, mistakes: [{ field, message }] };
}
