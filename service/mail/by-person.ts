import type { Database } from "../storage/sql.ts";
import type { IncomingMessage } from "./message.ts";

/** Own replies of this time are compared by their words, since the provider's id of one may not be noted yet. */
const OWN_REPLY_MINUTES = 10;

const RECORD = `
  with fresh as (
    select where not exists (select from inbox where tenant_id = $1 and channel = $2 and message_id = $4)
      and not exists (
        select from outbox o
         where o.tenant_id = $1 and o.channel = $2 and o.user_id = $3
           and (o.provider_id = $4
             or (o.payload ->> 'text' = $6 and o.created_at > now() - make_interval(mins => $8))))
  ), conversation as (
    insert into conversations as c (tenant_id, channel, user_id, handed_over)
    select $1, $2, $3, true from fresh
    on conflict (tenant_id, channel, user_id) do update
      set handed_over = true, waits_for_person_since = null, updated_at = now()
    returning id, last_received
  ), noted as (
    insert into inbox (tenant_id, channel, message_id, conversation_id, sequence, payload, state, done_at)
    select $1, $2, $4, id, last_received, $5, 'done', now() from conversation
    on conflict (tenant_id, channel, message_id) do nothing
    returning conversation_id
  )
  insert into messages (tenant_id, conversation_id, direction, message_id, text, content, status)
  select $1, conversation_id, 'out', $4, $6, $7, 'sent' from noted
  returning id`;

/**
 * Notes what a person of the hotel wrote to a guest outside of this service, such as in WhatsApp's app on the phone of the same
 * number. The person has the conversation from then on, until it is handed back; the words stand in what reception reads.
 *
 * @param message `userId` is the guest; the same `messageId` is noted once
 * @param by      where the person wrote, shown to reception
 * @returns false when it had been noted before, or is a reply of this service that comes back
 */
export async function recordByPerson(
  database: Database,
  tenantId: string,
  message: IncomingMessage,
  by: string,
): Promise<boolean> {
  const { channel, userId, messageId, text, kind, attachment } = message;
  const content = { text, by, ...(kind === "text" ? {} : { kind, attachment }) };
  const values = [
    tenantId,
    channel,
    userId,
    messageId,
    JSON.stringify(message),
    text,
    JSON.stringify(content),
    OWN_REPLY_MINUTES,
  ];
  const rows = await database.forTenant(tenantId, (sql) => sql(RECORD, values));
  return rows.length > 0;
}
