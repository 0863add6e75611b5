import { expect, test } from "vitest";
import { notification } from "../../../test/graph-api.ts";
import { canonicalUserId } from "../../tenancy/user-id.ts";
import { readNotification } from "./incoming.ts";
import { readReference, writeReference } from "./reference.ts";

const NUMBER = "106540352242922";
const FROM = "5491122223333";
const base = { from: FROM, id: "wamid.1", timestamp: "1772539200" };
const readOne = (message: Record<string, unknown>) => {
  const { messages } = readNotification(
    notification({ phoneNumberId: NUMBER, messages: [{ ...base, ...message }] }),
    canonicalUserId,
  );
  expect(messages).toHaveLength(1);
  expect(messages[0]!.phoneNumberId).toBe(NUMBER);
  return messages[0]!.message;
};

test("a text keeps its id, sender, time and the number that it was written to", () => {
  expect(readOne({ type: "text", text: { body: "¿Tienen lugar?" }, context: { id: "wamid.0" } })).toEqual({
    channel: "whatsapp",
    messageId: "wamid.1",
    userId: FROM,
    kind: "text",
    text: "¿Tienen lugar?",
    sentAt: "2026-03-03T12:00:00.000Z",
    attachment: { phone_number_id: NUMBER, from: FROM, type: "text", name: "Ana Pereira", in_reply_to: "wamid.0" },
  });
});

test.each([
  [
    "a reply button",
    { type: "interactive", interactive: { type: "button_reply", button_reply: { id: "yes", title: "Sí" } } },
    "button",
    "Sí",
    "yes",
  ],
  [
    "a list row",
    {
      type: "interactive",
      interactive: { type: "list_reply", list_reply: { id: "double", title: "Doble", description: "2 camas" } },
    },
    "list",
    "Doble",
    "double",
  ],
  [
    "a template's button",
    { type: "button", button: { text: "Confirmar", payload: "confirm" } },
    "button",
    "Confirmar",
    "confirm",
  ],
  [
    "an image with words",
    { type: "image", image: { id: "m1", mime_type: "image/jpeg", caption: "¿esta?" } },
    "image",
    "¿esta?",
    undefined,
  ],
  ["an image without", { type: "image", image: { id: "m1", mime_type: "image/jpeg" } }, "image", "", undefined],
  ["a voice note", { type: "audio", audio: { id: "m2", voice: true } }, "audio", "", undefined],
  ["a video", { type: "video", video: { id: "m3" } }, "video", "", undefined],
  ["a document", { type: "document", document: { id: "m4", filename: "id.pdf" } }, "document", "", undefined],
  ["a sticker", { type: "sticker", sticker: { id: "m5" } }, "sticker", "", undefined],
  ["a place", { type: "location", location: { latitude: -34.9, longitude: -56.1 } }, "location", "", undefined],
  ["contacts", { type: "contacts", contacts: [{ name: { formatted_name: "Luis" } }] }, "contacts", "", undefined],
  ["a reaction", { type: "reaction", reaction: { message_id: "wamid.0", emoji: "👍" } }, "reaction", "", undefined],
  ["an order", { type: "order", order: { product_items: [] } }, "unknown", "", undefined],
  ["what WhatsApp itself doesn't pass on", { type: "unsupported", errors: [{ code: 131051 }] }, "unknown", "", undefined],
  [
    "a form's answer",
    { type: "interactive", interactive: { type: "nfm_reply", nfm_reply: { body: "Sent" } } },
    "unknown",
    "",
    undefined,
  ],
  ["a kind of tomorrow", { type: "hologram", hologram: { id: "h" } }, "unknown", "", undefined],
  ["a text without its text", { type: "text" }, "unknown", "", undefined],
])("%s", (_name, message, kind, text, buttonId) => {
  const read = readOne(message);
  expect(read).toMatchObject({ kind, text });
  expect(read.buttonId).toBe(buttonId);
});

test("media, places and reactions are kept for reception", () => {
  expect(readOne({ type: "audio", audio: { id: "m2", voice: true } }).attachment).toMatchObject({
    type: "audio",
    content: { id: "m2", voice: true },
  });
  expect(readOne({ type: "hologram", hologram: { id: "h" } }).attachment).toMatchObject({
    type: "hologram",
    content: { id: "h" },
  });
});

