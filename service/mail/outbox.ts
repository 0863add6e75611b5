import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Language } from "../vocabulary.ts";
import { type Channel, type Delivered, DeliveryError, type Outgoing } from "./channel.ts";
import type { IncomingMessage, Reply } from "./message.ts";

/**
 * How long a sender may be silent before another takes its reply. It is longer than any delivery, and long enough for a
 * provider to confirm what a sender that died had handed over: then nothing is sent twice.
 */
const LEASE_SECONDS = 60;
const DELIVERY_TIMEOUT_MS = 40_000;
const POLL_MS = 1_000;
const CONCURRENCY = 16;
/** With the default delays a reply is tried for about three hours. */
export const MAX_DELIVERY_ATTEMPTS = 30;
/** When the provider may have the message, its confirmation gets this long to arrive. */
const UNKNOWN_OUTCOME_SECONDS = 20;

interface Lease {
  tenant_id: string;
  id: string;
  lease_token: string;
  /** The sender before died, or lost its connection, with this reply in its hands. */
  interrupted: boolean;
}

interface Loaded {
  conversation_id: string;
  channel: string;
  user_id: string;
  payload: Reply;
  attempts: number;
  parts_done: number;
  replays: number;
  language: Language | null;
  last_incoming: IncomingMessage | null;
  by_person: boolean;
  last_incoming_at: Date | null;
}

export interface OutboxOptions {
  database: Database;
  channels: readonly Channel[];
  metrics: Metrics;
  logger: Logger;
  /** Seconds before the next attempt, after `attempts` failed ones. */
  backoffSeconds?: (attempts: number) => number;
  leaseSeconds?: number;
  /** Seconds before the next attempt when the provider may have taken the message. */
  unknownOutcomeSeconds?: number;
}

/** Sends the replies that wait in the outbox: in order within a conversation, in parallel across them. */
export interface OutboxSender {
  start(): Promise<void>;
  /** Takes nothing new and waits for what is being sent. */
  stop(): Promise<void>;
}

/**
 * Seconds before the next attempt: doubles from 1 s to 10 min, of which a random half is cut off, so that replies that
 * failed together don't come back together.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("equal jitter")
 */
export function jitteredBackoff(attempts: number, random: () => number = Math.random): number {
  const ceiling = Math.min(2 ** (attempts - 1), 600);
  return ceiling * (0.5 + 0.5 * random());
}

export function createOutboxSender(options: OutboxOptions): OutboxSender {
  const lanes = options.channels
    .filter((channel) => channel.deliver !== undefined)
    .map((channel) => createLane(options, channel as Channel & Required<Pick<Channel, "deliver">>));
  const wake = () => {
    for (const lane of lanes) void lane.claim();
  };
  let timer: NodeJS.Timeout | undefined;
  let unlisten: (() => Promise<void>) | undefined;
  return {
    start: async () => {
      for (const lane of lanes) lane.open();
      unlisten = await options.database.listen("outbox", wake);
      options.database.onReconnect(wake);
      timer = setInterval(wake, POLL_MS);
      wake();
    },
    stop: async () => {
      clearInterval(timer);
      await Promise.all([unlisten?.(), ...lanes.map((lane) => lane.close())]);
    },
  };
}

