import type { Database, Statement } from "../storage/sql.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { IncomingMessage } from "./turn.ts";
import type { Worker } from "./worker.ts";

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

const STORE = `
  with conversation as (
    insert into conversations as c (tenant_id, channel, user_id, language, last_received, waiting_since)
    values ($1, $2, $3, $4, 1, clock_timestamp())
    on conflict (tenant_id, channel, user_id) do update
      set last_received = c.last_received + 1, waiting_since = coalesce(c.waiting_since, excluded.waiting_since)
    returning id, last_received
  ), stored as (
    insert into inbox (tenant_id, channel, message_id, conversation_id, sequence, payload)
    select $1, $2, $5, id, last_received, $6 from conversation
    on conflict (tenant_id, channel, message_id) do nothing
    returning 1
  )
  select id, (select count(*)::int from stored) as stored from conversation`;

export interface InboxOptions {
  database: Database;
  metrics: Metrics;
  /** The worker of this process, if it has one. */
  worker?: () => Pick<Worker, "hasPlace" | "offer"> | undefined;
}

/**
 * @returns the inbox on a database. What it stores is offered to this process' worker when that has a place; else
 *   `NOTIFY inbox` wakes the workers of every process. Either can be lost in a crash, so workers look once a second.
 */
export function createInbox({ database, metrics, worker = () => undefined }: InboxOptions): Inbox {
  const store = (tenantId: string, message: IncomingMessage): Statement => {
    const { channel, userId, language, messageId } = message;
    return {
      name: "store-message",
      text: STORE,
      values: [tenantId, channel, userId, language ?? null, messageId, JSON.stringify(message)],
    };
  };

  return {
    accept: async (tenantId, messages) => {
      if (messages.length === 0) return { stored: 0, duplicates: 0 };
      // Two batches that hold the same two guests in a different order must lock them in the same order.
      const ordered = messages
        .map((message, index) => ({ message, index }))
        .sort((a, b) => compare(key(a.message), key(b.message)) || a.index - b.index);
      const own = worker();
      const offers = own?.hasPlace(tenantId) === true;
      const rows = await database.batchForTenant(tenantId, [
        ...ordered.map(({ message }) => store(tenantId, message)),
        ...(offers ? [] : [{ text: "select pg_notify('inbox', '')" }]),
      ]);
      const results = rows.slice(0, ordered.length).map(([row]) => row as unknown as { id: string; stored: number });
      const fresh = ordered.filter((_, index) => results[index]!.stored === 1).map(({ message }) => message);
      if (offers) {
        const conversations = new Set(results.filter(({ stored }) => stored === 1).map(({ id }) => id));
        for (const id of conversations) own.offer(tenantId, id);
      }
      for (const { channel } of fresh) metrics.messages.inc({ channel: channelLabel(channel), tenant_id: tenantId });
      for (const { message } of ordered) {
        if (!fresh.includes(message)) metrics.messageDuplicates.inc({ channel: channelLabel(message.channel) });
      }
      metrics.tenantRequests.inc({ tenant_id: tenantId }, messages.length);
      return { stored: fresh.length, duplicates: messages.length - fresh.length };
    },
  };
}

/** A label value that a caller can't multiply: `messages:anything` counts as `messages`. */
export function channelLabel(channel: string): string {
  return channel.split(":", 1)[0]!;
}

const key = ({ channel, userId }: IncomingMessage) => `${channel} ${userId}`;
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
