import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Answers } from "./answers.ts";
import { Claims } from "./claim.ts";
import { within } from "./deadline.ts";
import { countAttempt, LEASE_SECONDS, Lease, LeaseLost, type Loaded, postpone, readNext, release } from "./lease.ts";
import type { Conversation, HandleMessage, Turn } from "./message.ts";
import { createPlaces } from "./places.ts";
import { Pulse } from "./pulse.ts";
import { writeTurn } from "./turn.ts";

/*
 * The life of a lease
 *
 * A lease is the right of this process to handle one conversation, for LEASE_SECONDS. It comes from the inbox, which writes it as
 * it stores a message (`handle`), or from a look at what waits (`claim.ts`). Its state has one setter, `Lease.enter`:
 *
 *     queued ──▶ reading ──▶ handling ──▶ writing ──▶ ended
 *       │          ▲  │         ▲  │        │ │  ▲
 *       └──────────┼──┼─────────┘  │        │ │  │     a message that came with the lease needs no reading
 *                  └──┼────────────┼────────┘ │  │     more waits: the lease is prolonged, and the next message is read
 *                     ▼            ▼          │  │
 *                 releasing    postponing ◀───┘  │
 *                     └────────────┴─────────────┘
 *
 * - queued: waits for a place (`places.ts`). Moved on by a place that becomes free.
 * - reading: the oldest waiting message is read. With a message: handling. With none: releasing. Lease lost: ended.
 * - handling: the dialogue makes a turn, within HANDLE_TIMEOUT_MS. A turn: writing. An error: postponing.
 * - writing: the turn is written, and the lease given back in the same statement unless a message came meanwhile (reading).
 * - releasing: given back, unless a message came meanwhile (reading).
 * - postponing: the failed attempt is written and the conversation left alone for a while; any worker may take it then.
 * - ended: given back or lost. Whoever lost it writes nothing: each write names the lease's token.
 *
 * A database that fails is tried again until the lease would be over anyway. A process that dies leaves its leases to run out; who takes
 * one of those (`interrupted`) handles it alone, after having counted the attempt: see `suspects`.
 */

const POLL_MS = 1_000;
const DATABASE_RETRY_MS = 500;
/** Handling ends in time to be written before the lease is over; calls to the PMS have shorter deadlines of their own. */
const HANDLE_TIMEOUT_MS = 20_000;
/** A lease that has waited longer than this for a place is looked at again: another worker may have it. */
const FRESH_MS = (LEASE_SECONDS * 1000) / 2;
/** After so many failed attempts the guest gets the honest fallback and reception takes over. */
export const MAX_ATTEMPTS = 5;
/** After so many attempts of which the last one ended with its process: a message that kills costs all hotels each time. */
export const MAX_INTERRUPTED_ATTEMPTS = 3;

export interface WorkerOptions {
  database: Database;
  handle: HandleMessage;
  /**
   * Makes the turn of a message that could not be handled. It tells reception first: when that fails, it is tried again, and the
   * guest isn't told that reception knows.
   */
  giveUp: HandleMessage;
  answers: Pick<Answers, "announce" | "notification">;
  /** Whether a channel's guests fetch their replies. */
  isPulled: (channel: string) => boolean;
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
  handleTimeoutMs?: number;
}

/** Takes conversations with waiting messages and answers them, in order per guest, in parallel across guests. */
export interface Worker {
  start(): Promise<void>;
  /**
   * Reserves a lease owner for a message that is about to be stored, so that the conversation needn't be claimed later.
   *
   * @returns a name unlike any other, for `handle`; undefined when there is no room, or older messages of the hotel wait
   */
  leaseOwner(tenantId: string): string | undefined;
  /**
   * Handles a conversation that was leased when its message was stored.
   *
   * @param loaded what was stored, if it is the message to begin with; its first attempt is counted. Absent: look
   */
  handle(tenantId: string, conversationId: string, leaseToken: string, loaded?: Loaded): void;
  /** @throws when something has waited too long while nothing was claimed, read or written */
  check(): void;
  /** Takes nothing new and waits for what is being handled. */
  stop(): Promise<void>;
}

export function createWorker(options: WorkerOptions): Worker {
  const { database, logger, concurrency, waitingPerPlace, monotone = () => performance.now() } = options;
  const claimPulse = new Pulse(monotone);
  const turnPulse = new Pulse(monotone);
  let timer: NodeJS.Timeout | undefined;

  const onError = (error: Error) => {
    if (!(error instanceof LeaseLost)) logger.error({ err: error }, "a conversation is given up for now; its lease runs out");
  };
  const places = createPlaces({ places: concurrency, onEnd: () => claims.refill(), onError });
  /**
   * One of these may end the process, so they are handled one at a time: of all that were under way when a process died, only the one
   * that is being handled then counts another attempt, and the innocent ones are soon done.
   */
  const suspects = createPlaces({ places: 1, onError });
  const claims: Claims = new Claims({
    database,
    logger,
    pulse: claimPulse,
    places,
    concurrency,
    queuePerPlace: waitingPerPlace,
    monotone,
    onLease: (lease) => (lease.interrupted ? suspects : places).run(lease.tenantId, () => workOff(lease)),
  });
  const workOff = createWorkOff({ ...options, monotone }, turnPulse, claims);

  return {
    leaseOwner: (tenantId) => claims.reserve(tenantId),
    handle: (tenantId, conversationId, token, loaded) => {
      const lease = new Lease({ tenantId, conversationId, token, interrupted: false, takenAt: monotone() });
      places.run(tenantId, () => workOff(lease, loaded));
    },
    check: () => {
      claimPulse.check("looks for waiting messages");
      turnPulse.check("turns");
    },
    start: async () => {
      await database.listen("inbox", () => claims.look());
      database.onReconnect(() => claims.look());
      timer = setInterval(() => claims.look(), POLL_MS);
      claims.start();
    },
    stop: async () => {
      claims.stop();
      clearInterval(timer);
      await Promise.all([places.idle(), suspects.idle()]);
    },
  };
}

