import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAuth } from "./admin/auth.ts";
import { createApp } from "./app.ts";
import { messagesWebhook } from "./channels/messages/webhook.ts";
import type { Config } from "./config.ts";
import { createAnswers } from "./conversation/answers.ts";
import { honestFallback } from "./conversation/fallback.ts";
import { createInbox } from "./conversation/inbox.ts";
import { createWorker } from "./conversation/worker.ts";
import { flagRoutes } from "./flags/admin.ts";
import { createFlags } from "./flags/flags.ts";
import { ofrepRoutes } from "./flags/ofrep.ts";
import { drainer, listen } from "./http-server.ts";
import { Problem } from "./problem.ts";
import { connect, openDatabase } from "./storage/database.ts";
import { checkMigrated, migrate, readMigrations } from "./storage/migrations.ts";
import { openMemory } from "./storage/shared-memory.ts";
import { openRedis } from "./storage/shared-redis.ts";
import type { Logger } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/metrics.ts";

/** A service that listens. */
export interface Service {
  url: string;
  /** Stops accepting, finishes what it has begun, closes; gives up after 10 s. */
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 10_000;
const DRAIN_MS = 5_000;

/**
 * Starts everything that one process runs.
 *
 * @throws when the database can't be reached or isn't migrated, or the port is taken
 */
export async function startService(config: Config, logger: Logger): Promise<Service> {
  const metrics = createMetrics();
  const onError = (source: string) => (error: Error) => logger.warn({ err: error }, `${source}: connection error`);
  const connections = await connect({
    url: config.DATABASE_URL,
    dataDir: config.DATA_DIR,
    poolSize: config.DATABASE_POOL_SIZE,
    onError: onError("database"),
  });
  const migrations = await readMigrations();
  if (config.NODE_ENV === "production") await checkMigrated(connections.pool, migrations);
  else await migrate(connections.pool, migrations);
  const database = openDatabase(connections);
  const shared =
    config.REDIS_URL === undefined ? openMemory() : await openRedis({ url: config.REDIS_URL, onError: onError("redis") });

  const auth = createAuth({ secret: config.ADMIN_JWT_SECRET, jwksUrl: config.ADMIN_JWKS_URL });
  const flags = createFlags({
    database,
    shared,
    metrics,
    logger,
    settings: config.FEATURE_FLAGS,
    cacheTtlSeconds: config.FLAG_CACHE_TTL_SECONDS,
  });
  const inbox = createInbox({ database, metrics });
  const answers = createAnswers({ database });
  const worker = createWorker({
    database,
    answers,
    metrics,
    logger,
    concurrency: Math.max(1, config.WORKERS),
    handle: async ({ conversation, message }) => honestFallback(conversation, message),
  });
  let stopping = false;

  const app = createApp({
    release: config.RELEASE_VERSION,
    isCanaryEnabled: () => flags.isEnabled("canary.enabled"),
    metrics,
    metricsToken: config.METRICS_TOKEN,
    refreshGauges: async () => {
      flags.refreshGauges();
      try {
        const [row] = await database.withoutTenant((sql) =>
          sql<{ depth: string; oldest_age_seconds: number }>("select * from waiting_conversations()"),
        );
        metrics.inboxDepth.set(Number(row!.depth));
        metrics.inboxOldestAge.set(row!.oldest_age_seconds);
      } catch (error) {
        logger.warn({ err: error }, "could not read the inbox's gauges");
      }
    },
    logger,
    health: { checks: { database: () => database.ping(), redis: () => shared.ping() }, isStopping: () => stopping },
    faults: {
      latencyMs: config.FAULT_LATENCY_MS,
      latencyPercent: config.FAULT_LATENCY_PERCENT,
      errorRate: config.FAULT_ERROR_RATE,
    },
    guestPaths: ["/webhooks/messages"],
    guestRoutes: [
      messagesWebhook({
        secret: config.MESSAGES_SECRET!,
        inbox,
        answers,
        canonicalUserId: (raw) => raw,
        resolveTenant: async ({ tenantId }) => {
          if (tenantId !== undefined && tenantId !== "default") {
            throw new Problem(400, "Bad Request", "The body has mistakes in: tenant_id.", [
              { field: "tenant_id", message: "names no tenant" },
            ]);
          }
          return "default";
        },
        limit: async () => undefined,
      }),
    ],
    adminRoutes: [flagRoutes({ flags, auth }), ofrepRoutes({ flags, auth })],
  });

  await flags.start();
  await answers.start();
  if (config.WORKERS > 0) await worker.start();
  const server = createServer(app);
  const drain = drainer(server);
  await listen(server, config.PORT, config.HOST);
  const { port } = server.address() as AddressInfo;

  const shutDown = async () => {
    stopping = true;
    // Workers go on meanwhile, since requests wait for them; whoever still waits then is told that the message is accepted.
    const patience = setTimeout(() => answers.stop(), DRAIN_MS);
    await drain();
    clearTimeout(patience);
    await worker.stop();
    await flags.close();
    await Promise.all([database.close(), shared.close()]);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`the stop took more than ${STOP_TIMEOUT_MS / 1000} s`)), STOP_TIMEOUT_MS);
      });
      try {
        await Promise.race([shutDown(), late]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
