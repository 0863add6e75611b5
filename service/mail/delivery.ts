import type { Database } from "../storage/sql.ts";
import type { Language } from "../vocabulary.ts";
import type { Delivered, Outgoing } from "./channel.ts";
import type { IncomingMessage, Reply } from "./message.ts";
import { ticketOf } from "./undelivered.ts";

/** The right of a sender to send one reply. */
export interface ReplyLease {
  tenant_id: string;
  id: string;
  lease_token: string;
  /** The sender before died, or lost its connection, with this reply in its hands. */
  interrupted: boolean;
  /** The hotel and the number that the reply leaves from. */
  line: string;
}

/** A reply as the outbox holds it. */
export interface LoadedReply {
  conversation_id: string;
  channel: string;
  user_id: string;
  payload: Reply;
  /** Failed ones. */
  attempts: number;
  parts_done: number;
  replays: number;
  language: Language | null;
  last_incoming: IncomingMessage | null;
  by_person: boolean;
  last_incoming_at: Date | null;
  /** It isn't worth sending any more. */
  expired: boolean;
}

/** @returns undefined when another sender has the reply, or the guest's data was erased */
export async function loadReply(database: Database, lease: ReplyLease): Promise<LoadedReply | undefined> {
  const rows = await database.forTenant(lease.tenant_id, (sql) =>
    sql<LoadedReply>(
      `select o.conversation_id, o.channel, o.user_id, o.payload, o.attempts, o.parts_done, o.replays, c.language,
              answered.content as last_incoming, coalesce(m.content ? 'by', false) as by_person,
              coalesce(o.expires_at < clock_timestamp(), false) as expired,
              coalesce((newest.content ->> 'sentAt')::timestamptz, newest.at) as last_incoming_at
         from outbox o
         join conversations c on c.tenant_id = o.tenant_id and c.id = o.conversation_id
         left join messages m on m.tenant_id = o.tenant_id and m.conversation_id = o.conversation_id and m.id = o.message
         left join lateral (
           select content from messages
            where tenant_id = o.tenant_id and conversation_id = o.conversation_id and direction = 'in' and id < o.message
            order by id desc limit 1) answered on true
         left join lateral (
           select content, at from messages
            where tenant_id = o.tenant_id and conversation_id = o.conversation_id and direction = 'in'
            order by id desc limit 1) newest on true
        where o.tenant_id = $1 and o.id = $2 and o.lease_token = $3 and o.state = 'pending'`,
      [lease.tenant_id, lease.id, lease.lease_token],
    ),
  );
  return rows[0];
}

export function toOutgoing(lease: ReplyLease, loaded: LoadedReply): Outgoing {
  return {
    id: lease.id,
    replays: loaded.replays,
    tenantId: lease.tenant_id,
    conversationId: loaded.conversation_id,
    channel: loaded.channel,
    userId: loaded.user_id,
    language: loaded.language ?? undefined,
    reply: loaded.payload,
    attempts: loaded.attempts,
    lastIncoming: loaded.last_incoming ?? undefined,
    byPerson: loaded.by_person,
    lastIncomingAt: loaded.last_incoming_at ?? undefined,
  };
}

/** @returns false when the reply isn't this sender's any more: the provider confirmed it first, or the lease was lost */
export async function noteDelivered(
  database: Database,
  lease: ReplyLease,
  { part, delivered, last }: { part: number; delivered: Delivered; last: boolean },
): Promise<boolean> {
  const rows = await database.forTenant(lease.tenant_id, (sql) =>
    sql(
      `with noted as (
         update outbox
            set parts_done = $4, provider_id = $5, error = null,
                state = case when $6 then 'sent' else state end,
                sent_at = case when $6 then clock_timestamp() end,
                lease_owner = case when $6 then null else lease_owner end,
                lease_until = case when $6 then null else lease_until end
          where tenant_id = $1 and id = $2 and lease_token = $3 and state = 'pending'
          returning conversation_id, message),
       shown as (
         update messages m set status = 'sent'
           from noted n
          where $6 and m.tenant_id = $1 and m.conversation_id = n.conversation_id and m.id = n.message)
       select 1 from noted`,
      [lease.tenant_id, lease.id, lease.lease_token, part + 1, delivered.providerId ?? null, last],
    ),
  );
  return rows.length === 1;
}

/** Notes a failed attempt: tried again in `seconds`, or, `dead`, never by itself, which leaves a ticket. */
export async function noteFailure(
  database: Database,
  lease: ReplyLease,
  { attempts, reason, dead, seconds }: { attempts: number; reason: string; dead: boolean; seconds: number },
): Promise<void> {
  await database.forTenant(lease.tenant_id, (sql) =>
    sql(
      `with failed as (
         update outbox
            set attempts = $4, error = $5, state = $6, next_attempt_at = clock_timestamp() + make_interval(secs => $7),
                lease_owner = null, lease_until = null
          where tenant_id = $1 and id = $2 and lease_token = $3 and state = 'pending'
          returning conversation_id, message, channel, user_id, payload, by_person, error),
       dead as (select * from failed where $6 = 'dead'),
       ticket as (${ticketOf("dead")})
       update messages m set status = 'failed'
         from dead d
        where m.tenant_id = $1 and m.conversation_id = d.conversation_id and m.id = d.message`,
      [lease.tenant_id, lease.id, lease.lease_token, attempts, reason, dead ? "dead" : "pending", seconds],
    ),
  );
}

/** Gives back a reply of which nothing more was tried. */
export async function giveBack(database: Database, lease: ReplyLease): Promise<void> {
  await database.forTenant(lease.tenant_id, (sql) =>
    sql(
      `update outbox set lease_owner = null, lease_until = null
        where tenant_id = $1 and id = $2 and lease_token = $3 and state = 'pending'`,
      [lease.tenant_id, lease.id, lease.lease_token],
    ),
  );
}