/** @returns what leads one lease through its life, from the moment when it has a place */
function createWorkOff(
  options: WorkerOptions & { monotone: () => number },
  pulse: Pulse,
  claims: { readonly isStopped: boolean },
): (lease: Lease, first?: Loaded) => Promise<void> {
  const { database, answers, metrics, logger, isPulled, monotone, now = () => new Date() } = options;
  const { backoffSeconds = (attempts) => Math.min(2 ** attempts * 0.25, 30) } = options;
  const decide = createDecide(options);

  /** A database that was away may be back before the lease ends: so nobody has to wait for that end. */
  const patiently = async <Result>(lease: Lease, work: () => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await pulse.step(work);
      } catch (error) {
        if (error instanceof LeaseLost || claims.isStopped || monotone() - lease.takenAt > LEASE_SECONDS * 1000) throw error;
        logger.warn(
          { err: error, conversation_id: lease.conversationId, state: lease.state },
          "the database failed; trying again",
        );
        await delay(DATABASE_RETRY_MS);
      }
    }
  };

  const read = async (lease: Lease): Promise<Loaded | undefined> => {
    lease.enter("reading");
    const isStale = monotone() - lease.takenAt >= FRESH_MS;
    const startedAt = monotone();
    const loaded = await patiently(lease, () => readNext(database, lease, isStale));
    if (loaded === undefined) lease.enter("ended");
    else if (isStale) lease.takenAt = startedAt;
    return loaded;
  };

  /** @returns whether the lease ended */
  const giveBack = async (lease: Lease, { last_received }: Loaded): Promise<boolean> => {
    lease.enter("releasing");
    return patiently(lease, () => release(database, lease, claims.isStopped ? undefined : last_received));
  };

  /** Not repeated when the database fails: what became of the turn isn't known then, and a second one must not be written. */
  const write = async (lease: Lease, loaded: Loaded, turn: Turn, failed: boolean, isOwn: boolean): Promise<boolean> => {
    lease.enter("writing");
    const { channel, payload } = loaded;
    const key = { tenantId: lease.tenantId, channel, messageId: payload.messageId };
    const startedAt = monotone();
    const released = await pulse.step(() =>
      writeTurn(database, lease, loaded, turn, {
        pulled: isPulled(channel),
        failed,
        // Who took the message in is the one that is waited at.
        notification: isOwn ? null : answers.notification(key),
      }),
    );
    lease.takenAt = startedAt;
    if (failed) metrics.inboxFailures.inc({ result: "failed" });
    const { replies, intent, confidence, band } = turn;
    answers.announce(key, { replies, intent, confidence, band });
    metrics.inboxReplyTime.observe(Math.max(0, now().getTime() - loaded.received_at.getTime()) / 1000);
    return released;
  };

  const putOff = async (lease: Lease, loaded: Loaded, attempts: number, error: Error): Promise<void> => {
    lease.enter("postponing");
    await patiently(lease, () => postpone(database, lease, loaded, { attempts, seconds: backoffSeconds(attempts), error }));
    logger.error(
      { err: error, tenant_id: lease.tenantId, conversation_id: lease.conversationId, attempts },
      "a message could not be handled; it will be tried again",
    );
    metrics.inboxFailures.inc({ result: "retried" });
    metrics.tenantErrors.inc({ tenant_id: lease.tenantId });
  };

  return async (lease, first) => {
    const isFresh = first !== undefined && monotone() - lease.takenAt < FRESH_MS;
    /** Whether the inbox counted the attempt as it stored the message. */
    let isCounted = first !== undefined;
    let isSuspect = lease.interrupted;
    for (let loaded = isFresh ? first : await read(lease); loaded !== undefined; loaded = await read(lease)) {
      if (loaded.message_id === null || claims.isStopped) {
        if (await giveBack(lease, loaded)) break;
        continue;
      }
      lease.enter("handling");
      let attempt = loaded.attempts + (isCounted ? 0 : 1);
      try {
        if (isSuspect) attempt = await pulse.step(() => countAttempt(database, lease, loaded!));
        const failed = attempt > (isSuspect ? MAX_INTERRUPTED_ATTEMPTS : MAX_ATTEMPTS);
        const turn = await decide(lease, loaded, failed);
        if (await write(lease, loaded, turn, failed, loaded === first)) break;
      } catch (error) {
        if (!(error instanceof LeaseLost)) await putOff(lease, loaded, attempt, error as Error);
        break;
      }
      isCounted = false;
      isSuspect = false;
    }
    if (lease.state !== "ended") lease.enter("ended");
  };
}

/** @returns what makes a turn of a message: the dialogue, within its time, or the honest fallback when it has failed too often */
function createDecide({ handle, giveUp, now = () => new Date(), handleTimeoutMs = HANDLE_TIMEOUT_MS }: WorkerOptions) {
  return async (lease: Lease, loaded: Loaded, failed: boolean): Promise<Turn> => {
    const conversation: Conversation = {
      tenantId: lease.tenantId,
      id: lease.conversationId,
      channel: loaded.channel,
      userId: loaded.user_id,
      language: loaded.language ?? undefined,
      state: loaded.state,
      handedOver: loaded.handed_over,
    };
    const input = { conversation, message: loaded.payload, receivedAt: loaded.received_at, now: now() };
    const late = () => new Error(`the message wasn't handled within ${handleTimeoutMs / 1000} s`);
    return within(handleTimeoutMs, failed ? giveUp(input) : handle(input), late);
  };
}
