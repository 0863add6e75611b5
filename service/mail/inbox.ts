import type { Database, Statement } from "../storage/sql.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Language } from "../vocabulary.ts";
import { channelLabel } from "./channel.ts";
import { LEASE_SECONDS, type Loaded, lockOf } from "./lease.ts";
import type { IncomingMessage } from "./message.ts";
import { Pulse } from "./pulse.ts";

export interface Accepted {
  stored: number;
  /** Messages that had been stored before; they are not handled again. */
  duplicates: number;
  /** Guests of whose conversations a person has taken care: the agent keeps quiet there. */
  withPerson: ReadonlySet<string>;
  /** Ids of those duplicates that aren't the same message: another guest, or another text. */
  conflicts: string[];
}

/** The database didn't take the messages: whoever sent them should send them again. An HTTP route answers with this status. */
export class NotStoredError extends Error {
  readonly status = 503;
  readonly retryAfterSeconds = 5;

  constructor(cause: unknown) {
    super("The messages could not be stored. Send them again.", { cause });
  }
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

/** An inbox that says whether it works. */
export interface CheckedInbox extends Inbox {
  /** @throws when messages could not be stored, or are being stored for too long */
  check(): void;
}

/** Who handles what is stored: the worker of this process. */
export interface Taker {
  leaseOwner(tenantId: string): string | undefined;
  handle(tenantId: string, conversationId: string, leaseToken: string, loaded?: Loaded): void;
}

/**
 * A conversation in which nothing waits is leased at once to the worker that will handle the message. That is its first attempt, and
 * counted here: so it is counted before anything that could end the process.
 */
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
    insert into inbox (tenant_id, channel, message_id, conversation_id, sequence, payload, attempts)
    select $1, $2, $5, id, last_received, $6, coalesce(lease_owner = $7, false)::int from conversation
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
  worker?: () => Taker | undefined;
}

/**
 * @returns the inbox on a database. What it stores goes to this process' worker when that has a place; else `NOTIFY inbox`
 *   wakes the workers of every process. Either can be lost in a crash, so workers look once a second, and leases end.
 */
export function createInbox({ database, metrics, worker = () => undefined }: InboxOptions): CheckedInbox {
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

  const pulse = new Pulse();
  /** The database refuses a message for what it is by an error of class 22 or 23: that isn't for want of a database. */
  const send: Database["batchForTenant"] = async (tenantId, statements) => {
    try {
      return await pulse.step(() => database.batchForTenant(tenantId, statements));
    } catch (error) {
      if (/^2[23]/.test((error as { code?: string }).code ?? "")) throw error;
      throw new NotStoredError(error);
    }
  };

  return {
    check: () => {
      if (pulse.isFailing()) throw new Error("the last messages could not be stored");
      pulse.check("messages that are to be stored");
    },
    accept: async (tenantId, messages) => {
      if (messages.length === 0) return { stored: 0, duplicates: 0, conflicts: [], withPerson: new Set() };
      const own = worker();
      const owners = ownersOf(messages, () => own?.leaseOwner(tenantId));
      const isHandedOver = new Set(owners.map((owner, index) => (owner === undefined ? undefined : lockOf(messages[index]!))));
      const isAnnounced = messages.some((message) => !isHandedOver.has(lockOf(message)));
      const rows = await send(tenantId, [
        ...messages.map((message, index) => store(tenantId, message, owners[index])),
        ...(isAnnounced ? [{ text: "select pg_notify('inbox', '')" }] : []),
      ]);
      const results = rows.slice(0, messages.length).map(([row]) => row as unknown as Stored);
      for (const [index, stored] of results.entries()) {
        // A message that isn't leased here is handled by whoever has its conversation, or takes it in its turn.
        if (stored.leased === true) own?.handle(tenantId, stored.id, stored.lease_token, loadedOf(messages[index]!, stored));
      }
      const fresh = messages.filter((_, index) => results[index]!.received_at !== null);
      const known = messages.filter((_, index) => results[index]!.received_at === null);
      for (const { channel } of fresh) metrics.messages.inc({ channel: channelLabel(channel), tenant_id: tenantId });
      for (const { channel } of known) metrics.messageDuplicates.inc({ channel: channelLabel(channel) });
      metrics.tenantRequests.inc({ tenant_id: tenantId }, messages.length);
      const conflicts = known.length === 0 ? [] : await findConflicts(database, tenantId, known);
      const withPerson = new Set(messages.filter((_, index) => results[index]!.handed_over).map(({ userId }) => userId));
      return { stored: fresh.length, duplicates: known.length, conflicts, withPerson };
    },
  };
}

/** One lease per guest: who handles the first message of a guest goes on with the next ones. */
function ownersOf(messages: readonly IncomingMessage[], reserve: () => string | undefined): (string | undefined)[] {
  const guests = new Set<string>();
  return messages.map((message) => {
    const isFirst = !guests.has(lockOf(message));
    guests.add(lockOf(message));
    return isFirst ? reserve() : undefined;
  });
}

/** @returns ids of messages whose id stands for another message: of another guest, or with other words */
async function findConflicts(database: Database, tenantId: string, messages: readonly IncomingMessage[]): Promise<string[]> {
  const rows = await database.batchForTenant(
    tenantId,
    messages.map(({ channel, messageId, userId, text, buttonId = null }) => ({
      text: `select 1 from inbox
              where tenant_id = $1 and channel = $2 and message_id = $3
                and (payload->>'userId', payload->>'text', payload->>'buttonId') is distinct from ($4, $5, $6)`,
      values: [tenantId, channel, messageId, userId, text, buttonId],
    })),
  );
  return messages.filter((_, index) => rows[index]!.length > 0).map(({ messageId }) => messageId);
}

/** @returns undefined for a message that had been stored before: then there is nothing to do but to give the lease back */
function loadedOf(message: IncomingMessage, stored: Stored): Loaded | undefined {
  const { language, state, handed_over, last_received, received_at } = stored;
  if (received_at === null) return undefined;
  const { channel, userId: user_id, messageId: message_id } = message;
  const conversation = { channel, user_id, language, state, handed_over, last_received };
  return { ...conversation, message_id, payload: message, attempts: 1, sequence: last_received, received_at };
}
