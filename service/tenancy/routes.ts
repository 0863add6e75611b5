import { type Request, type RequestHandler, type Response, Router } from "express";
import { z } from "zod";
import { type Principal, principalOf, type Role, requireAllTenants, requireTenant } from "../auth/auth.ts";
import { readJsonBody } from "../http/json-body.ts";
import { invalid, Problem } from "../http/problem.ts";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import { findOverlaps } from "./overlap.ts";
import { reviewPattern } from "./pattern.ts";
import type { Tenancy } from "./tenancy.ts";
import { DEFAULT_TENANT, tenantIdSchema } from "./tenant.ts";
import { patchTenant, readTenant, type TenantDocument } from "./tenant-input.ts";
import {
  type Actor,
  deleteTenant,
  insertTenant,
  listTenants,
  readAudit,
  readStoredTenant,
  type StoredTenant,
  updateTenant,
} from "./tenant-table.ts";
import { canonicalUserId } from "./user-id.ts";

export interface TenantRoutesOptions {
  tenancy: Tenancy;
  database: Database;
  auth: (role: Role) => RequestHandler;
  logger: Logger;
  /** What another room finds wrong in a tenant's settings, all at once; the rooms that own them say what is allowed. */
  problemsIn?: (settings: Record<string, unknown>) => { field: string; message: string }[];
}

const ROOT = "/admin/tenants";
const BODY_LIMIT = "128kb";

const listQuery = z.strictObject({
  search: z.string().min(1).max(200).optional(),
  after: z.string().max(64).optional(),
  limit: z
    .string()
    .regex(/^\d{1,4}$/, "expected a number from 1 to 500")
    .transform(Number)
    .pipe(z.number().min(1).max(500))
    .default(50),
  active: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .optional(),
});
const auditQuery = listQuery.pick({ limit: true });
const testBody = z.strictObject({
  user_id: z.string().min(1).max(1000),
  phone_number_id: z.string().max(64).optional(),
  email_address: z.string().max(254).optional(),
});

/**
 * `GET POST /admin/tenants`, `GET PATCH DELETE /admin/tenants/:id`, `GET /admin/tenants/:id/audit`, `POST /admin/tenants/test`.
 *
 * Viewers read, admins write. A token of one tenant sees that one only, and changes only what is the hotel's own business;
 * whatever decides which guests a hotel gets needs a token without a tenant.
 */
export function tenantRoutes({ tenancy, database, auth, logger, problemsIn = () => [] }: TenantRoutesOptions): Router {
  const router = Router();
  const body = readJsonBody(BODY_LIMIT);

  /** The write is committed; should this process fail to read it now, it does with its next poll. */
  const announce = async () => {
    try {
      await tenancy.changed();
    } catch (error) {
      logger.warn({ err: error }, "a tenant was written; this process reads it with its next poll");
    }
  };
  const show = (stored: StoredTenant) => {
    const problems = [
      ...tenancy.problemsOf(stored.id),
      ...problemsIn(stored.settings).map(({ field, message }) => `${field}: ${message}`),
    ];
    return { ...stored, ...(problems.length > 0 ? { problems } : {}) };
  };
  const sendWritten = (response: Response, status: number, stored: StoredTenant) => {
    const warnings = warningsOf(stored, tenancy);
    if (warnings.length > 0) logger.warn({ tenant_id: stored.id, warnings }, "a tenant was written with warnings");
    response
      .status(status)
      .set("ETag", `"${stored.version}"`)
      .json({ ...show(stored), warnings });
  };

  router.get(ROOT, auth("viewer"), async (request, response) => {
    const query = readQuery(listQuery, request);
    const { tenant } = principalOf(response);
    const found = await listTenants(database, { ...query, limit: query.limit + 1, tenant });
    const page = found.slice(0, query.limit);
    if (found.length > page.length) {
      const next = new URLSearchParams(request.query as Record<string, string>);
      next.set("after", page.at(-1)!.id);
      response.set("Link", `<${ROOT}?${next}>; rel="next"`);
    }
    response.json(page.map(show));
  });

  router.post(ROOT, auth("admin"), body, async (request, response) => {
    requireAllTenants(principalOf(response), "make or delete hotels");
    const tenant = readTenant(request.body);
    refuse(problemsIn(tenant.settings));
    const stored = await insertTenant(database, tenant, actorOf(response));
    await announce();
    response.set("Location", `${ROOT}/${stored.id}`);
    sendWritten(response, 201, stored);
  });

  router.post(`${ROOT}/test`, auth("viewer"), body, (request, response) => {
    const parsed = testBody.safeParse(request.body);
    if (!parsed.success) throw invalid(parsed.error);
    const { user_id: userId, phone_number_id: phoneNumberId, email_address: address } = parsed.data;
    const written = { userId, phoneNumberId, addresses: address === undefined ? [] : [address] };
    response.json(explain(tenancy, written, principalOf(response)));
  });

  router.get(`${ROOT}/:id`, auth("viewer"), async (request, response) => {
    const id = ownId(request, response);
    const stored = await readStoredTenant(database, id);
    response.set("ETag", `"${stored.version}"`).json(show(stored));
  });

  router.patch(`${ROOT}/:id`, auth("admin"), body, async (request, response) => {
    const id = ownId(request, response);
    const own = principalOf(response).tenant !== undefined;
    const change = (current: TenantDocument) => {
      const tenant = patchTenant(current, request.body, own);
      // Settings that were wrong before stand in nobody's way who changes something else.
      if (Object.hasOwn(request.body as object, "settings")) refuse(problemsIn(tenant.settings));
      return tenant;
    };
    const stored = await updateTenant(database, id, change, wantedVersion(request), actorOf(response));
    await announce();
    sendWritten(response, 200, stored);
  });

  router.delete(`${ROOT}/:id`, auth("admin"), async (request, response) => {
    const id = ownId(request, response);
    requireAllTenants(principalOf(response), "make or delete hotels");
    if (id === DEFAULT_TENANT) {
      throw new Problem(
        409,
        "Conflict",
        `The tenant "${DEFAULT_TENANT}" takes the messages that no other tenant gets; it can't be deleted.`,
      );
    }
    const { force } = request.query;
    await deleteTenant(database, id, force !== undefined && force !== "false" && force !== "0", actorOf(response));
    await announce();
    response.status(204).end();
  });

  router.get(`${ROOT}/:id/audit`, auth("viewer"), async (request, response) => {
    response.json(await readAudit(database, ownId(request, response), readQuery(auditQuery, request).limit));
  });

  return router;
}

