import type { Database } from "../storage/sql.ts";
import type { DeliveryStatus } from "./channel.ts";
import { ticketOf } from "./undelivered.ts";

/** What a provider says of a message that it took. */
export interface StatusUpdate {
  /** Id of the outbox row, when the provider gives back what was sent along. */
  outboxId: string | undefined;
  /** The provider's id, for messages that carry no outbox id. */
  providerId: string | undefined;
  status: DeliveryStatus;
  /** Which part of the reply, from 0, and how many it has. */
  part: number;
  parts: number;
  /** The replays that the message was sent after; older failures than the last replay's don't count. */
  replays: number | undefined;
  /** For `failed`. */
  error: string | undefined;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const ORDER = ["pending", "sent", "failed", "delivered", "read"];

const key = ({ outboxId, providerId }: StatusUpdate) => outboxId ?? providerId ?? "";

/**
 * Notes statuses of one tenant's messages. They come in any order and more than once, so they only ever rise:
 * pending < sent < failed < delivered < read. A message that the provider confirms counts as sent even when the sender
 * never saw an answer to it; a failure makes it a dead letter.
 *
 * @returns how many named a reply of this tenant
 */
export async function recordStatuses(database: Database, tenantId: string, updates: readonly StatusUpdate[]): Promise<number> {
  if (updates.length === 0) return 0;
  return database.forTenant(tenantId, async (sql) => {
    let known = 0;
    // Two batches that hold the same two messages in a different order must lock them in the same order.
    for (const update of updates.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))) {
      const outboxId = update.outboxId !== undefined && UUID.test(update.outboxId) ? update.outboxId : null;
      const rows = await sql(
        `with found as (
           select o.id, o.message, o.conversation_id, o.replays, o.state, m.status
             from outbox o
             join messages m on m.tenant_id = o.tenant_id and m.conversation_id = o.conversation_id and m.id = o.message
            where o.tenant_id = $1 and (case when $2::uuid is not null then o.id = $2 else o.provider_id = $3 end)
              for update of o
         ), risen as (
           select *, $4 <> 'failed' and $5 + 1 = $6 and rises as complete,
                  $4 = 'failed' and state <> 'dead' and rises and coalesce($7, replays) >= replays as broken
             from (select *, array_position($9::text[], status) < array_position($9::text[], $4) as rises from found) ranked
         ), outbox_update as (
           update outbox o
              set state = case when r.broken then 'dead' when r.complete then 'sent' else o.state end,
                  sent_at = case when r.complete then coalesce(o.sent_at, clock_timestamp()) else o.sent_at end,
                  provider_id = coalesce(o.provider_id, $3),
                  parts_done = case when r.broken then least(o.parts_done, $5) when $4 <> 'failed' then greatest(o.parts_done, $5 + 1) else o.parts_done end,
                  error = case when r.broken then $8 when r.complete then null else o.error end,
                  lease_owner = case when r.broken or r.complete then null else o.lease_owner end,
                  lease_until = case when r.broken or r.complete then null else o.lease_until end
             from risen r
            where o.tenant_id = $1 and o.id = r.id and (r.broken or $4 <> 'failed')
           returning o.conversation_id, o.channel, o.user_id, o.payload, o.by_person, o.error, r.broken
         ), dead as (
           select * from outbox_update where broken
         ), ticket as (${ticketOf("dead")}
         ), message_update as (
           update messages m set status = $4
             from risen r
            where m.tenant_id = $1 and m.conversation_id = r.conversation_id and m.id = r.message
              and (r.broken or r.complete)
         )
         select 1 from found`,
        [
          tenantId,
          outboxId,
          update.providerId ?? null,
          update.status,
          update.part,
          update.parts,
          update.replays ?? null,
          update.error?.slice(0, 500) ?? null,
          ORDER,
        ],
      );
      known += rows.length;
    }
    return known;
  });
}
