import { randomUUID } from "node:crypto";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Answers } from "./answers.ts";
import { honestFallback } from "./fallback.ts";
import { isPulled } from "./inbox.ts";
import { createPlaces } from "./places.ts";
import type { Conversation, HandleMessage, IncomingMessage, Language, Turn } from "./turn.ts";

/** How long a worker may be silent before another takes its conversation. */
const LEASE_SECONDS = 30;
const POLL_MS = 1_000;
/** After so many failed attempts the guest gets the honest fallback and reception takes over. */
export const MAX_ATTEMPTS = 5;

interface Lease {
  tenant_id: string;
  conversation_id: string;
  /** Absent for a conversation that was offered, until it is taken. */
  lease_token?: string;
}

type Held = Lease & { lease_token: string };

interface Loaded {
  channel: string;
  user_id: string;
  language: Language | null;
  state: Record<string, unknown>;
  handed_over: boolean;
  lease_token: string;
  last_received: string;
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
  now?: () => Date;
  /** Seconds to wait before attempt `attempts + 1`. */
  backoffSeconds?: (attempts: number) => number;
}

/** Takes conversations with waiting messages and answers them, in order per guest, in parallel across guests. */
export interface Worker {
  start(): Promise<void>;
  /** @returns whether a conversation of this hotel that is offered now would be handled at once */
  hasPlace(tenantId: string): boolean;
  /**
   * Hands over a conversation in which a message has just been stored: so nobody has to look for it. When the places went
   * meanwhile, or another worker has the conversation, nothing is lost: it waits like any other.
   */
  offer(tenantId: string, conversationId: string): void;
  /** Takes nothing new and waits for what is being handled. */
  stop(): Promise<void>;
}

class LeaseLost extends Error {}