/** One channel's sending: a slow provider holds up its own replies and no other channel's. */
function createLane(options: OutboxOptions, channel: Channel & Required<Pick<Channel, "deliver">>) {
  const { database, metrics, logger, backoffSeconds = jitteredBackoff, leaseSeconds = LEASE_SECONDS } = options;
  const { unknownOutcomeSeconds = UNKNOWN_OUTCOME_SECONDS } = options;
  const concurrency = channel.concurrency ?? CONCURRENCY;
  for (const result of ["sent", "retried", "dead"]) metrics.outboxDeliveries.inc({ channel: channel.name, result }, 0);
  const owner = randomUUID();
  const running = new Set<Promise<void>>();
  let stopped = true;
  let claiming = false;
  let again = false;

  const claim = async (): Promise<void> => {
    again = true;
    if (claiming) return;
    claiming = true;
    try {
      while (again && !stopped) {
        again = false;
        const free = concurrency - running.size;
        if (free <= 0) return; // the next one that ends claims again
        const leases = await database.withoutTenant((sql) =>
          sql<Lease>("select * from claim_outbox($1, $2, $3, $4)", [owner, channel.name, leaseSeconds, free]),
        );
        for (const lease of leases) {
          const work: Promise<void> = send(lease)
            .catch((error) =>
              logger.error(
                { err: error, tenant_id: lease.tenant_id, outbox_id: lease.id, channel: channel.name },
                "a reply's outcome could not be noted; its lease runs out and it is looked at again",
              ),
            )
            .finally(() => {
              running.delete(work);
              void claim();
            });
          running.add(work);
        }
      }
    } catch (error) {
      logger.warn({ err: error, channel: channel.name }, "could not look for replies to send; trying again");
    } finally {
      claiming = false;
    }
  };

  const send = async (lease: Lease): Promise<void> => {
    const loaded = await persist(
      () => load(database, lease),
      () => !stopped,
    );
    if (loaded === undefined) return; // another sender has it, or the guest's data was erased
    const attempts = loaded.attempts + (lease.interrupted ? 1 : 0);
    if (attempts >= MAX_DELIVERY_ATTEMPTS) {
      await fail(lease, loaded, new DeliveryError("senders stopped while they were sending this reply", { kind: "unknown" }));
      return;
    }
    const outgoing = toOutgoing(lease, loaded, attempts);
    for (let part = loaded.parts_done; ; part += 1) {
      let delivered: Delivered;
      try {
        delivered = await withDeadline(channel.deliver(outgoing, part));
      } catch (error) {
        await fail(lease, { ...loaded, attempts }, asDeliveryError(error));
        return;
      }
      const last = part + 1 >= delivered.parts;
      const kept = await persist(() => note(database, lease, part, delivered, last));
      if (last) metrics.outboxDeliveries.inc({ channel: channel.name, result: "sent" });
      if (last || !kept) return;
    }
  };

  /**
   * Repeats a query until it succeeds or the reply's lease is nearly over: a write must not be lost, since what it notes
   * has happened, and a reply that can't be read for a moment need not wait until its lease is over.
   */
  const persist = async <Result>(query: () => Promise<Result>, isWorthWaiting = () => true): Promise<Result> => {
    const deadline = performance.now() + leaseSeconds * 1000 - DELIVERY_TIMEOUT_MS / 2;
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        return await query();
      } catch (error) {
        if (performance.now() + wait > deadline || !isWorthWaiting()) throw error;
        await delay(wait);
      }
    }
  };

  const fail = async (lease: Lease, { attempts: before }: Pick<Loaded, "attempts">, error: DeliveryError): Promise<void> => {
    const attempts = before + 1;
    const dead = error.kind === "permanent" || attempts >= MAX_DELIVERY_ATTEMPTS;
    const seconds = Math.max(
      backoffSeconds(attempts),
      error.retryAfterSeconds ?? 0,
      error.kind === "unknown" ? unknownOutcomeSeconds : 0,
    );
    const text = `${error.code === undefined ? "" : `${error.code}: `}${error.message}`.slice(0, 500);
    metrics.outboxDeliveries.inc({ channel: channel.name, result: dead ? "dead" : "retried" });
    const context = { tenant_id: lease.tenant_id, outbox_id: lease.id, channel: channel.name, attempts, reason: text };
    if (dead) logger.error(context, "a reply could not be sent and is a dead letter now");
    else logger.warn({ ...context, retry_in_seconds: Math.round(seconds) }, "a reply could not be sent; it will be tried again");
    await persist(() =>
      database.forTenant(lease.tenant_id, (sql) =>
        sql(
          `with failed as (
             update outbox
                set attempts = $4, error = $5, state = $6, next_attempt_at = clock_timestamp() + make_interval(secs => $7),
                    lease_owner = null, lease_until = null
              where tenant_id = $1 and id = $2 and lease_token = $3 and state = 'pending'
              returning conversation_id, message)
           update messages m set status = 'failed'
             from failed f
            where $6 = 'dead' and m.tenant_id = $1 and m.conversation_id = f.conversation_id and m.id = f.message`,
          [lease.tenant_id, lease.id, lease.lease_token, attempts, text, dead ? "dead" : "pending", seconds],
        ),
      ),
    );
    if (!dead) setTimeout(() => void claim(), seconds * 1000 + 1).unref(); // any process may take it; this one is punctual
  };

  return {
    claim,
    open: () => {
      stopped = false;
    },
    close: async () => {
      stopped = true;
      await Promise.all(running);
    },
  };
}

async function load(database: Database, lease: Lease): Promise<Loaded | undefined> {
  const rows = await database.forTenant(lease.tenant_id, (sql) =>
    sql<Loaded>(
      `select o.conversation_id, o.channel, o.user_id, o.payload, o.attempts, o.parts_done, o.replays, c.language,
              answered.content as last_incoming, coalesce(m.content ? 'by', false) as by_person,
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

function toOutgoing(lease: Lease, loaded: Loaded, attempts: number): Outgoing {
  return {
    id: lease.id,
    replays: loaded.replays,
    tenantId: lease.tenant_id,
    conversationId: loaded.conversation_id,
    channel: loaded.channel,
    userId: loaded.user_id,
    language: loaded.language ?? undefined,
    reply: loaded.payload,
    attempts,
    lastIncoming: loaded.last_incoming ?? undefined,
    byPerson: loaded.by_person,
    lastIncomingAt: loaded.last_incoming_at ?? undefined,
  };
}

/** @returns false when the reply isn't this sender's any more: the provider confirmed it first, or the lease was lost */
async function note(database: Database, lease: Lease, part: number, delivered: Delivered, last: boolean): Promise<boolean> {
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

async function withDeadline(delivery: Promise<Delivered>): Promise<Delivered> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      delivery,
      delay(DELIVERY_TIMEOUT_MS, undefined, { signal: timer.signal }).then(() => {
        throw new DeliveryError(`the channel didn't end within ${DELIVERY_TIMEOUT_MS / 1000} s`, { kind: "unknown" });
      }),
    ]);
  } finally {
    timer.abort();
  }
}

function asDeliveryError(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new DeliveryError(text, { kind: "temporary", cause: error });
}
