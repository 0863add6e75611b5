import { Router } from "express";
import type { Metrics } from "./metrics.ts";

/** A dependency, or work that must move. */
export interface Check {
  /** Rejects, or runs out of time, when it can't do its work. */
  run: () => Promise<void>;
  /**
   * Whether this process is of no use without it: then it isn't ready. Without the others it serves guests worse, and stays in,
   * since a balancer that took all processes out would serve nobody.
   */
  required: boolean;
  /** Milliseconds that one run may take. */
  timeoutMs?: number;
  /** Milliseconds for which an outcome holds. */
  cacheMs?: number;
}

export interface HealthOptions {
  checks: Record<string, Check>;
  metrics: Pick<Metrics, "healthCheck">;
  /** True while the process stops: it is not ready then, so that a balancer sends nothing more. */
  isStopping: () => boolean;
}

type Status = "ok" | "degraded" | "failed";

interface Report {
  ready: boolean;
  status: "ok" | "degraded" | "unavailable" | "stopping";
  checks: Record<string, { status: Status; latency_ms: number }>;
}

/** What the service knows of itself. */
export interface Health {
  router: Router;
  /** Runs what isn't cached, and sets the gauges. */
  check(): Promise<Report>;
}

/** Below the second that a probe of Kubernetes waits by default. */
const TIMEOUT_MS = 900;
const REQUIRED_TIMEOUT_MS = 2_000;
/** Many balancers that ask at once cost one look. */
const CACHE_MS = 1_000;

/**
 * `/health/live`: the process answers. `/health/ready`: it can take a message and move it; which checks decide that, `required`
 * says. `/health/startup`: it was ready once.
 */
export function createHealth({ checks, metrics, isStopping }: HealthOptions): Health {
  const lookers = Object.entries(checks).map(([name, check]) => [name, lookerOf(check)] as const);
  let hasServed = false;

  const check = async (): Promise<Report> => {
    const results = await Promise.all(lookers.map(async ([name, look]) => [name, await look()] as const));
    for (const [name, { status }] of results) metrics.healthCheck.set({ check: name }, status === "ok" ? 1 : 0);
    const has = (wanted: Status) => results.some(([, { status }]) => status === wanted);
    const ready = !isStopping() && !has("failed");
    hasServed ||= ready;
    const status = isStopping() ? "stopping" : has("failed") ? "unavailable" : has("degraded") ? "degraded" : "ok";
    return { ready, status, checks: Object.fromEntries(results) };
  };

  const router = Router();
  router.get("/health/live", (_request, response) => {
    response.json({ status: "ok" });
  });
  router.get("/health/ready", async (_request, response) => {
    const { ready, ...report } = await check();
    response.status(ready ? 200 : 503).json(report);
  });
  router.get("/health/startup", async (_request, response) => {
    if (!hasServed) await check();
    response.status(hasServed ? 200 : 503).json({ status: hasServed ? "ok" : "starting" });
  });
  return { router, check };
}

/** @returns a look at one check: its last outcome while that holds, else a new one that calls at the same time share */
function lookerOf({ run, required, timeoutMs = required ? REQUIRED_TIMEOUT_MS : TIMEOUT_MS, cacheMs = CACHE_MS }: Check) {
  const bad: Status = required ? "failed" : "degraded";
  let last: { until: number; outcome: Promise<{ status: Status; latency_ms: number }> } | undefined;
  return () => {
    const began = performance.now();
    if (last === undefined || began > last.until) {
      const look = {
        until: Number.POSITIVE_INFINITY,
        outcome: isWell(run, timeoutMs).then((well) => {
          look.until = performance.now() + cacheMs;
          return { status: well ? ("ok" as const) : bad, latency_ms: Math.round((performance.now() - began) * 10) / 10 };
        }),
      };
      last = look;
    }
    return last.outcome;
  };
}

async function isWell(run: () => Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    return await Promise.race([run().then(() => true), late]);
  } catch {
    return false; // the cause is in the log of whoever uses the dependency; the caller of a health check learns no internals
  } finally {
    clearTimeout(timer);
  }
}
