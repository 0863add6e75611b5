import { pino } from "pino";
import { createFlags, type Flags, type FlagsOptions } from "../service/flags/flags.ts";
import type { DeclaredFlag, Registry } from "../service/flags/registry.ts";
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
