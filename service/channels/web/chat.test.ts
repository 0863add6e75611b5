import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { KINDS, makeDatabase, type TestDatabase } from "../../../test/database.ts";
import { type Served, serve } from "../../../test/http.ts";
import { until } from "../../../test/servers.ts";
import { Problem } from "../../http/problem.ts";
import { createAnswers } from "../../mail/answers.ts";
import { honestFallback } from "../../mail/honest-fallback.ts";
import { createInbox } from "../../mail/inbox.ts";
import type { HandleMessage } from "../../mail/message.ts";
import { createWorker, type Worker } from "../../mail/worker.ts";
import { observe } from "../../telemetry/http.ts";
import { createLogger } from "../../telemetry/log.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import { createWebChat, type WebChat, type WebChatTenant } from "./chat.ts";
import { createWebGuests } from "./guest.ts";
import type { History } from "./history.ts";
import { PAGE_TEXTS } from "./texts.ts";

const logger = createLogger("silent", "test");

const echo: HandleMessage = async ({ conversation, message }) => ({
  state: {},
  language: message.language ?? "es",
  handedOver: false,
  replies: [
    {
      text: `eco: ${message.text}${message.buttonId === undefined ? "" : ` (${message.buttonId})`}`,
      buttons: [{ id: "yes", title: "Sí" }],
      ...(message.text === "despacio" ? { typingMs: 60_000 } : {}),
    },
  ],
  intent: "greeting",
  confidence: 0.9,
  band: "high",
  ...(conversation.handedOver ? { replies: [] } : {}),
});

