import type { Principal } from "../auth/auth.ts";
import { invalid, Problem } from "../http/problem.ts";
import { shown } from "./definition.ts";

const SWITCHES = ["explain", "dry_run"] as const;
const MAXIMUM_ATTRIBUTES = 100;

/** An evaluation context can't be used. */
export class ContextError extends Error {
  readonly field: string;
  readonly problem: string;

  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`);
    this.field = field;
    this.problem = problem;
  }
}

/**
 * Checks an evaluation context that came from outside.
 *
 * @param json absent: an empty context
 * @param tenant the only tenant that the caller may ask for; it is filled in
 * @throws ContextError when it isn't one; Problem 403 when it names another tenant
 */
export function checkContext(json: unknown, tenant: string | undefined): Record<string, unknown> {
  if (json === undefined) return tenant === undefined ? {} : { tenant };
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new ContextError("context", `expected a JSON object, got ${shown(json)}.`);
  }
  const context = json as Record<string, unknown>;
  if (Object.keys(context).length > MAXIMUM_ATTRIBUTES)
    throw new ContextError("context", `has more than ${MAXIMUM_ATTRIBUTES} attributes.`);
  for (const name of ["targetingKey", "tenant"]) {
    if (context[name] !== undefined && typeof context[name] !== "string") {
      throw new ContextError(`context.${name}`, `expected a text, got ${shown(context[name])}.`);
    }
  }
  if (tenant === undefined) return context;
  if (context.tenant !== undefined && context.tenant !== tenant)
    throw new Problem(403, "Forbidden", "The token is for another tenant.");
  return { ...context, tenant };
}

/**
 * Reads the context of a query: `?tenant=a&targetingKey=g`, with `?context={json}` for attributes that aren't texts.
 *
 * @throws Problem 400, or 403 for another tenant
 */
export function contextOfQuery(
  query: Readonly<Record<string, unknown>>,
  principal: Principal,
): { context: Record<string, unknown>; explain: boolean; dryRun: boolean } {
  const errors: { field: string; message: string }[] = [];
  const attributes: Record<string, unknown> = {};
  const switches: Record<string, boolean> = {};
  for (const [name, value] of Object.entries(query)) {
    if ((SWITCHES as readonly string[]).includes(name)) {
      if (!["", "true", "1", "false", "0"].includes(String(value)))
        errors.push({ field: name, message: `expected true or false, got ${shown(value)}.` });
      switches[name] = !["false", "0"].includes(String(value));
    } else if (typeof value !== "string")
      errors.push({ field: name, message: "is given more than once. Send lists in ?context={json}." });
    else if (name !== "context") attributes[name] = value;
  }
  let given: unknown;
  if (typeof query.context === "string") {
    try {
      given = JSON.parse(query.context);
    } catch {
      errors.push({ field: "context", message: `expected JSON, got ${shown(query.context)}.` });
    }
  }
  try {
    const typed = checkContext(given, undefined);
    const context = checkContext({ ...typed, ...attributes }, principal.tenant);
    if (errors.length === 0) return { context, explain: switches.explain === true, dryRun: switches.dry_run === true };
  } catch (error) {
    if (!(error instanceof ContextError)) throw error;
    errors.push({ field: error.field, message: error.problem });
  }
  throw invalid(errors, "The query");
}
