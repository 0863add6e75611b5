import { quantile } from "../../lib/judge/quantiles.ts";
import type { ArmAccount } from "../../lib/report/canary-report.ts";
import { ARMS, type ArmName, type Recording } from "../samples/recording.ts";
import type { ArmRows, PendingRequest } from "./arm-rows.ts";

/** A stretch of time in Unix seconds: from inclusive, until exclusive. */
export interface Stretch {
  from: number;
  until: number;
}

/** What one arm did within a stretch: its requests, those without an answer among them as failures, and the account of them. */
export interface ArmPart {
  recording: Recording;
  account: ArmAccount;
}

/** Share of an arm's iterations that may be dropped before the drops count. */
const MOST_DROPPED = 0.01;
/** A request that is younger is in flight, whatever the arm's p95 is. */
const IN_FLIGHT_SECONDS = 3;
const MOST_CHECKS = 20;

/**
 * Accounts for everything that was started within a stretch.
 *
 * A request that was sent and not answered by the newest row is a failure once it is older than the arm's own p95: a request in flight says
 * nothing, one that is stuck says a lot, though k6 writes no row of it. So is an iteration that k6 dropped because the arm's earlier
 * requests kept all virtual users waiting, unless the other arm dropped iterations too: what both share is the generator's.
 */
export function partOf(rows: Readonly<Partial<Record<ArmName, ArmRows>>>, stretch: Stretch): Partial<Record<ArmName, ArmPart>> {
  const { from, until } = stretch;
  const inside = (t: number) => t >= from && t < until;
  const counts = ARMS.flatMap((arm) => {
    const of = rows[arm];
    return of === undefined
      ? []
      : [{ arm, started: of.startedTimes.filter(inside).length, dropped: of.droppedTimes.filter(inside) }];
  });
  const shared =
    counts.length > 1 && counts.every(({ started, dropped }) => dropped.length > MOST_DROPPED * (dropped.length + started));
  const parts: Partial<Record<ArmName, ArmPart>> = {};
  for (const { arm, started, dropped } of counts) {
    const of = rows[arm]!;
    const recording = of.recording.between(from, until);
    const stuck = stuckRequests(
      of.pending.filter(({ t }) => inside(t)),
      recording,
      of.seenUntil,
    );
    for (const { t, route } of stuck) recording.add({ t, latencyMs: Number.NaN, ok: false, route });
    const own = !shared && dropped.length > MOST_DROPPED * (dropped.length + started);
    if (own) for (const t of dropped) recording.add({ t, latencyMs: Number.NaN, ok: false, route: undefined });
    const failed = (why: "check" | "exception") => of.failedIterations.filter((one) => one.why === why && inside(one.t)).length;
    parts[arm] = {
      recording,
      account: {
        iterations: started,
        dropped: dropped.length,
        not_sent: own ? dropped.length : 0,
        unanswered: stuck.length,
        threw: failed("exception"),
        failed_by_checks: failed("check"),
        checks: [...of.checks]
          .map(([name, times]) => ({
            name,
            passed: times.passed.filter(inside).length,
            failed: times.failed.filter(inside).length,
          }))
          .sort((a, b) => b.failed - a.failed)
          .slice(0, MOST_CHECKS),
        connections: of.connectedTimes.filter(inside).length,
        crossed: [],
      },
    };
  }
  return parts;
}

function stuckRequests(pending: readonly PendingRequest[], { latencyMs, ok }: Recording, now: number): PendingRequest[] {
  const latencies = latencyMs.filter((_, i) => ok[i]);
  const p95Seconds = latencies.length === 0 ? 0 : quantile(latencies, 0.95) / 1000;
  return pending.filter(({ t }) => now - t > Math.max(p95Seconds, IN_FLIGHT_SECONDS));
}
