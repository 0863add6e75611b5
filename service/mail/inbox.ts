import type { Database, Statement } from "../storage/sql.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Language } from "../vocabulary.ts";
import type { IncomingMessage } from "./message.ts";
import { LEASE_SECONDS, type Loaded, type Worker } from "./worker.ts";

export interface Accepted {
  stored: number;
  /** Messages that had been stored before; they are not handled again. */
  duplicates: number;
}

/** Where every channel leaves its messages. What `accept` has confirmed is never lost and handled once. */
export interface Inbox {
  /**
   * Stores all messages of one tenant in one transaction, or none.
   *
   * @param tenantId the hotel they are for
   * @param messages in the order in which the guest sent them
   */
  accept(tenantId: string, messages: readonly IncomingMessage[]): Promise<Accepted>;
}

/** Channels whose replies are fetched by the caller; all others' are sent by the outbox. */
export function isPulled(channel: string): boolean {
  return channel === "messages" || channel.startsWith("messages:") || channel === "web";
}

/** A conversation in which nothing waits is leased at once to the worker that will handle the message. */
const STORE = `
  with conversation as (
    insert into conversations as c
           (tenant_id, channel, user_id, language, last_received, waiting_since, lease_owner, lease_until, lease_token)
    values ($1, $2, $3, $4, 1, clock_timestamp(), $7, clock_timestamp() + make_interval(secs => $8), ($7::text is not null)::int)
    on conflict (tenant_id, channel, user_id) do update
      set last_received = c.last_received + 1,
          waiting_since = coalesce(c.waiting_since, excluded.waiting_since),
          lease_owner = case when c.waiting_since is null then excluded.lease_owner else c.lease_owner end,
          lease_until = case when c.waiting_since is null then excluded.lease_until else c.lease_until end,
          lease_token = c.lease_token + case when c.waiting_since is null then excluded.lease_token else 0 end
    returning id, language, state, handed_over, last_received, lease_token, lease_owner
  ), stored as (
    insert into inbox (tenant_id, channel, message_id, conversation_id, sequence, payload)
    select $1, $2, $5, id, last_received, $6 from conversation
    on conflict (tenant_id, channel, message_id) do nothing
    returning received_at
  )
  select id, language, state, handed_over, last_received, lease_token, lease_owner = $7 as leased, received_at
    from conversation left join stored on true`;

interface Stored {
  id: string;
  language: Language | null;
  state: Record<string, unknown>;
  handed_over: boolean;
  last_received: string;
  lease_token: string;
  /** Null as false: no place was kept. */
  leased: boolean | null;
  /** Null: the message had been stored before. */
  received_at: Date | null;
}

export interface InboxOptions {
  database: Database;
  metrics: Metrics;
  /** The worker of this process, if it has one. */
  worker?: () => Pick<Worker, "leaseOwner" | "handle"> | undefined;
}

/**
 * @returns the inbox on a database. What it stores goes to this process' worker when that has a place; else `NOTIFY inbox`
 *   wakes the workers of every process. Either can be lost in a crash, so workers look once a second, and leases end.
 */
export function createInbox({ database, metrics, worker = () => undefined }: InboxOptions): Inbox {
  const store = (tenantId: string, message: IncomingMessage, owner: string | undefined): Statement => {
    const { channel, userId, language = null, messageId } = message;
    const lease = owner === undefined ? [null, null] : [owner, LEASE_SECONDS];
    return {
      name: "store-message",
      text: STORE,
      locks: lockOf(message),
      values: [tenantId, channel, userId, language, messageId, JSON.stringify(message), ...lease],
    };
  };

  return {
    accept: async (tenantId, messages) => {
      if (messages.length === 0) return { stored: 0, duplicates: 0 };
      const own = worker();
      // One lease a guest: who handles the first message of a guest goes on with the next ones.
      const guests = new Set<string>();
      const owners = messages.map((message) => {
        const isFirst = !guests.has(lockOf(message));
        guests.add(lockOf(message));
        return isFirst ? own?.leaseOwner(tenantId) : undefined;
      });
      const rows = await database.batchForTenant(tenantId, [
        ...messages.map((message, index) => store(tenantId, message, owners[index])),
        ...(owners.filter((owner) => owner !== undefined).length === guests.size
          ? []
          : [{ text: "select pg_notify('inbox', '')" }]),
      ]);
      const results = rows.slice(0, messages.length).map(([row]) => row as unknown as Stored);
      for (const [index, stored] of results.entries()) {
        // Else whoever has the conversation, or will take it in its turn, goes on to this message.
        if (stored.leased === true) own?.handle(tenantId, stored.id, stored.lease_token, loadedOf(messages[index]!, stored));
      }
      const fresh = messages.filter((_, index) => results[index]!.received_at !== null);
      for (const { channel } of fresh) metrics.messages.inc({ channel: channelLabel(channel), tenant_id: tenantId });
      for (const message of messages) {
        if (!fresh.includes(message)) metrics.messageDuplicates.inc({ channel: channelLabel(message.channel) });
      }
      metrics.tenantRequests.inc({ tenant_id: tenantId }, messages.length);
      return { stored: fresh.length, duplicates: messages.length - fresh.length };
    },
  };
}

/** @returns undefined for a message that had been stored before: then there is nothing to do but to give the lease back */
function loadedOf(message: IncomingMessage, stored: Stored): Loaded | undefined {
  const { language, state, handed_over, last_received, received_at } = stored;
  if (received_at === null) return undefined;
  const { channel, userId: user_id, messageId: message_id } = message;
  const conversation = { channel, user_id, language, state, handed_over, last_received };
  return { ...conversation, message_id, payload: message, attempts: 0, sequence: last_received, received_at };
}

/** A label value that a caller can't multiply: `messages:anything` counts as `messages`. */
export function channelLabel(channel: string): string {
  return channel.split(":", 1)[0]!;
}

/** Names the row of a guest's conversation, in the order in which transactions lock several. */
export const lockOf = ({ channel, userId }: Pick<IncomingMessage, "channel" | "userId">) => `${channel} ${userId}`;
