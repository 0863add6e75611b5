import { type RequestHandler, Router } from "express";
import { z } from "zod";
import type { AuditRead } from "../auth/audit.ts";
import { principalOf, type Role, requireTenant } from "../auth/auth.ts";
import { readJsonBody } from "../http/json-body.ts";
import { invalid, Problem } from "../http/problem.ts";
import type { Reply } from "../mail/message.ts";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";

export interface OutboxAdminOptions {
  database: Database;
  auth: (role: Role) => RequestHandler;
  logger: Logger;
  audit?: AuditRead;
}

interface Row {
  id: string;
  tenant_id: string;
  conversation_id: string;
  channel: string;
  user_id: string;
  payload: Reply;
  attempts: number;
  replays: number;
  error: string | null;
  created_at: Date;
}

interface Found {
  tenant_id: string;
  id: string;
}

/** What is absent isn't a condition. */
interface Selection {
  tenantId: string | undefined;
  id?: string | undefined;
  channel?: string | undefined;
  before?: string | undefined;
  limit: number;
}

/** Dead letters that one call sends again at most. */
const REPLAY_LIMIT = 10_000;

const query = z.object({
  tenant_id: z.string().min(1).max(64).optional(),
  channel: z
    .string()
    .regex(/^[a-z][a-z0-9_:-]{0,31}$/, "expected the name of a channel, such as whatsapp")
    .optional(),
  before: z.iso.datetime({ offset: true, error: "expected a time such as 2026-03-10T12:00:00Z" }).optional(),
  limit: z
    .string()
    .regex(/^([1-9]\d?|[1-4]\d\d|500)$/, "expected a whole number from 1 to 500")
    .transform(Number)
    .default(100),
});
const selection = z.strictObject({ tenant_id: query.shape.tenant_id, channel: query.shape.channel });

/**
 * `GET /admin/dead-letters` — replies that could not be sent, newest first, with the reason of the last attempt.
 * `POST /admin/dead-letters/:id/replay` — sends one again. `POST /admin/dead-letters/replay` with `{tenant_id?, channel?}`
 * — sends all of a tenant or channel again, up to 10,000 a call. Viewers read, operators replay; a tenant's token reaches its own only.
 */
export function outboxAdmin({ database, auth, logger, audit = async () => undefined }: OutboxAdminOptions): Router {
  const router = Router();

  /** Ids of dead letters by tenant, newest first, of the tenants that the caller may see. */
  const find = async ({ tenantId, id, channel, before, limit }: Selection): Promise<Map<string, string[]>> => {
    const values = [id ?? null, channel ?? null, before ?? null, limit];
    const rows = await (tenantId === undefined
      ? database.withoutTenant((sql) => sql<Found>("select * from dead_letters($1, $2, $3, $4)", values))
      : database.forTenant(tenantId, (sql) =>
          sql<Found>(
            `select tenant_id, id from outbox
              where state = 'dead' and ($1::uuid is null or id = $1) and ($2::text is null or channel = $2)
                and ($3::timestamptz is null or created_at < $3) and tenant_id = $5
              order by created_at desc limit $4`,
            [...values, tenantId],
          ),
        ));
    const found = new Map<string, string[]>();
    for (const row of rows) found.set(row.tenant_id, [...(found.get(row.tenant_id) ?? []), row.id]);
    return found;
  };

  const replay = async (tenantId: string, ids: readonly string[]): Promise<string[]> => {
    const rows = await database.forTenant(tenantId, async (sql) => {
      const replayed = await sql<{ id: string }>(
        `with again as (
           update outbox
              set state = 'pending', attempts = 0, error = null, next_attempt_at = clock_timestamp(), replays = replays + 1,
                  pending_since = clock_timestamp(), expires_at = null,
                  lease_owner = null, lease_until = null, lease_token = lease_token + 1
            where tenant_id = $1 and id = any ($2::uuid[]) and state = 'dead'
            returning id, conversation_id, message),
         shown as (
           update messages m set status = 'pending'
             from again a
            where m.tenant_id = $1 and m.conversation_id = a.conversation_id and m.id = a.message)
         select id from again`,
        [tenantId, ids],
      );
      await sql("select pg_notify('outbox', '')");
      return replayed;
    });
    return rows.map(({ id }) => id);
  };

  router.get("/admin/dead-letters", auth("viewer"), async (request, response) => {
    const principal = principalOf(response);
    const { tenant_id, channel, before, limit } = parse(query, request.query, "The query");
    if (tenant_id !== undefined) requireTenant(principal, tenant_id);
    const found = await find({ tenantId: tenant_id ?? principal.tenant, channel, before, limit });
    const rows: Row[] = [];
    for (const [tenantId, ids] of found) {
      await audit(response, tenantId, "read.dead_letters");
      rows.push(
        ...(await database.forTenant(tenantId, (sql) =>
          sql<Row>(
            `select id, tenant_id, conversation_id, channel, user_id, payload, attempts, replays, error, created_at
               from outbox where tenant_id = $1 and id = any ($2::uuid[]) and state = 'dead'`,
            [tenantId, ids],
          ),
        )),
      );
    }
    rows.sort((a, b) => b.created_at.getTime() - a.created_at.getTime());
    response.set("Cache-Control", "no-store");
    response.json(rows.map(({ payload, ...row }) => ({ ...row, text: payload.text, created_at: row.created_at.toISOString() })));
  });

  router.post("/admin/dead-letters/replay", auth("operator"), readJsonBody("16kb"), async (request, response) => {
    const principal = principalOf(response);
    const { tenant_id, channel } = parse(selection, request.body ?? {}, "The body");
    if (tenant_id !== undefined) requireTenant(principal, tenant_id);
    const tenantId = tenant_id ?? principal.tenant;
    const found = await find({ tenantId, channel, limit: REPLAY_LIMIT });
    let replayed = 0;
    for (const [owner, ids] of found) replayed += (await replay(owner, ids)).length;
    logger.info({ subject: principal.subject, tenant_id: tenantId, channel, replayed }, "dead letters replayed");
    response.json({ replayed });
  });

  router.post("/admin/dead-letters/:id/replay", auth("operator"), async (request, response) => {
    const principal = principalOf(response);
    const id = z.uuid().safeParse(request.params.id);
    const missing = () =>
      new Problem(404, "Not Found", "There is no dead letter with this id. GET /admin/dead-letters lists them.");
    if (!id.success) throw missing();
    const found = await find({ tenantId: principal.tenant, id: id.data, limit: 1 });
    for (const [tenantId, ids] of found) {
      if ((await replay(tenantId, ids)).length === 0) continue; // replayed by somebody else meanwhile
      logger.info({ subject: principal.subject, tenant_id: tenantId, outbox_id: id.data }, "dead letter replayed");
      response.status(202).json({ status: "pending", id: id.data });
      return;
    }
    throw missing();
  });

  return router;
}

function parse<Output>(schema: z.ZodType<Output>, value: unknown, what: string): Output {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error, what);
}
