import nodemailer from "nodemailer";
import { signatureOf } from "../../http/signature.ts";
import { type Notice, textOf, titleOf } from "./notice.ts";

/** A way by which people are told. `send` resolves when the receiving side has said that it has the notice, and throws otherwise. */
export interface Way<Target> {
  readonly name: "email" | "webhook" | "whatsapp";
  send(notice: Notice, target: Target): Promise<void>;
  close(): void;
}

const TIMEOUT_MS = 8_000;
const ANSWER_LIMIT = 16 * 1024;

/**
 * Mails over SMTP; the server's 250 after the mail is the acknowledgement.
 *
 * @param url  `smtp://…` or `smtps://…`
 * @param from sender of hotels without an address of their own
 */
export function mailWay({
  url,
  from,
}: {
  url: string;
  from: (tenantId: string) => Promise<string | undefined>;
}): Way<readonly string[]> {
  const transport = nodemailer.createTransport({
    url,
    pool: true,
    maxConnections: 2,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    dnsTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    name: "email",
    send: async (notice, addresses) => {
      const sender = await from(notice.tenantId);
      if (sender === undefined) throw new Error("no sender: set NOTIFY_FROM");
      const sent = await transport.sendMail({
        from: { name: notice.hotel, address: sender },
        to: addresses.map((address) => ({ name: "", address })),
        subject: titleOf(notice).replace(/[\r\n]+/g, " "),
        text: textOf(notice),
        messageId: `<${notice.id}.${notice.step}@${sender.split("@").at(-1)}>`,
        headers: { "Auto-Submitted": "auto-generated", ...(notice.urgent ? { Importance: "high" } : {}) },
      });
      // A server that takes some addresses only has told somebody.
      if (sent.accepted.length === 0) throw new Error("the mail server took no address");
    },
    close: () => transport.close(),
  };
}

/**
 * Posts the notice as JSON with `X-Signature-256` over the raw body; an answer 2xx is the acknowledgement.
 *
 * @param origins origins that may be posted to, so that a hotel can't make the service ask its own network
 */
export function webhookWay({ secret, origins }: { secret: string; origins: ReadonlySet<string> }): Way<string> {
  return {
    name: "webhook",
    send: async (notice, url) => {
      const { origin } = new URL(url);
      if (!origins.has(origin)) throw new Error(`${origin} isn't one of NOTIFY_WEBHOOK_ORIGINS`);
      const { tenantId, conversationId, userId, createdAt, ...rest } = notice;
      const body = JSON.stringify({
        ...rest,
        title: titleOf(notice),
        tenant_id: tenantId,
        conversation_id: conversationId,
        user_id: userId,
        created_at: createdAt.toISOString(),
      });
      const response = await fetch(url, {
        method: "POST",
        body,
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: { "content-type": "application/json", "x-signature-256": signatureOf(body, secret) },
      });
      await discard(response);
      if (!response.ok) throw new Error(`${origin} answered ${response.status}`);
    },
    close: () => undefined,
  };
}

/** Reads a bounded part of an answer that nobody needs, so that its connection can be used again. */
async function discard(response: Response): Promise<void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let read = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    read += value.byteLength;
    if (read > ANSWER_LIMIT) return reader.cancel();
  }
}

/** What the WhatsApp way needs of the channel and of a hotel. */
export interface TemplateSender {
  /** @returns WhatsApp's id of the message; throws when it wasn't taken */
  send(phoneNumberId: string, payload: Record<string, unknown>): Promise<string>;
}

/** A template to each of staff's numbers; WhatsApp's id of one message is the acknowledgement. */
export function whatsAppWay({
  graph,
  sender,
}: {
  graph: TemplateSender;
  sender: (tenantId: string) => Promise<{ phoneNumberId: string; template: string } | undefined>;
}): Way<readonly string[]> {
  return {
    name: "whatsapp",
    send: async (notice, numbers) => {
      const from = await sender(notice.tenantId);
      if (from === undefined) throw new Error("the hotel has no WhatsApp number");
      const parameters = [titleOf(notice), notice.hotel, notice.text].map((text) => ({ type: "text", text: oneLine(text) }));
      const results = await Promise.allSettled(
        numbers.map((to) =>
          graph.send(from.phoneNumberId, {
            to,
            type: "template",
            template: { name: from.template, language: { code: notice.language }, components: [{ type: "body", parameters }] },
          }),
        ),
      );
      if (results.every(({ status }) => status === "rejected")) throw (results[0] as PromiseRejectedResult).reason;
    },
    close: () => undefined,
  };
}

/** Template parameters hold no line breaks, tabs or runs of blanks, and are short. */
function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim().slice(0, 700);
  return line === "" ? "–" : line;
}
