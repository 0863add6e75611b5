import { Router } from "express";
import { z } from "zod";
import type { BodyBudget } from "../../http/body-budget.ts";
import { invalid, Problem } from "../../http/problem.ts";
import { sameSecret } from "../../http/signature.ts";
import { jsonBodyOf, type RateLimit, readSignedBody } from "../../http/signed-body.ts";
import { recordByPerson } from "../../mail/by-person.ts";
import { recordStatuses, type StatusUpdate } from "../../mail/delivery-status.ts";
import type { Inbox } from "../../mail/inbox.ts";
import type { Database } from "../../storage/sql.ts";
import type { Logger } from "../../telemetry/log.ts";
import { createTokenBucket } from "../rate.ts";
import type { Graph } from "./graph.ts";
import { type MessageStatus, type NumberedMessage, readNotification } from "./incoming.ts";
import { readReference } from "./reference.ts";

/** Meta's own limit of a notification. */
const BODY_LIMIT = 3 * 1024 * 1024;
/** Notifications a second, far above what one app gets: it stops a runaway sender, not a busy day. */
const RATE_PER_SECOND = 2_000;
/** Typing signs on their way at once; beyond that they are left out, since answers matter more. */
const TYPING_AT_ONCE = 50;

export interface WhatsAppWebhookOptions {
  /** What bodies of strangers may hold, shared with the other signed routes. */
  budget?: BodyBudget | undefined;
  /** Two while it is being changed. */
  appSecret: string | readonly string[];
  verifyToken: string;
  inbox: Inbox;
  database: Database;
  graph: Graph;
  logger: Logger;
  /** @returns the tenant for this guest and number */
  resolveTenant: (input: { userId: string; phoneNumberId: string | undefined }) => Promise<{ id: string; active: boolean }>;
  canonicalUserId: (raw: string) => string;
  /** Whether guests see that their message was read and an answer is being written. */
  typing?: boolean;
  rateLimit?: RateLimit;
}

/** `GET` and `POST /webhooks/whatsapp`. */
export function whatsAppWebhook(options: WhatsAppWebhookOptions): Router {
  const { inbox, database, graph, logger, resolveTenant, typing = true } = options;
  const router = Router();
  let typingNow = 0;

  router.get("/webhooks/whatsapp", (request, response) => {
    const { "hub.mode": mode, "hub.verify_token": token, "hub.challenge": challenge } = request.query;
    if (mode !== "subscribe" || typeof token !== "string" || !sameSecret(token, options.verifyToken)) {
      throw new Problem(403, "Forbidden", "hub.verify_token isn't the token of this service, or hub.mode isn't subscribe.");
    }
    if (typeof challenge !== "string" || challenge.length > 256) {
      throw new Problem(400, "Bad Request", "hub.challenge: expected one text of at most 256 characters.");
    }
    response.set("X-Content-Type-Options", "nosniff").type("text/plain").send(challenge);
  });

  const showTyping = ({ phoneNumberId, message }: NumberedMessage) => {
    if (!typing || phoneNumberId === undefined || typingNow >= TYPING_AT_ONCE || message.kind === "reaction") return;
    typingNow += 1;
    graph
      .showTyping(phoneNumberId, message.messageId)
      .catch((error) => logger.debug({ err: error }, "the typing sign could not be shown"))
      .finally(() => {
        typingNow -= 1;
      });
  };

  const signed = readSignedBody({
    secret: options.appSecret,
    header: "X-Hub-Signature-256",
    limitBytes: BODY_LIMIT,
    budget: options.budget,
    rateLimit: options.rateLimit ?? createTokenBucket({ ratePerSecond: RATE_PER_SECOND, burst: RATE_PER_SECOND }),
  });
  router.post("/webhooks/whatsapp", signed, async (_request, response) => {
    const { messages, echoes, statuses, ignored } = read(jsonBodyOf(response), options.canonicalUserId);
    if (ignored.length > 0)
      logger.warn({ ignored: ignored.slice(0, 20), count: ignored.length }, "parts of a notification left out");

    // A person who answered by phone has the conversation before the guest's next words are looked at.
    for (const { phoneNumberId, message } of echoes) {
      const { id } = await resolveTenant({ userId: message.userId, phoneNumberId });
      await recordByPerson(database, id, message, "WhatsApp app");
    }
    const batches = new Map<string, { active: boolean; batch: NumberedMessage[] }>();
    for (const entry of messages) {
      const { id, active } = await resolveTenant({ userId: entry.message.userId, phoneNumberId: entry.phoneNumberId });
      batches.set(id, { active, batch: [...(batches.get(id)?.batch ?? []), entry] });
    }
    for (const [tenantId, { active, batch }] of batches) {
      const { stored, withPerson } = await inbox.accept(
        tenantId,
        batch.map(({ message }) => message),
      );
      if (stored === 0 || !active) continue;
      for (const entry of lastOfEachGuest(batch)) if (!withPerson.has(entry.message.userId)) showTyping(entry);
    }

    for (const [tenantId, updates] of await byTenant(statuses, options)) {
      const known = await recordStatuses(database, tenantId, updates);
      if (known < updates.length) {
        logger.debug({ tenant_id: tenantId, unknown: updates.length - known }, "statuses of messages that aren't ours");
      }
    }
    response.json({ status: "ok" });
  });
  return router;
}

function read(body: unknown, canonicalUserId: (raw: string) => string) {
  try {
    return readNotification(body, canonicalUserId);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    throw invalid(error, "The body isn't a notification of WhatsApp: it");
  }
}

async function byTenant(
  statuses: readonly MessageStatus[],
  { resolveTenant, canonicalUserId }: Pick<WhatsAppWebhookOptions, "resolveTenant" | "canonicalUserId">,
): Promise<Map<string, StatusUpdate[]>> {
  const groups = new Map<string, StatusUpdate[]>();
  for (const { phoneNumberId, recipientId, providerId, status, reference: text, error } of statuses) {
    const reference = readReference(text);
    const tenantId =
      reference?.tenantId ?? (await resolveTenant({ userId: canonicalUserId(recipientId ?? ""), phoneNumberId })).id;
    const { outboxId, replays, part = 0, parts = 1 } = reference ?? {};
    groups.set(tenantId, [...(groups.get(tenantId) ?? []), { outboxId, providerId, status, part, parts, replays, error }]);
  }
  return groups;
}

/** An album is one reading, so it shows one sign. */
function lastOfEachGuest(batch: readonly NumberedMessage[]): NumberedMessage[] {
  return [...new Map(batch.map((entry) => [`${entry.phoneNumberId} ${entry.message.userId}`, entry])).values()];
}
