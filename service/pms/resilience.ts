import {
  BrokenCircuitError,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  decorrelatedJitterGenerator,
  ExponentialBackoff,
  handleWhen,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
  wrap,
} from "cockatiel";
import type { Metrics } from "../telemetry/metrics.ts";
import { type PmsOperation, PmsRefusal, PmsUnavailable } from "./port.ts";

export interface ResilienceOptions {
  tenantId: string;
  metrics: Metrics;
  /** Milliseconds that one attempt may take. */
  readTimeoutMs?: number;
  writeTimeoutMs?: number;
  /** Failures one after another that open the circuit. */
  failuresToOpen?: number;
  /** Milliseconds after which an open circuit lets one call through. */
  halfOpenAfterMs?: number;
  firstRetryMs?: number;
}

/** Which calls may be repeated: those that do the same once or twice. */
const REPEATABLE: Record<PmsOperation, boolean> = {
  roomTypes: true,
  availability: true,
  reservation: true,
  reservationsOf: true,
  hold: false,
  confirm: true,
  modify: false,
  cancel: true,
  ping: false,
};
const READS: ReadonlySet<PmsOperation> = new Set(["roomTypes", "availability", "reservation", "reservationsOf", "ping"]);
const ATTEMPTS_AFTER_THE_FIRST = 2;

/** Runs a call against a PMS. @throws PmsRefusal as it is, and everything else as PmsUnavailable */
export type Guard = <Result>(operation: PmsOperation, call: () => Promise<Result>) => Promise<Result>;

/**
 * Time-out, breaker and retry around the calls to one hotel's PMS, in this order from the inside: so the breaker counts
 * every attempt and sees its raw error, and only what leaves the last layer is translated.
 */
export function createGuard(options: ResilienceOptions): Guard {
  const { tenantId, metrics, readTimeoutMs = 2_500, writeTimeoutMs = 6_000, failuresToOpen = 5 } = options;
  const { halfOpenAfterMs = 10_000, firstRetryMs = 80 } = options;
  // A refusal is an answer: it neither opens the circuit nor is worth a second attempt.
  const failures = handleWhen((error) => !(error instanceof PmsRefusal));
  const breaker = circuitBreaker(failures, {
    halfOpenAfter: halfOpenAfterMs,
    breaker: new ConsecutiveBreaker(failuresToOpen),
  });
  const states = new Map<CircuitState, number>([
    [CircuitState.Closed, 0],
    [CircuitState.HalfOpen, 1],
    [CircuitState.Open, 2],
  ]);
  metrics.pmsCircuit.set({ tenant_id: tenantId }, 0);
  breaker.onStateChange((state) => metrics.pmsCircuit.set({ tenant_id: tenantId }, states.get(state) ?? 2));

  const again = retry(
    handleWhen((error) => !(error instanceof PmsRefusal) && !(error instanceof BrokenCircuitError)),
    {
      maxAttempts: ATTEMPTS_AFTER_THE_FIRST,
      backoff: new ExponentialBackoff({
        generator: decorrelatedJitterGenerator,
        initialDelay: firstRetryMs,
        maxDelay: 20 * firstRetryMs,
      }),
    },
  );
  const read = timeout(readTimeoutMs, TimeoutStrategy.Aggressive);
  const write = timeout(writeTimeoutMs, TimeoutStrategy.Aggressive);
  const policies = {
    repeatedRead: wrap(again, breaker, read),
    repeatedWrite: wrap(again, breaker, write),
    read: wrap(breaker, read),
    write: wrap(breaker, write),
  };

  return async (operation, call) => {
    const isRead = READS.has(operation);
    const policy = REPEATABLE[operation]
      ? isRead
        ? policies.repeatedRead
        : policies.repeatedWrite
      : isRead
        ? policies.read
        : policies.write;
    const ended = metrics.pmsDuration.startTimer({ operation });
    try {
      const result = await policy.execute(call);
      metrics.pmsRequests.inc({ operation, result: "ok" });
      return result;
    } catch (error) {
      metrics.pmsRequests.inc({ operation, result: resultOf(error) });
      throw error instanceof PmsRefusal ? error : new PmsUnavailable(operation, error);
    } finally {
      ended();
    }
  };
}

function resultOf(error: unknown): "refused" | "open" | "timeout" | "error" {
  if (error instanceof PmsRefusal) return "refused";
  if (error instanceof BrokenCircuitError) return "open";
  return error instanceof TaskCancelledError ? "timeout" : "error";
}
