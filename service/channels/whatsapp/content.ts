import { z } from "zod";
import type { IncomingMessage } from "../../mail/message.ts";

/**
 * Fields of a message. Only its id and its sender decide whether there is a message; any other field that has another shape
 * than WhatsApp documents counts as not there, so that what Meta or a relay changes never costs a guest's words.
 */
const lenient = <Schema extends z.ZodType>(schema: Schema) => schema.optional().catch(undefined);
/** Relays write numbers where Meta writes texts. */
const text = z.union([z.string(), z.number().transform(String)]);
const optional = lenient(text);
const media = lenient(z.looseObject({ id: optional, caption: optional, filename: optional }));
const pressed = lenient(z.looseObject({ id: optional, title: optional }));
const content = {
  type: lenient(z.string()),
  text: lenient(z.looseObject({ body: text })),
  button: lenient(z.looseObject({ text: optional, payload: optional })),
  interactive: lenient(z.looseObject({ button_reply: pressed, list_reply: pressed })),
  image: media,
  video: media,
  document: media,
  audio: media,
  sticker: media,
};
export const messageSchema = z.looseObject({
  ...content,
  id: text.refine((id) => id !== ""),
  from: optional,
  /** The only name of a guest who hides the number. */
  from_user_id: optional,
  /** The guest, in an echo of what the hotel wrote. */
  to: optional,
  timestamp: optional,
  context: lenient(z.looseObject({ id: optional })),
  /** What is written in a group is meant for the group. */
  group_id: lenient(z.string()),
  edit: lenient(z.looseObject({ original_message_id: optional, message: lenient(z.looseObject(content)) })),
});
export type WhatsAppMessage = z.infer<typeof messageSchema>;
type Content = z.infer<z.ZodObject<typeof content>> & Record<string, unknown>;

const MEDIA = ["image", "video", "document", "audio", "sticker"] as const;
const WITHOUT_WORDS = ["location", "contacts", "reaction"] as const;
const KINDS = ["text", "button", "interactive", ...MEDIA, ...WITHOUT_WORDS, "edit"] as const;

export interface ReadContent extends Pick<IncomingMessage, "kind" | "text" | "buttonId"> {
  /** The name of the kind by WhatsApp. */
  type: string;
  /** What is kept for reception: ids of media, places, or what couldn't be read. */
  rest: unknown;
}

/** @returns what a guest said with a message; of an edited one, what it says now */
export function readContent(message: WhatsAppMessage): ReadContent {
  const { edit } = message;
  if (typeOf(message) === "edit" && edit?.message !== undefined) return read(edit.message);
  return read(message);
}

/** A message whose type can't be read, or isn't known, is of the type whose content it holds. */
function typeOf(message: Content): string {
  const { type = "unknown" } = message;
  if (KINDS.some((kind) => kind === type)) return type;
  return KINDS.find((kind) => Object.hasOwn(message, kind) && message[kind] !== undefined) ?? type;
}

function read(message: Content): ReadContent {
  const type = typeOf(message);
  const { interactive, button } = message;
  const rest = Object.hasOwn(message, type) ? message[type] : undefined;
  if (type === "text" && message.text !== undefined) return { type, kind: "text", text: message.text.body, rest: undefined };
  const buttons = [
    { of: "button", kind: "button", id: button?.payload, title: button?.text },
    { of: "interactive", kind: "button", ...interactive?.button_reply },
    { of: "interactive", kind: "list", ...interactive?.list_reply },
  ] as const;
  const pressed = buttons.find(({ of, id, title }) => of === type && (id ?? title) !== undefined);
  if (pressed !== undefined) {
    const { kind, id, title = id ?? "" } = pressed;
    return { type, kind, text: title, ...(id === undefined ? {} : { buttonId: id }), rest: undefined };
  }
  const kind = MEDIA.find((each) => each === type);
  if (kind !== undefined) return { type, kind, text: writtenCaption(message[kind] ?? {}), rest };
  return { type, kind: WITHOUT_WORDS.find((each) => each === type) ?? "unknown", text: "", rest };
}

/** Desktop apps write a document's file name as its caption: nobody has said that. */
function writtenCaption({ caption = "", filename }: { caption?: string | undefined; filename?: string | undefined }): string {
  if (filename === undefined) return caption;
  const names = [plainName(filename), plainName(withoutEnding(filename))];
  return [caption, withoutEnding(caption)].some((each) => names.includes(plainName(each))) ? "" : caption;
}

const withoutEnding = (name: string) => name.trim().replace(/\.[\p{L}\d]{1,8}$/u, "");
/** Apps show "factura_1.pdf" as "Factura 1.pdf", and spell accents in either of two ways. */
const plainName = (name: string) =>
  name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\s_+-]+/gu, " ")
    .trim();