export function createWorker(options: WorkerOptions): Worker {
  const { database, handle, answers, metrics, logger, concurrency, now = () => new Date() } = options;
  const { backoffSeconds = (attempts) => Math.min(2 ** attempts * 0.25, 30) } = options;
  const owner = randomUUID();
  const running = new Set<Promise<void>>();
  const places = createPlaces(concurrency);
  let stopped = true;
  let claiming = false;
  let again = false;
  /** Whether something may be waiting for a free place. */
  let starved = false;
  let timer: NodeJS.Timeout | undefined;

  const run = (lease: Lease): void => {
    places.take(lease.tenant_id);
    const work: Promise<void> = workOff(lease)
      .catch((error) =>
        logger.error(
          { err: error, tenant_id: lease.tenant_id, conversation_id: lease.conversation_id },
          "conversation given up for now; its lease runs out",
        ),
      )
      .finally(() => {
        running.delete(work);
        places.giveBack(lease.tenant_id);
        // When nothing waited there is nothing to look for: whatever comes is offered or announced.
        if (starved) {
          starved = false;
          void claim();
        }
      });
    running.add(work);
  };

  const hasPlace = (tenantId: string) =>
    !stopped && places.free() > 0 && places.held().filter((holder) => holder === tenantId).length < places.most();

  const claim = async (): Promise<void> => {
    again = true;
    if (claiming) return;
    claiming = true;
    try {
      while (again && !stopped) {
        again = false;
        const free = places.free();
        if (free <= 0) {
          starved = true;
          return;
        }
        const leases = await database.withoutTenant((sql) =>
          sql<Held>("select * from claim_conversations($1, $2, $3, $4, $5)", [
            owner,
            LEASE_SECONDS,
            free,
            places.held(),
            places.most(),
          ]),
        );
        if (leases.length === free) again = true;
        // One hotel's conversations may have been left although places are free.
        if (places.most() < concurrency) starved = true;
        for (const lease of leases) run(lease);
      }
    } catch (error) {
      logger.warn({ err: error }, "could not look for waiting messages; trying again");
    } finally {
      claiming = false;
    }
  };

  /** Reads the next message of a conversation that is leased, or leases one that was offered and reads it. */
  const load = async (lease: Lease): Promise<Loaded | undefined> => {
    const offered = lease.lease_token === undefined;
    const held = offered
      ? `with c as (
           update conversations
              set lease_owner = $3, lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS}), lease_token = lease_token + 1
            where tenant_id = $1 and id = $2 and waiting_since is not null and (lease_until is null or lease_until < clock_timestamp())
           returning *)`
      : "with c as (select * from conversations where tenant_id = $1 and id = $2 and lease_token = $3)";
    const [rows] = await database.batchForTenant(lease.tenant_id, [
      {
        name: offered ? "take-conversation" : "next-message",
        text: `${held}
         select c.channel, c.user_id, c.language, c.state, c.handed_over, c.lease_token, c.last_received,
                i.message_id, i.payload, i.attempts, i.sequence, i.received_at
           from c
           left join lateral (
             select * from inbox
              where tenant_id = c.tenant_id and conversation_id = c.id and state = 'waiting'
              order by sequence limit 1) i on true`,
        values: [lease.tenant_id, lease.conversation_id, lease.lease_token ?? owner],
      },
    ]);
    return rows![0] as Loaded | undefined;
  };

  const workOff = async (given: Lease): Promise<void> => {
    let token = given.lease_token;
    for (;;) {
      const loaded = await load({ ...given, ...(token === undefined ? {} : { lease_token: token }) });
      if (loaded === undefined) return; // another worker has it
      token = loaded.lease_token;
      const lease: Held = { ...given, lease_token: token };
      if (loaded.message_id === null || stopped) {
        if (await release(lease, loaded.last_received)) return;
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
        const released = await commit(lease, loaded, turn, loaded.attempts >= MAX_ATTEMPTS ? "failed" : "done");
        const { replies, intent, confidence, band } = turn;
        answers.announce(
          { tenantId: lease.tenant_id, channel: loaded.channel, messageId: loaded.payload.messageId },
          { replies, intent, confidence, band },
        );
        metrics.inboxReplyTime.observe(Math.max(0, now().getTime() - loaded.received_at.getTime()) / 1000);
        if (released) return;
      } catch (error) {
        if (error instanceof LeaseLost) return;
        await postpone(lease, loaded, error as Error);
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

  /** Writes the turn in one transaction. @returns whether the conversation was given back as well */
  const commit = async (lease: Held, loaded: Loaded, turn: Turn, state: "done" | "failed"): Promise<boolean> => {
    const { tenant_id: tenantId, conversation_id: id, lease_token: token } = lease;
    const { payload: message, channel, user_id: userId } = loaded;
    const replyState = isPulled(channel) ? "available" : "pending";
    return database.forTenant(tenantId, async (sql) => {
      const [fenced] = await Promise.all([
        // The lease ends here when no message came since it was loaded; else this worker goes on with the next.
        sql<{ released: boolean }>(
          `update conversations
              set state = $4, language = $5, handed_over = $6, updated_at = now(),
                  lease_owner = case when last_received = $7 then null else lease_owner end,
                  lease_until = case when last_received = $7 then null else clock_timestamp() + make_interval(secs => $8) end,
                  waiting_since = case when last_received = $7 then null else waiting_since end
            where tenant_id = $1 and id = $2 and lease_token = $3
            returning waiting_since is null as released`,
          [tenantId, id, token, JSON.stringify(turn.state), turn.language, turn.handedOver, loaded.sequence, LEASE_SECONDS],
          "turn-session",
        ),
        sql(
          `insert into messages (tenant_id, conversation_id, direction, message_id, text, content, intent, confidence, band, status)
           values ($1, $2, 'in', $3, $4, $5, $6, $7, $8, 'received')`,
          [tenantId, id, message.messageId, message.text, JSON.stringify(message), turn.intent, turn.confidence, turn.band],
          "turn-message",
        ),
        ...turn.replies.map((reply) =>
          sql(
            `with m as (
               insert into messages (tenant_id, conversation_id, direction, in_reply_to, text, content, status)
               values ($1, $2, 'out', $3, $4, $5, $6) returning id)
             insert into outbox (tenant_id, conversation_id, message, channel, user_id, payload, state, next_attempt_at)
             select $1, $2, m.id, $7, $8, $5, $6, clock_timestamp() + make_interval(secs => $9) from m`,
            [
              tenantId,
              id,
              message.messageId,
              reply.text,
              JSON.stringify(reply),
              replyState,
              channel,
              userId,
              (reply.typingMs ?? 0) / 1000,
            ],
            "turn-reply",
          ),
        ),
        sql(
          "update inbox set state = $4, done_at = now() where tenant_id = $1 and channel = $2 and message_id = $3",
          [tenantId, channel, message.messageId, state],
          "turn-inbox",
        ),
        sql(
          "select pg_notify('answered', $1)",
          [answers.notification({ tenantId, channel, messageId: message.messageId })],
          "turn-answered",
        ),
        ...(replyState === "pending" && turn.replies.length > 0 ? [sql("select pg_notify('outbox', '')")] : []),
      ]);
      if (fenced[0] === undefined) throw new LeaseLost("the lease of the conversation ran out");
      return fenced[0].released;
    });
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

  const postpone = async (lease: Held, loaded: Loaded, error: Error): Promise<void> => {
    const { tenant_id: tenantId, conversation_id: id, lease_token: token } = lease;
    const attempts = loaded.attempts + 1;
    logger.error(
      { err: error, tenant_id: tenantId, conversation_id: id, attempts },
      "a message could not be handled; it will be tried again",
    );
    metrics.inboxFailures.inc({ result: attempts >= MAX_ATTEMPTS ? "failed" : "retried" });
    metrics.tenantErrors.inc({ tenant_id: tenantId });
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
  };

  return {
    hasPlace,
    offer: (tenantId, conversationId) => {
      if (hasPlace(tenantId)) run({ tenant_id: tenantId, conversation_id: conversationId });
      else void claim();
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
      await Promise.all(running);
    },
  };
}