test("every message and status of every change and entry is read, messages in the order of their times", () => {
  const one = notification({
    phoneNumberId: "111",
    messages: [{ ...base, id: "b", timestamp: "20", type: "text", text: { body: "2" } }],
  });
  const two = notification({
    phoneNumberId: "222",
    messages: [
      { ...base, id: "c", timestamp: "30", type: "text", text: { body: "3" } },
      { ...base, id: "a", timestamp: "10", type: "text", text: { body: "1" } },
    ],
    statuses: [
      { id: "wamid.9", status: "delivered", recipient_id: FROM, biz_opaque_callback_data: "x" },
      { id: "wamid.8", status: "failed", errors: [{ code: 131047, title: "Re-engagement message" }] },
      { id: "wamid.7", status: "played" },
    ],
  });
  const { messages, statuses, ignored } = readNotification(
    { object: one.object, entry: [...one.entry, ...two.entry] },
    canonicalUserId,
  );
  expect(messages.map(({ phoneNumberId, message }) => `${phoneNumberId} ${message.messageId}`)).toEqual([
    "222 a",
    "111 b",
    "222 c",
  ]);
  expect(statuses).toMatchObject([
    { phoneNumberId: "222", providerId: "wamid.9", status: "delivered", reference: "x", error: undefined },
    { providerId: "wamid.8", status: "failed", error: "131047: Re-engagement message" },
    { providerId: "wamid.7", status: "read" },
  ]);
  expect(ignored).toEqual([]);
});

test("a part that can't be read costs the others nothing, and is named without what it says", () => {
  const body = notification({
    phoneNumberId: NUMBER,
    messages: [
      { from: FROM, type: "text", text: { body: "secreto sin id" } },
      { ...base, type: "text", text: { body: "hola" } },
      { id: "wamid.3", type: "text", text: { body: "sin remitente" } },
      { ...base, id: "wamid.4", type: "system", system: { body: "Ana changed her number" } },
    ],
    statuses: [{ id: "wamid.5", status: "warning" }, { status: "sent" }],
  });
  body.entry[0]!.changes.push(
    { field: "account_update", value: {} as never },
    { field: "messages", value: { messages: [] } as never },
  );
  const { messages, statuses, ignored } = readNotification(body, canonicalUserId);
  expect(messages.map(({ message }) => message.text)).toEqual(["hola"]);
  expect(statuses).toEqual([]);
  expect(ignored).toHaveLength(7);
  expect(ignored.join(" ")).not.toMatch(/secreto|sin remitente|Ana/);
});

test("a guest who hides the number is known by the user id", () => {
  const read = readOne({ from: undefined, from_user_id: "US.13491208655302741918", type: "text", text: { body: "hi" } });
  expect(read).toMatchObject({ userId: "US.13491208655302741918", attachment: { user_id: "US.13491208655302741918" } });
});

test("odd times and characters that can't be stored are taken out", () => {
  const read = readOne({ timestamp: "tomorrow", type: "text", text: { body: "a\u0000b\ud800" } });
  expect(read.text).toBe("ab\ufffd");
  expect(read.sentAt).toBeUndefined();
});

test.each([[[]], [null], ["text"], [{}], [{ entry: {} }], [{ entry: [{ changes: 3 }] }]])("%j isn't a notification", (body) => {
  expect(() => readNotification(body, canonicalUserId)).toThrow();
});

test("an empty notification, and one of another product, hold nothing", () => {
  expect(readNotification({ entry: [] }, canonicalUserId)).toEqual({ messages: [], echoes: [], statuses: [], ignored: [] });
  expect(
    readNotification({ object: "instagram", entry: [{ changes: [{ field: "messages", value: {} }] }] }, canonicalUserId).messages,
  ).toEqual([]);
});

