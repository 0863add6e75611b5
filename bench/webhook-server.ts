import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { createApp } from "../service/app.ts";
import { messagesWebhook } from "../service/channels/messages/webhook.ts";
import { createInbox } from "../service/mail/inbox.ts";
import { connect, openDatabase } from "../service/storage/database.ts";
import { createLogger } from "../service/telemetry/log.ts";
import { createMetrics } from "../service/telemetry/metrics.ts";
import { canonicalUserId } from "../service/tenancy/user-id.ts";

/** A child process of webhook.bench.ts: serves one of three ways to take a message and tells its CPU time when asked. */
const mode = process.argv[2] ?? "";
const metrics = createMetrics();
const logger = createLogger("info", "bench", { write: () => undefined });

const bare = () => {
  const app = express();
  app.post("/webhooks/messages", express.json(), (request, response) => {
    response.status(202).json({ status: "accepted", message_id: request.body.message_id });
  });
  return app;
};

const ours = async () => {
  const database =
    mode === "insert"
      ? openDatabase(await connect({ url: process.env.DATABASE_URL, onError: (error) => console.error(error) }))
      : undefined;
  const inbox =
    database === undefined
      ? { accept: async () => ({ stored: 1, duplicates: 0, conflicts: [], withPerson: new Set<string>() }) }
      : createInbox({ database, metrics });
  return createApp({
    release: "bench",
    isCanaryEnabled: () => true,
    metrics,
    metricsToken: undefined,
    refreshGauges: async () => undefined,
    logger,
    health: { checks: {}, isStopping: () => false },
    faults: { latencyMs: 0, latencyPercent: 0, errorRate: 0 },
    adminRoutes: [],
    guestPaths: ["/webhooks/messages"],
    guestRoutes: [
      messagesWebhook({
        secret: "development-messages-secret",
        inbox,
        answers: {
          wait: async () => undefined,
          start: async () => undefined,
          stop: () => undefined,
          announce: () => undefined,
          notification: () => "",
        },
        resolveTenant: async () => "default",
        canonicalUserId,
        limit: async () => undefined,
      }),
    ],
  });
};

const server = createServer(mode === "bare" ? bare() : await ours());
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMicroseconds: user + system });
});
process.on("disconnect", () => process.exit(0));
