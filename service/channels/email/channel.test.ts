import { type AddressInfo, createServer } from "node:net";
import { buffer } from "node:stream/consumers";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Channel, DeliveryError, type Outgoing } from "../../mail/channel.ts";
import type { Reply } from "../../mail/message.ts";
import { createEmailChannel, renderText } from "./channel.ts";
import { findReferences } from "./message-id.ts";

let server: SMTPServer;
let url: string;
let mails: { parsed: Email; from: string | false; to: string[] }[];
let refuse: { at: "rcpt" | "data"; code: number } | undefined;
let cut: boolean;
let emailAddress: string | null;
const channels: Channel[] = [];

beforeAll(async () => {
  const refusal = (at: "rcpt" | "data") => {
    if (refuse?.at !== at) return undefined;
    return Object.assign(new Error("refused for ana@example.com"), { responseCode: refuse.code });
  };
  server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    authOptional: true,
    onAuth: ({ username, password }, _session, done) =>
      done(username === "hotel" && password === "right-password" ? null : Object.assign(new Error("no"), { responseCode: 535 }), {
        user: "hotel",
      }),
    onRcptTo: (_address, _session, done) => done(refusal("rcpt")),
    onData: (stream, session, done) => {
      const { mailFrom, rcptTo } = session.envelope;
      buffer(stream)
        .then((raw) => PostalMime.parse(raw))
        .then((parsed) => {
          if (cut) {
            for (const connection of server.connections)
              (connection as unknown as { _socket: { destroy(): void } })._socket.destroy();
            return;
          }
          const refused = refusal("data");
          if (refused === undefined) {
            mails.push({ parsed, from: mailFrom === false ? false : mailFrom.address, to: rcptTo.map(({ address }) => address) });
          }
          done(refused ?? null);
        }, done);
    },
  });
  server.on("error", () => undefined); // the test cuts connections
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await Promise.all(channels.map((channel) => channel.close?.()));
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
beforeEach(() => {
  mails = [];
  refuse = undefined;
  cut = false;
  emailAddress = "reservas@rambla.example";
});

const channel = (address: string | undefined = url): Channel => {
  const made = createEmailChannel({
    url: address,
    tenant: async () => ({ name: 'Hotel "Rambla", S.A.', emailAddress }),
    timeoutMs: 1_000,
  });
  channels.push(made);
  return made;
};
const outgoing = (reply: Reply, more: Partial<Outgoing> = {}): Outgoing => ({
  id: "0b8b4d5e-8a0c-4a63-9c5e-2f6f8a1c7d11",
  replays: 2,
  tenantId: "hotel-a",
  conversationId: "c",
  channel: "email",
  userId: "ana@example.com",
  language: "es",
  reply,
  attempts: 0,
  byPerson: false,
  lastIncoming: {
    channel: "email",
    messageId: "m2@example.com",
    userId: "ana@example.com",
    kind: "text",
    text: "hola",
    attachment: {
      to: "ceo@company.example", // what an older release noted; the sender had chosen it
      message_id: "m2@example.com",
      subject: "Re: Reserva en abril",
      references: ["<m0@example.com>", "<m1@rambla.example>"],
    },
  },
  lastIncomingAt: new Date(),
  ...more,
});
const failure = async (by: Channel, what = outgoing({ text: "Hola" })): Promise<DeliveryError> => {
  const error = await by.deliver!(what, 0).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(DeliveryError);
  return error as DeliveryError;
};

test("a reply goes from the hotel's own address, whatever was written to, into the thread, marked as automatic", async () => {
  const { providerId } = await channel().deliver!(outgoing({ text: "¡Hola! Sí, hay lugar el 13.\n\nSaludos" }), 0);
  const [mail] = mails;
  expect(mail).toMatchObject({ from: "reservas@rambla.example", to: ["ana@example.com"] });
  const { parsed } = mail!;
  expect(parsed.from).toEqual({ address: "reservas@rambla.example", name: 'Hotel "Rambla", S.A.' });
  expect(parsed.subject).toBe("Re: Reserva en abril");
  expect(parsed.text?.trim()).toBe("¡Hola! Sí, hay lugar el 13.\n\nSaludos");
  expect(parsed.inReplyTo).toBe("<m2@example.com>");
  expect(parsed.references?.split(/\s+/)).toEqual(["<m0@example.com>", "<m1@rambla.example>", "<m2@example.com>"]);
  expect(parsed.headers.find(({ key }) => key === "auto-submitted")?.value).toBe("auto-replied");
  expect(parsed.messageId).toBe(providerId);
  expect(findReferences(`> Message-ID: ${providerId}`)).toEqual([
    { tenantId: "hotel-a", outboxId: outgoing({ text: "" }).id, replays: 2 },
  ]);
});

