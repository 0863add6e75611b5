import { connect as connectSocket } from "node:net";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { createDatabase, until } from "./servers.ts";
import { type RunningService, sendMessage, spawnService } from "./service.ts";

const CASES = ["embedded", "postgres and redis"] as const;
let counter = 0;
const body = (rest: Record<string, unknown> = {}) => {
  counter += 1;
  return { message_id: `id-${process.pid}-${counter}`, user_id: "+549110002222", text: "hola", ...rest };
};
const wait = { Prefer: "wait=10" };

describe.each(CASES)("POST /webhooks/messages, service on %s", (kind) => {
  let service: RunningService;
  let drop: () => Promise<void> = async () => undefined;

  beforeAll(async () => {
    const env: Record<string, string> = { RELEASE_VERSION: "v42" };
    if (kind !== "embedded") {
      const made = await createDatabase(inject("postgresUrl"));
      drop = made.drop;
      Object.assign(env, { DATABASE_URL: made.url, REDIS_URL: inject("redisUrl") });
    }
    service = await spawnService(env);
  });
  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    expect(service.log()).toContain('"msg":"stopped"');
    await drop();
  });

  test("accepts at once, and answers when asked to wait", async () => {
    const accepted = await sendMessage(service.url, body());
    expect(accepted.status).toBe(202);
    expect(await accepted.json()).toEqual({ status: "accepted", message_id: expect.stringContaining("id-") });
    const sent = body();
    const answered = await sendMessage(service.url, sent, wait);
    expect(answered.status).toBe(200);
    expect(answered.headers.get("x-release-version")).toBe("v42");
    expect(answered.headers.get("preference-applied")).toBe("wait=10");
    // Longer than a balancer keeps a connection that idles.
    expect(answered.headers.get("keep-alive")).toBe("timeout=75");
    const answer = (await answered.json()) as Record<string, unknown> & { replies: { text: string }[] };
    expect(answer).toMatchObject({
      message_id: sent.message_id,
      tenant_id: "default",
      intent: expect.any(String),
      confidence: expect.any(Number),
      band: expect.stringMatching(/high|medium|low/),
    });
    expect(answer.replies).toHaveLength(1);
    expect(answer.replies[0]!.text).not.toBe("");
  });

  test("a repeated message gets the answer that it got; its id with another text, or of another guest, gets none", async () => {
    const sent = body();
    const first = await (await sendMessage(service.url, sent, wait)).json();
    expect(await (await sendMessage(service.url, sent, wait)).json()).toEqual(first);
    for (const other of [{ text: "quiero cancelar" }, { user_id: "+5491166660000" }]) {
      const response = await sendMessage(service.url, { ...sent, ...other }, wait);
      expect(response.status).toBe(409);
      const problem = (await response.json()) as { errors: unknown };
      expect(problem.errors).toMatchObject([{ field: "message_id" }]);
      expect(problem).not.toHaveProperty("replies");
    }
  });

  test("a burst of the same message is answered once", async () => {
    const sent = body();
    const answers = await Promise.all(Array.from({ length: 8 }, async () => (await sendMessage(service.url, sent, wait)).json()));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  test("refuses what isn't signed by the raw bytes", async () => {
    const raw = JSON.stringify(body());
    const send = (headers: Record<string, string>) =>
      fetch(`${service.url}/webhooks/messages`, {
        method: "POST",
        body: raw,
        headers: { "Content-Type": "application/json", ...headers },
      });
    for (const headers of [{}, { "X-Signature-256": "bypass" }, { "X-Signature-256": `sha256=${"0".repeat(64)}` }]) {
      const response = await send(headers as Record<string, string>);
      expect(response.status).toBe(401);
      expect(response.headers.get("content-type")).toContain("application/problem+json");
    }
    const spaced = await sendMessage(service.url, `${raw} `);
    expect(spaced.status).toBe(202);
    const { headers } = { headers: { "X-Signature-256": "" } };
    expect((await send(headers)).status).toBe(401);
  });

  test("names every mistake of a body, and never repeats what the guest wrote", async () => {
    const response = await sendMessage(service.url, {
      message_id: "",
      user_id: 7,
      language: "de",
      timestamp: "yesterday",
      channel: "Big Channel",
      text: 1,
    });
    expect(response.status).toBe(400);
    const problem = (await response.json()) as { errors: { field: string; message: string }[]; request_id: string };
    expect(problem.errors.map(({ field }) => field).sort()).toEqual([
      "channel",
      "language",
      "message_id",
      "text",
      "timestamp",
      "user_id",
    ]);
    expect(problem.request_id).toMatch(/[\w-]{8,}/);
    const secret = await sendMessage(service.url, { message_id: "x", text: "my card is 4111" });
    expect(await secret.text()).not.toContain("4111");
  });

  test.each([
    ["no JSON", "{", 400],
    ["an array", "[]", 400],
    ["null", "null", 400],
    ["a text of 5,000 characters", JSON.stringify({ message_id: "long", user_id: "u", text: "x".repeat(5000) }), 400],
    ["100 kB", JSON.stringify({ message_id: "big", user_id: "u", text: "x".repeat(100_000) }), 413],
  ])("answers %s with the right status", async (_name, raw, status) => {
    expect((await sendMessage(service.url, raw)).status).toBe(status);
  });

  test("wants JSON by its media type", async () => {
    expect((await sendMessage(service.url, body(), { "Content-Type": "text/plain" })).status).toBe(415);
    expect((await sendMessage(service.url, body(), { "Content-Type": "application/json; charset=utf-8" })).status).toBe(202);
  });

  test("survives texts that databases and terminals choke on", async () => {
    for (const text of [
      "",
      " ",
      "a\u0000b",
      "half \ud83d of a pair",
      "\u202egnirts",
      "👩‍👩‍👧‍👦".repeat(50),
      "'; drop table inbox; --",
      "\u001b[31mred",
      "ٱلسَّلَامُ عَلَيْكُمْ",
    ]) {
      const response = await sendMessage(service.url, body({ text }), wait);
      expect(response.status).toBe(200);
      const { replies } = (await response.json()) as { replies: { text: string }[] };
      for (const reply of replies) expect(reply.text).not.toBe("");
    }
  });

  test("an unknown tenant is a mistake, not somebody else's", async () => {
    const response = await sendMessage(service.url, body({ tenant_id: "no-such-hotel" }));
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("tenant_id");
  });

  test("counts messages and duplicates, and shows them at /metrics", async () => {
    const sent = body();
    const read = async () => {
      const text = await (await fetch(`${service.url}/metrics`)).text();
      const value = (name: RegExp) => Number(name.exec(text)?.[1] ?? 0);
      return {
        stored: value(/^messages_total\{[^}]*tenant_id="default"[^}]*\} (\d+)/m),
        duplicates: value(/^message_duplicates_total\{[^}]*\} (\d+)/m),
      };
    };
    const before = await read();
    await sendMessage(service.url, sent);
    await sendMessage(service.url, sent);
    expect(await read()).toEqual({ stored: before.stored + 1, duplicates: before.duplicates + 1 });
  });

  test("ready names its dependencies", async () => {
    const response = await fetch(`${service.url}/health/ready`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: "ok",
      checks: { database: { status: "ok" }, redis: { status: "ok" } },
    });
  });

  test("writes no guest's text or number into its log", async () => {
    await sendMessage(service.url, body({ text: "unmistakable words", user_id: "+5491177778888" }), wait);
    expect(service.log()).not.toMatch(/unmistakable|5491177778888/);
  });
});

describe("stop", () => {
  test("finishes the requests under way, refuses new ones, and ends with 0", async () => {
    const service = await spawnService({ FAULT_LATENCY_MS: "400" });
    const { port } = new URL(service.url);
    const idle = connectSocket(Number(port), "127.0.0.1");
    const underWay = sendMessage(service.url, body(), wait);
    await until(async () => expect(await (await fetch(`${service.url}/health/live`)).json()).toEqual({ status: "ok" }));
    const stopped = service.stop();
    expect((await underWay).status).toBe(200);
    expect(await stopped).toBe(0);
    await expect(fetch(`${service.url}/health/live`)).rejects.toThrow();
    idle.destroy();
  });

  test("a configuration with mistakes ends the start with all of them", async () => {
    await expect(spawnService({ PORT: "eighty", LOG_LEVEL: "loud" })).rejects.toThrow(/PORT[\s\S]*LOG_LEVEL/);
  });

  test("a database that isn't there ends the start with a message", async () => {
    await expect(spawnService({ DATABASE_URL: "postgres://nobody@127.0.0.1:9/none" })).rejects.toThrow(/could not start/);
  });
});
