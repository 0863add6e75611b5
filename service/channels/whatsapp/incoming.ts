import { z } from "zod";
import type { DeliveryStatus } from "../../mail/channel.ts";
import type { IncomingMessage } from "../../mail/message.ts";
import { storableId, storableJson, storableText } from "../text.ts";
import { messageSchema, readContent, type WhatsAppMessage } from "./content.ts";

/** A guest's message and the hotel's number that it was written to; undefined when WhatsApp's notice doesn't say. */
export interface NumberedMessage {
  phoneNumberId: string | undefined;
  message: IncomingMessage;
}

/** What WhatsApp says of a message of ours. */
export interface MessageStatus {
  phoneNumberId: string | undefined;
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
  /** What a person of the hotel wrote to a guest in WhatsApp's app on the phone. `userId` is the guest. */
  echoes: NumberedMessage[];
  statuses: MessageStatus[];
  /** What was left out and why; holds nothing that a guest wrote. */
  ignored: string[];
}

const optional = z
  .union([z.string(), z.number().transform(String)])
  .optional()
  .catch(undefined);
const lenientList = <Schema extends z.ZodType>(item: Schema) => z.array(item.nullable().catch(null)).optional().catch(undefined);

const statusSchema = z.looseObject({
  id: z.string().min(1),
  status: z.string(),
  recipient_id: optional,
  biz_opaque_callback_data: optional,
  errors: lenientList(
    z.looseObject({
      code: optional,
      title: optional,
      error_data: z.looseObject({ details: optional }).optional().catch(undefined),
    }),
  ),
});

const list = z.array(z.unknown()).default([]).catch([]);
const valueSchema = z.looseObject({
  metadata: z.looseObject({ phone_number_id: optional, display_phone_number: optional }).default({}).catch({}),
  contacts: lenientList(
    z.looseObject({
      wa_id: optional,
      user_id: optional,
      profile: z.looseObject({ name: optional }).optional().catch(undefined),
    }),
  ),
  messages: list,
  message_echoes: list,
  statuses: list,
});
type Value = z.infer<typeof valueSchema>;

const notificationSchema = z.looseObject({
  object: z.string().optional().catch(undefined),
  entry: z.array(
    z.looseObject({
      changes: z
        .array(
          z
            .looseObject({ field: z.string().optional().catch(undefined), value: z.unknown() })
            .nullable()
            .catch(null),
        )
        .nullish(),
    }),
  ),
});

const ECHOES = "smb_message_echoes";
/** Other fields are notices of the account, or, as `history`, what was said long ago: none of them is answered. */
const FIELDS: ReadonlySet<string> = new Set(["messages", ECHOES]);
const LONGEST_ID = 256;

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
  const found: Found = { messages: [], echoes: [], statuses: [], ignored: [] };
  if (object !== undefined && object !== "whatsapp_business_account") {
    return { messages: [], echoes: [], statuses: [], ignored: ["another object"] };
  }
  for (const change of entry.flatMap(({ changes }) => changes ?? [])) {
    const { field = "messages", value } = change ?? {};
    const parsed = valueSchema.safeParse(value);
    if (!FIELDS.has(field)) found.ignored.push(`field ${field.slice(0, 50)}`);
    else if (!parsed.success) found.ignored.push(`a change: ${where(parsed.error)}`);
    else readChange(parsed.data, field, canonicalUserId, found);
  }
  return { ...found, messages: inOrder(found.messages), echoes: inOrder(found.echoes) };
}

interface Found extends Omit<Notification, "messages" | "echoes"> {
  messages: (NumberedMessage & { sentAt: number })[];
  echoes: (NumberedMessage & { sentAt: number })[];
}

/** Stable: the order of the batch decides within a second. */
const inOrder = (messages: readonly (NumberedMessage & { sentAt: number })[]): NumberedMessage[] =>
  messages.toSorted((a, b) => a.sentAt - b.sentAt).map(({ phoneNumberId, message }) => ({ phoneNumberId, message }));

