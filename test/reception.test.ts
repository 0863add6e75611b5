import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createDatabase } from "./servers.ts";
import { type RunningService, sendMessage, spawnService } from "./service.ts";

const ADMIN_SECRET = "an-admin-secret-of-at-least-32-bytes!";
let service: RunningService | undefined;
let drop: (() => Promise<void>) | undefined;
let messages = 0;

interface Answer {
  [field: string]: unknown;
  id: string;
  kind: string;
  user_id: string;
  messages: Record<string, string>[];
  reservations: unknown[];
  conversations: unknown[];
  inbox: unknown[];
  outbox: unknown[];
  erased: Record<string, number>;
  errors: unknown[];
}

beforeAll(async () => {
  const database = await createDatabase(inject("postgresUrl"));
  drop = database.drop;
  service = await spawnService({ DATABASE_URL: database.url, ADMIN_JWT_SECRET: ADMIN_SECRET });
});
afterAll(async () => {
  // Also when the set-up failed half-way: nothing that was started is left behind.
  await service?.stop();
  await drop?.();
});

const call = async (
  method: string,
  path: string,
  role: string | undefined,
  options: { tenant?: string; body?: unknown } = {},
) => {
  const token =
    role === undefined
      ? undefined
      : await new SignJWT({ role, ...(options.tenant === undefined ? {} : { tenant: options.tenant }) })
          .setProtectedHeader({ alg: "HS256" })
          .setSubject("ana")
          .setExpirationTime("5m")
          .sign(new TextEncoder().encode(ADMIN_SECRET));
  const response = await fetch(`${service!.url}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...(options.body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  // Shapes are what the tests check.
  return { status: response.status, body: (await response.json()) as Answer & Answer[] };
};

const say = async (userId: string, text: string) => {
  messages += 1;
  const response = await sendMessage(service!.url, { message_id: `m${messages}`, user_id: userId, text }, { Prefer: "wait=5" });
  expect(response.status).toBe(200);
  return (await response.json()) as {
    replies: { text: string; buttons?: { id: string; title: string }[] }[];
    intent: string;
    confidence: number;
    band: string;
  };
};

const inAYear = (days: number) => new Date(Date.now() + (200 + days) * 86_400_000).toISOString().slice(0, 10);

test("a guest books over the webhook; reception sees the booking and the conversation", async () => {
  const [from, to] = [inAYear(0), inAYear(3)];
  const offer = await say("+598 99 111 111", `Hola, hay lugar del ${from} al ${to} para 2 personas?`);
  expect(offer).toMatchObject({ intent: "check_availability", band: "high" });
  expect(offer.replies).toHaveLength(1);
  const room = offer.replies[0]!.buttons!.find(({ id }) => id === "room:double")!;
  await say("+59899111111", room.id);
  await say("0059899111111", "Ana Pérez");
  const done = await say("59899111111", "Confirmar");
  expect(done.replies[0]!.text).toContain("confirmada");

  const reservations = await call("GET", "/admin/reservations?user_id=%2B59899111111", "viewer");
  expect(reservations.body).toEqual([
    {
      code: expect.stringMatching(/^GH-[0-9A-Z]{6}$/),
      tenant_id: "default",
      user_id: "59899111111",
      guest_name: "Ana Pérez",
      room_type: "double",
      check_in: from,
      check_out: to,
      adults: 2,
      children: 0,
      status: "confirmed",
      total: { amount: expect.any(Number), currency: "USD" },
    },
  ]);
  const { body } = await call("GET", "/admin/conversations?user_id=59899111111", "viewer");
  expect(body).toHaveLength(1);
  expect(body[0]).toMatchObject({ tenant_id: "default", channel: "messages", language: "es", handed_over: false });
  expect(body[0]!.messages.map(({ direction }) => direction)).toEqual(["in", "out", "in", "out", "in", "out", "in", "out"]);
  expect(body[0]!.messages[0]).toMatchObject({
    text: expect.stringContaining("Hola"),
    intent: "check_availability",
    status: "received",
  });
});

test("a person replies and hands back; the agent is quiet in between", async () => {
  const guest = "59899222222";
  await say(guest, "quiero hablar con una persona");
  const list = await call("GET", "/admin/conversations?handed_over=true", "viewer");
  const id = list.body.find(({ user_id: user }) => user === guest)!.id;
  const replied = await call("POST", `/admin/conversations/${id}/reply`, "operator", { body: { text: "Hola, soy Luis." } });
  expect(replied).toMatchObject({ status: 202, body: { handed_over: true } });
  // At once: whoever waits for the agent isn't kept waiting for a person.
  const quiet = { message_id: "while reception answers", user_id: guest, text: "tienen wifi?" };
  const asked = performance.now();
  const answer = await sendMessage(service!.url, quiet, { Prefer: "wait=30" });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ message_id: quiet.message_id, tenant_id: "default", replies: [] });
  expect(performance.now() - asked).toBeLessThan(10_000);
  expect(await call("POST", `/admin/conversations/${id}/hand-back`, "operator")).toMatchObject({ status: 200 });
  expect((await say(guest, "tienen wifi?")).replies[0]!.text).toContain("wifi");
  const { body } = await call("GET", `/admin/conversations?user_id=${guest}`, "viewer");
  expect(body[0]!.messages.map(({ text }) => text)).toContain("Hola, soy Luis.");
});

test("tickets are listed, urgent ones first, and closed once", async () => {
  await say("59899333333", "me traen toallas a la habitación 305?");
  await say("59899333334", "es una emergencia");
  const { body } = await call("GET", "/admin/tickets", "viewer");
  expect(body[0]).toMatchObject({ kind: "emergency", urgent: true, user_id: "59899333334" });
  const towels = body.find(({ kind }) => kind === "service")!;
  expect(towels).toMatchObject({ room: "305", state: "open", text: expect.stringContaining("toallas") });
  const closed = await call("PATCH", `/admin/tickets/${towels.id}`, "operator", { body: { state: "done" } });
  expect(closed.body).toMatchObject({ state: "done", done_by: "ana" });
  const open = await call("GET", "/admin/tickets", "viewer");
  expect(open.body.map(({ id }) => id)).not.toContain(towels.id);
});

test("a guest's data can be taken away whole and erased; the nights stay sold", async () => {
  const guest = "59899444444";
  await say(guest, `quiero una suite del ${inAYear(20)} al ${inAYear(22)} para 2 personas, a nombre de Eva Luna`);
  await say(guest, "sí");
  const data = (await call("GET", `/admin/guests/${guest}`, "operator")).body;
  expect(data.reservations[0]).toMatchObject({ guest_name: "Eva Luna", status: "confirmed" });
  expect(data.messages.length).toBe(4);
  expect([data.conversations.length, data.inbox.length, data.outbox.length]).toEqual([1, 2, 2]);

  expect((await call("DELETE", `/admin/guests/${guest}`, "operator")).status).toBe(403);
  expect((await call("DELETE", `/admin/guests/${guest}`, "admin", { tenant: "other" })).status).toBe(404);
  const erased = await call("DELETE", `/admin/guests/${guest}`, "admin");
  expect(erased.body.erased).toMatchObject({ conversations: 1, messages: 4, inbox: 2, outbox: 2, reservations: 1 });
  expect((await call("GET", `/admin/guests/${guest}`, "operator")).status).toBe(404);
  expect((await call("GET", `/admin/reservations?user_id=${guest}`, "viewer")).body).toEqual([]);
  const sold = (await call("GET", "/admin/reservations?user_id=erased", "viewer")).body;
  expect(sold).toMatchObject([{ status: "confirmed", room_type: "suite", guest_name: null }]);
  expect((await say(guest, "hola")).replies).toHaveLength(1);
});

test("a token of all hotels finds a guest in whichever hotel knows them", async () => {
  const guest = "59899555555";
  await call("POST", "/admin/tenants", "admin", { body: { id: "north", name: "Hotel North" } });
  messages += 1;
  const text = `I want a double from ${inAYear(30)} to ${inAYear(31)} for 2 people, my name is Eve Stone`;
  const body = { message_id: `m${messages}`, user_id: guest, tenant_id: "north", text };
  expect((await sendMessage(service!.url, body, { Prefer: "wait=5" })).status).toBe(200);
  expect((await call("GET", `/admin/reservations?user_id=${guest}`, "viewer")).body).toMatchObject([
    { tenant_id: "north", status: "held", guest_name: "Eve Stone" },
  ]);
  const [conversation] = (await call("GET", `/admin/conversations?user_id=${guest}`, "viewer")).body;
  expect(conversation).toMatchObject({ tenant_id: "north" });
  const reply = { body: { text: "Hello from reception" } };
  expect((await call("POST", `/admin/conversations/${conversation!.id}/reply`, "operator", reply)).status).toBe(202);
  expect(
    (await call("POST", `/admin/conversations/${conversation!.id}/hand-back`, "operator", { tenant: "default" })).status,
  ).toBe(404);
  await say(guest, "hola");
  const several = await call("DELETE", `/admin/guests/${guest}`, "admin");
  expect(several.status).toBe(400);
  expect(JSON.stringify(several.body.errors)).toContain("default, north");
  expect((await call("DELETE", `/admin/guests/${guest}?tenant_id=north`, "admin")).status).toBe(200);
  expect((await call("GET", `/admin/conversations?user_id=${guest}`, "viewer")).body).toMatchObject([{ tenant_id: "default" }]);
});

test("wrong requests are told what is wrong; tokens of another hotel see nothing of this one", async () => {
  const id = "00000000-0000-4000-8000-000000000000";
  expect((await call("GET", "/admin/conversations", undefined)).status).toBe(401);
  expect((await call("POST", `/admin/conversations/${id}/reply`, "viewer", { body: { text: "x" } })).status).toBe(403);
  expect((await call("POST", `/admin/conversations/${id}/reply`, "operator", { body: { text: "x" } })).status).toBe(404);
  const wrong = await call("POST", `/admin/conversations/${id}/reply`, "operator", { body: { text: " ", extra: 1 } });
  expect(wrong.status).toBe(400);
  expect(wrong.body.errors).toHaveLength(2);
  expect((await call("POST", "/admin/conversations/x/hand-back", "operator")).status).toBe(400);
  expect((await call("GET", "/admin/reservations?user_id=a&user_id=b", "viewer")).status).toBe(400);
  expect((await call("GET", "/admin/tickets?state=lost", "viewer")).status).toBe(400);
  expect((await call("GET", "/admin/reservations?tenant_id=default", "viewer", { tenant: "other" })).status).toBe(403);
  for (const path of ["/admin/reservations", "/admin/conversations", "/admin/tickets"]) {
    expect((await call("GET", path, "viewer", { tenant: "other" })).body).toEqual([]);
  }
});
