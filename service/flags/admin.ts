import { type RequestHandler, type Response, Router } from "express";
import { type Principal, principalOf, type Role, requireAllTenants } from "../auth/auth.ts";
import { readJsonBody } from "../http/json-body.ts";
import { invalid, Problem } from "../http/problem.ts";
import { contextOfQuery } from "./context.ts";
import { isObject, MAXIMUM_BYTES, shown } from "./definition.ts";
import { explain } from "./explain.ts";
import { type Evaluation, FlagChangeError, type Flags } from "./flags.ts";
import type { FlagValue, Registry } from "./registry.ts";
import type { Entry } from "./snapshot.ts";

export interface FlagRoutesOptions {
  flags: Flags<Registry>;
  auth: (role: Role) => RequestHandler;
}

const ROOT = "/admin/feature-flags";
const BODY_FIELDS = new Set(["value", "definition", "note"]);

/**
 * `GET /admin/feature-flags` (and `/:flag`), `PUT` and `DELETE /:flag`, `GET /:flag/history`.
 *
 * Query parameters of reads are the evaluation context (`?tenant=…&targetingKey=…`, or `?context={json}` for attributes
 * that aren't texts); `explain` adds which rule decided; `dry_run` on PUT and DELETE shows what would change.
 * Viewers read, operators write. A token of one tenant reads values for that tenant, and neither rules nor history,
 * which may name other tenants; it can't write, since flags are shared by all tenants.
 */
export function flagRoutes({ flags, auth }: FlagRoutesOptions): Router {
  const router = Router();
  const body = readJsonBody(`${2 * MAXIMUM_BYTES}b`);

  router.get(ROOT, auth("viewer"), (request, response) => {
    const principal = principalOf(response);
    const { context, explain: wanted } = contextOfQuery(request.query, principal);
    response.json(Object.keys(flags.registry).map((flag) => describe(flags, flag, context, wanted, principal)));
  });

  router.get(`${ROOT}/:flag`, auth("viewer"), (request, response) => {
    const principal = principalOf(response);
    const { context, explain: wanted } = contextOfQuery(request.query, principal);
    response.json(answering(() => describe(flags, String(request.params.flag), context, wanted, principal)));
  });

  router.put(`${ROOT}/:flag`, auth("operator"), body, async (request, response) => {
    const principal = sharedBy(response);
    const { context, dryRun } = contextOfQuery(request.query, principal);
    const flag = String(request.params.flag);
    answering(() => flags.entry(flag));
    const { text, note } = readBody(request.body);
    if (dryRun) response.json(answering(() => compare(flags, flag, text, context)));
    else {
      const { version, pending } = await answeringLater(() => flags.change({ flag, text, by: principal.subject, note }));
      response.json({ ...describe(flags, flag, context, false, principal), version, ...pendingNote(pending) });
    }
  });

  router.delete(`${ROOT}/:flag`, auth("operator"), async (request, response) => {
    const principal = sharedBy(response);
    const { context, dryRun } = contextOfQuery(request.query, principal);
    const flag = String(request.params.flag);
    if (dryRun) response.json(answering(() => compare(flags, flag, undefined, context)));
    else {
      const { version, pending } = await answeringLater(() => flags.change({ flag, text: undefined, by: principal.subject }));
      response.json({ ...describe(flags, flag, context, false, principal), version, ...pendingNote(pending) });
    }
  });

  router.get(`${ROOT}/:flag/history`, auth("viewer"), async (request, response) => {
    sharedBy(response);
    const limit = readNumber("limit", request.query.limit, 50, 500);
    const before =
      request.query.before === undefined ? undefined : readNumber("before", request.query.before, 0, Number.MAX_SAFE_INTEGER);
    response.json(await answeringLater(async () => flags.history(String(request.params.flag), limit, before)));
  });

  return router;
}