function readChange(value: Value, field: string, canonicalUserId: (raw: string) => string, found: Found): void {
  const { metadata, messages, message_echoes: echoes, statuses } = value;
  const { phone_number_id: phoneNumberId } = metadata;
  const isEcho = field === ECHOES;
  const said = isEcho ? echoes : messages;
  if (phoneNumberId === undefined && said.length === 0) found.ignored.push("a change: no phone_number_id");
  for (const raw of said) {
    const parsed = messageSchema.safeParse(raw);
    const reason = parsed.success ? unanswerable(parsed.data, value, isEcho) : where(parsed.error);
    const guest = parsed.success ? guestOf(parsed.data, isEcho) : undefined;
    const userId = canonicalUserId(storableText(guest ?? ""));
    if (!parsed.success || reason !== undefined || guest === undefined || userId === "" || userId.length > LONGEST_ID) {
      found.ignored.push(`${isEcho ? "an echo" : "a message"}: ${reason ?? "no sender that can be stored"}`);
      continue;
    }
    const name = value.contacts?.find((contact) => contact?.wa_id === guest || contact?.user_id === guest)?.profile?.name;
    (isEcho ? found.echoes : found.messages).push({
      phoneNumberId,
      message: toIncoming(parsed.data, { userId, guest, phoneNumberId, name }),
      sentAt: Number(parsed.data.timestamp ?? 0) || 0,
    });
  }
  for (const raw of isEcho ? [] : statuses) {
    const status = statusSchema.safeParse(raw);
    const known = status.success ? STATUSES.get(status.data.status) : undefined;
    if (status.success && known !== undefined) found.statuses.push(toStatus(status.data, known, phoneNumberId));
    else found.ignored.push(status.success ? `status ${status.data.status.slice(0, 50)}` : `a status: ${where(status.error)}`);
  }
}

const guestOf = ({ from, from_user_id: userId, to }: WhatsAppMessage, isEcho: boolean): string | undefined =>
  (isEcho ? to : from || userId) || undefined;

/** @returns why nobody waits for an answer to a message; undefined when a guest does */
function unanswerable(message: WhatsAppMessage, { metadata }: Value, isEcho: boolean): string | undefined {
  const type = message.type ?? "";
  if (NOT_SAID.has(type)) return `of type ${type}`;
  if ((message.group_id ?? "") !== "" || /@g\.us$/.test(guestOf(message, isEcho) ?? "")) return "of a group";
  const own = metadata.display_phone_number?.replace(/\D/g, "") ?? "";
  if (!isEcho && own !== "" && message.from?.replace(/\D/g, "") === own) return "from the hotel's own number";
  return undefined;
}

function toStatus(status: z.infer<typeof statusSchema>, known: DeliveryStatus, phoneNumberId: string | undefined): MessageStatus {
  const error = status.errors?.[0];
  return {
    phoneNumberId,
    recipientId: status.recipient_id,
    providerId: status.id,
    status: known,
    reference: status.biz_opaque_callback_data,
    error:
      known === "failed"
        ? storableText(`${error?.code ?? "no code"}: ${error?.error_data?.details ?? error?.title ?? "no reason given"}`)
        : undefined,
  };
}

interface Addressed {
  userId: string;
  /** The guest in WhatsApp's own spelling. */
  guest: string;
  phoneNumberId: string | undefined;
  name: string | undefined;
}

function toIncoming(message: WhatsAppMessage, { userId, guest, phoneNumberId, name }: Addressed): IncomingMessage {
  const { type, kind, text, buttonId, rest } = readContent(message);
  const seconds = Number(message.timestamp);
  const edited = message.edit?.original_message_id;
  return {
    channel: "whatsapp",
    messageId: storableId(message.id),
    userId,
    kind,
    text: storableText(text),
    ...(buttonId === undefined ? {} : { buttonId: storableText(buttonId) }),
    ...(Number.isInteger(seconds) && seconds > 0 && seconds < 1e11 ? { sentAt: new Date(seconds * 1000).toISOString() } : {}),
    attachment: storableJson({
      ...(phoneNumberId === undefined ? {} : { phone_number_id: phoneNumberId }),
      ...(message.from === guest || message.to === guest ? { from: guest } : { user_id: guest }),
      type,
      ...(name === undefined ? {} : { name }),
      ...(message.context?.id === undefined ? {} : { in_reply_to: message.context.id }),
      ...(edited === undefined ? {} : { edits: edited }),
      ...(rest === undefined ? {} : { content: rest }),
    }),
  };
}

const where = (error: z.ZodError) =>
  error.issues
    .map(({ path, message }) => `${path.join(".")}: ${message}`)
    .join("; ")
    .slice(0, 200);
