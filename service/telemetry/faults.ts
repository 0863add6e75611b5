import type { RequestHandler } from "express";
import { Problem } from "../http/problem.ts";

export interface Faults {
  /** Delay before an answer, ms. */
  latencyMs: number;
  /** How much longer an answer takes, in percent of its own time, the delay included. */
  latencyPercent: number;
  /** Share of requests (0–1) that are answered 500, before anything is stored. */
  errorRate: number;
}

/**
 * Faults for rehearsing a gate: a canary that is slower or fails. Production refuses to start with any of them.
 *
 * @param isActive asked at each request, so that a rehearsal can be ended everywhere at once
 */
export function injectFaults(
  { latencyMs, latencyPercent, errorRate }: Faults,
  isActive: () => boolean,
  random: () => number = Math.random,
): RequestHandler {
  return (_request, response, next) => {
    if (!isActive()) {
      next();
      return;
    }
    const started = performance.now();
    if (latencyPercent > 0) {
      const end = response.end;
      response.end = ((...rest: Parameters<typeof end>) => {
        setTimeout(() => end.apply(response, rest), ((performance.now() - started) * latencyPercent) / 100);
        return response;
      }) as typeof end;
    }
    const proceed = () => {
      if (random() < errorRate) next(new Problem(500, "Internal Server Error", "An injected fault: FAULT_ERROR_RATE is set."));
      else next();
    };
    if (latencyMs > 0) setTimeout(proceed, latencyMs);
    else proceed();
  };
}
