import { Router } from "express";

/** Rejects, or runs out of time, when the dependency can't do its work. */
export type Check = () => Promise<void>;

export interface HealthOptions {
  checks: Record<string, Check>;
  /** Milliseconds that each check may take. */
  timeoutMs?: number;
  /** True while the process stops: it is not ready then, so that a balancer sends nothing more. */
  isStopping: () => boolean;
}

/** `/health/live` says that the process answers; `/health/ready` that its dependencies do, each within its own time. */
export function healthRoutes({ checks, timeoutMs = 2_000, isStopping }: HealthOptions): Router {
  const router = Router();
  router.get("/health/live", (_request, response) => {
    response.json({ status: "ok" });
  });
  router.get("/health/ready", async (_request, response) => {
    const results = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => {
        const started = performance.now();
        const status = await outcome(check, timeoutMs);
        return [name, { status, latency_ms: Math.round((performance.now() - started) * 10) / 10 }] as const;
      }),
    );
    const ready = !isStopping() && results.every(([, { status }]) => status === "ok");
    response
      .status(ready ? 200 : 503)
      .json({ status: isStopping() ? "stopping" : ready ? "ok" : "unavailable", checks: Object.fromEntries(results) });
  });
  return router;
}

async function outcome(check: Check, timeoutMs: number): Promise<"ok" | "failed" | "timeout"> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"timeout">((resolve) => {
    timer = setTimeout(() => resolve("timeout"), timeoutMs);
  });
  try {
    return await Promise.race([check().then(() => "ok" as const), late]);
  } catch {
    return "failed"; // the cause is in the log of whoever uses the dependency; the caller of a health check learns no internals
  } finally {
    clearTimeout(timer);
  }
}
