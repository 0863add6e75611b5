import { Router } from "express";
import { invalid } from "../../http/problem.ts";
import { jsonBodyOf, readSignedBody } from "../../http/signed-body.ts";
import { recordStatuses } from "../../mail/delivery-status.ts";
import type { Inbox } from "../../mail/inbox.ts";
import type { Database } from "../../storage/sql.ts";
import type { Logger } from "../../telemetry/log.ts";
import { automaticReason, type Mail, mailSchema, recipientsOf, senderOf, toIncoming } from "./incoming.ts";
import { findReferences } from "./message-id.ts";

const BODY_LIMIT = 2 * 1024 * 1024;

export interface EmailWebhookOptions {
  /** Absent: the channel is off and the route answers 404. */
  secret: string | undefined;
  inbox: Inbox;
  database: Database;
  logger: Logger;
  /**
   * @returns the tenant's id for this guest
   * @throws Problem 400 when `tenantId` names no tenant
   */
  resolveTenant: (input: { userId: string; tenantId: string | undefined }) => Promise<string>;
  canonicalUserId: (raw: string) => string;
  /** @throws Problem 429 with `Retry-After` when the tenant or the guest sends too much */
  limit: (tenantId: string, userId: string) => Promise<void>;
}

/** `POST /webhooks/email`: mails that a mail server or a provider's adapter passes on, signed like the generic channel. */
export function emailWebhook(options: EmailWebhookOptions): Router {
  const { inbox, database, logger, canonicalUserId } = options;
  const router = Router();
  if (options.secret === undefined) return router;
  const signed = readSignedBody({ secret: options.secret, header: "X-Signature-256", limitBytes: BODY_LIMIT });
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
    const hotel = mail.tenant_id === undefined ? await hotelOf(database, recipientsOf(mail)) : undefined;
    const tenantId = await options.resolveTenant({ userId, tenantId: mail.tenant_id ?? hotel?.tenantId });
    await options.limit(tenantId, userId);
    const writtenTo = hotel?.address ?? recipientsOf(mail)[0];
    if (writtenTo === undefined) throw invalid([{ field: "to", message: "expected at least one address" }]);
    const message = toIncoming(mail, canonicalUserId, writtenTo);
    await inbox.accept(tenantId, [message]);
    response.status(202).json({ status: "accepted", message_id: message.messageId });
  });
  return router;
}

/** @returns the active tenant whose `settings.email_address` was written to */
async function hotelOf(
  database: Database,
  addresses: readonly string[],
): Promise<{ tenantId: string; address: string } | undefined> {
  const rows = await database.withoutTenant((sql) =>
    sql<{ id: string; address: string }>(
      `select id, lower(settings ->> 'email_address') as address from tenants
        where active and lower(settings ->> 'email_address') = any ($1) order by priority desc, id limit 1`,
      [addresses],
    ),
  );
  return rows[0] === undefined ? undefined : { tenantId: rows[0].id, address: rows[0].address };
}

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
