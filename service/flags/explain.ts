import { CompiledFlag, type Context, type Outcome } from "./compiled.ts";
import type { FlagValue } from "./registry.ts";
import { type Entry, evaluateEntry, meets } from "./snapshot.ts";

/** Why a flag gives what it gives. */
export interface Explanation {
  /** One sentence. */
  decided_by: string;
  prerequisites: { flag: string; needed: FlagValue; actual: FlagValue | null; met: boolean }[];
  /** Conditions in the order in which they were asked, up to the one that decided. */
  rules: { path: string; condition: unknown; matched: boolean }[];
}

/** Retraces an evaluation step by step, with flagd-core judging each condition. */
export function explain(entry: Entry, context: Context): Explanation {
  const prerequisites = entry.prerequisites.map(({ entry: needed, flag, value }) => {
    const outcome: Outcome | undefined = needed === undefined ? undefined : evaluateEntry(needed, context);
    const actual = outcome === undefined ? null : (outcome.value ?? needed?.fallback.value ?? null);
    return { flag, needed: value, actual, met: outcome !== undefined && needed !== undefined && meets(outcome, needed, value) };
  });
  const say = (decided_by: string, rules: Explanation["rules"] = []): Explanation => ({ decided_by, prerequisites, rules });

  if (entry.override.kind === "killed") return say("The kill switch is set: off for everyone.");
  if (entry.cyclic) return say("The prerequisites form a ring: off until it is undone.");
  const unmet = prerequisites.filter(({ met }) => !met).map(({ flag }) => flag);
  if (unmet.length > 0) return say(`A prerequisite isn't met: ${unmet.join(", ")}.`);
  if (entry.override.kind === "forced") return say("The switch is set: on for everyone.");
  const { definition } = entry.compiled;
  if (definition.state === "DISABLED") return say("The definition is DISABLED: the code's default holds.");
  if (definition.targeting === undefined) return say(`No targeting: the default variant of the ${entry.source}.`);

  const rules: Explanation["rules"] = [];
  const path = follow(entry, definition.targeting, "targeting", context, rules);
  const outcome = entry.compiled.evaluate(context);
  if (outcome.errorCode !== undefined) return say(`${outcome.errorCode}: ${outcome.errorMessage}`, rules);
  if (outcome.reason === "DEFAULT") return say("No rule took this context: the default variant.", rules);
  return say(`${path} gave "${outcome.variant}".`, rules);
}

/** @returns the path of the part of the targeting that gave the result */
function follow(entry: Entry, node: unknown, path: string, context: Context, rules: Explanation["rules"]): string {
  if (typeof node !== "object" || node === null || Array.isArray(node)) return path;
  const [operator, operands] = Object.entries(node)[0] ?? [];
  if (operator !== "if" || !Array.isArray(operands)) return operator === undefined ? path : `${path}.${operator}`;
  for (let index = 0; index + 1 < operands.length; index += 2) {
    const matched = isTrue(entry, operands[index], context);
    rules.push({ path: `${path}.if[${index}]`, condition: operands[index], matched });
    if (matched) return follow(entry, operands[index + 1], `${path}.if[${index + 1}]`, context, rules);
  }
  return operands.length % 2 === 1
    ? follow(entry, operands.at(-1), `${path}.if[${operands.length - 1}]`, context, rules)
    : `${path}.if`;
}

function isTrue(entry: Entry, condition: unknown, context: Context): boolean {
  const probe = new CompiledFlag(entry.key, {
    state: "ENABLED",
    variants: { yes: true, no: false },
    defaultVariant: "no",
    targeting: { if: [condition, "yes", "no"] },
    prerequisites: [],
    metadata: {},
  });
  return probe.evaluate(context).value === true;
}
