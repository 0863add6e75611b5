import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Language } from "../vocabulary.ts";
import type { Answers } from "./answers.ts";
import { FRESH_SECONDS, sentFrom } from "./freshness.ts";
import { honestFallback } from "./honest-fallback.ts";
import { isPulled, lockOf } from "./inbox.ts";
import type { Conversation, HandleMessage, IncomingMessage, Turn } from "./message.ts";
import { createPlaces } from "./places.ts";

/** How long a worker may be silent before another takes its conversation. */
export const LEASE_SECONDS = 30;
const POLL_MS = 1_000;
const DATABASE_RETRY_MS = 500;
const WAITING_PER_PLACE = 512;
/** After so many failed attempts the guest gets the honest fallback and reception takes over. */
export const MAX_ATTEMPTS = 5;

interface Lease {
  tenant_id: string;
  conversation_id: string;
  lease_token: string;
  /** When it began, in milliseconds of `monotone`. */
  taken_at: number;
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
  attempts: number;
  sequence: string;
  received_at: Date;
}

export interface WorkerOptions {
  database: Database;
  handle: HandleMessage;
  answers: Pick<Answers, "announce" | "notification">;
  metrics: Metrics;
  logger: Logger;
  /** Conversations handled at once. */
  concurrency: number;
  /** Conversations that this process takes for each place; more wait in the database, where every process finds them. */
  waitingPerPlace?: number;
  now?: () => Date;
  /** Milliseconds from any origin that only grow. */
  monotone?: () => number;
  /** Seconds to wait before attempt `attempts + 1`. */
  backoffSeconds?: (attempts: number) => number;
}

/** Takes conversations with waiting messages and answers them, in order per guest, in parallel across guests. */
export interface Worker {
  start(): Promise<void>;
  /**
   * Whose lease a conversation of this hotel is to be, a message of which is about to be stored: so nobody has to look for it.
   *
   * @returns a name unlike any other, for `handle`; undefined when there is no room, or older messages of the hotel wait
   */
  leaseOwner(tenantId: string): string | undefined;
  /**
   * Handles a conversation that was leased when its message was stored.
   *
   * @param loaded what was stored, if it is the message to begin with; absent: look
   */
  handle(tenantId: string, conversationId: string, leaseToken: string, loaded?: Loaded): void;
  /** Takes nothing new and waits for what is being handled. */
  stop(): Promise<void>;
}

class LeaseLost extends Error {}

