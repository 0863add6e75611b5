import type { Database } from "../storage/sql.ts";
import { FRESH_SECONDS, sentFrom } from "./freshness.ts";
import { LEASE_SECONDS, type Lease, LeaseLost, type Loaded, lockOf } from "./lease.ts";
import type { Turn } from "./message.ts";

/**
 * What a message leaves behind, all of it or, when the lease was lost, nothing. The lease ends here when no message came since
 * this one was loaded; else the worker goes on with the next. Who has the conversation, the agent or a person, follows the turn only
 * when it is still as it was loaded ($21): a take-over or a hand-back that came meanwhile holds.
 */
const TURN = `
  with turn as (
    update conversations
       set state = $4, language = $5, updated_at = now(),
           handed_over = case when handed_over = $21 then $6 else handed_over end,
           waits_for_person_since = case when handed_over <> $21 then waits_for_person_since
                                         when $6 then coalesce(waits_for_person_since, clock_timestamp()) end,
           lease_owner = case when last_received = $7 then null else lease_owner end,
           lease_until = case when last_received = $7 then null else clock_timestamp() + make_interval(secs => $8) end,
           waiting_since = case when last_received = $7 then null else waiting_since end
     where tenant_id = $1 and id = $2 and lease_token = $3 and waiting_since is not null
    returning waiting_since is null as released
  ), handled as (
    update inbox set state = $10, done_at = now()
     where tenant_id = $1 and channel = $19 and message_id = $9 and exists (select from turn)
  ), said as (
    insert into messages (tenant_id, conversation_id, direction, message_id, in_reply_to, text, content, intent, confidence, band, status)
    select $1, $2, 'in', $9, null, $11, $12::jsonb, $13, $14::float8, $15, 'received' from turn
    union all
    select $1, $2, 'out', null, $9, reply->>'text', reply, null, null, null, $17 from turn, jsonb_array_elements($16) reply
    returning id, direction, content
  ), sent as (
    insert into outbox (tenant_id, conversation_id, message, channel, user_id, payload, state, sent_from, next_attempt_at, expires_at)
    select $1, $2, id, $19, $20, content, $17, $22,
           clock_timestamp() + make_interval(secs => coalesce((content->>'typingMs')::float8, 0) / 1000),
           clock_timestamp() + make_interval(secs => case when content ?| '{buttons,list}' then $23::float8 else $24::float8 end)
      from said where direction = 'out'
  )
  select released, pg_notify('answered', $18),
         case when $17 = 'pending' and jsonb_array_length($16) > 0 then pg_notify('outbox', '') end
    from turn`;

export interface TurnOptions {
  /** Whether the guest fetches the replies; else the outbox sends them. */
  pulled: boolean;
  /** The message could not be handled: the turn is the honest fallback. */
  failed: boolean;
  /** Payload of `NOTIFY answered`; null: nobody waits for the answer in another process. */
  notification: string | null;
}

/**
 * Writes a turn in one transaction.
 *
 * @returns whether the conversation was given back as well
 * @throws LeaseLost
 */
export async function writeTurn(
  database: Database,
  lease: Lease,
  loaded: Loaded,
  turn: Turn,
  { pulled, failed, notification }: TurnOptions,
): Promise<boolean> {
  const { payload: message, channel } = loaded;
  const [rows] = await database.batchForTenant(lease.tenantId, [
    {
      name: "turn",
      text: TURN,
      locks: lockOf({ channel, userId: loaded.user_id }),
      values: [
        lease.tenantId,
        lease.conversationId,
        lease.token,
        JSON.stringify(turn.state),
        turn.language,
        turn.handedOver,
        loaded.sequence,
        LEASE_SECONDS,
        message.messageId,
        failed ? "failed" : "done",
        message.text,
        JSON.stringify(message),
        turn.intent,
        turn.confidence,
        turn.band,
        JSON.stringify(turn.replies),
        pulled ? "available" : "pending",
        notification,
        channel,
        loaded.user_id,
        loaded.handed_over,
        sentFrom(message),
        FRESH_SECONDS.choices,
        FRESH_SECONDS.answer,
      ],
    },
  ]);
  const row = rows![0] as { released: boolean } | undefined;
  if (row === undefined) throw new LeaseLost();
  return row.released;
}
