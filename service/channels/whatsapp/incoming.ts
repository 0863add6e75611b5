import { z } from "zod";
import type { DeliveryStatus } from "../../mail/channel.ts";
import type { IncomingMessage } from "../../mail/message.ts";
import { storableJson, storableText } from "../text.ts";

/** A guest's message and the hotel's number that it was written to. */
export interface NumberedMessage {
  phoneNumberId: string;
  message: IncomingMessage;
}

/** What WhatsApp says of a message of ours. */
export interface MessageStatus {
  phoneNumberId: string;
  recipientId: string | undefined;
  providerId: string;
  status: DeliveryStatus;
  /** What was sent along with the message. */
  reference: string | undefined;
  error: string | undefined;
}

export interface Notification {
  /** In the order in which guests wrote them. */
  messages: NumberedMessage[];
  statuses: MessageStatus[];
  /** What was left out and why; holds nothing that a guest wrote. */
  ignored: string[];
}

const text = z.string();
const media = z.looseObject({ id: text.optional(), caption: text.optional() });
const messageSchema = z.looseObject({
  id: text.min(1).max(256),
  /** A guest who hides the number is known by `from_user_id` alone. */
  from: text.min(1).max(256).optional(),
  from_user_id: text.min(1).max(256).optional(),
  timestamp: text.optional(),
  type: text.default("unknown"),
  text: z.looseObject({ body: text }).optional(),
  button: z.looseObject({ text: text, payload: text.optional() }).optional(),
  interactive: z
    .looseObject({
      button_reply: z.looseObject({ id: text, title: text }).optional(),
      list_reply: z.looseObject({ id: text, title: text }).optional(),
    })
    .optional(),
  image: media.optional(),
  video: media.optional(),
  document: media.optional(),
  audio: media.optional(),
  sticker: media.optional(),
  context: z.looseObject({ id: text.optional() }).optional(),
});
type Message = z.infer<typeof messageSchema>;

const statusSchema = z.looseObject({
  id: text.min(1),
  status: text,
  recipient_id: text.optional(),
  biz_opaque_callback_data: text.optional(),
  errors: z
    .array(
      z.looseObject({
        code: z.number().optional(),
        title: text.optional(),
        error_data: z.looseObject({ details: text.optional() }).optional(),
      }),
    )
    .optional(),
});

const valueSchema = z.looseObject({
  metadata: z.looseObject({ phone_number_id: text.min(1) }),
  contacts: z
    .array(
      z.looseObject({
        wa_id: text.optional(),
        user_id: text.optional(),
        profile: z.looseObject({ name: text.optional() }).optional(),
      }),
    )
    .optional()
    .catch(undefined),
  messages: z.array(z.unknown()).optional(),
  statuses: z.array(z.unknown()).optional(),
});

const notificationSchema = z.looseObject({
  object: text.optional(),
  entry: z.array(z.looseObject({ changes: z.array(z.looseObject({ field: text.optional(), value: z.unknown() })).default([]) })),
});

/** Notices about the account, not something that a guest said: nobody waits for an answer to them. */
const NOT_SAID = new Set(["system", "request_welcome", "revoke"]);

const STATUSES: ReadonlyMap<string, DeliveryStatus> = new Map([
  ["sent", "sent"],
  ["delivered", "delivered"],
  ["read", "read"],
  ["played", "read"],
  ["failed", "failed"],
]);

/**
 * Reads a notification of WhatsApp: every message and every status of every change of every entry. A part that can't be
 * read is left out and said so; it never costs the others.
 *
 * @throws z.ZodError when it isn't a notification at all
 * @see https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples
 */
