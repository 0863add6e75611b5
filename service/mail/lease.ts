import type { Database } from "../storage/sql.ts";
import type { Language } from "../vocabulary.ts";
import type { IncomingMessage } from "./message.ts";

/** How long a worker may be silent before another takes its conversation: longer than any message is handled (`worker.ts`). */
export const LEASE_SECONDS = 30;

/** Where a lease stands; `worker.ts` tells what each state means and what moves it on. */
export type LeaseState = "queued" | "reading" | "handling" | "writing" | "postponing" | "releasing" | "ended";

const NEXT: Record<LeaseState, readonly LeaseState[]> = {
  queued: ["reading", "handling", "releasing"],
  reading: ["handling", "releasing", "ended"],
  handling: ["writing", "postponing"],
  writing: ["reading", "postponing", "ended"],
  postponing: ["ended"],
  releasing: ["reading", "ended"],
  ended: [],
};

/** This process' right to handle one conversation. */
export class Lease {
  readonly tenantId: string;
  readonly conversationId: string;
  /** Grows with every lease of the conversation: who holds an older one writes nothing. */
  readonly token: string;
  /** The holder before didn't give it back: its process ended or hung, perhaps by the message that comes next. */
  readonly interrupted: boolean;
  /** Since when it lasts, in milliseconds of the worker's clock. A turn that keeps the conversation prolongs it. */
  takenAt: number;
  #state: LeaseState = "queued";

  constructor(of: { tenantId: string; conversationId: string; token: string; interrupted: boolean; takenAt: number }) {
    this.tenantId = of.tenantId;
    this.conversationId = of.conversationId;
    this.token = of.token;
    this.interrupted = of.interrupted;
    this.takenAt = of.takenAt;
  }

  get state(): LeaseState {
    return this.#state;
  }

  /** The only way from one state to another. @throws when there is no such way */
  enter(next: LeaseState): void {
    if (!NEXT[this.#state].includes(next)) throw new Error(`a lease can't go from ${this.#state} to ${next}`);
    this.#state = next;
  }
}

/** Another worker has the conversation now, so nothing may be written any more. */
export class LeaseLost extends Error {
  constructor() {
    super("the lease of the conversation ran out");
  }
}

/** A conversation with its oldest waiting message, as it is when its lease is taken. */
export interface Loaded {
  channel: string;
  user_id: string;
  language: Language | null;
  state: Record<string, unknown>;
  handed_over: boolean;
  last_received: string;
  /** Null: nothing waits. */
  message_id: string | null;
  payload: IncomingMessage;
  /** Attempts to handle the message that have begun and are written down. */
  attempts: number;
  sequence: string;
  received_at: Date;
}

/** Names the row of a guest's conversation, in the order in which transactions lock several. */
export const lockOf = ({ channel, userId }: Pick<IncomingMessage, "channel" | "userId">) => `${channel} ${userId}`;

/**
 * Only reads: a statement that waited for a lock would see what is locked as it is then and the rest as it was before, and so
 * give back a conversation in which a message has just been stored.
 */
const NEXT_MESSAGE = `
  select c.channel, c.user_id, c.language, c.state, c.handed_over, c.last_received,
         i.message_id, i.payload, i.attempts, i.sequence, i.received_at
    from conversations c
    left join lateral (
      select message_id, payload, attempts, sequence, received_at from inbox
       where tenant_id = c.tenant_id and conversation_id = c.id and state = 'waiting'
       order by sequence limit 1) i on true
   where c.tenant_id = $1 and c.id = $2 and c.lease_token = $3`;

const PROLONG = `
  update conversations set lease_until = clock_timestamp() + make_interval(secs => $4)
   where tenant_id = $1 and id = $2 and lease_token = $3 and lease_owner is not null`;

/**
 * Reads the next message of a conversation.
 *
 * @param prolong for a lease that has waited for a place: makes it last its whole time again
 * @returns undefined when the lease is lost
 */
export async function readNext(database: Database, lease: Lease, prolong: boolean): Promise<Loaded | undefined> {
  const { tenantId, conversationId, token } = lease;
  const values = [tenantId, conversationId, token];
  const rows = await database.batchForTenant(tenantId, [
    ...(prolong ? [{ name: "prolong-lease", text: PROLONG, values: [...values, LEASE_SECONDS] }] : []),
    { name: "next-message", text: NEXT_MESSAGE, values },
  ]);
  return rows.at(-1)![0] as Loaded | undefined;
}

/** Writes down that an attempt begins, before anything that could end the process. @throws LeaseLost */
export async function countAttempt(database: Database, lease: Lease, { channel, message_id }: Loaded): Promise<number> {
  const [row] = await database.forTenant(lease.tenantId, (sql) =>
    sql<{ attempts: number }>(
      `update inbox i set attempts = i.attempts + 1
         from conversations c
        where i.tenant_id = $1 and i.channel = $2 and i.message_id = $3
          and c.tenant_id = $1 and c.id = $4 and c.lease_token = $5
        returning i.attempts`,
      [lease.tenantId, channel, message_id, lease.conversationId, lease.token],
    ),
  );
  if (row === undefined) throw new LeaseLost();
  return row.attempts;
}

/**
 * Gives the conversation back.
 *
 * @param lastReceived the number of the last message that this worker knows of; undefined: whatever waits is for others
 * @returns false when a message came meanwhile: then this worker keeps it
 */
export async function release(database: Database, lease: Lease, lastReceived: string | undefined): Promise<boolean> {
  const rows = await database.forTenant(lease.tenantId, (sql) =>
    sql(
      `update conversations
          set lease_owner = null, lease_until = null,
              waiting_since = case when $4::bigint is null or last_received <> $4 then waiting_since end
        where tenant_id = $1 and id = $2 and lease_token = $3 and ($4::bigint is null or last_received = $4)
        returning 1`,
      [lease.tenantId, lease.conversationId, lease.token, lastReceived ?? null],
    ),
  );
  return lastReceived === undefined || rows.length === 1;
}

/** Gives the conversation back with its message, to be tried again in `seconds`. @throws LeaseLost */
export async function postpone(
  database: Database,
  lease: Lease,
  { channel, message_id }: Loaded,
  failure: { attempts: number; seconds: number; error: Error },
): Promise<void> {
  const { attempts, seconds, error } = failure;
  await database.forTenant(lease.tenantId, async (sql) => {
    const [rows] = await Promise.all([
      sql(
        `update conversations set lease_owner = null, lease_until = clock_timestamp() + make_interval(secs => $4)
          where tenant_id = $1 and id = $2 and lease_token = $3 returning 1`,
        [lease.tenantId, lease.conversationId, lease.token, seconds],
      ),
      sql("update inbox set attempts = $4, error = $5 where tenant_id = $1 and channel = $2 and message_id = $3", [
        lease.tenantId,
        channel,
        message_id,
        attempts,
        `${error.name}: ${error.message}`.slice(0, 500),
      ]),
    ]);
    if (rows.length === 0) throw new LeaseLost();
  });
}
