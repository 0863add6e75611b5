import { declaredDefinition, isObject, isOfType, type Override, parseDefinition, parseOverride, shown } from "./definition.ts";
import type { DeclaredFlag, Evaluators, Registry } from "./registry.ts";
import type { Layer } from "./snapshot.ts";

/** FEATURE_FLAGS can't be used; the message names every mistake. */
export class FlagSettingsError extends Error {}

/**
 * Reads the defaults of the settings: for each flag a value of its type, a switch (`"off"`), or a definition.
 *
 * @param settings the JSON object of FEATURE_FLAGS
 * @throws FlagSettingsError with every mistake, one a line
 */
export function readSettings(
  settings: Readonly<Record<string, unknown>>,
  registry: Registry,
  evaluators: Evaluators = {},
): Layer {
  const layer = new Map<string, Override>();
  const problems: string[] = [];
  for (const [key, value] of Object.entries(settings)) {
    const flag = Object.hasOwn(registry, key) ? registry[key]! : undefined;
    if (flag === undefined) {
      problems.push(`FEATURE_FLAGS.${key}: there is no such flag. There are: ${Object.keys(registry).join(", ")}.`);
      continue;
    }
    const read = readSetting(key, value, flag, evaluators);
    if (Array.isArray(read)) problems.push(...read.map((line) => `FEATURE_FLAGS.${key}${line}`));
    else layer.set(key, read);
  }
  if (problems.length > 0) throw new FlagSettingsError(problems.join("\n"));
  return layer;
}

function readSetting(key: string, value: unknown, flag: DeclaredFlag, evaluators: Evaluators): Override | string[] {
  const looksLikeDefinition =
    isObject(value) &&
    ["variants", "defaultVariant", "targeting", "rules", "state", "prerequisites"].some((name) => name in value);
  if (looksLikeDefinition) {
    const parsed = parseDefinition(key, value, flag, evaluators);
    return parsed.ok ? parsed.override : parsed.mistakes.map(({ field, message }) => `.${field}: ${message}`);
  }
  const variant = Object.keys(flag.variants).find((name) => JSON.stringify(flag.variants[name]) === JSON.stringify(value));
  if (isOfType(value, flag.type) && variant !== undefined) {
    return {
      kind: "definition",
      definition: { ...declaredDefinition(flag, evaluators), targeting: undefined, defaultVariant: variant },
    };
  }
  if (typeof value === "string" || (flag.type === "boolean" && (value === 0 || value === 1))) {
    const parsed = parseOverride(key, String(value), flag, evaluators);
    if (parsed.ok) return parsed.override;
  }
  const allowed = Object.values(flag.variants).map((one) => JSON.stringify(one));
  return [`: expected ${allowed.join(" or ")}, "off", or a definition; got ${shown(value)}.`];
}
