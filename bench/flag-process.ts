import { pino } from "pino";
import { createFlags } from "../service/flags/flags.ts";
import type { DeclaredFlag } from "../service/flags/registry.ts";
import { connect, openDatabase } from "../service/storage/database.ts";
import { openRedis } from "../service/storage/shared-redis.ts";
import { createMetrics } from "../service/telemetry/metrics.ts";

/** A flag whose value is the number of the last change. */
export const FLAG = "change";
export const REGISTRY: { readonly [FLAG]: DeclaredFlag & { readonly type: "number" } } = {
  [FLAG]: {
    type: "number",
    variants: { none: 0 },
    defaultVariant: "none",
    offVariant: "none",
    prerequisites: [],
    owner: "bench",
    description: "The number of the last change.",
  },
};

/** Flags as one process of the service has them. */
export async function openFlags(databaseUrl: string, redisUrl: string) {
  const logger = pino({ level: "silent" });
  const database = openDatabase(await connect({ url: databaseUrl, poolSize: 3, onError: (error) => logger.warn(error) }));
  const shared = await openRedis({ url: redisUrl, onError: (error) => logger.warn(error) });
  const metrics = createMetrics({ collectDefaults: false });
  const flags = createFlags({ database, shared, metrics, logger, settings: {}, cacheTtlSeconds: 30, registry: REGISTRY });
  await flags.start();
  return {
    flags,
    close: async () => {
      await flags.close();
      await Promise.all([shared.close(), database.close()]);
    },
  };
}

/** What a process tells its parent: the value it has, and when it had it (CLOCK_MONOTONIC, the same for all processes). */
export interface Seen {
  value: number;
  atNs: string;
}

if (import.meta.main) {
  const [databaseUrl, redisUrl] = process.argv.slice(2);
  const { flags } = await openFlags(databaseUrl!, redisUrl!);
  const tell = () => {
    const atNs = String(process.hrtime.bigint());
    process.send!({ value: flags.evaluate(FLAG).value, atNs } satisfies Seen);
  };
  flags.watch((event) => {
    if (event.kind === "changed") tell();
  });
  process.on("disconnect", () => process.exit(0));
  tell();
}
