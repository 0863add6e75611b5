import type { DeclaredFlag, FlagValue } from "./registry.ts";

type Variants = Readonly<Record<string, FlagValue>>;

/** Weights are thousandths of a percent. */
const WHOLE = 100_000;
const MAXIMUM_RULES = 100;
const MAXIMUM_TENANTS = 1_000;

/**
 * Compiles the shortcuts to flagd targeting. The first rule that takes the guest decides; a guest that no rule takes
 * gets the default variant.
 *
 * - `{"tenants": ["hotel-a"], "variant": "on"}`: everyone of these hotels
 * - `{"tenants": ["hotel-a"], "percentage": 5}`: 5 % of their guests get `variant`; the rest go on to the next rule
 * - `{"split": {"on": 50, "off": 50}}`: every guest gets one of these; the parts add up to 100
 *
 * A guest's place depends on the salt and the targeting key only, so a higher percentage keeps those who were in. The
 * salt is the flag's name, so two flags at 5 % don't take the same guests; give two flags one `salt` when they should.
 * A context without targeting key is in no percentage.
 */
export function compileRules(
  key: string,
  json: unknown,
  saltGiven: unknown,
  flag: DeclaredFlag,
  variants: Variants,
  say: (field: string, message: string) => void,
): Readonly<Record<string, unknown>> | undefined {
  let salt = key;
  if (typeof saltGiven === "string" && /^[\x21-\x7e]{1,128}$/.test(saltGiven)) salt = saltGiven;
  else if (saltGiven !== undefined) say("salt", "expected 1 to 128 visible ASCII characters.");
  if (!Array.isArray(json) || json.length === 0 || json.length > MAXIMUM_RULES) {
    say("rules", `expected a list of 1 to ${MAXIMUM_RULES} rules.`);
    return undefined;
  }
  const usual = Object.keys(variants).find((name) => flag.type === "boolean" && variants[name] === true);
  const branches: unknown[] = [];
  for (const [index, rule] of json.entries()) {
    const compiled = compileRule(`rules[${index}]`, rule, salt, usual, variants, say);
    if (compiled !== undefined) branches.push(...compiled);
  }
  return { if: [...branches, null] };
}

function compileRule(
  field: string,
  rule: unknown,
  salt: string,
  usual: string | undefined,
  variants: Variants,
  say: (field: string, message: string) => void,
): [unknown, unknown] | undefined {
  if (typeof rule !== "object" || rule === null || Array.isArray(rule)) {
    say(field, "expected an object with any of tenants, percentage, variant, split.");
    return undefined;
  }
  const { tenants, percentage, variant, split, ...rest } = rule as Record<string, unknown>;
  for (const name of Object.keys(rest))
    say(`${field}.${name}`, "isn't a field of a rule. There are: tenants, percentage, variant, split.");
  const conditions: unknown[] = [];
  if (tenants !== undefined) {
    if (
      Array.isArray(tenants) &&
      tenants.length > 0 &&
      tenants.length <= MAXIMUM_TENANTS &&
      tenants.every((tenant) => typeof tenant === "string" && tenant.length > 0 && tenant.length <= 64)
    )
      conditions.push({ in: [{ var: "tenant" }, tenants] });
    else say(`${field}.tenants`, `expected a list of 1 to ${MAXIMUM_TENANTS} tenant ids.`);
  }

  if (split !== undefined) {
    if (percentage !== undefined) say(`${field}.percentage`, "can't stand beside `split`. Write the share into `split`.");
    if (variant !== undefined) say(`${field}.variant`, "can't stand beside `split`.");
    const buckets = readSplit(`${field}.split`, split, variants, say);
    return [all([...conditions, hasKey()]), { fractional: [bucketKey(salt), ...buckets] }];
  }

  const served = variant ?? usual;
  if (served === undefined) say(`${field}.variant`, `is missing. Name one of ${Object.keys(variants).join(", ")}.`);
  else if (typeof served !== "string" || !Object.hasOwn(variants, served))
    say(`${field}.variant`, `expected one of ${Object.keys(variants).join(", ")}; got ${JSON.stringify(served)}.`);
  if (percentage !== undefined) {
    const weight = toWeight(percentage);
    if (weight === undefined)
      say(`${field}.percentage`, `expected a number from 0 to 100 with at most 3 decimals; got ${JSON.stringify(percentage)}.`);
    else {
      conditions.push(hasKey());
      conditions.push({ fractional: [bucketKey(salt), [true, weight], [false, WHOLE - weight]] });
    }
  }
  if (conditions.length === 0 && percentage === undefined && tenants === undefined && variant === undefined)
    say(field, "is empty. Give it tenants, percentage, variant or split.");
  return [all(conditions), served];
}

function readSplit(
  field: string,
  split: unknown,
  variants: Variants,
  say: (field: string, message: string) => void,
): [string, number][] {
  if (typeof split !== "object" || split === null || Array.isArray(split) || Object.keys(split).length === 0) {
    say(field, "expected an object of variant → percent.");
    return [];
  }
  const buckets: [string, number][] = [];
  let sum = 0;
  let readable = true;
  for (const [variant, percent] of Object.entries(split)) {
    const weight = toWeight(percent);
    if (!Object.hasOwn(variants, variant))
      say(`${field}.${variant}`, `isn't a variant. There are: ${Object.keys(variants).join(", ")}.`);
    if (weight === undefined) {
      readable = false;
      say(`${field}.${variant}`, `expected a number from 0 to 100 with at most 3 decimals; got ${JSON.stringify(percent)}.`);
    } else {
      sum += weight;
      buckets.push([variant, weight]);
    }
  }
  if (readable && sum !== WHOLE) say(field, `adds up to ${sum / 1000} %, not to 100 %.`);
  return buckets;
}

/** @returns thousandths of a percent; `undefined` when it isn't a number from 0 to 100 with at most three decimals */
function toWeight(percent: unknown): number | undefined {
  if (typeof percent !== "number" || !(percent >= 0 && percent <= 100)) return undefined;
  const weight = Math.round(percent * 1000);
  return Math.abs(weight - percent * 1000) < 1e-6 ? weight : undefined;
}

function bucketKey(salt: string): unknown {
  return { cat: [`${salt}:`, { var: "targetingKey" }] };
}

function hasKey(): unknown {
  return { "!!": [{ var: "targetingKey" }] };
}

function all(conditions: unknown[]): unknown {
  if (conditions.length === 0) return true;
  return conditions.length === 1 ? conditions[0] : { and: conditions };
}
