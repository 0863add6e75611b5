import { type RequestHandler, Router } from "express";
import { z } from "zod";
import type { AuditRead } from "../auth/audit.ts";
import { principalOf, type Role } from "../auth/auth.ts";
import { readJsonBody } from "../http/json-body.ts";
import { invalid, Problem } from "../http/problem.ts";
import { FRESH_SECONDS } from "../mail/freshness.ts";
import { byPerson } from "../mail/message.ts";
import type { Database, Sql } from "../storage/sql.ts";
import { canonicalUserId } from "../tenancy/user-id.ts";
import { linkNext, readCursor } from "./cursor.ts";
import { oneTenant, tenantOfConversation, tenantsOfGuest } from "./scope.ts";

export interface ConversationAdminOptions {
  database: Database;
  auth: (role: Role) => RequestHandler;
  audit?: AuditRead;
  /** Whether a channel's guests fetch their replies. */
  isPulled: (channel: string) => boolean;
}

const LONGEST_REPLY = 4_000;
const MAXIMUM_CONVERSATIONS = 50;
const MAXIMUM_MESSAGES = 200;
const reply = z.strictObject({ text: z.string().trim().min(1, "write something").max(LONGEST_REPLY) });
const state = z.strictObject({ state: z.enum(["open", "done"], { error: 'expected "open" or "done"' }) });
const uuid = z.uuid("expected the id of a conversation");

/** Who waits for a person comes longest waiting first, everybody else newest first; `page` goes on behind a row. */
const conversations = (key: string, compare: "<" | ">", direction: "asc" | "desc") => `
  select ${key}::text as sort_key, c.id, c.tenant_id, c.user_id, c.channel, c.language, c.handed_over, c.updated_at,
         coalesce((
           select jsonb_agg(m.entry order by m.id) from (
             select id, jsonb_strip_nulls(jsonb_build_object(
                      'id', id::text, 'direction', direction, 'text', text, 'at', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                      'intent', intent, 'confidence', confidence, 'status', status)) as entry
               from messages where tenant_id = c.tenant_id and conversation_id = c.id order by id desc limit $3) m
         ), '[]') as messages
    from conversations c
   where c.tenant_id = $1 and ($2::text is null or c.user_id = $2) and (not $4 or c.handed_over)
     and ($6::timestamptz is null or (${key}, c.id) ${compare} ($6::timestamptz, $7::uuid))
   order by ${key} ${direction}, c.id ${direction} limit $5`;
const NEWEST_FIRST = conversations("c.updated_at", "<", "desc");
const LONGEST_WAITING_FIRST = conversations("coalesce(c.waits_for_person_since, c.updated_at)", ">", "asc");
const MAXIMUM_TICKETS = 500;

