import { type Request, Router } from "express";
import { Problem } from "../http/problem.ts";
import { sameSecret } from "../http/signature.ts";
import type { Metrics } from "./metrics.ts";

/**
 * `GET /metrics` in Prometheus' text format: with the bearer token when there is one, else for peers on loopback. A proxy on
 * the same machine is a peer on loopback too, and needn't say for whom it asks; so only the token keeps strangers out, and
 * production doesn't start without one.
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
    const mayRead = token === undefined ? isDirectLoopback(request) : holdsToken(request, token);
    if (!mayRead) {
      const detail =
        token === undefined
          ? "Ask from the same machine and not through a proxy, or set METRICS_TOKEN."
          : "Send METRICS_TOKEN: Authorization: Bearer <token>.";
      throw new Problem(401, "Unauthorized", detail, [], { "WWW-Authenticate": "Bearer" });
    }
    await refresh();
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  return router;
}

/** What proxies add to a request. */
const OF_PROXIES = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

function isDirectLoopback(request: Request): boolean {
  // nginx asks in HTTP/1.0 unless it is told otherwise, and adds nothing by itself.
  if (request.httpVersion === "1.0" || OF_PROXIES.some((name) => request.headers[name] !== undefined)) return false;
  const address = request.socket.remoteAddress ?? "";
  return address === "::1" || address.replace(/^::ffff:/, "").startsWith("127.");
}

function holdsToken(request: Request, token: string): boolean {
  return sameSecret(/^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "", token);
}
