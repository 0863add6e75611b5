import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createApp } from "./app.ts";
import { createReadAudit } from "./auth/audit.ts";
import { createAuth } from "./auth/auth.ts";
import { createRevocations, revocationRoutes } from "./auth/revocations.ts";
import { createEmailChannel } from "./channels/email/channel.ts";
import { emailWebhook } from "./channels/email/webhook.ts";
import { MESSAGES_CHANNEL, messagesWebhook } from "./channels/messages/webhook.ts";
import { createWebChat, WEB_CHANNEL } from "./channels/web/chat.ts";
import { createWhatsAppChannel } from "./channels/whatsapp/channel.ts";
import { createGraph } from "./channels/whatsapp/graph.ts";
import { whatsAppWebhook } from "./channels/whatsapp/webhook.ts";
import { type Config, withPrevious } from "./config.ts";
import { createHandle } from "./conversation/handle.ts";
import { profileProblems } from "./conversation/hotel.ts";
import { quietWhilePaused } from "./conversation/paused.ts";
import { createTenantModels } from "./conversation/tenant-models.ts";
import { createTickets } from "./conversation/tickets.ts";
import { flagRoutes } from "./flags/admin.ts";
import { createFlags } from "./flags/flags.ts";
import { ofrepRoutes } from "./flags/ofrep.ts";
import { createBodyBudget } from "./http/body-budget.ts";
import { createPeers } from "./http/peers.ts";
import { drainer, listen } from "./http/server.ts";
import { createAnswers } from "./mail/answers.ts";
import { measureBacklog } from "./mail/backlog.ts";
import { pulledAmong } from "./mail/channel.ts";
import { createGiveUp } from "./mail/honest-fallback.ts";
import { createInbox } from "./mail/inbox.ts";
import { createOutboxSender } from "./mail/outbox.ts";
import { createWorker } from "./mail/worker.ts";
import { inShadow } from "./nlp/rollout.ts";
import { openCandidate } from "./nlp/training.ts";
import { openUnderstander, understanderOf } from "./nlp/understand.ts";
import { createPmsClients } from "./pms/clients.ts";
import { pmsWebhook } from "./pms/webhook.ts";
import { conversationRoutes } from "./reception/conversations.ts";
import { outboxAdmin } from "./reception/dead-letters.ts";
import { guestRoutes } from "./reception/guests.ts";
import { openNotices } from "./reception/notifications/open.ts";
import { connect, openDatabase } from "./storage/database.ts";
import { checkMigrated, migrate, readMigrations } from "./storage/migrations.ts";
import { findPooler, type Pooling } from "./storage/pooler.ts";
import { openMemory } from "./storage/shared-memory.ts";
import { openRedis } from "./storage/shared-redis.ts";
import { guestHasher, type Logger } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { openTracing } from "./telemetry/tracing.ts";
import { createLimits } from "./tenancy/limits.ts";
import { tenantRoutes } from "./tenancy/routes.ts";
import { createTenancy } from "./tenancy/tenancy.ts";
import { canonicalUserId } from "./tenancy/user-id.ts";

/** A service that listens. */
export interface Service {
  url: string;
  /** Says for the grace that it isn't ready, then stops accepting, finishes what it has begun, and closes; gives up after 10 s. */
  stop(): Promise<void>;
}

/** In production, when SHUTDOWN_GRACE_SECONDS doesn't say. */
const GRACE_SECONDS = 5;
const STOP_TIMEOUT_MS = 10_000;
const DRAIN_MS = 5_000;
const REQUEST_MS = 30_000;
const HEADERS_MS = 15_000;
const KEEP_ALIVE_MS = 75_000;
/** How long a probe's outcome at a hotel's PMS or mail server holds: they are others' machines. */
const PROBE_CACHE_MS = 10_000;
/** A greeting of a mail server takes its time. */
const SMTP_TIMEOUT_MS = 2_000;

