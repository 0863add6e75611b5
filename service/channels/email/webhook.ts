import { Router } from "express";
import type { BodyBudget } from "../../http/body-budget.ts";
import { invalid } from "../../http/problem.ts";
import { jsonBodyOf, readSignedBody } from "../../http/signed-body.ts";
import { recordStatuses } from "../../mail/delivery-status.ts";
import type { Inbox } from "../../mail/inbox.ts";
import type { Database } from "../../storage/sql.ts";
import type { Logger } from "../../telemetry/log.ts";
import { isSenderProven } from "./authentication.ts";
import { automaticReason, type Mail, mailSchema, recipientsOf, senderOf, toIncoming } from "./incoming.ts";
import { findReferences } from "./message-id.ts";

const BODY_LIMIT = 2 * 1024 * 1024;

export interface EmailWebhookOptions {
  /** What bodies of strangers may hold, shared with the other signed routes. */
  budget?: BodyBudget | undefined;
  /** Absent: the channel is off and the route answers 404. */
  secret: string | readonly string[] | undefined;
  inbox: Inbox;
  database: Database;
  logger: Logger;
  /** Names (authserv-id) of the mail servers whose verdicts on senders count. */
  trustedServers: readonly string[];
  /**
   * @returns the tenant's id for this guest; undefined when the mail was written to no hotel's address
   * @throws Problem 400 when `tenantId` names no tenant
   */
  resolveTenant: (input: {
    userId: string;
    tenantId: string | undefined;
    addresses: readonly string[];
  }) => Promise<string | undefined>;
  canonicalUserId: (raw: string) => string;
  /** @throws Problem 429 with `Retry-After` when the tenant or the guest sends too much */
  limit: (tenantId: string, userId: string) => Promise<void>;
}

/** `POST /webhooks/email`: mails that a mail server or a provider's adapter passes on, signed like the generic channel. */
export function emailWebhook(options: EmailWebhookOptions): Router {
  const { inbox, database, logger, canonicalUserId } = options;
  const router = Router();
  if (options.secret === undefined) return router;
  const signed = readSignedBody({
    secret: options.secret,
    header: "X-Signature-256",
    limitBytes: BODY_LIMIT,
    budget: options.budget,
  });
  router.post("/webhooks/email", signed, async (_request, response) => {
    const mail = parse(jsonBodyOf(response));
    const reason = automaticReason(mail);
    if (reason !== undefined) {
      if (reason === "bounce") await recordBounce(database, mail);
      logger.info({ reason }, "an automatic mail isn't answered");
      response.json({ status: "ignored", reason });
      return;
    }
    const userId = canonicalUserId(senderOf(mail));
    const addresses = recipientsOf(mail);
    if (addresses.length === 0) throw invalid([{ field: "to", message: "expected at least one address" }]);
    const tenantId = await options.resolveTenant({ userId, tenantId: mail.tenant_id, addresses });
    if (tenantId === undefined) {
      logger.warn(
        { domains: domainsOf(addresses) },
        "a mail to no hotel's address isn't answered; set email_address of its hotel",
      );
      response.json({ status: "ignored", reason: "no hotel's address" });
      return;
    }
    await options.limit(tenantId, userId);
    const verdicts = mail.headers.get("authentication-results") ?? "";
    const message = toIncoming(mail, canonicalUserId, isSenderProven(verdicts, senderOf(mail), options.trustedServers));
    await inbox.accept(tenantId, [message]);
    response.status(202).json({ status: "accepted", message_id: message.messageId });
  });
  return router;
}

/** @returns what may stand in a log of the addresses that were written to: a stranger's mail is nobody's business */
const domainsOf = (addresses: readonly string[]) =>
  [...new Set(addresses.map((address) => address.slice(address.lastIndexOf("@") + 1)))].slice(0, 5);

/** A mail of ours that came back for good becomes a dead letter; one that is late is left alone. */
async function recordBounce(database: Database, mail: Mail): Promise<void> {
  const text = [mail.text, mail.headers.get("references"), mail.headers.get("in-reply-to")].join("\n");
  if (!/^action:\s*failed\b/im.test(text) && !/\b5\.\d{1,3}\.\d{1,3}\b/.test(text)) return;
  const code = /\b5\.\d{1,3}\.\d{1,3}\b/.exec(text)?.[0] ?? "failed";
  for (const { tenantId, outboxId, replays } of findReferences(text)) {
    await recordStatuses(database, tenantId, [
      { outboxId, providerId: undefined, status: "failed", part: 0, parts: 1, replays, error: `${code}: the mail came back` },
    ]);
  }
}

function parse(json: unknown): Mail {
  const parsed = mailSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error);
}