export function readNotification(body: unknown, canonicalUserId: (raw: string) => string): Notification {
  const { object, entry } = notificationSchema.parse(body);
  const messages: (NumberedMessage & { sentAt: number })[] = [];
  const statuses: MessageStatus[] = [];
  const ignored: string[] = [];
  if (object !== undefined && object !== "whatsapp_business_account")
    return { messages: [], statuses, ignored: ["another object"] };

  for (const { field, value } of entry.flatMap(({ changes }) => changes)) {
    if (field !== undefined && field !== "messages") {
      ignored.push(`field ${field.slice(0, 50)}`);
      continue;
    }
    const parsed = valueSchema.safeParse(value);
    if (!parsed.success) {
      ignored.push(`a change: ${where(parsed.error)}`);
      continue;
    }
    const { metadata, contacts = [] } = parsed.data;
    for (const raw of parsed.data.messages ?? []) {
      const message = messageSchema.safeParse(raw);
      if (!message.success) {
        ignored.push(`a message: ${where(message.error)}`);
        continue;
      }
      const from = message.data.from ?? message.data.from_user_id;
      if (from === undefined || NOT_SAID.has(message.data.type)) {
        ignored.push(from === undefined ? "a message: no sender" : `a message of type ${message.data.type}`);
        continue;
      }
      const name = contacts.find(({ wa_id, user_id }) => wa_id === from || user_id === from)?.profile?.name;
      messages.push({
        phoneNumberId: metadata.phone_number_id,
        message: toIncoming(message.data, from, metadata.phone_number_id, name, canonicalUserId),
        sentAt: Number(message.data.timestamp ?? 0) || 0,
      });
    }
    for (const raw of parsed.data.statuses ?? []) {
      const status = statusSchema.safeParse(raw);
      const known = status.success ? STATUSES.get(status.data.status) : undefined;
      if (!status.success || known === undefined) {
        ignored.push(status.success ? `status ${status.data.status.slice(0, 50)}` : `a status: ${where(status.error)}`);
        continue;
      }
      const [error] = status.data.errors ?? [];
      statuses.push({
        phoneNumberId: metadata.phone_number_id,
        recipientId: status.data.recipient_id,
        providerId: status.data.id,
        status: known,
        reference: status.data.biz_opaque_callback_data,
        error:
          known === "failed"
            ? storableText(`${error?.code ?? "no code"}: ${error?.error_data?.details ?? error?.title ?? "no reason given"}`)
            : undefined,
      });
    }
  }
  messages.sort((a, b) => a.sentAt - b.sentAt); // stable: the order of the batch decides within a second
  return { messages: messages.map(({ phoneNumberId, message }) => ({ phoneNumberId, message })), statuses, ignored };
}

function toIncoming(
  message: Message,
  from: string,
  phoneNumberId: string,
  name: string | undefined,
  canonicalUserId: (raw: string) => string,
): IncomingMessage {
  const { kind, text: said, buttonId } = read(message);
  const seconds = Number(message.timestamp);
  const content = Object.hasOwn(message, message.type) ? message[message.type] : undefined;
  return {
    channel: "whatsapp",
    messageId: message.id,
    userId: canonicalUserId(storableText(from)),
    kind,
    text: storableText(said),
    ...(buttonId === undefined ? {} : { buttonId: storableText(buttonId) }),
    ...(Number.isInteger(seconds) && seconds > 0 && seconds < 1e11 ? { sentAt: new Date(seconds * 1000).toISOString() } : {}),
    attachment: storableJson({
      phone_number_id: phoneNumberId,
      ...(message.from === undefined ? { user_id: from } : { from }),
      type: message.type,
      ...(name === undefined ? {} : { name }),
      ...(message.context?.id === undefined ? {} : { in_reply_to: message.context.id }),
      ...(kind === "text" || kind === "button" || kind === "list" || content === undefined ? {} : { content }),
    }),
  };
}

function read(message: Message): Pick<IncomingMessage, "kind" | "text" | "buttonId"> {
  const { type, interactive, button } = message;
  if (type === "text" && message.text !== undefined) return { kind: "text", text: message.text.body };
  if (type === "button" && button !== undefined) return { kind: "button", text: button.text, buttonId: button.payload };
  if (type === "interactive" && interactive?.button_reply !== undefined) {
    return { kind: "button", text: interactive.button_reply.title, buttonId: interactive.button_reply.id };
  }
  if (type === "interactive" && interactive?.list_reply !== undefined) {
    return { kind: "list", text: interactive.list_reply.title, buttonId: interactive.list_reply.id };
  }
  if (type === "image" || type === "video" || type === "document" || type === "audio" || type === "sticker") {
    return { kind: type, text: message[type]?.caption ?? "" };
  }
  if (type === "location" || type === "contacts" || type === "reaction") return { kind: type, text: "" };
  return { kind: "unknown", text: "" };
}

const where = (error: z.ZodError) =>
  error.issues
    .map(({ path, message }) => `${path.join(".")}: ${message}`)
    .join("; ")
    .slice(0, 200);
