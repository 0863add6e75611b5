import { type principalOf, requireTenant } from "../auth/auth.ts";
import { invalid } from "../http/problem.ts";
import type { Database } from "../storage/sql.ts";
import { DEFAULT_TENANT } from "../tenancy/tenant.ts";

type Principal = ReturnType<typeof principalOf>;

/**
 * The tenant that a request names, or that its token is for.
 *
 * @returns undefined when it names none and the token is for all
 * @throws Problem 400 for a query that is no id, 403 for another tenant than the token's
 */
export function namedTenant(given: unknown, principal: Principal): string | undefined {
  if (given === undefined) return principal.tenant;
  if (typeof given !== "string" || given === "" || given.length > 64) {
    throw invalid([{ field: "tenant_id", message: "expected one tenant's id, at most 64 characters" }], "The query");
  }
  requireTenant(principal, given);
  return given;
}

/** The same for requests that are about one hotel: the default tenant's when they name none. */
export function oneTenant(given: unknown, principal: Principal): string {
  return namedTenant(given, principal) ?? DEFAULT_TENANT;
}

/** @returns the hotels that a request about a guest is about: the named one, else every one that knows the guest */
export async function tenantsOfGuest(
  database: Database,
  given: unknown,
  principal: Principal,
  userId: string | undefined,
): Promise<string[]> {
  const named = namedTenant(given, principal);
  if (named !== undefined) return [named];
  if (userId === undefined) return [DEFAULT_TENANT];
  const rows = await database.withoutTenant((sql) =>
    sql<{ tenant_id: string }>("select tenant_id from tenants_of_guest($1)", [userId]),
  );
  return rows.map(({ tenant_id: id }) => id);
}

/** @returns the hotel of a conversation: the named one, else the one that has it; undefined when none has */
export async function tenantOfConversation(
  database: Database,
  given: unknown,
  principal: Principal,
  id: string,
): Promise<string | undefined> {
  const named = namedTenant(given, principal);
  if (named !== undefined) return named;
  const [row] = await database.withoutTenant((sql) =>
    sql<{ tenant_id: string }>("select tenant_id from tenant_of_conversation($1)", [id]),
  );
  return row?.tenant_id;
}