function explain(tenancy: Tenancy, written: Parameters<Tenancy["explain"]>[0], principal: Principal) {
  const { tenant, result, candidates } = tenancy.explain(written);
  const canonical = canonicalUserId(written.userId);
  const paused = tenant.active ? "" : " It isn't active: its guests' messages are kept for reception and not answered.";
  const [first, second] = candidates;
  const tie = result === "pattern" && first !== undefined && first.priority === second?.priority;
  const reason = {
    explicit: "",
    number: `The number that was written to belongs to this tenant.${paused}`,
    address: `The address that was written to belongs to this tenant.${paused}`,
    pattern: tie
      ? `Several patterns match with priority ${first.priority}; the smallest id gets the guest.`
      : `The pattern of this tenant matches${second === undefined ? "" : " and has the highest priority"}.`,
    default:
      candidates.length > 0 ? "Dynamic tenants are switched off by the flag tenancy.dynamic.enabled." : "No pattern matches.",
  }[result];
  const visible = (id: string) => principal.tenant === undefined || principal.tenant === id;
  if (!visible(tenant.id)) {
    return { user_id: canonical, tenant_id: null, result: null, reason: "Not the token's tenant.", tie: false, candidates: [] };
  }
  return {
    user_id: canonical,
    tenant_id: tenant.id,
    result,
    reason,
    tie,
    candidates: candidates
      .filter(({ id }) => visible(id))
      .map(({ id, pattern, priority }) => ({ tenant_id: id, pattern, priority })),
  };
}

/** What is allowed and may still not be meant. */
function warningsOf({ id, pattern, priority, active }: StoredTenant, tenancy: Tenancy): { field: string; message: string }[] {
  if (pattern === null) return [];
  const warnings = reviewPattern(pattern).warnings.map((message) => ({ field: "pattern", message }));
  if (!active) return warnings;
  const overlaps = findOverlaps(
    { id, pattern, priority },
    { matching: (userId) => tenancy.explain({ userId }).candidates, patterns: () => tenancy.patterns() },
  );
  for (const { tenantId, userId } of overlaps) {
    const winner = id < tenantId ? id : tenantId;
    const example = userId === undefined ? "the same guests" : `"${userId}"`;
    warnings.push({
      field: "priority",
      message: `the pattern of "${tenantId}" matches ${example} too, with the same priority; "${winner}" gets them, since its id is smaller`,
    });
  }
  return warnings;
}

function refuse(problems: readonly { field: string; message: string }[]): void {
  if (problems.length > 0) throw invalid(problems, "The tenant");
}

function ownId(request: Request, response: Response): string {
  const id = String(request.params.id);
  requireTenant(principalOf(response), id);
  if (!tenantIdSchema.safeParse(id).success) throw new Problem(404, "Not Found", "No tenant can have this id.");
  return id;
}

function actorOf(response: Response): Actor {
  const { requestId } = response.locals;
  return { subject: principalOf(response).subject, requestId: typeof requestId === "string" ? requestId : undefined };
}

function wantedVersion(request: Request): number | undefined {
  const header = request.get("if-match");
  if (header === undefined || header === "*") return undefined;
  const version = /^(?:W\/)?"(\d{1,15})"$/.exec(header)?.[1];
  if (version === undefined)
    throw invalid(
      [{ field: "If-Match", message: `expected the ETag of a tenant such as "3"; got ${header.slice(0, 80)}` }],
      "The request",
    );
  return Number(version);
}

function readQuery<Schema extends z.ZodType>(schema: Schema, request: Request): z.output<Schema> {
  const parsed = schema.safeParse(request.query);
  if (!parsed.success) throw invalid(parsed.error, "The query");
  return parsed.data;
}