/** What reception reads and does: conversations, replies by a person, hand-back, tickets, reservations. */
export function conversationRoutes({
  database,
  auth,
  isPulled,
  audit = async () => undefined,
}: ConversationAdminOptions): Router {
  const router = Router();
  const json = readJsonBody("64kb");

  /** Reads in the hotel that is named, or in each one that knows the guest. */
  const inHotels = async <Row>(
    given: unknown,
    principal: ReturnType<typeof principalOf>,
    userId: string | undefined,
    noted: (tenantId: string) => Promise<void>,
    read: (sql: Sql, tenantId: string) => Promise<Row[]>,
  ): Promise<Row[]> => {
    const rows: Row[] = [];
    for (const tenantId of await tenantsOfGuest(database, given, principal, userId)) {
      await noted(tenantId);
      rows.push(...(await database.forTenant(tenantId, (sql) => read(sql, tenantId))));
    }
    return rows;
  };

  router.get("/admin/conversations", auth("viewer"), async (request, response) => {
    const userId = optionalText(request.query.user_id, "user_id");
    const noted = (tenantId: string) => audit(response, tenantId, "read.conversations", userId);
    const waiting = request.query.handed_over === "true";
    const [after, afterId] = readCursor(request.query.cursor, ["time", "id"]);
    const rows = await inHotels(request.query.tenant_id, principalOf(response), userId, noted, (sql, tenantId) =>
      sql<{ sort_key: string; id: string; tenant_id: string }>(waiting ? LONGEST_WAITING_FIRST : NEWEST_FIRST, [
        tenantId,
        userId ?? null,
        MAXIMUM_MESSAGES,
        waiting,
        MAXIMUM_CONVERSATIONS,
        after,
        afterId,
      ]),
    );
    // Of several hotels at once there is no one place where the list goes on: then the hotel is named.
    const last = rows.length === MAXIMUM_CONVERSATIONS ? rows.at(-1) : undefined;
    const one = rows.every((row) => row.tenant_id === last?.tenant_id);
    linkNext(response, request.originalUrl, last !== undefined && one ? [last.sort_key, last.id] : undefined);
    response.set("Cache-Control", "no-store").json(rows.map(({ sort_key: _, ...row }) => row));
  });

  router.post("/admin/conversations/:id/reply", auth("operator"), json, async (request, response) => {
    const principal = principalOf(response);
    const id = idOf(request.params.id);
    const { text } = bodyOf(reply, request.body);
    const tenantId = await tenantOfConversation(database, request.query.tenant_id, principal, id);
    if (tenantId === undefined) throw notFound(id);
    const sent = await database.forTenant(tenantId, async (sql) => {
      // The person has the conversation from now on, until it is handed back.
      const [conversation] = await sql<{ channel: string; user_id: string }>(
        `update conversations set handed_over = true, waits_for_person_since = null, updated_at = now()
          where tenant_id = $1 and id = $2 returning channel, user_id`,
        [tenantId, id],
      );
      if (conversation === undefined) return undefined;
      const { channel, user_id: userId } = conversation;
      const pulled = isPulled(channel);
      const [message] = await sql<{ id: string }>(
        `with m as (
           insert into messages (tenant_id, conversation_id, direction, text, content, status)
           values ($1, $2, 'out', $3, $4, $5) returning id)
         insert into outbox (tenant_id, conversation_id, message, channel, user_id, payload, state, by_person, sent_from, expires_at)
         select $1, $2, m.id, $6, $7, $8, $5, true,
                coalesce((select content #>> '{attachment,phone_number_id}' from messages
                           where tenant_id = $1 and conversation_id = $2 and direction = 'in' order by id desc limit 1), ''),
                clock_timestamp() + make_interval(secs => $9)
           from m returning message::text as id`,
        [
          tenantId,
          id,
          text,
          JSON.stringify({ text, by: principal.subject }),
          pulled ? "available" : "pending",
          channel,
          userId,
          JSON.stringify({ text: byPerson(text) }),
          FRESH_SECONDS.person,
        ],
      );
      if (!pulled) await sql("select pg_notify('outbox', '')");
      return message;
    });
    if (sent === undefined) throw notFound(id);
    response.status(202).json({ status: "accepted", id: sent.id, handed_over: true });
  });

  router.post("/admin/conversations/:id/hand-back", auth("operator"), async (request, response) => {
    const id = idOf(request.params.id);
    const tenantId = await tenantOfConversation(database, request.query.tenant_id, principalOf(response), id);
    if (tenantId === undefined) throw notFound(id);
    const [row] = await database.forTenant(tenantId, (sql) =>
      sql(
        `update conversations set handed_over = false, waits_for_person_since = null, updated_at = now()
          where tenant_id = $1 and id = $2 returning 1`,
        [tenantId, id],
      ),
    );
    if (row === undefined) throw notFound(id);
    response.json({ status: "ok", handed_over: false });
  });

  router.get("/admin/reservations", auth("viewer"), async (request, response) => {
    const userId = optionalText(request.query.user_id, "user_id");
    const noted = (tenantId: string) => audit(response, tenantId, "read.reservations", userId);
    const rows = await inHotels(request.query.tenant_id, principalOf(response), userId, noted, (sql, tenantId) =>
      sql(
        `select code, tenant_id, user_id, guest_name, room_type, check_in::text, check_out::text, adults, children,
                case when status = 'held' and held_until < now() then 'cancelled' else status end as status,
                jsonb_build_object('amount', total, 'currency', currency) as total
           from reservations where tenant_id = $1 and ($2::text is null or user_id = $2)
          order by created_at desc, code limit 500`,
        [tenantId, userId ?? null],
      ),
    );
    response.set("Cache-Control", "no-store").json(rows);
  });

  router.get("/admin/tickets", auth("viewer"), async (request, response) => {
    const tenantId = oneTenant(request.query.tenant_id, principalOf(response));
    const wanted = request.query.state ?? "open";
    if (wanted !== "open" && wanted !== "done") throw wrong("state", 'expected "open" or "done"');
    await audit(response, tenantId, "read.tickets");
    const [urgency, since, sinceId] = readCursor(request.query.cursor, ["flag", "time", "id"]);
    const rows = await database.forTenant(tenantId, (sql) =>
      sql<{ sort_key: string; id: string; urgent: boolean }>(
        `select created_at::text as sort_key, id, tenant_id, conversation_id, channel, user_id, kind, urgent, text, room, state, created_at, done_at,
                done_by
           from tickets
          where tenant_id = $1 and state = $2
            and ($3::boolean is null or (not urgent, created_at, id) > ($3::boolean, $4::timestamptz, $5::uuid))
          order by not urgent, created_at, id limit $6`,
        [tenantId, wanted, urgency, since, sinceId, MAXIMUM_TICKETS],
      ),
    );
    const last = rows.length === MAXIMUM_TICKETS ? rows.at(-1) : undefined;
    linkNext(response, request.originalUrl, last === undefined ? undefined : [String(!last.urgent), last.sort_key, last.id]);
    response.set("Cache-Control", "no-store").json(rows.map(({ sort_key: _, ...row }) => row));
  });

  router.patch("/admin/tickets/:id", auth("operator"), json, async (request, response) => {
    const principal = principalOf(response);
    const tenantId = oneTenant(request.query.tenant_id, principal);
    const id = idOf(request.params.id);
    const { state: next } = bodyOf(state, request.body);
    const [row] = await database.forTenant(tenantId, (sql) =>
      sql(
        `update tickets set state = $3, done_at = case when $3 = 'done' then now() end, done_by = case when $3 = 'done' then $4::text end
          where tenant_id = $1 and id = $2 returning id, kind, state, done_at, done_by`,
        [tenantId, id, next, principal.subject],
      ),
    );
    if (row === undefined) throw new Problem(404, "Not Found", "There is no such ticket in this hotel.");
    response.json(row);
  });
  return router;
}

function optionalText(given: unknown, field: string): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== "string" || given === "" || given.length > 256 || given.includes("\u0000")) {
    throw wrong(field, "expected one text of 1 to 256 characters");
  }
  return canonicalUserId(given);
}

function idOf(given: unknown): string {
  const parsed = uuid.safeParse(given);
  if (!parsed.success) throw wrong("id", "expected a UUID");
  return parsed.data;
}

function bodyOf<Value>(schema: z.ZodType<Value>, body: unknown): Value {
  const parsed = schema.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error);
}

function wrong(field: string, message: string): Problem {
  return invalid([{ field, message }], "The request");
}

function notFound(id: string): Problem {
  return new Problem(404, "Not Found", `There is no conversation ${id} in this hotel.`);
}