test("what a person of reception writes isn't marked as automatic", async () => {
  await channel().deliver!(outgoing({ text: "Soy Marta." }, { byPerson: true }), 0);
  expect(mails[0]!.parsed.headers.map(({ key }) => key)).not.toContain("auto-submitted");
});

test("the same reply sent again is the same mail", async () => {
  const by = channel();
  await by.deliver!(outgoing({ text: "Hola" }), 0);
  await by.deliver!(outgoing({ text: "Hola" }), 0);
  expect(new Set(mails.map(({ parsed }) => parsed.messageId)).size).toBe(1);
});

test("buttons, rows and places are lines of text", () => {
  const buttons = [
    { id: "yes", title: "Sí, reservar" },
    { id: "no", title: "No" },
  ];
  expect(renderText({ text: "¿Reservo?", buttons })).toBe("¿Reservo?\n\n  • Sí, reservar\n  • No");
  const location = { latitude: -34.9, longitude: -56.15, name: "Hotel", address: "Rambla 1" };
  expect(renderText({ text: "Aquí:", location })).toMatch(/^Aquí:\n\nHotel\nRambla 1\nhttps:\/\/www\.openstreetmap\.org/);
  expect(
    renderText({ text: "Elija:", list: { button: "Ver", rows: [{ id: "a", title: "Doble", description: "USD 120" }] } }),
  ).toContain("  • Doble – USD 120");
});

test("a hotel without an address sends nothing; without a thread the hotel's own address and a subject in the guest's language are used", async () => {
  const alone = { lastIncoming: undefined, language: "pt" as const };
  emailAddress = null;
  expect(await failure(channel(), outgoing({ text: "Olá" }, alone))).toMatchObject({
    kind: "permanent",
    message: expect.stringContaining("email_address"),
  });
  emailAddress = "hola@rambla.example";
  await channel().deliver!(outgoing({ text: "Olá" }, alone), 0);
  expect(mails[0]).toMatchObject({ from: "hola@rambla.example", parsed: { subject: "A sua consulta" } });
  expect(mails[0]!.parsed.inReplyTo).toBeUndefined();
});

test("nothing that a guest wrote becomes a header or another recipient", async () => {
  const attachment = {
    message_id: "m1\r\nBcc: evil@example.com",
    subject: "Hola\r\nBcc: evil@example.com",
    references: [],
  };
  await channel().deliver!(
    outgoing(
      { text: "Hola\r\n.\r\nMAIL FROM:<evil@example.com>" },
      { lastIncoming: { ...outgoing({ text: "" }).lastIncoming!, attachment } },
    ),
    0,
  );
  expect(mails).toHaveLength(1);
  expect(mails[0]!.to).toEqual(["ana@example.com"]);
  expect(mails[0]!.parsed.bcc).toBeUndefined();
  expect(mails[0]!.parsed.text).toContain("MAIL FROM");
});

test.each([
  ["an unknown recipient", { at: "rcpt", code: 550 }, "permanent"],
  ["a full mailbox for now", { at: "rcpt", code: 452 }, "temporary"],
  ["greylisting", { at: "data", code: 451 }, "temporary"],
  ["a refused content", { at: "data", code: 554 }, "permanent"],
] as const)("%s", async (_name, refusal, kind) => {
  refuse = refusal;
  const error = await failure(channel());
  expect(error).toMatchObject({ kind, code: String(refusal.code) });
  expect(error.message).not.toContain("ana@example.com");
});

test("a server that isn't there is temporary, a connection cut while the mail was taken is unknown", async () => {
  expect((await failure(channel("smtp://127.0.0.1:1"))).kind).toBe("temporary");
  const mute = createServer();
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  expect((await failure(channel(`smtp://127.0.0.1:${(mute.address() as AddressInfo).port}`))).kind).toBe("temporary");
  await new Promise((resolve) => mute.close(resolve));
  cut = true;
  expect((await failure(channel())).kind).toBe("unknown");
});

test("a wrong password waits for the operator; without a server it is a dead letter that says what to set", async () => {
  const error = await failure(channel(url.replace("smtp://", "smtp://hotel:wrong-password@")));
  expect(error).toMatchObject({ kind: "temporary", retryAfterSeconds: 60 });
  expect(error.message).not.toContain("wrong-password");
  const off = createEmailChannel({ url: undefined, tenant: async () => undefined });
  expect(await failure(off)).toMatchObject({ kind: "permanent", message: expect.stringContaining("SMTP_URL") });
  await channel(url.replace("smtp://", "smtp://hotel:right-password@")).deliver!(outgoing({ text: "Hola" }), 0);
  expect(mails).toHaveLength(1);
});
