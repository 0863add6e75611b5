import { type RequestHandler, Router } from "express";
import type { AuditRead } from "../auth/audit.ts";
import { principalOf, type Role } from "../auth/auth.ts";
import { invalid, Problem } from "../http/problem.ts";
import type { Database, Sql } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import { canonicalUserId } from "../tenancy/user-id.ts";
import { tenantsOfGuest } from "./scope.ts";

export interface GuestDataOptions {
  database: Database;
  logger: Logger;
}

/** Everything that one hotel keeps of one guest. */
export interface GuestData {
  tenant_id: string;
  user_id: string;
  exported_at: string;
  conversations: unknown[];
  messages: unknown[];
  inbox: unknown[];
  outbox: unknown[];
  tickets: unknown[];
  reservations: unknown[];
  external_bookings: unknown[];
}

/**
 * Tables that hold data of guests, and how a guest's rows are found. A test reads the database's catalogue and fails
 * when a table with guests' data is missing here.
 */
export const GUEST_TABLES = {
  conversations: "t.user_id = $2",
  messages: "t.conversation_id in (select id from conversations where tenant_id = $1 and user_id = $2)",
  inbox: "t.conversation_id in (select id from conversations where tenant_id = $1 and user_id = $2)",
  outbox: "t.user_id = $2",
  tickets: "t.user_id = $2",
  reservations: "t.user_id = $2",
  external_bookings: "t.user_id = $2",
} as const;
type GuestTable = keyof typeof GUEST_TABLES;

/** Tables with a user_id that isn't a guest's, or that go with a row above. */
export const OTHER_TABLES: readonly string[] = ["audit_log", "flag_changes"];

export interface Guests {
  /** @returns undefined when the hotel knows nothing of the guest */
  export(tenantId: string, userId: string): Promise<GuestData | undefined>;
  /**
   * Erases what a hotel keeps of a guest. Reservations stay as nights that were sold, without the guest: the hotel's books
   * need them.
   *
   * @returns rows erased or made nameless, by table
   */
  erase(tenantId: string, userId: string): Promise<Record<GuestTable, number>>;
}

export function createGuests({ database }: Pick<GuestDataOptions, "database">): Guests {
  const rowsOf = (sql: Sql, table: GuestTable, tenantId: string, userId: string) =>
    sql<{ row: unknown }>(
      `select to_jsonb(t) - 'tenant_id' as row from ${table} t where t.tenant_id = $1 and ${GUEST_TABLES[table]}`,
      [tenantId, userId],
    );

  return {
    export: (tenantId, userId) =>
      database.forTenant(tenantId, async (sql) => {
        const tables = Object.keys(GUEST_TABLES) as GuestTable[];
        const found = await Promise.all(
          tables.map(async (table) => [table, await rowsOf(sql, table, tenantId, userId)] as const),
        );
        if (found.every(([, rows]) => rows.length === 0)) return undefined;
        const data = Object.fromEntries(found.map(([table, rows]) => [table, rows.map(({ row }) => row)]));
        return { tenant_id: tenantId, user_id: userId, exported_at: new Date().toISOString(), ...data } as GuestData;
      }),

    erase: (tenantId, userId) =>
      database.forTenant(tenantId, async (sql) => {
        const count = async (table: GuestTable, text: string) => [table, (await sql(text, [tenantId, userId])).length] as const;
        const remove = (table: GuestTable) =>
          count(table, `delete from ${table} t where t.tenant_id = $1 and ${GUEST_TABLES[table]} returning 1`);
        const counts = [
          await remove("messages"),
          await remove("inbox"),
          await remove("outbox"),
          await remove("tickets"),
          await remove("external_bookings"),
          await count(
            "reservations",
            `update reservations set user_id = 'erased', guest_name = null, request_key = 'erased:' || gen_random_uuid(), updated_at = now()
              where tenant_id = $1 and user_id = $2 returning 1`,
          ),
          await remove("conversations"),
        ];
        return Object.fromEntries(counts) as Record<GuestTable, number>;
      }),
  };
}

/** `GET` and `DELETE /admin/guests/:id`, with `?tenant_id=` for a guest of several hotels. Erasing needs the role admin. */
export function guestRoutes(options: GuestDataOptions & { auth: (role: Role) => RequestHandler; audit?: AuditRead }): Router {
  const { database, auth, logger, audit = async () => undefined } = options;
  const guests = createGuests(options);
  const router = Router();
  router.get("/admin/guests/:id", auth("operator"), async (request, response) => {
    const userId = canonicalUserId(request.params.id as string);
    const tenantId = await hotelOf(database, request.query.tenant_id, principalOf(response), userId);
    await audit(response, tenantId, "read.guest", userId);
    const data = await guests.export(tenantId, userId);
    if (data === undefined) throw new Problem(404, "Not Found", "This hotel keeps nothing of this guest.");
    response.set("Cache-Control", "no-store").json(data);
  });
  router.delete("/admin/guests/:id", auth("admin"), async (request, response) => {
    const principal = principalOf(response);
    const userId = canonicalUserId(request.params.id as string);
    const tenantId = await hotelOf(database, request.query.tenant_id, principal, userId);
    const erased = await guests.erase(tenantId, userId);
    const total = Object.values(erased).reduce((sum, count) => sum + count, 0);
    if (total === 0) throw new Problem(404, "Not Found", "This hotel keeps nothing of this guest.");
    logger.info({ tenant_id: tenantId, by: principal.subject, erased }, "a guest's data was erased");
    response.json({ erased });
  });
  return router;
}

/** Nothing is taken out of, or erased in, a hotel that nobody named: a guest of several is asked about. */
async function hotelOf(
  database: Database,
  given: unknown,
  principal: ReturnType<typeof principalOf>,
  userId: string,
): Promise<string> {
  const [tenantId, ...others] = await tenantsOfGuest(database, given, principal, userId);
  if (tenantId === undefined) throw new Problem(404, "Not Found", "No hotel keeps anything of this guest.");
  if (others.length === 0) return tenantId;
  const message = `several hotels know this guest; name one of ${[tenantId, ...others].join(", ")}`;
  throw invalid([{ field: "tenant_id", message }], "The query");
}