describe.each(KINDS)("the web chat on %s", (kind) => {
  let db: TestDatabase;
  let worker: Worker;
  let chat: WebChat;
  let served: Served;
  let base: string;
  let tenants: Record<string, WebChatTenant>;
  let limited: boolean;
  let clients: [string, string, boolean][];
  let metrics: ReturnType<typeof createMetrics>;

  beforeAll(async () => {
    db = await makeDatabase(kind);
    await db.pool.query("insert into tenants (id, name) values ('hotel-a', 'Hotel A'), ('hotel-b', 'Hotel B')");
    metrics = createMetrics({ collectDefaults: false });
    worker = createWorker({
      isPulled: () => true,
      giveUp: async ({ conversation, message }) => honestFallback(conversation, message),
      database: db.database,
      answers: createAnswers({ database: db.database }),
      metrics,
      logger,
      concurrency: 4,
      handle: echo,
    });
    await worker.start();
    chat = createWebChat({
      database: db.database,
      inbox: createInbox({ database: db.database, metrics }),
      logger,
      secrets: ["the-secret-of-the-cookies", "the-secret-before"],
      secureCookies: false,
      tenant: async (id) => tenants[id],
      limitClient: async (...client) => {
        clients.push(client);
      },
      limit: async () => {
        if (limited) throw new Problem(429, "Too Many Requests", "Slow down.", [], { "Retry-After": "3" });
      },
    });
    await chat.start();
    served = await serve(observe({ metrics, logger }), chat.router);
    base = served.url;
  });
  afterAll(async () => {
    await chat.close();
    await served.close();
    await worker.stop();
    await db.close();
  });
  beforeEach(async () => {
    limited = false;
    clients = [];
    const hotel = (id: string, name: string) => ({
      id,
      name,
      active: true,
      languages: ["es", "en", "pt"] as const,
      settings: {},
    });
    tenants = {
      default: hotel("default", "Demo"),
      "hotel-a": hotel("hotel-a", "Hotel A"),
      "hotel-b": hotel("hotel-b", "Hotel B"),
    };
    await db.pool.query("truncate conversations cascade");
  });

  const id = () => crypto.randomUUID();
  const post = (
    body: unknown,
    { cookie, hotel = "hotel-a", headers = {} }: { cookie?: string; hotel?: string; headers?: Record<string, string> } = {},
  ) =>
    fetch(`${base}/chat/${hotel}/messages`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(cookie === undefined ? {} : { cookie }), ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  const cookieOf = (response: Response) => response.headers.getSetCookie()[0]!.split(";", 1)[0]!;
  const history = async (cookie?: string, hotel = "hotel-a") => {
    const response = await fetch(`${base}/chat/${hotel}/messages`, { headers: cookie === undefined ? {} : { cookie } });
    return (await response.json()) as History;
  };

  test("a message gets its reply, through the inbox", async () => {
    const message_id = id();
    const sent = await post({ message_id, text: "  hola  " });
    expect(sent.status).toBe(202);
    expect(await sent.json()).toEqual({ status: "accepted", message_id });
    const cookie = cookieOf(sent);
    await until(async () => expect((await history(cookie)).messages).toHaveLength(2));
    const { messages, waiting } = await history(cookie);
    expect(messages).toMatchObject([
      { direction: "in", message_id, text: "hola" },
      { direction: "out", text: "eco: hola", buttons: [{ id: "yes", title: "Sí" }] },
    ]);
    expect(waiting).toBe(false);
    const { rows } = await db.pool.query("select tenant_id, channel, state from outbox");
    expect(rows).toEqual([{ tenant_id: "hotel-a", channel: "web", state: "available" }]);
  });

  test("a reply says for how long it is still being typed, less with each moment, and one from before doesn't", async () => {
    const cookie = cookieOf(await post({ message_id: id(), text: "despacio" }));
    await until(async () => expect((await history(cookie)).messages).toHaveLength(2));
    const left = async () => (await history(cookie)).messages.map(({ typing_ms }) => typing_ms);
    const [written, first] = await left();
    expect(written).toBeUndefined();
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(60_000);
    await until(async () => expect((await left())[1]).toBeLessThan(first!));
    await db.pool.query("update messages set at = at - interval '1 minute'");
    expect(await left()).toEqual([undefined, undefined]);
  });

  test("the same message twice is one, and a pressed button carries its id", async () => {
    const message_id = id();
    const cookie = cookieOf(await post({ message_id, text: "hola" }));
    await Promise.all([post({ message_id, text: "hola" }, { cookie }), post({ message_id, text: "hola" }, { cookie })]);
    await post({ message_id: id(), text: "Sí", button_id: "yes" }, { cookie });
    await until(async () => expect((await history(cookie)).messages).toHaveLength(4));
    expect((await history(cookie)).messages.map(({ text }) => text)).toEqual(["hola", "eco: hola", "Sí", "eco: Sí (yes)"]);
  });

  test("guests are told apart by a cookie that only this service can make, for one hotel", async () => {
    const first = await post({ message_id: id(), text: "secreto" });
    expect(first.headers.getSetCookie()[0]).toMatch(
      /^gatehouse_guest=web-[\w-]{22}\.[\w-]{43}; Path=\/chat\/hotel-a; Max-Age=259200; HttpOnly; SameSite=Lax$/,
    );
    const cookie = cookieOf(first);
    const other = cookieOf(await post({ message_id: id(), text: "otro" }));
    expect(other).not.toBe(cookie);
    await until(async () => expect((await history(cookie)).messages).toHaveLength(2));
    const forged = `${other.split(".")[0]}.${cookie.split(".")[1]}`;
    for (const wrong of [
      undefined,
      forged,
      `${cookie.slice(0, -1)}${cookie.endsWith("A") ? "E" : "A"}`,
      "gatehouse_guest=web-aaaaaaaaaaaaaaaaaaaaaa.x",
    ]) {
      expect(await history(wrong)).toEqual({ messages: [], waiting: false });
    }
    expect(await history(cookie, "hotel-b")).toEqual({ messages: [], waiting: false });
    expect((await history(other)).messages.map(({ text }) => text)).not.toContain("secreto");
  });

  test("open pages get the history, and then each reply as it is made", async () => {
    const cookie = cookieOf(await post({ message_id: id(), text: "uno" }));
    await until(async () => expect((await history(cookie)).messages).toHaveLength(2));
    const page = openEvents(`${base}/chat/hotel-a/events`, cookie);
    await until(async () => expect(page.texts()).toEqual(["uno", "eco: uno"]));
    const before = performance.now();
    await post({ message_id: id(), text: "dos" }, { cookie });
    await until(async () => expect(page.texts()).toEqual(["uno", "eco: uno", "dos", "eco: dos"]));
    expect(performance.now() - before).toBeLessThan(2_000);
    page.close();
    const counted = '{method="GET",route="/chat/:tenant/events",status_code="200"}';
    await until(async () =>
      expect(await metrics.registry.getSingleMetricAsString("http_requests_total")).toContain(`${counted} 1`),
    );
    // How long a page stays open is no latency.
    expect(await metrics.registry.getSingleMetricAsString("http_request_duration_seconds")).not.toContain("/events");
  });

  test("a stranger's page has no events, and a guest has four pages at most", async () => {
    expect((await fetch(`${base}/chat/hotel-a/events`)).status).toBe(204);
    const cookie = cookieOf(await post({ message_id: id(), text: "hola" }));
    const pages = [1, 2, 3, 4].map(() => openEvents(`${base}/chat/hotel-a/events`, cookie));
    await until(async () => expect(pages.every((page) => page.texts().length > 0)).toBe(true));
    expect((await fetch(`${base}/chat/hotel-a/events`, { headers: { cookie } })).status).toBe(429);
    for (const page of pages) page.close();
    await until(async () => {
      const again = openEvents(`${base}/chat/hotel-a/events`, cookie);
      await until(async () => expect(again.status()).toBe(200), 500);
      again.close();
    });
  });

  test("the page stands in the browser's language, with the hotel's name as text", async () => {
    tenants["hotel-a"] = { ...tenants["hotel-a"]!, name: `Mar & "Sol" </script><b>` };
    const page = async (path: string, language: string) =>
      (await fetch(`${base}${path}`, { headers: { "accept-language": language } })).text();
    expect(await page("/chat/hotel-a", "pt-BR,pt;q=0.9,en;q=0.5")).toContain(PAGE_TEXTS.pt.placeholder);
    expect(await page("/chat/hotel-a", "de")).toContain(PAGE_TEXTS.es.placeholder);
    expect(await page("/chat/hotel-a?lang=en", "pt")).toContain(PAGE_TEXTS.en.placeholder);
    const html = await page("/chat/hotel-a", "es");
    expect(html).toContain("Mar &#38; &#34;Sol&#34; &#60;/script&#62;&#60;b&#62;");
    expect(html).not.toContain("</script><b>");
    expect(html).not.toContain("{hotel}");
    const response = await fetch(`${base}/chat`);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await response.text()).toContain("<h1>Demo</h1>");
    for (const [file, type] of [
      ["chat.css", "text/css"],
      ["chat.js", "text/javascript"],
    ]) {
      expect((await fetch(`${base}/chat/_/${file}`)).headers.get("content-type")).toContain(type!);
    }
    expect((await fetch(`${base}/chat/_/..%2fpage.ts`)).status).toBe(404);
  });

  test("a hotel can switch its chat off, and unknown hotels have none", async () => {
    tenants["hotel-a"] = { ...tenants["hotel-a"]!, settings: { web_chat: false } };
    tenants["hotel-b"] = { ...tenants["hotel-b"]!, active: false };
    for (const hotel of ["hotel-a", "hotel-b", "nowhere"]) {
      expect((await fetch(`${base}/chat/${hotel}`)).status).toBe(404);
      expect((await fetch(`${base}/chat/${hotel}/messages`)).status).toBe(404);
      expect((await post({ message_id: id(), text: "hola" }, { hotel })).status).toBe(404);
    }
  });

  test("mistakes are named all at once, and other sites can't write", async () => {
    const wrong = await post({ message_id: "1", text: " ", language: "fr" });
    expect(wrong.status).toBe(400);
    expect(((await wrong.json()) as { errors: { field: string }[] }).errors.map(({ field }) => field)).toEqual([
      "message_id",
      "text",
      "language",
    ]);
    expect((await post({ message_id: id(), text: "a".repeat(2001) })).status).toBe(400);
    expect((await post("{")).status).toBe(400);
    expect((await post({ message_id: id(), text: "hola" }, { headers: { "content-type": "text/plain" } })).status).toBe(415);
    expect((await post({ message_id: id(), text: "x".repeat(20_000) })).status).toBe(413);
    for (const headers of [{ origin: "https://evil.example" }, { origin: "null" }, { "sec-fetch-site": "cross-site" }] as Record<
      string,
      string
    >[]) {
      expect((await post({ message_id: id(), text: "hola" }, { headers })).status).toBe(403);
    }
    expect((await post({ message_id: id(), text: "hola" }, { headers: { origin: base } })).status).toBe(202);
  });

  test("each message counts for its browser's address at its hotel, apart from those that make a guest", async () => {
    const cookie = cookieOf(await post({ message_id: id(), text: "hola" }));
    await post({ message_id: id(), text: "hola" }, { cookie, headers: { "x-forwarded-for": "8.8.8.8" } });
    expect(clients).toEqual([
      ["hotel-a", "127.0.0.1", true],
      ["hotel-a", "127.0.0.1", false],
    ]);
  });

  test("ending the chat makes the browser forget its guest; a hotel says how long one is remembered", async () => {
    tenants["hotel-a"] = { ...tenants["hotel-a"]!, settings: { web_chat_hours: 2 } };
    const sent = await post({ message_id: id(), text: "hola" });
    expect(sent.headers.getSetCookie()[0]).toContain("Max-Age=7200;");
    const end = (headers: Record<string, string> = {}) => fetch(`${base}/chat/hotel-a/end`, { method: "POST", headers });
    expect((await end({ "sec-fetch-site": "cross-site" })).status).toBe(403);
    const ended = await end({ cookie: cookieOf(sent) });
    expect(ended.status).toBe(204);
    expect(ended.headers.getSetCookie()).toEqual(["gatehouse_guest=; Path=/chat/hotel-a; Max-Age=0; HttpOnly; SameSite=Lax"]);
  });

  test("a cookie of the secret before is known while the secret is being changed, and signed anew", async () => {
    const before = createWebGuests({ secrets: ["the-secret-before"], secure: false });
    const guest = before.make();
    const cookie = before.cookie(guest, "hotel-a").split(";", 1)[0]!;
    const sent = await post({ message_id: id(), text: "hola" }, { cookie });
    expect(cookieOf(sent).startsWith(`gatehouse_guest=${guest}.`)).toBe(true);
    expect(cookieOf(sent)).not.toBe(cookie);
  });

  test("a guest who sends too much is told when to come again", async () => {
    limited = true;
    const response = await post({ message_id: id(), text: "hola" });
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("3");
  });
});

test("the page says the same in every language, and nothing is empty", () => {
  const names = Object.keys(PAGE_TEXTS.es);
  for (const [language, texts] of Object.entries(PAGE_TEXTS)) {
    expect(Object.keys(texts), language).toEqual(names);
    for (const [name, text] of Object.entries(texts)) {
      expect(
        [text].flat().every((item) => item.trim() !== ""),
        `${language}.${name}`,
      ).toBe(true);
      expect([text].flat().length).toBe([PAGE_TEXTS.es[name as "title"]].flat().length);
    }
  }
});

function openEvents(url: string, cookie: string) {
  let text = "";
  let status = 0;
  const request = httpRequest(url, { headers: { cookie } }, (response) => {
    status = response.statusCode ?? 0;
    response.setEncoding("utf8");
    response.on("data", (chunk) => {
      text += chunk;
    });
    response.on("error", () => undefined); // the test cut it
  });
  request.on("error", () => undefined); // the same
  request.end();
  return {
    status: () => status,
    texts: () =>
      [...text.matchAll(/^data: (.*)$/gm)].flatMap(([, data]) =>
        (JSON.parse(data!) as History).messages.map((message) => message.text),
      ),
    close: () => request.destroy(),
  };
}
