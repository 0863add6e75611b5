import type { AddressInfo } from "node:net";
import express, { type Router } from "express";
import { pino } from "pino";
import { createFlags, type Flags, type FlagsOptions } from "../service/flags/flags.ts";
import type { DeclaredFlag, Registry } from "../service/flags/registry.ts";
import { problemHandler } from "../service/http/problem.ts";
import { openMemory } from "../service/storage/shared-memory.ts";
import type { Database } from "../service/storage/sql.ts";
import { createMetrics } from "../service/telemetry/metrics.ts";

/** A declared boolean flag for tests. */
export function toggle(value: boolean, more: Partial<DeclaredFlag> = {}): DeclaredFlag {
  return {
    type: "boolean",
    variants: { on: true, off: false },
    defaultVariant: value ? "on" : "off",
    offVariant: "off",
    prerequisites: [],
    owner: "tests",
    description: "A flag of a test.",
    ...more,
  };
}

/** Flags on real or in-process parts, with a log that can be read and a clock that is set by hand. */
export function makeFlags(options: Partial<FlagsOptions<Registry>> & { database: Database }): {
  flags: Flags<Registry>;
  log: { msg: string; flag?: string }[];
  metrics: ReturnType<typeof createMetrics>;
  clock: { at: number };
} {
  const log: { msg: string; flag?: string }[] = [];
  const clock = { at: Date.parse("2026-03-10T12:00:00Z") };
  const metrics = options.metrics ?? createMetrics({ collectDefaults: false });
  const flags = createFlags<Registry>({
    shared: openMemory(),
    metrics,
    logger: pino({ level: "info" }, { write: (line: string) => log.push(JSON.parse(line)) }),
    settings: {},
    cacheTtlSeconds: 30,
    now: () => new Date(clock.at),
    ...options,
  });
  return { flags, log, metrics, clock };
}

/** Serves routers on a free loopback port, with the service's own error answers. */
export async function serve(...routers: Router[]): Promise<{ url: string; close(): Promise<void> }> {
  const app = express();
  app.disable("etag");
  for (const router of routers) app.use(router);
  app.use(problemHandler(pino({ level: "silent" })));
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