test.each(["constructor", "toString", "__proto__"])("%s is no type of message with a content, and no status", (name) => {
  const { messages, statuses, ignored } = readNotification(
    notification({
      phoneNumberId: NUMBER,
      messages: [{ ...base, type: name }],
      statuses: [{ id: "wamid.5", status: name, recipient_id: FROM }],
    }),
    canonicalUserId,
  );
  expect(messages[0]!.message.kind).toBe("unknown");
  expect(messages[0]!.message.attachment).not.toHaveProperty("content");
  expect(statuses).toEqual([]);
  expect(ignored).toEqual([`status ${name}`]);
});

test("a reference comes back as it went, and what others send along is none", () => {
  const reference = { tenantId: "hotel-a", outboxId: "0b8b4d5e-8a0c-4a63-9c5e-2f6f8a1c7d11", part: 1, parts: 2, replays: 3 };
  expect(readReference(writeReference(reference))).toEqual(reference);
  for (const text of [undefined, "", "campaign-7", "gatehouse1/a/b/0/1/0", `${writeReference(reference)}/x`])
    expect(readReference(text)).toBeUndefined();
});

/** One message of each kind that is read, with every optional field that Meta documents for it. */
const COMPLETE: Record<string, Record<string, unknown>> = {
  text: { type: "text", text: { body: "¿Tienen pileta?" } },
  image: { type: "image", image: { id: "m1", mime_type: "image/jpeg", sha256: "x", caption: "¿esta?" } },
  document: { type: "document", document: { id: "m2", mime_type: "application/pdf", filename: "a.pdf", caption: "¿vale?" } },
  audio: { type: "audio", audio: { id: "m3", voice: true } },
  button: { type: "button", button: { text: "Confirmar", payload: "confirm" } },
  list: {
    type: "interactive",
    interactive: { type: "list_reply", list_reply: { id: "double", title: "Doble", description: "2" } },
  },
  location: { type: "location", location: { latitude: -34.9, longitude: -56.1, name: "x" } },
  edit: { type: "edit", edit: { original_message_id: "wamid.A", message: { type: "text", text: { body: "¿Tienen pileta?" } } } },
};
const SHAPES = [null, 7, "texto", [], [1], {}, { a: 1 }];

/** Every way to put another shape in the place of one field of a value. */
function* distorted(value: unknown, skip: (path: string) => boolean, path = ""): Generator<{ path: string; value: unknown }> {
  if (path !== "" && !skip(path)) for (const shape of SHAPES) yield { path, value: shape };
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    for (const inner of distorted(member, skip, path === "" ? name : `${path}.${name}`)) {
      const copy = structuredClone(value) as Record<string, unknown>;
      copy[name] = inner.value;
      yield { path: inner.path, value: copy };
    }
  }
}

test.each(Object.entries(COMPLETE))(
  "a field of another shape costs a message of the kind %s that field only",
  (kind, content) => {
    const message = {
      ...base,
      ...content,
      context: { id: "wamid.0", from: "15550783881" },
      identity: { acknowledged: true },
      errors: [{ code: 1 }],
    };
    const body = notification({
      phoneNumberId: NUMBER,
      messages: [message, { ...base, id: "wamid.2", type: "text", text: { body: "sigo" } }],
    });
    const needed = new Set(["entry", "entry.0", "entry.0.changes", "entry.0.changes.0", "entry.0.changes.0.value"]);
    const inMessages = "entry.0.changes.0.value.messages";
    for (const name of ["", ".0", ".0.id", ".0.from", ".1", ".1.id", ".1.from"]) needed.add(`${inMessages}${name}`);
    const other = new Set(["object", "entry.0.changes.0.field"]); // a text there says that it is about something else
    let tried = 0;
    for (const { path, value } of distorted(body, (field) => needed.has(field))) {
      if (other.has(path) && JSON.stringify(value).includes('"texto"')) continue;
      tried += 1;
      const { messages } = readNotification(value, canonicalUserId);
      const ids = messages.map(({ message: { messageId } }) => messageId);
      expect(ids.toSorted(), path).toEqual(["wamid.1", "wamid.2"]);
      // What isn't part of the content leaves the content as it was.
      if (!path.startsWith(`${inMessages}.0.`)) continue;
      const [field] = path.slice(inMessages.length + 3).split(".");
      if (["context", "identity", "errors", "timestamp"].includes(field!)) {
        const read = messages.find(({ message: { messageId } }) => messageId === "wamid.1")!.message;
        expect(read, path).toMatchObject({ kind: readOne(content).kind, text: readOne(content).text });
      }
    }
    expect(tried, kind).toBeGreaterThan(100);
  },
);

