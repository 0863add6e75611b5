import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { errorBody, type GraphApi, RATE_LIMITED, startGraphApi } from "../../../test/graph-api.ts";
import { type Channel, DeliveryError, type Outgoing } from "../../mail/channel.ts";
import type { Reply } from "../../mail/message.ts";
import { createWhatsAppChannel } from "./channel.ts";
import { createGraph } from "./graph.ts";

const NUMBER = "106540352242922";
const OTHER = "106540352242999";
const GUEST = "5491122223333";
const NOW = new Date("2026-03-10T12:00:00Z");
let api: GraphApi;
let settings: Record<string, unknown>;
let number: string | null;

beforeAll(async () => {
  api = await startGraphApi({ phoneNumberIds: [NUMBER, OTHER], templates: ["answer/es_AR", "answer/pt_BR"] });
});
afterAll(() => api.stop());
beforeEach(() => {
  api.messages.length = 0;
  api.faults.length = 0;
  api.closedWindows.clear();
  settings = {};
  number = NUMBER;
});

const channel = (options: Partial<Parameters<typeof createGraph>[0]> = {}): Channel =>
  createWhatsAppChannel({
    graph: createGraph({ url: api.url, accessToken: api.accessToken, timeoutMs: 300, ...options }),
    tenant: async () => ({ whatsappPhoneNumberId: number, settings }),
    now: () => NOW,
  });

const outgoing = (reply: Reply, more: Partial<Outgoing> = {}): Outgoing => ({
  id: "0b8b4d5e-8a0c-4a63-9c5e-2f6f8a1c7d11",
  replays: 0,
  tenantId: "default",
  conversationId: "c",
  channel: "whatsapp",
  userId: GUEST,
  language: "es",
  reply,
  attempts: 0,
  byPerson: false,
  lastIncoming: {
    channel: "whatsapp",
    messageId: "in",
    userId: GUEST,
    kind: "text",
    text: "",
    attachment: { phone_number_id: OTHER, from: GUEST },
  },
  lastIncomingAt: new Date("2026-03-10T11:00:00Z"),
  ...more,
});

const deliverAll = async (what: Outgoing, by = channel()) => {
  for (let part = 0; ; part += 1) {
    const { parts } = await by.deliver!(what, part);
    if (part + 1 >= parts) return api.messages;
  }
};
const failure = async (promise: Promise<unknown>): Promise<DeliveryError> => {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(DeliveryError);
  return error as DeliveryError;
};