function describe(
  flags: Flags<Registry>,
  flag: string,
  context: Record<string, unknown>,
  explained: boolean,
  principal: Principal,
) {
  const entry = flags.entry(flag);
  const { declared } = entry;
  const evaluation = flags.look(flag, context);
  const { text, mistakes } = flags.override(flag);
  const rules =
    principal.tenant === undefined
      ? {
          override: text ?? null,
          prerequisites: entry.compiled.definition.prerequisites,
          ...(mistakes.length > 0 ? { mistakes } : {}),
          ...(explained ? { explanation: explain(entry, context) } : {}),
        }
      : {};
  return {
    flag,
    ...shownEvaluation(evaluation),
    source: entry.source === "override" ? "redis" : "default",
    ...(entry.source === "override" ? {} : { default_from: entry.source }),
    type: declared.type,
    default: declared.defaultVariant === undefined ? null : declared.variants[declared.defaultVariant],
    owner: declared.owner,
    description: declared.description,
    ...rules,
  };
}

function shownEvaluation({ value, variant, reason, errorCode, errorMessage }: Evaluation<FlagValue | undefined>) {
  return {
    value: value ?? null,
    variant: variant ?? null,
    reason,
    ...(errorCode === undefined ? {} : { error_code: errorCode }),
    ...(errorMessage === undefined ? {} : { detail: errorMessage }),
  };
}

/** What a change would do for one context. */
function compare(flags: Flags<Registry>, flag: string, text: string | undefined, context: Record<string, unknown>) {
  const standing: Entry = flags.entry(flag);
  const { evaluation, entry } = flags.rehearse(flag, text, context);
  return {
    flag,
    dry_run: true,
    current: { ...shownEvaluation(flags.look(flag, context)), explanation: explain(standing, context) },
    proposed: { ...shownEvaluation(evaluation), explanation: explain(entry, context), definition: entry.compiled.definition },
  };
}

function readBody(json: unknown): { text: string; note: string | undefined } {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw invalid([{ field: "body", message: `expected a JSON object {"value": …} or {"definition": …}, got ${shown(json)}.` }]);
  }
  const errors = Object.keys(json)
    .filter((field) => !BODY_FIELDS.has(field))
    .map((field) => ({ field, message: "isn't a field here. There are: value, definition, note." }));
  const { value, definition, note } = json as Record<string, unknown>;
  const given = value === undefined ? definition : value;
  if ((value === undefined) === (definition === undefined))
    errors.push({ field: "value", message: "send either value or definition." });
  else if (value !== undefined && !isObject(value) && !isSwitch(value)) {
    errors.push({
      field: "value",
      message: `expected true, false, one of 1 true yes on 0 false no off, or a definition; got ${shown(value)}.`,
    });
  } else if (definition !== undefined && !isObject(definition)) {
    errors.push({ field: "definition", message: `expected a flagd flag definition, got ${shown(definition)}.` });
  }
  if (note !== undefined && (typeof note !== "string" || note.length > 500)) {
    errors.push({ field: "note", message: "expected a text of at most 500 characters." });
  }
  if (errors.length > 0) throw invalid(errors);
  return { text: isObject(given) ? JSON.stringify(given) : String(given), note: note as string | undefined };
}

function isSwitch(value: unknown): boolean {
  return (
    typeof value === "boolean" ||
    value === 0 ||
    value === 1 ||
    (typeof value === "string" && /^\s*(1|true|yes|on|0|false|no|off)\s*$/i.test(value))
  );
}

function readNumber(field: string, given: unknown, fallback: number, maximum: number): number {
  if (given === undefined) return fallback;
  const number = typeof given === "string" && /^\d{1,15}$/.test(given) ? Number(given) : 0;
  if (number < 1 || number > maximum)
    throw invalid([{ field, message: `expected a whole number from 1 to ${maximum}, got ${shown(given)}.` }]);
  return number;
}

function sharedBy(response: Response): Principal {
  const principal = principalOf(response);
  requireAllTenants(principal, "change flags or read their history: all tenants share them");
  return principal;
}

function pendingNote(pending: boolean) {
  return pending
    ? { warning: "Stored in Postgres, and every process was told. Redis doesn't have it yet; it gets it as soon as it answers." }
    : {};
}

function answering<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw toProblem(error);
  }
}

async function answeringLater<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw toProblem(error);
  }
}

function toProblem(error: unknown): unknown {
  if (!(error instanceof FlagChangeError)) return error;
  if (error.kind === "unknown") return new Problem(404, "Not Found", error.message);
  if (error.kind === "cycle")
    return new Problem(409, "Conflict", error.message, [{ field: "prerequisites", message: error.message }]);
  return new Problem(400, "Bad Request", error.message, error.mistakes);
}
