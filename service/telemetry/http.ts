import { randomUUID } from "node:crypto";
import type { RequestHandler } from "express";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const REQUEST_ID = /^[\w.:-]{8,64}$/;

/** Gives every request an id (the caller's own when it is a plain one), and every answer the id and the release. */
export function identify(release: string): RequestHandler {
  return (request, response, next) => {
    const given = request.get("x-request-id");
    const id = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
    response.locals.requestId = id;
    response.set("X-Request-Id", id);
    response.set("X-Release-Version", release);
    next();
  };
}

/**
 * Counts and logs each request when its answer has gone, or when the caller has (as status 499). Errors thrown by routes
 * are answers too by then, so they count. The route is the pattern that matched, `unmatched` for none.
 */
export function observe({ metrics, logger }: { metrics: Metrics; logger: Logger }): RequestHandler {
  return (request, response, next) => {
    const started = performance.now();
    let seen = false;
    const record = () => {
      if (seen) return;
      seen = true;
      const seconds = (performance.now() - started) / 1000;
      const path: unknown = request.route?.path;
      const route = typeof path === "string" ? `${request.baseUrl}${path}` : "unmatched";
      const status = response.writableFinished ? response.statusCode : 499;
      const labels = { method: METHODS.has(request.method) ? request.method : "OTHER", route, status_code: String(status) };
      metrics.httpRequests.inc(labels);
      metrics.httpDuration.observe(labels, seconds);
      const line = {
        request_id: response.locals.requestId,
        method: labels.method,
        route,
        status,
        ms: Math.round(seconds * 1e4) / 10,
      };
      if (status >= 500) logger.warn(line, "request");
      else logger.debug(line, "request");
    };
    response.once("finish", record);
    response.once("close", record);
    next();
  };
}
