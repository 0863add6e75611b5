import type pg from "pg";
import { honestFallback } from "../service/mail/honest-fallback.ts";
import { createInbox } from "../service/mail/inbox.ts";
import { createWorker, type Worker } from "../service/mail/worker.ts";
import { openMemory } from "../service/storage/shared-memory.ts";
import type { Database } from "../service/storage/sql.ts";
import { createLogger } from "../service/telemetry/log.ts";
import { createMetrics } from "../service/telemetry/metrics.ts";
import { createLimits } from "../service/tenancy/limits.ts";
import { type Bench, median } from "./figure.ts";

const WINDOW_MS = 4_000;
const WARM_UP_MS = 1_000;
const ROUNDS = 6;
const QUIET_PER_SECOND = 20;
/** What the neighbour may send; it sends ten times as much. */
const QUOTA_PER_SECOND = 20;
/** Eight conversations at once, 40 ms each as with a PMS: 200 a second, which the neighbour alone wants. */
const CONCURRENCY = 8;
const HANDLING_MS = 40;

type Neighbour = "none" | "limited" | "stored";

/**
 * How a hotel's p95, from a message's arrival to its answer's commit, changes when its neighbour sends ten times its quota:
 * over the JSON channel, where limits refuse most of it, and over a channel whose messages are all stored.
 */
export async function measureNeighbours(options: { database: Database; pool: pg.Pool; report: Parameters<Bench["run"]>[0] }) {
  const { database, pool, report } = options;
  const metrics = createMetrics({ collectDefaults: false });
  let worker: Worker | undefined;
  const inbox = createInbox({ database, metrics, worker: () => worker });
  const arrivals = new Map<string, number>();
  let latencies: number[] = [];
  const makeWorker = () =>
    createWorker({
      database,
      metrics,
      logger: createLogger("silent", "bench"),
      concurrency: CONCURRENCY,
      isPulled: () => true,
      giveUp: async ({ conversation, message }) => honestFallback(conversation, message),
      answers: {
        notification: () => "",
        announce: ({ messageId }) => {
          const arrived = arrivals.get(messageId);
          arrivals.delete(messageId);
          if (arrived !== undefined) latencies.push(performance.now() - arrived);
        },
      },
      handle: async ({ conversation, message }) => {
        await new Promise((resolve) => setTimeout(resolve, HANDLING_MS));
        return honestFallback(conversation, message);
      },
    });

  let number = 0;
  const send = async (tenant: string, guests: number) => {
    number += 1;
    const messageId = `neighbour-${number}`;
    if (tenant === "hotel-1") arrivals.set(messageId, performance.now());
    await inbox.accept(tenant, [
      { channel: "messages", messageId, userId: `guest-${number % guests}`, kind: "text", text: "Hola" },
    ]);
  };
  const limits = createLimits({ shared: openMemory(), guestHash: (userId) => userId });
  const limitedTenant = { id: "hotel-2", limits: { messages_per_minute: QUOTA_PER_SECOND * 60 } };

  const window = async (neighbour: Neighbour): Promise<number> => {
    worker = makeWorker();
    await worker.start();
    const sending: Promise<void>[] = [];
    const every = (perSecond: number, work: () => Promise<void>) => {
      const start = performance.now();
      let sent = 0;
      return setInterval(() => {
        for (; sent < ((performance.now() - start) / 1000) * perSecond; sent += 1) sending.push(work());
      }, 5);
    };
    const timers = [every(QUIET_PER_SECOND, () => send("hotel-1", 400))];
    if (neighbour !== "none") {
      timers.push(
        every(QUOTA_PER_SECOND * 10, async () => {
          if (neighbour === "limited" && !(await limits.take(limitedTenant, `guest-${number}`)).allowed) return;
          await send("hotel-2", 2_000);
        }),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    latencies = [];
    await new Promise((resolve) => setTimeout(resolve, WINDOW_MS));
    const seen = latencies;
    for (const timer of timers) clearInterval(timer);
    await Promise.all(sending);
    // What the neighbour left over isn't the next window's business.
    await worker.stop();
    await pool.query("delete from conversations where tenant_id = 'hotel-2'");
    if (seen.length < (QUIET_PER_SECOND * WINDOW_MS) / 2000) throw new Error(`the quiet hotel had ${seen.length} answers only`);
    return seen.sort((one, other) => one - other)[Math.floor(seen.length * 0.95)]!;
  };

  try {
    const p95: Record<Neighbour, number[]> = { none: [], limited: [], stored: [] };
    for (let round = -1; round < ROUNDS; round += 1) {
      for (const neighbour of ["none", "limited", "stored"] as const) {
        const value = await window(neighbour);
        if (round >= 0) p95[neighbour].push(value);
      }
    }
    const n = ROUNDS * QUIET_PER_SECOND * (WINDOW_MS / 1000);
    for (const neighbour of ["limited", "stored"] as const) {
      const ratio = median(p95[neighbour].map((value, round) => value / p95.none[round]!));
      report({
        name: `neighbour-${neighbour}-p95`,
        value: median(p95[neighbour]),
        unit: "ms",
        peer: "the same hotel alone",
        ratio,
        n,
      });
    }
  } finally {
    await worker?.stop();
  }
}