describe("what is sent", () => {
  test("a text goes from the number that the guest wrote to", async () => {
    expect(await deliverAll(outgoing({ text: "Hola" }))).toMatchObject([
      { type: "text", text: "Hola", to: GUEST, phoneNumberId: OTHER },
    ]);
  });

  test("without a message of the guest the hotel's own number is used", async () => {
    await deliverAll(outgoing({ text: "Hola" }, { lastIncoming: undefined }));
    expect(api.messages).toMatchObject([{ phoneNumberId: NUMBER }]);
    number = null;
    expect(await failure(channel().deliver!(outgoing({ text: "Hola" }, { lastIncoming: undefined }), 0))).toMatchObject({
      kind: "permanent",
    });
  });

  test("a guest who hides the number is written to by the user id", async () => {
    const attachment = { phone_number_id: NUMBER, user_id: "US.13491208655302741918" };
    await deliverAll(outgoing({ text: "Hi" }, { lastIncoming: { ...outgoing({ text: "" }).lastIncoming!, attachment } }));
    expect(api.messages[0]!.payload).toMatchObject({ recipient: "US.13491208655302741918" });
    expect(api.messages[0]!.payload).not.toHaveProperty("to");
  });

  test("buttons, a list, a place", async () => {
    const buttons = [
      { id: "confirm", title: "Confirmar la reserva ya" },
      { id: "no", title: "No" },
    ];
    const list = { button: "Ver habitaciones", rows: [{ id: "double", title: "Doble", description: "Con vista al mar" }] };
    const location = { latitude: -34.9, longitude: -56.15, name: "Hotel", address: "Rambla 1" };
    await deliverAll(outgoing({ text: "¿Confirmamos?", buttons }));
    await deliverAll(outgoing({ text: "Elija:", list }));
    await deliverAll(outgoing({ text: "Estamos aquí:", location }));
    expect(api.messages.map(({ type, choices }) => [type, choices])).toEqual([
      ["interactive", ["confirm", "no"]],
      ["interactive", ["double"]],
      ["text", []],
      ["location", []],
    ]);
    expect(JSON.stringify(api.messages[0]!.payload)).toContain('"title":"Confirmar la reserv…"');
  });

  test("more than three buttons become a list, more than ten rows lines of text", async () => {
    const choices = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ id: `id${index}`, title: `Opción ${index}` }));
    await deliverAll(outgoing({ text: "Elija:", buttons: choices(4) }));
    await deliverAll(outgoing({ text: "Elija:", buttons: choices(11) }));
    expect(api.messages[0]).toMatchObject({ type: "interactive", choices: ["id0", "id1", "id2", "id3"] });
    expect(api.messages[1]).toMatchObject({ type: "text", text: expect.stringContaining("• Opción 10") });
  });

  test("two buttons that look alike when they are cut become a list with their whole titles", async () => {
    const buttons = ["Habitación doble con balcón", "Habitación doble con jardín"].map((title, index) => ({
      id: `id${index}`,
      title,
    }));
    await deliverAll(outgoing({ text: "Elija:", buttons }));
    expect(api.messages[0]).toMatchObject({ choices: ["id0", "id1"], payload: { interactive: { type: "list" } } });
    expect(JSON.stringify(api.messages[0]!.payload)).toContain("Habitación doble con jardín");
  });

  test("an empty text is never counted as sent", async () => {
    expect(await failure(channel().deliver!(outgoing({ text: " \n" }), 0))).toMatchObject({ kind: "permanent" });
  });

  test("a long text before buttons goes in parts, none of it lost", async () => {
    const text = Array.from({ length: 400 }, (_, index) => `palabra${index}`).join(" ");
    await deliverAll(outgoing({ text, buttons: [{ id: "ok", title: "OK" }] }));
    expect(api.messages.map(({ type }) => type)).toEqual(["text", "interactive"]);
    expect(
      api.messages
        .map((message) => message.text)
        .join(" ")
        .split(/\s+/),
    ).toEqual(text.split(" "));
  });

  test("whatever a reply holds, the API takes it", async () => {
    const by = channel({ ratePerSecond: 1e6, timeoutMs: 5_000 });
    const phrase = (maximum: number) =>
      fc.string({ unit: "grapheme", minLength: 1, maxLength: maximum }).map((text) => `x${text.replaceAll("\u0000", "")}`);
    const choice = fc.record({ id: phrase(300), title: phrase(40) });
    const replies = fc.record(
      {
        text: phrase(6_000),
        buttons: fc.array(choice, { maxLength: 12 }),
        list: fc.record({
          button: phrase(30),
          rows: fc.array(fc.record({ id: phrase(300), title: phrase(40), description: phrase(100) }), { maxLength: 12 }),
        }),
        location: fc.record({
          latitude: fc.double({ min: -90, max: 90, noNaN: true }),
          longitude: fc.double({ min: -180, max: 180, noNaN: true }),
          name: phrase(20),
          address: phrase(20),
        }),
      },
      { requiredKeys: ["text"] },
    );
    await fc.assert(
      fc.asyncProperty(replies, async (reply) => {
        await deliverAll(outgoing(reply as Reply), by);
      }),
      { numRuns: 60 },
    );
  });
});

describe("outside the 24 hours", () => {
  const late = { lastIncomingAt: new Date("2026-03-09T12:00:30Z") };

  test("the hotel's template carries the text, in the guest's language", async () => {
    settings = { whatsapp_template: { name: "answer", languages: { es: "es_AR", pt: "pt_BR" } } };
    await deliverAll(outgoing({ text: "Su reserva\n\nestá   confirmada.", buttons: [{ id: "a", title: "A" }] }, late));
    await deliverAll(outgoing({ text: "A sua reserva" }, { ...late, language: "pt" }));
    expect(api.messages).toMatchObject([
      {
        type: "template",
        text: "Su reserva está confirmada.",
        payload: { template: { name: "answer", language: { code: "es_AR" } } },
      },
      { type: "template", payload: { template: { language: { code: "pt_BR" } } } },
    ]);
  });

  test("without a template, or with a broken one, it is a dead letter that says what to do", async () => {
    expect(await failure(channel().deliver!(outgoing({ text: "Hola" }, late), 0))).toMatchObject({
      kind: "permanent",
      message: expect.stringContaining("whatsapp_template"),
    });
    settings = { whatsapp_template: "answer" };
    expect(await failure(channel().deliver!(outgoing({ text: "Hola" }, late), 0))).toMatchObject({ kind: "permanent" });
    expect(api.messages).toEqual([]);
  });

  test("when WhatsApp says so although we didn't think it, the template goes instead", async () => {
    settings = { whatsapp_template: { name: "answer", languages: { es: "es_AR" } } };
    api.closedWindows.add(GUEST);
    expect(await deliverAll(outgoing({ text: "Hola" }))).toMatchObject([{ type: "template", text: "Hola" }]);
  });
});