test("a message with an id and a sender whose content can't be read is stored as unknown", () => {
  for (const content of [
    {},
    { type: null },
    { type: 7 },
    { type: "text", text: 3 },
    { type: "image", image: [] },
    { type: {} },
  ]) {
    const { kind, text } = readOne(content);
    expect([kind, text]).toEqual([content.type === "image" ? "image" : "unknown", ""]);
  }
  expect(readOne({ type: null, text: { body: "hola" } })).toMatchObject({ kind: "text", text: "hola" });
  expect(readOne({ id: "x".repeat(300), type: "text", text: { body: "hola" } }).messageId).toMatch(/^sha256-[0-9a-f]{64}$/);
});

test.each([
  ["a text", { type: "text", text: { body: "¿Tienen pileta?" } }, "text", "¿Tienen pileta?"],
  ["a caption", { type: "image", image: { id: "m1", caption: "esta no" } }, "image", "esta no"],
  ["what nobody knows", { type: "hologram" }, "unknown", ""],
])("an edited message says what it says now: %s", (_name, message, kind, text) => {
  const read = readOne({ type: "edit", edit: { original_message_id: "wamid.A", message } });
  expect(read).toMatchObject({ messageId: "wamid.1", kind, text, attachment: { edits: "wamid.A" } });
});

test.each([
  ["comprobante.pdf", "comprobante.pdf", ""],
  ["reserva-cancelada.pdf", "reserva-cancelada", ""],
  ["Factura_2026 03.PDF", "factura 2026_03.pdf", ""],
  ["reservación.pdf", "reservacio\u0301n.pdf", ""],
  ["foto", "foto.jpeg", ""],
  ["dni.pdf", "¿cancelo con esto?", "¿cancelo con esto?"],
  ["a.pdf", "a la mañana llego", "a la mañana llego"],
])("a document %s with the caption %s says: %s", (filename, caption, text) => {
  expect(readOne({ type: "document", document: { id: "9", filename, caption } })).toMatchObject({ kind: "document", text });
});

test("what is written in a group, or by the hotel's own number, isn't a guest's", () => {
  const said = { type: "text", text: { body: "hola" } };
  const messages = [
    { ...base, ...said, group_id: "Y2FwaV9ncm91cDo" },
    { ...base, ...said, id: "wamid.2", from: "120363040000000000@g.us" },
    { ...base, ...said, id: "wamid.3", from: "15550783881" },
    { ...base, ...said, id: "wamid.4", group_id: null },
  ];
  const read = readNotification(notification({ phoneNumberId: NUMBER, messages }), canonicalUserId);
  expect(read.messages.map(({ message }) => message.messageId)).toEqual(["wamid.4"]);
  expect(read.ignored).toHaveLength(3);
});

test("an echo is what a person wrote to a guest; imported history is nobody's question", () => {
  const echo = {
    from: "15550783881",
    to: FROM,
    id: "wamid.E",
    timestamp: "1772539200",
    type: "text",
    text: { body: "Soy Laura" },
  };
  const change = (field: string, value: object) => ({
    object: "whatsapp_business_account",
    entry: [
      { changes: [{ field, value: { metadata: { phone_number_id: NUMBER, display_phone_number: "15550783881" }, ...value } }] },
    ],
  });
  const read = readNotification(
    change("smb_message_echoes", { message_echoes: [echo, { ...echo, to: undefined }] }),
    canonicalUserId,
  );
  expect(read).toMatchObject({ messages: [], ignored: [expect.stringContaining("an echo")] });
  expect(read.echoes).toMatchObject([
    { phoneNumberId: NUMBER, message: { messageId: "wamid.E", userId: FROM, text: "Soy Laura" } },
  ]);
  const past = readNotification(
    change("history", { messages: [{ ...base, type: "text", text: { body: "hola" } }] }),
    canonicalUserId,
  );
  expect(past).toMatchObject({ messages: [], echoes: [] });
});
