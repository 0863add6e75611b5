import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "../storage/sql.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Channel, type Delivered, DeliveryError } from "./channel.ts";
import { within } from "./deadline.ts";
import { giveBack, type LoadedReply, loadReply, noteDelivered, noteFailure, type ReplyLease, toOutgoing } from "./delivery.ts";
import { createPlaces } from "./places.ts";
import { Pulse } from "./pulse.ts";

/**
 * How long a sender may be silent before another takes its reply. It is longer than any delivery, and long enough for a
 * provider to confirm what a sender that died had handed over: then nothing is sent twice.
 */
const LEASE_SECONDS = 60;
const DELIVERY_TIMEOUT_MS = 40_000;
/** Replies sent at once, for a channel that doesn't say. */
const CONCURRENCY = 16;
/** Replies of one line that a sender holds per place, with those that wait for their number's rate. */
const HELD_PER_LINE = 2;
/** Replies of all lines that a sender holds per place. */
const HELD = 8;
/** When the provider may have the message, its confirmation gets this long to arrive. */
const UNKNOWN_OUTCOME_SECONDS = 20;
/** With the default delays a reply is tried for about three hours. */
export const MAX_DELIVERY_ATTEMPTS = 30;

export interface LaneOptions {
  database: Database;
  metrics: Metrics;
  logger: Logger;
  /** Seconds before the next attempt, after `attempts` failed ones. */
  backoffSeconds?: (attempts: number) => number;
  leaseSeconds?: number;
  /** Seconds before the next attempt when the provider may have taken the message. */
  unknownOutcomeSeconds?: number;
}

export type SendingChannel = Channel & Required<Pick<Channel, "deliver">>;

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

/** One channel's sending. */
export interface Lane {
  claim(): void;
  open(): void;
  close(): Promise<void>;
  /** @throws when replies wait and none was claimed, or its outcome noted, for too long */
  check(): void;
}

/**
 * A slow provider holds up its own replies and no other channel's. Within a channel, lines take turns: the replies of one hotel that
 * leave from one number. A reply holds one of the channel's places only while it is being delivered; it waits for its number's rate,
 * and for its line's turn, outside of them. So a line with thousands of replies moves another's by a delivery or two.
 */
export function createLane(options: LaneOptions, channel: SendingChannel): Lane {
  const { database, metrics, logger } = options;
  const concurrency = channel.concurrency ?? CONCURRENCY;
  const owner = randomUUID();
  const held = new Map<Promise<void>, string>();
  const places = createPlaces({ places: concurrency });
  const claims = new Pulse();
  const notes = new Pulse();
  let stopped = true;
  let claiming = false;
  let again = false;
  let lastLine = "";
  for (const result of ["sent", "retried", "dead"]) metrics.outboxDeliveries.inc({ channel: channel.name, result }, 0);

  /** One look at a time; who asks for one meanwhile gets another afterwards. */
  const claim = async (): Promise<void> => {
    again = true;
    if (claiming) return;
    claiming = true;
    try {
      while (again && !stopped) {
        again = false;
        const room = concurrency * HELD - held.size;
        if (room <= 0) return; // the next one that ends claims again
        const most = concurrency * HELD_PER_LINE;
        const leases = await claims.step(() =>
          database.withoutTenant((sql) =>
            sql<ReplyLease>(
              "select tenant_id, id, lease_token, interrupted, line from claim_outbox($1, $2, $3, $4, $5, $6, $7)",
              [owner, channel.name, options.leaseSeconds ?? LEASE_SECONDS, room, [...held.values()], most, lastLine],
              "claim-outbox",
            ),
          ),
        );
        for (const lease of leases) hold(lease);
        lastLine = leases.at(-1)?.line ?? lastLine;
      }
    } catch (error) {
      logger.warn({ err: error, channel: channel.name }, "could not look for replies to send; trying again");
    } finally {
      claiming = false;
    }
  };

  const hold = (lease: ReplyLease): void => {
    const work: Promise<void> = send(lease)
      .catch((error) =>
        logger.error(
          { err: error, tenant_id: lease.tenant_id, outbox_id: lease.id, channel: channel.name },
          "a reply's outcome could not be noted; its lease runs out and it is looked at again",
        ),
      )
      .finally(() => {
        held.delete(work);
        void claim();
      });
    held.set(work, lease.line);
  };

  const send = createSend(options, channel, {
    notes,
    isStopped: () => stopped,
    inPlace: (line, deliver) =>
      new Promise((resolve, reject) => {
        places.run(line, () => deliver().then(resolve, reject));
      }),
    claimIn: (seconds) => void setTimeout(() => void claim(), seconds * 1000 + 1).unref(), // any process may take it; this one is punctual
  });

  return {
    claim: () => void claim(),
    open: () => {
      stopped = false;
    },
    close: async () => {
      stopped = true;
      await Promise.all(held.keys());
    },
    check: () => {
      claims.check(`looks for replies by ${channel.name}`);
      notes.check(`outcomes of replies by ${channel.name}`);
    },
  };
}

