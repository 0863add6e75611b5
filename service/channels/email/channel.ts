import nodemailer from "nodemailer";
import { z } from "zod";
import { type Channel, DeliveryError, type Outgoing } from "../../mail/channel.ts";
import type { Reply } from "../../mail/message.ts";
import type { Language } from "../../vocabulary.ts";
import { writeMessageId } from "./message-id.ts";

/** What the channel needs to know of a hotel. */
export interface EmailTenant {
  name: string;
  /** The only address that the hotel's mail leaves from: what a guest's mail says of its recipients, its sender has chosen. */
  emailAddress: string | null;
}

export interface EmailChannelOptions {
  /** `smtp://user:password@host:port`, `smtps://…`; absent: replies become dead letters. */
  url: string | undefined;
  tenant: (tenantId: string) => Promise<EmailTenant | undefined>;
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const CONNECTIONS = 4;
/** Servers that don't know a sender yet refuse the first attempt and want a later one. */
const GREYLIST_SECONDS = 60;
const SUBJECTS: Record<Language, string> = { es: "Su consulta", en: "Your enquiry", pt: "A sua consulta" };

const attachmentSchema = z.looseObject({
  message_id: z.string().optional(),
  subject: z.string().optional(),
  references: z.array(z.string()).default([]),
});

export interface EmailChannel extends Channel {
  /** Greets the mail server, and logs in. @throws when that fails, or SMTP_URL isn't set */
  probe(): Promise<void>;
}

/** Sends replies over SMTP, as answers in the thread of the guest's mail; the agent's are marked as automatic (RFC 3834). */
export function createEmailChannel({ url, tenant, timeoutMs = TIMEOUT_MS }: EmailChannelOptions): EmailChannel {
  const transport =
    url === undefined
      ? undefined
      : nodemailer.createTransport({
          url,
          pool: true,
          maxConnections: CONNECTIONS,
          connectionTimeout: timeoutMs,
          greetingTimeout: timeoutMs,
          socketTimeout: timeoutMs * 2, // longer, so that a server that never greets is told from one that fell silent later
          dnsTimeout: timeoutMs,
          disableFileAccess: true,
          disableUrlAccess: true,
        });
  return {
    name: "email",
    concurrency: CONNECTIONS,
    deliver: async (outgoing) => {
      if (transport === undefined)
        throw new DeliveryError("SMTP_URL isn't set: set it and replay this dead letter.", { kind: "permanent" });
      if (outgoing.reply.text.trim() === "") throw new DeliveryError("the reply has no text", { kind: "permanent" });
      const hotel = await tenant(outgoing.tenantId);
      const thread = attachmentSchema.parse(outgoing.lastIncoming?.attachment ?? {});
      const from = hotel?.emailAddress ?? undefined;
      if (from === undefined) {
        throw new DeliveryError(`tenant "${outgoing.tenantId}" has no email_address: set it and replay.`, { kind: "permanent" });
      }
      const messageId = writeMessageId(
        { tenantId: outgoing.tenantId, outboxId: outgoing.id, replays: outgoing.replays },
        from.split("@").at(-1)!,
      );
      const answered = thread.message_id === undefined ? undefined : `<${thread.message_id}>`;
      try {
        await transport.sendMail({
          from: { name: hotel?.name ?? "", address: from },
          to: { name: "", address: outgoing.userId },
          subject: subjectOf(thread.subject, outgoing.language),
          text: renderText(outgoing.reply),
          messageId,
          headers: outgoing.byPerson ? {} : { "Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All" },
          ...(answered === undefined ? {} : { inReplyTo: answered, references: [...thread.references, answered] }),
        });
      } catch (error) {
        throw toDeliveryError(error as SmtpError);
      }
      return { providerId: messageId, parts: 1 };
    },
    probe: async () => {
      if (transport === undefined) throw new Error("SMTP_URL isn't set");
      await transport.verify();
    },
    close: async () => transport?.close(),
  };
}

/** @returns the reply as plain text; what would be buttons are lines that a guest can answer with */
export function renderText({ text, buttons = [], list, location }: Reply): string {
  const rows = list?.rows ?? buttons.map(({ title }) => ({ title, description: undefined }));
  const choices = rows.map(({ title, description }) => `  • ${title}${description === undefined ? "" : ` – ${description}`}`);
  const place =
    location === undefined
      ? []
      : [
          location.name,
          location.address,
          `https://www.openstreetmap.org/?mlat=${location.latitude}&mlon=${location.longitude}#map=17/${location.latitude}/${location.longitude}`,
        ];
  return [text.trim(), choices.join("\n"), place.join("\n")].filter((part) => part !== "").join("\n\n");
}

function subjectOf(subject: string | undefined, language: Outgoing["language"]): string {
  const plain = (subject ?? "").replace(/^(\s*(re|rv|fwd?|res|enc)\s*:)+/i, "").trim();
  return plain === "" ? SUBJECTS[language ?? "es"] : `Re: ${plain}`;
}

interface SmtpError extends Error {
  code?: string;
  command?: string;
  responseCode?: number;
}

function toDeliveryError(error: SmtpError): DeliveryError {
  const { code, command, responseCode } = error;
  // The server's words can hold the guest's address; the code says what to do.
  const text = `SMTP: ${code ?? error.name}${command === undefined ? "" : ` at ${command}`}${responseCode === undefined ? "" : `, ${responseCode}`}`;
  const make = (kind: DeliveryError["kind"], retryAfterSeconds?: number) =>
    new DeliveryError(text, {
      kind,
      code: responseCode === undefined ? code : String(responseCode),
      retryAfterSeconds,
      cause: error,
    });
  if (code === "EAUTH") return make("temporary", GREYLIST_SECONDS);
  if (responseCode !== undefined && responseCode >= 500) return make("permanent");
  if (responseCode !== undefined && responseCode >= 400) return make("temporary", GREYLIST_SECONDS);
  if (code === "EENVELOPE" || code === "EMESSAGE") return make("permanent");
  // nodemailer calls both a refused connection and one that broke under the mail a failure at CONN: only its words differ.
  const before = code === "EDNS" || /^(connect |Connection timeout|Greeting never received)/.test(error.message);
  return make(before ? "temporary" : "unknown");
}
