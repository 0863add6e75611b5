import { createHash, timingSafeEqual } from "node:crypto";
import { type Request, Router } from "express";
import { Problem } from "../http/problem.ts";
import type { Metrics } from "./metrics.ts";

/**
 * `GET /metrics` in Prometheus' text format, for peers on loopback or with the bearer token.
 * A request that came through a proxy counts as coming from elsewhere, whatever its headers claim.
 *
 * @param refresh brings gauges up to date before they are read; a failure leaves their last values
 */
export function metricsRoutes({
  metrics,
  token,
  refresh,
}: {
  metrics: Metrics;
  token: string | undefined;
  refresh: () => Promise<void>;
}): Router {
  const router = Router();
  router.get("/metrics", async (request, response) => {
    if (!isDirectLoopback(request) && !holdsToken(request, token)) {
      throw new Problem(
        401,
        "Unauthorized",
        "Ask from the same machine, or send METRICS_TOKEN: Authorization: Bearer <token>.",
        [],
        { "WWW-Authenticate": "Bearer" },
      );
    }
    await refresh();
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  return router;
}

function isDirectLoopback(request: Request): boolean {
  if (request.headers["x-forwarded-for"] !== undefined || request.headers.forwarded !== undefined) return false;
  const address = request.socket.remoteAddress ?? "";
  return address === "::1" || address.replace(/^::ffff:/, "").startsWith("127.");
}

function holdsToken(request: Request, token: string | undefined): boolean {
  if (token === undefined) return false;
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