describe("what goes wrong", () => {
  const answer = (status: number, body: string, headers?: Record<string, string>) =>
    api.faults.push({ kind: "answer", status, body, ...(headers === undefined ? {} : { headers }) });
  const send = () => failure(channel().deliver!(outgoing({ text: "Hola" }), 0));

  test.each([
    ["130429 in a 429", 429, errorBody(130429, "Rate limit hit", "x"), "temporary"],
    ["a rate limit in a 400", 400, errorBody(80007, "Rate limit issues", "x"), "temporary"],
    ["a 429 without words", 429, "", "temporary"],
    ["an outage", 500, errorBody(131000, "Something went wrong", "x"), "temporary"],
    ["an error in a 200", 200, errorBody(131026, "Message undeliverable", "x"), "permanent"],
    ["a wrong parameter", 400, errorBody(131009, "Parameter value is not valid", "x"), "permanent"],
    ["a 200 in HTML", 200, "<html>portal</html>", "unknown"],
    ["a 200 without an id", 200, JSON.stringify({ messages: [] }), "unknown"],
    ["a gateway's 502", 502, "<html>bad gateway</html>", "unknown"],
  ])("%s", async (_name, status, body, kind) => {
    answer(status, body);
    expect((await send()).kind).toBe(kind);
  });

  test("the API's wish to wait is kept, and the pair rate waits at least six seconds", async () => {
    answer(429, RATE_LIMITED.kind === "answer" ? RATE_LIMITED.body : "", { "retry-after": "17" });
    expect((await send()).retryAfterSeconds).toBe(17);
    answer(400, errorBody(131056, "pair rate limit hit", "x"));
    expect((await send()).retryAfterSeconds).toBe(6);
  });

  test("a wrong token waits for the operator, and is never shown", async () => {
    const by = channel({ accessToken: "EAAwrongTokenThatMustNotBeShown" });
    const error = await failure(by.deliver!(outgoing({ text: "Hola" }), 0));
    expect(error).toMatchObject({ kind: "temporary", code: "190", retryAfterSeconds: 60 });
    expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.toContain("EAAwrong");
    expect(await failure(channel({ accessToken: undefined }).deliver!(outgoing({ text: "Hola" }), 0))).toMatchObject({
      kind: "permanent",
      message: expect.stringContaining("WHATSAPP_ACCESS_TOKEN"),
    });
  });

  test("no connection is temporary; one that breaks or hangs later is unknown", async () => {
    api.faults.push({ kind: "cut-after" });
    expect((await send()).kind).toBe("unknown");
    api.faults.push({ kind: "hang" });
    expect(await send()).toMatchObject({ kind: "unknown", message: "Graph API: no answer within 300 ms" });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const by = channel({ url: `http://127.0.0.1:${port}/v23.0` });
    expect((await failure(by.deliver!(outgoing({ text: "Hola" }), 0))).kind).toBe("temporary");
  });

  test("a redirect isn't followed: the token stays with the API", async () => {
    answer(307, "", { location: "http://127.0.0.1:1/" });
    expect((await send()).kind).toBe("unknown");
  });
});

test("a number's turns come no faster than its rate, and another number's don't wait for them", async () => {
  const by = channel({ ratePerSecond: 10, timeoutMs: 5_000 });
  const waits: number[] = [];
  for (let number = 0; number < 14; number += 1) waits.push(await by.reserve!(outgoing({ text: "Hola" })));
  expect(waits.filter((wait) => wait === 0).length).toBeGreaterThanOrEqual(10);
  expect(waits.at(-1)).toBeGreaterThan(300);
  expect(waits.at(-1)).toBeLessThanOrEqual(400);
  const other = {
    ...outgoing({ text: "Hola" }).lastIncoming!,
    attachment: { phone_number_id: "another", from: "5491100000001" },
  };
  expect(await by.reserve!({ ...outgoing({ text: "Hola" }), lastIncoming: other })).toBe(0);
});
