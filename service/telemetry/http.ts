import { randomUUID } from "node:crypto";
import type { RequestHandler } from "express";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const REQUEST_ID = /^[\w.:-]{8,64}$/;

/**
 * Gives every request an id (the caller's own when it is a plain one), and every answer the id and the release.
 *
 * @param isAttested whether answers say their release: without it a gate can't tell the arms apart, and holds
 */
export function identify(release: string, isAttested: () => boolean): RequestHandler {
  return (request, response, next) => {
    const given = request.get("x-request-id");
    const id = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
    response.locals.requestId = id;
    response.set("X-Request-Id", id);
    if (isAttested()) response.set("X-Release-Version", release);
    next();
  };
}

/** The caller had sent the whole request and left before its answer: for the objectives a failure, since a service that hangs gives no 5xx. */
const GAVE_UP = 499;
/** The caller left in the middle of the request: its own doing, and a stranger's as easily as a guest's. */
const BROKEN_OFF = 400;

/**
 * Counts and logs each request when its answer has gone, or when the caller has (as status 499, or 400 when it never sent all). Errors thrown by routes
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
      // A stream of events ends when its reader leaves: that is no failure, and its length is no latency.
      const longLived = response.locals.longLived === true;
      const status = response.writableFinished || longLived ? response.statusCode : request.complete ? GAVE_UP : BROKEN_OFF;
      const labels = { method: METHODS.has(request.method) ? request.method : "OTHER", route, status_code: String(status) };
      metrics.httpRequests.inc(labels);
      if (!longLived) metrics.httpDuration.observe(labels, seconds);
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

/**
 * Makes a route's series exist at zero before its first request: without them a ratio of errors has no value, and the
 * first error of a process would be a series that appears, which no increase counts.
 */
export function zeroRoute(metrics: Metrics, method: string, route: string, statuses: readonly number[]): void {
  for (const status of statuses) {
    const labels = { method, route, status_code: String(status) };
    metrics.httpRequests.inc(labels, 0);
    metrics.httpDuration.zero(labels);
  }
}
