import type { Evaluators } from "./registry.ts";

/** JsonLogic as jsonlogic.com lists it, and what flagd adds. What the engine knows beyond these isn't portable. */
const OPERATORS = new Set([
  ...["var", "missing", "missing_some", "if", "==", "===", "!=", "!==", "!", "!!", "or", "and", ">", ">=", "<", "<="],
  ...["max", "min", "+", "-", "*", "/", "%", "map", "filter", "reduce", "all", "none", "some", "merge", "in", "cat", "substr"],
  ...["fractional", "starts_with", "ends_with", "sem_ver"],
]);
const COMPARISONS = new Set(["=", "!=", "<", "<=", ">", ">=", "^", "~"]);
const MAXIMUM_DEPTH = 64;
const MAXIMUM_NODES = 20_000;
const MAXIMUM_WEIGHTS = 2_147_483_647;

type Say = (field: string, message: string) => void;

/**
 * Puts the shared rules in where `{"$ref": name}` stands. A reference to a rule that there isn't, or to itself, stays.
 *
 * @returns `undefined` when the result would be too large or too deep
 */
export function inlineReferences(targeting: Readonly<Record<string, unknown>>, evaluators: Evaluators): unknown {
  let nodes = 0;
  const inline = (node: unknown, depth: number, within: readonly string[]): unknown => {
    nodes += 1;
    if (nodes > MAXIMUM_NODES || depth > MAXIMUM_DEPTH) throw new RangeError("too large");
    if (typeof node !== "object" || node === null) return node;
    const name: unknown = "$ref" in node ? node.$ref : undefined;
    if (typeof name === "string" && Object.hasOwn(evaluators, name) && !within.includes(name))
      return inline(evaluators[name], depth + 1, [...within, name]);
    // Most rules hold no reference, and are kept as they are.
    let copy: Record<string, unknown> | unknown[] | undefined;
    for (const key in node) {
      const value = (node as Record<string, unknown>)[key];
      const inlined = inline(value, depth + 1, within);
      if (inlined === value) continue;
      copy ??= Array.isArray(node) ? [...node] : { ...node };
      (copy as Record<string, unknown>)[key] = inlined;
    }
    return copy ?? node;
  };
  try {
    return inline(targeting, 0, []);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * Checks targeting and puts the shared rules in.
 *
 * @param variants names that a rule may give
 * @param say told each mistake with its path
 * @returns the targeting without references; `undefined` after a mistake
 * @see https://flagd.dev/reference/custom-operations/fractional-operation/ and its neighbours; https://jsonlogic.com/operations.html
 */
export function checkTargeting(
  targeting: Record<string, unknown>,
  variants: ReadonlySet<string>,
  evaluators: Evaluators,
  say: Say,
): Record<string, unknown> | undefined {
  const inlined = inlineReferences(targeting, evaluators);
  if (inlined === undefined) {
    say("targeting", `is nested deeper than ${MAXIMUM_DEPTH} levels or has more than ${MAXIMUM_NODES} terms.`);
    return undefined;
  }
  let mistakes = 0;
  const count: Say = (field, message) => {
    mistakes += 1;
    if (mistakes <= 20) say(field, message);
  };
  checkNode(inlined, "targeting", count);
  if (mistakes === 0) checkResults(inlined, "targeting", variants, count);
  return mistakes === 0 ? (inlined as Record<string, unknown>) : undefined;
}

function checkNode(node: unknown, path: string, say: Say): void {
  if (typeof node !== "object" || node === null) return;
  if (Array.isArray(node)) {
    for (const [index, item] of node.entries()) checkNode(item, `${path}[${index}]`, say);
    return;
  }
  const entries = Object.entries(node);
  if (entries.length !== 1) {
    say(path, `expected one operator, got ${entries.length === 0 ? "none" : entries.map(([name]) => name).join(", ")}.`);
    return;
  }
  const [operator, operands] = entries[0]!;
  const here = `${path}.${operator}`;
  if (operator === "$ref") say(here, `${JSON.stringify(operands)} is no shared rule, or refers to itself.`);
  else if (!OPERATORS.has(operator)) say(here, `isn't an operator. There are: ${[...OPERATORS].join(" ")}.`);
  else {
    checkNode(operands, here, say);
    if (operator === "fractional") checkFractional(operands, here, say);
    else if (operator === "sem_ver") checkSemVer(operands, here, say);
    else if ((operator === "starts_with" || operator === "ends_with") && !(Array.isArray(operands) && operands.length === 2))
      say(here, "expected two operands: the text, and how it starts or ends.");
  }
}

/** Follows what the targeting can give: literal results must be variants. */
function checkResults(node: unknown, path: string, variants: ReadonlySet<string>, say: Say): void {
  if (node === null) return;
  if (typeof node === "string" || typeof node === "number" || typeof node === "boolean") {
    if (!variants.has(String(node))) say(path, `gives "${node}", which isn't a variant. There are: ${[...variants].join(", ")}.`);
    return;
  }
  if (typeof node !== "object" || Array.isArray(node)) return;
  const operator = Object.keys(node)[0]!;
  const operands = (node as Record<string, unknown>)[operator];
  if (!Array.isArray(operands)) return;
  if (operator === "if") {
    for (let index = 1; index < operands.length; index += 2) checkResults(operands[index], `${path}.if[${index}]`, variants, say);
    if (operands.length % 2 === 1) checkResults(operands.at(-1), `${path}.if[${operands.length - 1}]`, variants, say);
  } else if (operator === "fractional") {
    for (const [index, bucket] of operands.entries()) {
      if (Array.isArray(bucket)) checkResults(bucket[0], `${path}.fractional[${index}][0]`, variants, say);
    }
  }
}

function checkFractional(operands: unknown, path: string, say: Say): void {
  if (!Array.isArray(operands) || operands.length === 0) {
    say(path, "expected a list: the key to bucket by (optional), then [variant, weight] for each bucket.");
    return;
  }
  const buckets = Array.isArray(operands[0]) ? operands : operands.slice(1);
  if (buckets.length === 0) say(path, "has no buckets: [variant, weight].");
  let total = 0;
  for (const [index, bucket] of buckets.entries()) {
    const field = `${path}[${index + operands.length - buckets.length}]`;
    if (!Array.isArray(bucket) || bucket.length === 0 || bucket.length > 2) {
      say(field, "expected [variant] or [variant, weight].");
      continue;
    }
    const weight = bucket.length === 2 ? bucket[1] : 1;
    if (typeof weight === "object" && weight !== null) continue; // an expression: known only with a context
    if (typeof weight !== "number" || !Number.isSafeInteger(weight)) {
      say(field, `expected a whole weight, got ${JSON.stringify(weight)}. For fractions of a percent use larger weights.`);
    } else total += Math.max(0, weight); // flagd counts a negative weight as 0
  }
  if (total > MAXIMUM_WEIGHTS) say(path, `has weights that add up to ${total}; at most ${MAXIMUM_WEIGHTS} are possible.`);
}

function checkSemVer(operands: unknown, path: string, say: Say): void {
  if (!Array.isArray(operands) || operands.length !== 3) say(path, "expected three operands: version, comparison, version.");
  else if (typeof operands[1] === "string" && !COMPARISONS.has(operands[1]))
    say(path, `"${operands[1]}" isn't a comparison. There are: ${[...COMPARISONS].join(" ")}.`);
}