/**
 * What a message leaves behind, all of it or, when the lease was lost, nothing. The lease ends here when no message came since
 * this one was loaded; else the worker goes on with the next.
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

export function createWorker(options: WorkerOptions): Worker {
  const { database, handle, answers, metrics, logger, concurrency, now = () => new Date() } = options;
  const { waitingPerPlace = WAITING_PER_PLACE, monotone = () => performance.now() } = options;
  const { backoffSeconds = (attempts) => Math.min(2 ** attempts * 0.25, 30) } = options;
  const owner = randomUUID();
  let stopped = true;
  let claiming = false;
  let again = false;
  /** Whether something may be waiting in the database that had no room here. */
  let starved = false;
  /** The hotels whose it may be. */
  const behind = new Set<string>();
  let leases = 0;
  let timer: NodeJS.Timeout | undefined;
  const places = createPlaces({
    places: concurrency,
    onEnd: () => {
      // A look costs as much as handling a message, so it is for several at a time.
      if (starved && places.held() <= concurrency * 1.5) void claim();
    },
    onError: (error) => {
      if (!(error instanceof LeaseLost)) logger.error({ err: error }, "a conversation is given up for now; its lease runs out");
    },
  });

  const leaseOwner = (tenantId: string): string | undefined => {
    if (stopped) return undefined;
    const most = concurrency * waitingPerPlace;
    if (!behind.has(tenantId) && places.held(tenantId) < most / 2 && places.held() < most) {
      leases += 1;
      return `${owner}:${leases}`;
    }
    behind.add(tenantId);
    starved = true;
    return undefined;
  };

  const claim = async (): Promise<void> => {
    again = true;
    if (claiming) return;
    claiming = true;
    try {
      while (again && !stopped) {
        again = false;
        const room = concurrency * 2 - places.held();
        if (room <= 0) {
          starved = true;
          return;
        }
        starved = false;
        const behindThen = [...behind];
        const most = places.isShared() ? concurrency : concurrency * 2;
        const taken_at = monotone();
        const found = await database.withoutTenant((sql) =>
          sql<Omit<Lease, "taken_at">>(
            "select tenant_id, conversation_id, lease_token from claim_conversations($1, $2, $3, $4, $5)",
            [owner, LEASE_SECONDS, room, places.holders(), most],
            "claim-conversations",
          ),
        );
        for (const lease of found) places.run(lease.tenant_id, () => workOff({ ...lease, taken_at }));
        if (found.length === room) starved = true;
        else {
          // All that waited is here now, but for a hotel that has its share.
          for (const tenantId of behindThen) if (places.held(tenantId) < most) behind.delete(tenantId);
          if (behind.size > 0 || most < concurrency * 2) starved = true;
        }
      }
    } catch (error) {
      logger.warn({ err: error }, "could not look for waiting messages; trying again");
    } finally {
      claiming = false;
    }
  };

  /** A database that was away may be back before the lease ends: so nobody has to wait for that end. */
  const patiently = async <Result>(lease: Lease, work: () => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof LeaseLost || stopped || monotone() - lease.taken_at > LEASE_SECONDS * 1000) throw error;
        logger.warn({ err: error, conversation_id: lease.conversation_id }, "the database failed; trying again");
        await delay(DATABASE_RETRY_MS);
      }
    }
  };

  /** Reads the next message of a conversation. @returns undefined when the lease is lost */
  const load = async (lease: Lease): Promise<Loaded | undefined> => {
    const { tenant_id: tenantId, conversation_id: id, lease_token: token } = lease;
    const [rows] = await database.batchForTenant(tenantId, [
      {
        name: "next-message",
        // It only reads: a statement that waited for a lock would see what is locked as it is then, and the rest as it was before,
        // and so give back a conversation in which a message has just been stored.
        text: `select c.channel, c.user_id, c.language, c.state, c.handed_over, c.last_received,
                      i.message_id, i.payload, i.attempts, i.sequence, i.received_at
                 from conversations c
                 left join lateral (
                   select message_id, payload, attempts, sequence, received_at from inbox
                    where tenant_id = c.tenant_id and conversation_id = c.id and state = 'waiting'
                    order by sequence limit 1) i on true
                where c.tenant_id = $1 and c.id = $2 and c.lease_token = $3`,
        values: [tenantId, id, token],
      },
    ]);
    return rows![0] as Loaded | undefined;
  };

  const workOff = async (lease: Lease, first?: Loaded): Promise<void> => {
    // It may have waited for its place longer than the lease lasts.
    const isFresh = monotone() - lease.taken_at < (LEASE_SECONDS * 1000) / 2;
    const next = () => patiently(lease, () => load(lease));
    for (let loaded = isFresh && first !== undefined ? first : await next(); loaded !== undefined; loaded = await next()) {
      const { last_received: lastReceived } = loaded;
      if (loaded.message_id === null || stopped) {
        if (await patiently(lease, () => release(lease, lastReceived))) return;
        continue;
      }
      const conversation: Conversation = {
        tenantId: lease.tenant_id,
        id: lease.conversation_id,
        channel: loaded.channel,
        userId: loaded.user_id,
        language: loaded.language ?? undefined,
        state: loaded.state,
        handedOver: loaded.handed_over,
      };
      try {
        const turn = await decide(conversation, loaded);
        const released = await commit(lease, loaded, turn, loaded === first);
        const { replies, intent, confidence, band } = turn;
        answers.announce(
          { tenantId: lease.tenant_id, channel: loaded.channel, messageId: loaded.payload.messageId },
          { replies, intent, confidence, band },
        );
        metrics.inboxReplyTime.observe(Math.max(0, now().getTime() - loaded.received_at.getTime()) / 1000);
        if (released) return;
      } catch (error) {
        if (error instanceof LeaseLost) return;
        const failed = loaded;
        await patiently(lease, () => postpone(lease, failed, error as Error));
        return;
      }
    }
  };

  const decide = async (conversation: Conversation, loaded: Loaded): Promise<Turn> => {
    if (loaded.attempts >= MAX_ATTEMPTS) {
      return honestFallback(conversation, loaded.payload);
    }
    return handle({ conversation, message: loaded.payload, receivedAt: loaded.received_at, now: now() });
  };

  /**
   * Writes the turn in one transaction.
   *
   * @param ownMessage whether this process took the message in, so that nobody waits for its answer in another
   * @returns whether the conversation was given back as well
   */
  const commit = async (lease: Lease, loaded: Loaded, turn: Turn, ownMessage: boolean): Promise<boolean> => {
    const { tenant_id: tenantId, conversation_id: id, lease_token: token } = lease;
    const { payload: message, channel } = loaded;
    const { messageId } = message;
    const [rows] = await database.batchForTenant(tenantId, [
      {
        name: "turn",
        text: TURN,
        locks: lockOf({ channel, userId: loaded.user_id }),
        values: [
          tenantId,
          id,
          token,
          JSON.stringify(turn.state),
          turn.language,
          turn.handedOver,
          loaded.sequence,
          LEASE_SECONDS,
          messageId,
          loaded.attempts >= MAX_ATTEMPTS ? "failed" : "done",
          message.text,
          JSON.stringify(message),
          turn.intent,
          turn.confidence,
          turn.band,
          JSON.stringify(turn.replies),
          isPulled(channel) ? "available" : "pending",
          ownMessage ? null : answers.notification({ tenantId, channel, messageId }),
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
    if (row === undefined) throw new LeaseLost("the lease of the conversation ran out");
    return row.released;
  };

  /** Gives the conversation back. @returns false when a message came meanwhile: then this worker keeps it */
  const release = async (
    { tenant_id: tenantId, conversation_id: id, lease_token: token }: Lease,
    lastReceived: string,
  ): Promise<boolean> => {
    const rows = await database.forTenant(tenantId, (sql) =>
      sql<{ released: boolean }>(
        `update conversations
            set lease_owner = null, lease_until = null, waiting_since = case when $5 or last_received <> $4 then waiting_since end
          where tenant_id = $1 and id = $2 and lease_token = $3 and ($5 or last_received = $4)
          returning true as released`,
        [tenantId, id, token, lastReceived, stopped],
      ),
    );
    return stopped || rows.length === 1;
  };

  const postpone = async (lease: Lease, loaded: Loaded, error: Error): Promise<void> => {
    const { tenant_id: tenantId, conversation_id: id, lease_token: token } = lease;
    const attempts = loaded.attempts + 1;
    await database.forTenant(tenantId, async (sql) => {
      const [rows] = await Promise.all([
        sql(
          "update conversations set lease_owner = null, lease_until = clock_timestamp() + make_interval(secs => $4) where tenant_id = $1 and id = $2 and lease_token = $3 returning 1",
          [tenantId, id, token, backoffSeconds(attempts)],
        ),
        sql("update inbox set attempts = $4, error = $5 where tenant_id = $1 and channel = $2 and message_id = $3", [
          tenantId,
          loaded.channel,
          loaded.message_id,
          attempts,
          `${error.name}: ${error.message}`.slice(0, 500),
        ]),
      ]);
      if (rows.length === 0) throw new LeaseLost("the lease of the conversation ran out");
    });
    logger.error(
      { err: error, tenant_id: tenantId, conversation_id: id, attempts },
      "a message could not be handled; it will be tried again",
    );
    metrics.inboxFailures.inc({ result: attempts >= MAX_ATTEMPTS ? "failed" : "retried" });
    metrics.tenantErrors.inc({ tenant_id: tenantId });
  };

  return {
    leaseOwner,
    handle: (tenantId, conversationId, leaseToken, loaded) => {
      const lease = {
        tenant_id: tenantId,
        conversation_id: conversationId,
        lease_token: leaseToken,
        taken_at: monotone(),
      };
      places.run(tenantId, () => workOff(lease, loaded));
    },
    start: async () => {
      stopped = false;
      await database.listen("inbox", () => void claim());
      database.onReconnect(() => void claim());
      timer = setInterval(() => void claim(), POLL_MS);
      void claim();
    },
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await places.idle();
    },
  };
}
