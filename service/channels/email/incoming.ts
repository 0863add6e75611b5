import { z } from "zod";
import type { IncomingMessage } from "../../mail/message.ts";
import { clip, storableId, storableJson, storableText } from "../text.ts";
import { htmlText } from "./html-text.ts";
import { writtenText } from "./written-text.ts";

const VERDICTS = "authentication-results";
const list = z.union([z.string(), z.array(z.string()).max(500)]).transform((value) => [value].flat());
const address = (text: string) =>
  /<([^<>\s]+@[^<>\s]+)>\s*$/.exec(text.slice(-1000))?.[1] ??
  (/^[^\s<>@]+@[^\s<>@]+$/.test(text.trim()) ? text.trim() : undefined);

/** Body of `POST /webhooks/email`. */
export const mailSchema = z.object({
  message_id: z.string().min(1).max(998).describe("Message-ID, with or without <>"),
  from: z.string().refine((text) => address(text) !== undefined, "expected an address such as Ana <ana@example.com>"),
  to: list.describe("addresses that the mail was sent to"),
  subject: z.string().max(2000).default(""),
  text: z.string().default(""),
  html: z.string().default(""),
  date: z.iso.datetime({ offset: true }).optional(),
  headers: z.record(z.string(), list).default({}).transform(joinHeaders),
  envelope_to: list.optional().describe("RCPT TO; also names the hotel of a blind copy"),
  envelope_from: z.string().optional().describe("MAIL FROM; empty for bounces"),
  attachments: z
    .array(z.looseObject({ filename: z.string().optional(), content_type: z.string().optional(), size: z.number().optional() }))
    .max(200)
    .default([]),
  tenant_id: z.string().optional(),
});
export type Mail = z.infer<typeof mailSchema>;

/** A guest's text is at most this long; mails can be books. */
const LONGEST_TEXT = 4096;
/** RFC 5321, section 4.5.3.1.3, without its brackets. */
const LONGEST_ADDRESS = 254;
const LONGEST_HTML = 500_000;

/**
 * Header fields by their names in small letters; fields of one name, however it is spelt, stand in one text. Verdicts on the
 * sender are kept apart by line breaks, since one field must not pass for a part of another.
 */
function joinHeaders(headers: Record<string, string[]>): Map<string, string> {
  const joined = new Map<string, string[]>();
  for (const [name, values] of Object.entries(headers)) {
    const unfolded = values.map((value) => value.replace(/\r?\n[ \t]*/g, " "));
    joined.set(name.toLowerCase(), [...(joined.get(name.toLowerCase()) ?? []), ...unfolded]);
  }
  return new Map([...joined].map(([name, values]) => [name, values.join(name === VERDICTS ? "\n" : ", ")]));
}

/** @returns the sender's address, as written */
export function senderOf(mail: Mail): string {
  return address(mail.from)!;
}

/** @returns addresses that the mail was sent to, in small letters; those of its envelope first */
export function recipientsOf(mail: Mail): string[] {
  return [...(mail.envelope_to ?? []), ...mail.to]
    .flatMap((text) => text.split(","))
    .flatMap((text) => address(text)?.toLowerCase() ?? []);
}

/**
 * Why a mail must not be answered: two programs that answer each other never stop.
 *
 * @returns undefined for a mail that a person wrote
 * @see https://www.rfc-editor.org/rfc/rfc3834 section 2
 */
export function automaticReason(mail: Mail): string | undefined {
  const header = (name: string) => mail.headers.get(name)?.toLowerCase().trim();
  const sender = senderOf(mail).toLowerCase();
  if (sender.length > LONGEST_ADDRESS) return "no address can be that long";
  const returnPath = header("return-path");
  if (mail.envelope_from?.trim() === "" || mail.envelope_from?.trim() === "<>" || returnPath === "<>" || returnPath === "")
    return "bounce";
  if (/^(mailer-daemon|postmaster)@/.test(sender) || header("content-type")?.startsWith("multipart/report") === true)
    return "bounce";
  const submitted = header("auto-submitted");
  if (submitted !== undefined && !/^no\s*(;|$)/.test(submitted)) return "auto-submitted";
  const precedence = header("precedence");
  if (precedence !== undefined && ["bulk", "junk", "list", "auto_reply"].includes(precedence)) return "bulk";
  for (const name of ["list-id", "list-unsubscribe", "feedback-id"]) if (mail.headers.has(name)) return "list";
  for (const name of ["x-autoreply", "x-autorespond", "x-auto-reply-from", "x-mail-autoreply"])
    if (mail.headers.has(name)) return "auto-reply";
  if (/\b(all|autoreply|oof)\b/.test(header("x-auto-response-suppress") ?? "")) return "auto-reply";
  if (/^(no-?reply|do-?not-?reply|nao-?responda|no-?responder)[@+._-]/.test(sender)) return "no-reply sender";
  if (recipientsOf(mail).includes(sender)) return "own mail";
  return undefined;
}

/** @returns what the guest wrote, as the inbox takes it */
export function toIncoming(mail: Mail, canonicalUserId: (raw: string) => string, isProven: boolean): IncomingMessage {
  const words = mail.text.trim() === "" && mail.html !== "" ? htmlText(mail.html.slice(0, LONGEST_HTML)) : mail.text;
  const body = writtenText(words.slice(0, LONGEST_HTML));
  const reply = mail.headers.has("in-reply-to") || mail.headers.has("references");
  // A first mail often says in its subject what it is about, and in its body only "thank you".
  const text = reply && body !== "" ? body : [mail.subject.trim(), body].filter((part) => part !== "").join("\n");
  const messageId = mail.message_id.trim().replace(/^<|>$/g, "");
  const name = mail.from.includes("<") ? mail.from.slice(0, mail.from.lastIndexOf("<")).replaceAll('"', "").trim() : "";
  return {
    channel: "email",
    messageId: storableId(messageId),
    userId: canonicalUserId(storableText(senderOf(mail))),
    kind: text === "" && mail.attachments.length > 0 ? "document" : "text",
    text: clip(storableText(text), LONGEST_TEXT),
    ...(isProven ? {} : { senderUnproven: true }),
    ...(mail.date === undefined ? {} : { sentAt: new Date(mail.date).toISOString() }),
    attachment: storableJson({
      message_id: messageId,
      subject: clip(mail.subject.replace(/\s+/g, " ").trim(), 200),
      references: (mail.headers.get("references") ?? "").match(/<[^<>\s]{1,500}>/g)?.slice(-20) ?? [],
      ...(name === "" ? {} : { name: clip(name, 200) }),
      ...(mail.attachments.length === 0
        ? {}
        : { files: mail.attachments.map(({ filename, content_type, size }) => ({ filename, content_type, size })) }),
    }),
  };
}