/** Production refuses a pooler that it wasn't told of; elsewhere the service does what it can without a session. */
async function poolingOf(config: Config, logger: Logger): Promise<Pooling> {
  const {
    NODE_ENV,
    DATABASE_URL: url,
    DATABASE_POOLER: told,
    DATABASE_DIRECT_URL: direct,
    DATABASE_TIMEOUT_MS: timeoutMs,
  } = config;
  if (url === undefined) return "none";
  const isFound = told === "none" && NODE_ENV !== "production" && (await findPooler(url, timeoutMs));
  const pooling = isFound ? "transaction" : told;
  if (pooling === "transaction" && direct === undefined) {
    logger.warn(
      "DATABASE_URL leads to a pooler, and DATABASE_DIRECT_URL is missing: LISTEN is off, and changes are seen by polling alone. Set DATABASE_POOLER=transaction and DATABASE_DIRECT_URL to the server's own address; production doesn't start without.",
    );
  }
  return pooling;
}

/**
 * Starts everything that one process runs.
 *
 * @param pmsKeys the environment's variables `PMS_API_KEY_…`, which tenants name
 * @throws when the database can't be reached or isn't migrated, or the port is taken
 */
export async function startService(
  config: Config,
  logger: Logger,
  pmsKeys: Record<string, string | undefined> = {},
): Promise<Service> {
  const metrics = createMetrics();
  const peers = createPeers(config.TRUST_PROXY);
  const tracing = await openTracing({
    exporter: config.OTEL_TRACES_EXPORTER,
    ratio: config.OTEL_TRACES_SAMPLER_ARG,
    release: config.RELEASE_VERSION,
    isTrusted: (request) => peers.isFromProxy(request),
  });
  const onError = (source: string) => (error: Error) => logger.warn({ err: error }, `${source}: connection error`);
  const connections = await connect({
    url: config.DATABASE_URL,
    directUrl: config.DATABASE_DIRECT_URL,
    pooling: await poolingOf(config, logger),
    dataDir: config.DATA_DIR,
    poolSize: config.DATABASE_POOL_SIZE,
    timeoutMs: config.DATABASE_TIMEOUT_MS,
    onError: onError("database"),
  });
  const migrations = await readMigrations();
  if (config.NODE_ENV !== "production") await migrate(connections.direct, migrations);
  const ahead = await checkMigrated(connections.direct, migrations);
  if (ahead.length > 0) logger.warn({ migrations: ahead }, `database is ahead: ${ahead.join(", ")}; they only add to the schema`);
  metrics.schemaAhead.set(ahead.length);
  const database = openDatabase(connections, (seconds) => metrics.databaseDuration.observe(seconds));
  // A pooler that nobody told of shows here, and not at the first guest.
  await database.ping();
  const shared =
    config.REDIS_URL === undefined
      ? openMemory()
      : await openRedis({
          url: config.REDIS_URL,
          mode: config.REDIS_MODE,
          sentinels: config.REDIS_SENTINELS,
          prefix: config.REDIS_PREFIX,
          onError: onError("redis"),
        });

  const revocations = createRevocations({ database, logger });
  const auth = createAuth({
    secret: withPrevious(config.ADMIN_JWT_SECRET, config.ADMIN_JWT_SECRET_PREVIOUS),
    jwksUrl: config.ADMIN_JWKS_URL,
    issuer: config.ADMIN_JWT_ISSUER,
    audience: config.ADMIN_JWT_AUDIENCE,
    isRevoked: revocations.isRevoked,
  });
  const guestHash = guestHasher(config.LOG_HASH_KEY);
  const audit = createReadAudit({ database, guestHash });
  const flags = createFlags({
    database,
    shared,
    metrics,
    logger,
    settings: config.FEATURE_FLAGS,
    cacheTtlSeconds: config.FLAG_CACHE_TTL_SECONDS,
  });
  const tenancy = createTenancy({
    database,
    shared,
    metrics,
    logger,
    guestHash,
    cacheTtlSeconds: config.TENANT_CACHE_TTL_SECONDS,
    isDynamicEnabled: () => flags.isEnabled("tenancy.dynamic.enabled"),
  });
  const limits = createLimits({ shared, guestHash });
  const limit = async (tenantId: string, userId: string) => {
    const tenant = await tenancy.get(tenantId);
    if (tenant !== undefined) await limits.enforce(tenant, userId);
  };

  const inbox = createInbox({ database, metrics, worker: () => (config.WORKERS > 0 ? worker : undefined) });
  const answers = createAnswers({ database });
  const pms = createPmsClients({
    database,
    shared,
    metrics,
    logger,
    defaultUrl: config.PMS_URL,
    defaultApiKey: config.PMS_API_KEY,
    demo: config.DEMO_HOTEL,
    env: pmsKeys,
  });
  const primary = await openUnderstander();
  const candidate = config.NLP_CANDIDATE_MODEL;
  const understand =
    candidate === undefined
      ? primary.understand
      : inShadow({
          primary,
          candidate: understanderOf(await openCandidate(candidate)),
          isEnabled: () => flags.isEnabled("nlp.shadow.enabled"),
          metrics,
          logger,
        });
  const tickets = createTickets({ database });
  const tenant = (id: string) => tenancy.get(id);
  const graph = createGraph({ url: config.WHATSAPP_API_URL, accessToken: config.WHATSAPP_ACCESS_TOKEN });
  const notices = openNotices({ config, database, tenant, graph, metrics, logger });
  const answer = createHandle({
    understand,
    pms,
    tickets,
    notices,
    flags,
    tenants: tenancy,
    tenantModels: createTenantModels({ model: primary.model, logger }),
    metrics,
    logger,
  });
  const handle = quietWhilePaused(answer, tenancy);
  const email = createEmailChannel({ url: config.SMTP_URL, tenant });
  const sending = [createWhatsAppChannel({ graph, tenant }), email];
  const isPulled = pulledAmong([MESSAGES_CHANNEL, WEB_CHANNEL, ...sending]);
  const worker = createWorker({
    database,
    answers,
    isPulled,
    giveUp: createGiveUp((...ticket) => tickets.open(...ticket)),
    metrics,
    logger,
    concurrency: Math.max(1, config.WORKERS),
    handle: (input) =>
      tracing.span("handle message", { tenant_id: input.conversation.tenantId, channel: input.conversation.channel }, () =>
        handle(input),
      ),
  });

  const outbox = createOutboxSender({
    database,
    channels: sending,
    metrics,
    logger,
  });
  const chat = createWebChat({
    database,
    inbox,
    logger,
    secrets: cookieSecrets(config),
    secureCookies: config.NODE_ENV === "production",
    tenant,
    limit,
    limitClient: limits.enforceClient,
    peers,
    publicUrl: config.PUBLIC_URL,
  });
  /** What strangers' bodies may hold together, on all signed routes. */
  const budget = createBodyBudget();
  /** For channels whose sender holds their secret and so may speak for every tenant. */
  const resolveNamed = async ({ userId, tenantId }: { userId: string; tenantId: string | undefined }) => {
    const explicit = tenantId === undefined ? undefined : { tenantId, authorised: true };
    return (await tenancy.resolve({ userId, explicit })).tenant.id;
  };
  /** The PMS of hotels that name none; those with one of their own have their breaker's gauge. */
  const probePms = async () => {
    const hotel = await tenancy.get("default");
    if (hotel !== undefined) await pms.probe(hotel);
  };
  let stopping = false;

  const app = createApp({
    release: config.RELEASE_VERSION,
    isCanaryEnabled: () => flags.isEnabled("canary.enabled"),
    metrics,
    metricsToken: config.METRICS_TOKEN,
    refreshGauges: async () => {
      flags.refreshGauges();
      metrics.listenAlive.set(database.isListening() ? 1 : 0);
      await measureBacklog(database, metrics).catch((error) => logger.warn({ err: error }, "could not read what waits"));
    },
    logger,
    trace: tracing.middleware,
    health: {
      checks: {
        database: { required: true, run: () => database.ping() },
        inbox: { required: true, run: async () => inbox.check() },
        ...(config.WORKERS > 0
          ? {
              claims: { required: true, run: async () => worker.check() },
              sends: { required: true, run: async () => outbox.check() },
            }
          : {}),
        redis: { required: false, run: () => shared.ping() },
        pms: { required: false, run: probePms, cacheMs: PROBE_CACHE_MS },
        ...(config.SMTP_URL === undefined
          ? {}
          : { smtp: { required: false, run: () => email.probe(), timeoutMs: SMTP_TIMEOUT_MS, cacheMs: PROBE_CACHE_MS } }),
      },
      isStopping: () => stopping,
    },
    faults: {
      latencyMs: config.FAULT_LATENCY_MS,
      latencyPercent: config.FAULT_LATENCY_PERCENT,
      errorRate: config.FAULT_ERROR_RATE,
    },
    guestPaths: ["/webhooks/messages", "/webhooks/whatsapp", ...(config.EMAIL_SECRET === undefined ? [] : ["/webhooks/email"])],
    guestRoutes: [
      messagesWebhook({
        secret: withPrevious(config.MESSAGES_SECRET, config.MESSAGES_SECRET_PREVIOUS),
        budget,
        tenant,
        inbox,
        answers,
        canonicalUserId,
        resolveTenant: resolveNamed,
        limit,
      }),
      whatsAppWebhook({
        appSecret: withPrevious(config.WHATSAPP_APP_SECRET, config.WHATSAPP_APP_SECRET_PREVIOUS),
        verifyToken: config.WHATSAPP_VERIFY_TOKEN!,
        budget,
        inbox,
        database,
        graph,
        logger,
        canonicalUserId,
        resolveTenant: async ({ userId, phoneNumberId }) => (await tenancy.resolve({ userId, phoneNumberId })).tenant,
      }),
      emailWebhook({
        secret: config.EMAIL_SECRET === undefined ? undefined : withPrevious(config.EMAIL_SECRET, config.EMAIL_SECRET_PREVIOUS),
        budget,
        inbox,
        database,
        logger,
        canonicalUserId,
        trustedServers: config.EMAIL_AUTHSERV_ID,
        resolveTenant: async ({ userId, tenantId, addresses }) => {
          if (tenantId === undefined && !addresses.some((address) => tenancy.hasAddress(address))) return undefined;
          const explicit = tenantId === undefined ? undefined : { tenantId, authorised: true };
          return (await tenancy.resolve({ userId, explicit, addresses })).tenant.id;
        },
        limit,
      }),
      chat.router,
      // Without it nothing can be cached too long but by its time.
      ...(config.PMS_WEBHOOK_SECRET === undefined
        ? []
        : [
            pmsWebhook({
              pms,
              tenants: tenancy,
              secrets: withPrevious(config.PMS_WEBHOOK_SECRET, config.PMS_WEBHOOK_SECRET_PREVIOUS),
              budget,
            }),
          ]),
    ],
    adminRoutes: [
      flagRoutes({ flags, auth }),
      ofrepRoutes({ flags, auth }),
      tenantRoutes({ tenancy, database, auth, logger, problemsIn: profileProblems }),
      outboxAdmin({ database, auth, logger, audit }),
      conversationRoutes({ database, auth, isPulled, audit }),
      guestRoutes({ database, auth, logger, audit }),
      revocationRoutes({ revocations, auth, logger }),
    ],
  });

  await revocations.start();
  await flags.start();
  await tenancy.start();
  await answers.start();
  await chat.start();
  if (config.WORKERS > 0) {
    await worker.start();
    await outbox.start();
    notices.start();
  }
  // A request that doesn't come to its end keeps its connection: signed bodies have a shorter time of their own.
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: HEADERS_MS }, app);
  // Longer than the idle time of the usual balancers (60 s): else one sends into a connection that is just being closed.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const drain = drainer(server);
  await listen(server, config.PORT, config.HOST);
  const { port } = server.address() as AddressInfo;

  const shutDown = async () => {
    // Workers go on meanwhile, since requests wait for them; whoever still waits then is told that the message is accepted.
    const patience = setTimeout(() => answers.stop(), DRAIN_MS);
    const streams = chat.close();
    await drain();
    clearTimeout(patience);
    await Promise.all([streams, worker.stop(), outbox.stop()]);
    await notices.stop();
    await email.close?.();
    await Promise.all([flags.close(), tenancy.close(), revocations.close()]);
    await Promise.all([database.close(), shared.close(), tracing.close()]);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      stopping = true;
      // Balancers need a moment to hear that it isn't ready any more: what they send meanwhile is served.
      await delay((config.SHUTDOWN_GRACE_SECONDS ?? (config.NODE_ENV === "production" ? GRACE_SECONDS : 0)) * 1000);
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

/**
 * Keys of the web chat's cookies. Where none is set they are made of MESSAGES_SECRET, so that cookies outlive a restart and another
 * process knows them; then changing that secret without its previous value loses every guest of the web chat.
 */
function cookieSecrets(config: Config): string[] {
  if (config.WEB_CHAT_SECRET !== undefined) return withPrevious(config.WEB_CHAT_SECRET, config.WEB_CHAT_SECRET_PREVIOUS);
  return withPrevious(config.MESSAGES_SECRET, config.MESSAGES_SECRET_PREVIOUS).map((secret) =>
    createHmac("sha256", secret).update("web chat cookies").digest("hex"),
  );
}
