import type { Database, Sql } from "../storage/sql.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { IncomingMessage } from "./turn.ts";

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
  select count(*)::int as stored from stored`;

/** @returns the inbox on a database; the database's `NOTIFY inbox` wakes the workers of every process */
export function createInbox({ database, metrics }: { database: Database; metrics: Metrics }): Inbox {
  const store = async (sql: Sql, tenantId: string, message: IncomingMessage): Promise<boolean> => {
    const { channel, userId, language, messageId } = message;
    const [row] = await sql<{ stored: number }>(STORE, [
      tenantId,
      channel,
      userId,
      language ?? null,
      messageId,
      JSON.stringify(message),
    ]);
    return row!.stored === 1;
  };

  return {
    accept: async (tenantId, messages) => {
      if (messages.length === 0) return { stored: 0, duplicates: 0 };
      // Two batches that hold the same two guests in a different order must lock them in the same order.
      const ordered = messages
        .map((message, index) => ({ message, index }))
        .sort((a, b) => compare(key(a.message), key(b.message)) || a.index - b.index);
      const fresh = await database.forTenant(tenantId, async (sql) => {
        const results = await Promise.all([
          ...ordered.map(({ message }) => store(sql, tenantId, message)),
          sql("select pg_notify('inbox', '')"),
        ]);
        return ordered.filter((_, index) => results[index] === true).map(({ message }) => message);
      });
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
