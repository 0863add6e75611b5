import type { Database } from "../storage/sql.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** Brings the gauges of all that waits up to date: messages, replies, guests who wait for a person, tickets, vacuum. */
export async function measureBacklog(database: Database, metrics: Metrics): Promise<void> {
  const [row] = await database.withoutTenant((sql) =>
    sql<{
      inbox_depth: string;
      inbox_oldest_age_seconds: number;
      outbox_pending: string;
      outbox_oldest_age_seconds: number;
      dead_letters: string;
      handovers_waiting: string;
      handover_oldest_age_seconds: number;
      tickets_urgent: string;
      tickets_normal: string;
      notices_pending: string;
      notices_oldest_age_seconds: number;
      /** Null: the database doesn't let it be seen. */
      snapshot_age_seconds: number | null;
    }>(`select w.*, n.pending as notices_pending, n.oldest_age_seconds as notices_oldest_age_seconds, oldest_snapshot_age() as snapshot_age_seconds
         from waiting_work() w, waiting_notices() n`),
  );
  metrics.inboxDepth.set(Number(row!.inbox_depth));
  metrics.inboxOldestAge.set(row!.inbox_oldest_age_seconds);
  metrics.outboxPending.set(Number(row!.outbox_pending));
  metrics.outboxOldestAge.set(row!.outbox_oldest_age_seconds);
  metrics.outboxDead.set(Number(row!.dead_letters));
  metrics.handoversWaiting.set(Number(row!.handovers_waiting));
  metrics.handoverOldestAge.set(row!.handover_oldest_age_seconds);
  metrics.ticketsOpen.set({ urgency: "urgent" }, Number(row!.tickets_urgent));
  metrics.ticketsOpen.set({ urgency: "normal" }, Number(row!.tickets_normal));
  metrics.noticesPending.set(Number(row!.notices_pending));
  metrics.noticesOldestAge.set(row!.notices_oldest_age_seconds);
  metrics.oldestSnapshotAge.set(row!.snapshot_age_seconds ?? Number.NaN);
}