interface Surroundings {
  notes: Pulse;
  isStopped: () => boolean;
  /** Runs a delivery in a place of the line, as soon as there is one. */
  inPlace: (line: string, deliver: () => Promise<Delivered>) => Promise<Delivered>;
  claimIn: (seconds: number) => void;
}

class Stopped extends Error {}

/** @returns what sends one leased reply, part by part, and notes what became of it */
function createSend(options: LaneOptions, channel: SendingChannel, around: Surroundings): (lease: ReplyLease) => Promise<void> {
  const { database, metrics, logger, backoffSeconds = jitteredBackoff, leaseSeconds = LEASE_SECONDS } = options;
  const { unknownOutcomeSeconds = UNKNOWN_OUTCOME_SECONDS } = options;
  const { notes, isStopped, inPlace, claimIn } = around;

  /**
   * Repeats a query until it succeeds or the reply's lease is nearly over: a write must not be lost, since what it notes
   * has happened, and a reply that can't be read for a moment need not wait until its lease is over.
   */
  const persist = async <Result>(query: () => Promise<Result>, isWorthWaiting = () => true): Promise<Result> => {
    const deadline = performance.now() + leaseSeconds * 1000 - DELIVERY_TIMEOUT_MS / 2;
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        return await notes.step(query);
      } catch (error) {
        if (performance.now() + wait > deadline || !isWorthWaiting()) throw error;
        await delay(wait);
      }
    }
  };

  const fail = async (lease: ReplyLease, before: number, error: DeliveryError): Promise<void> => {
    const attempts = before + 1;
    const dead = error.kind === "permanent" || attempts >= MAX_DELIVERY_ATTEMPTS;
    const seconds = Math.max(
      backoffSeconds(attempts),
      error.retryAfterSeconds ?? 0,
      error.kind === "unknown" ? unknownOutcomeSeconds : 0,
    );
    const reason = `${error.code === undefined ? "" : `${error.code}: `}${error.message}`.slice(0, 500);
    metrics.outboxDeliveries.inc({ channel: channel.name, result: dead ? "dead" : "retried" });
    const context = { tenant_id: lease.tenant_id, outbox_id: lease.id, channel: channel.name, attempts, reason };
    if (dead) logger.error(context, "a reply could not be sent and is a dead letter now");
    else logger.warn({ ...context, retry_in_seconds: Math.round(seconds) }, "a reply could not be sent; it will be tried again");
    await persist(() => noteFailure(database, lease, { attempts, reason, dead, seconds }));
    if (!dead) claimIn(seconds);
  };

  /** Waits for the rate of the number, then for a place. @throws Stopped when the sender stops before it has one */
  const deliver = async (lease: ReplyLease, loaded: LoadedReply, part: number): Promise<Delivered> => {
    const outgoing = toOutgoing(lease, loaded);
    const waitMs = (await channel.reserve?.(outgoing)) ?? 0;
    if (waitMs > 0) await delay(waitMs);
    return inPlace(lease.line, async () => {
      if (isStopped()) throw new Stopped();
      const late = () => new DeliveryError(`the channel didn't end within ${DELIVERY_TIMEOUT_MS / 1000} s`, { kind: "unknown" });
      return within(DELIVERY_TIMEOUT_MS, channel.deliver(outgoing, part), late);
    });
  };

  return async (lease) => {
    const loaded = await persist(
      () => loadReply(database, lease),
      () => !isStopped(),
    );
    if (loaded === undefined) return;
    loaded.attempts += lease.interrupted ? 1 : 0;
    if (loaded.expired) {
      await fail(
        lease,
        loaded.attempts,
        new DeliveryError("it waited too long to be of use", { kind: "permanent", code: "EXPIRED" }),
      );
      return;
    }
    if (loaded.attempts >= MAX_DELIVERY_ATTEMPTS) {
      const error = new DeliveryError("senders stopped while they were sending this reply", { kind: "unknown" });
      await fail(lease, loaded.attempts, error);
      return;
    }
    for (let part = loaded.parts_done; ; part += 1) {
      let delivered: Delivered;
      try {
        delivered = await deliver(lease, loaded, part);
      } catch (error) {
        if (error instanceof Stopped) await persist(() => giveBack(database, lease));
        else await fail(lease, loaded.attempts, asDeliveryError(error));
        return;
      }
      const last = part + 1 >= delivered.parts;
      const kept = await persist(() => noteDelivered(database, lease, { part, delivered, last }));
      if (last) metrics.outboxDeliveries.inc({ channel: channel.name, result: "sent" });
      if (last || !kept) return;
    }
  };
}

function asDeliveryError(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new DeliveryError(text, { kind: "temporary", cause: error });
}
