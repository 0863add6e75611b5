import express, { type Express, type RequestHandler, type Router } from "express";
import { Problem, problemHandler } from "./http/problem.ts";
import { type Faults, injectFaults } from "./telemetry/faults.ts";
import { createHealth, type HealthOptions } from "./telemetry/health.ts";
import { identify, observe, zeroRoute } from "./telemetry/http.ts";
import type { Logger } from "./telemetry/log.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import { metricsRoutes } from "./telemetry/routes.ts";

export interface AppOptions {
  release: string;
  /** Off: answers don't say which release gave them, so that no comparison can pass, and injected faults stop. */
  isCanaryEnabled: () => boolean;
  metrics: Metrics;
  metricsToken: string | undefined;
  refreshGauges: () => Promise<void>;
  logger: Logger;
  /** Opens a span for each request. */
  trace?: RequestHandler;
  health: Omit<HealthOptions, "metrics">;
  faults: Faults;
  guestRoutes: Router[];
  /** Patterns of the routes that guests' messages come through: they have series from the start, and injected faults. */
  guestPaths: string[];
  adminRoutes: Router[];
}

/** Puts the HTTP application together from the routers of the rooms. */
export function createApp(options: AppOptions): Express {
  const { metrics, logger, faults, isCanaryEnabled } = options;
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use(identify(options.release, isCanaryEnabled));
  app.use(observe({ metrics, logger }));
  if (options.trace !== undefined) app.use(options.trace);
  app.use(refuseNul);
  const health = createHealth({ ...options.health, metrics });
  app.use(health.router);
  const refresh = async () => {
    await Promise.all([options.refreshGauges(), health.check()]);
  };
  app.use(metricsRoutes({ metrics, token: options.metricsToken, refresh }));
  for (const path of options.guestPaths) {
    zeroRoute(metrics, "POST", path, [200, 202, 400, 401, 499, 500, 503]);
    // As handlers of the route, so that a fault counts under its pattern.
    if (faults.latencyMs > 0 || faults.latencyPercent > 0 || faults.errorRate > 0) {
      app.post(path, injectFaults(faults, isCanaryEnabled));
    }
  }
  for (const router of options.guestRoutes) app.use(router);
  for (const router of options.adminRoutes) app.use(router);
  app.use((request) => {
    throw new Problem(404, "Not Found", `There is no ${request.method} ${request.path.slice(0, 200)} here.`);
  });
  app.use(problemHandler(logger));
  return app;
}

const NUL = /%00|\0/;

/** No name of ours holds U+0000, and Postgres takes it in no text. */
const refuseNul: RequestHandler = (request, _response, next) => {
  const [path = "", query = ""] = request.url.split("?", 2);
  const detail = "The address holds the character U+0000 (%00), which is in no name here. Leave it out.";
  if (NUL.test(path)) throw new Problem(404, "Not Found", detail);
  if (NUL.test(query)) throw new Problem(400, "Bad Request", detail);
  next();
};
