import { connect, type Socket } from "node:net";
import { type Request, type RequestHandler, Router } from "express";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Served, serve } from "../../test/http.ts";
import { createTokenBucket } from "../channels/rate.ts";
import { createBodyBudget } from "./body-budget.ts";
import { sameSecret, signatureOf, verifySignature } from "./signature.ts";
import { jsonBodyOf, rawBodyOf, readSignedBody } from "./signed-body.ts";

const SECRET = "a-secret-of-the-channel";
const LIMIT = 3 * 1024 * 1024;
let served: Served;
let base: string;
let allowed = true;

beforeAll(async () => {
  const router = Router();
  router.post(
    "/hook",
    readSignedBody({
      secret: SECRET,
      header: "X-Signature-256",
      limitBytes: LIMIT,
      budget: createBodyBudget(8 * 1024 * 1024),
      rateLimit: { take: () => ({ allowed, retryAfterSeconds: allowed ? 0 : 7 }) },
    }),
    (_request, response) => {
      response.json({ bytes: rawBodyOf(response).length, value: jsonBodyOf(response) });
    },
  );
  const rest = { header: "X-Signature-256", limitBytes: 1000 };
  const answer: RequestHandler = (_request, response) => void response.json({});
  router.post("/slow", readSignedBody({ ...rest, secret: SECRET, deadlineMs: 50 }), answer);
  router.post("/two", readSignedBody({ ...rest, secret: ["the-new-secret", "the-old-secret"] }), answer);
  const ofPath = async ({ params: { name } }: Request) => (name === "nobody" ? [] : [`secret-of-${name}`]);
  router.post("/of/:name", readSignedBody({ ...rest, secret: ofPath }), answer);
  served = await serve(router);
  base = served.url;
});
afterAll(() => served.close());

const post = (body: string, headers: Record<string, string> = {}) =>
  fetch(`${base}/hook`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", "x-signature-256": signatureOf(body, SECRET), ...headers },
  });

describe("a signed body", () => {
  test("passes with its bytes and its value, whatever spaces it has", async () => {
    const response = await post('{ "name" :  "José" }');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ bytes: 21, value: { name: "José" } });
  });

  test.each([
    ["of another secret", signatureOf("{}", "another-secret-entirely")],
    ["of another body", signatureOf("{ }", SECRET)],
    ["without its prefix", signatureOf("{}", SECRET).slice("sha256=".length)],
    ["cut short", signatureOf("{}", SECRET).slice(0, -2)],
    ["of sha1", "sha1=0123456789012345678901234567890123456789"],
    ["that is empty", ""],
    ["sent twice", `${signatureOf("{}", SECRET)}, ${signatureOf("{}", SECRET)}`],
  ])("a signature %s is 401", async (_name, signature) => {
    expect((await post("{}", { "x-signature-256": signature })).status).toBe(401);
  });

  test("the checks come in order: signature, rate, media type, size, JSON", async () => {
    const huge = `"${"a".repeat(LIMIT)}"`;
    const wrong = { "content-type": "text/plain" };
    allowed = false;
    expect((await post(huge, { ...wrong, "x-signature-256": signatureOf("", SECRET) })).status).toBe(401);
    const limited = await post(huge, wrong);
    expect(limited.status).toBe(429);
    expect(limited.headers.get("retry-after")).toBe("7");
    allowed = true;
    expect((await post(huge, wrong)).status).toBe(415);
    expect((await post(`${huge}}`)).status).toBe(413);
    expect((await post("{")).status).toBe(400);
    expect((await post(`"${"a".repeat(LIMIT - 2)}"`)).status).toBe(200);
  });

  test("a compressed body is 415, bytes that aren't UTF-8 are 400, both as problem+json", async () => {
    expect((await post("{}", { "content-encoding": "gzip" })).status).toBe(415);
    const bytes = Buffer.from([0x22, 0xff, 0x22]);
    const response = await fetch(`${base}/hook`, {
      method: "POST",
      body: bytes,
      headers: { "content-type": "application/json", "x-signature-256": signatureOf(bytes, SECRET) },
    });
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining("UTF-8") });
  });

  test("without a signature the answer comes before the body does, and the connection ends", async () => {
    const answer = await raw(
      `POST /hook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  });

  test("an endless signed body is cut off", async () => {
    const answer = await raw(
      `POST /hook HTTP/1.1\r\nHost: x\r\nX-Signature-256: sha256=${"0".repeat(64)}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      `100000\r\n${"a".repeat(0x100000)}\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe("bodies of strangers", () => {
  const open = (head: string) =>
    new Promise<{ socket: Socket; answer: Promise<string> }>((resolve) => {
      const socket = connect(Number(new URL(base).port), "127.0.0.1");
      const answer = new Promise<string>((done) => {
        let text = "";
        socket.on("data", (data) => {
          text += data;
        });
        socket.on("error", () => done(text));
        socket.on("close", () => done(text));
      });
      socket.on("connect", () => {
        socket.write(head);
        resolve({ socket, answer });
      });
    });
  const head = (path: string, length: number) =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Signature-256: sha256=${"0".repeat(64)}\r\nContent-Length: ${length}\r\n\r\n`;

  test("many that never end hold no more than the budget, and a real one passes meanwhile", async () => {
    const part = "a".repeat(1024 * 1024);
    const strangers = await Promise.all(Array.from({ length: 12 }, () => open(head("/hook", LIMIT))));
    for (const { socket } of strangers) socket.write(part);
    const first = await Promise.race(strangers.map(({ answer }) => answer));
    expect(first).toMatch(/^HTTP\/1\.1 503 .*Retry-After: 5/s);
    expect((await post('{"a":1}')).status).toBe(200);
    for (const { socket } of strangers) socket.destroy();
  });

  test("one that comes too slowly is given up", async () => {
    const { socket, answer } = await open(head("/slow", 100));
    socket.write("a");
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /);
  });
});

test("while a secret is being changed both count, and a sender's own key is that of its path only", async () => {
  const signed = (path: string, secret: string) =>
    fetch(`${base}${path}`, {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json", "x-signature-256": signatureOf("{}", secret) },
    });
  expect((await signed("/two", "the-new-secret")).status).toBe(200);
  expect((await signed("/two", "the-old-secret")).status).toBe(200);
  expect((await signed("/two", "another-secret")).status).toBe(401);
  expect((await signed("/of/a", "secret-of-a")).status).toBe(200);
  expect((await signed("/of/b", "secret-of-a")).status).toBe(401);
  expect((await signed("/of/nobody", "secret-of-nobody")).status).toBe(401);
});

test("signatures compare by content, in any case of the hexadecimal digits", () => {
  const body = Buffer.from("ü");
  expect(verifySignature(body, signatureOf(body, SECRET).toUpperCase().replace("SHA256", "sha256"), SECRET)).toBe(true);
  expect(verifySignature(body, undefined, SECRET)).toBe(false);
  expect(sameSecret("abc", "abc")).toBe(true);
  expect(sameSecret("abc", "abcd")).toBe(false);
});

test("a token bucket lets a burst through, then the rate, and tells when to come again", () => {
  let at = 0;
  const bucket = createTokenBucket({ ratePerSecond: 2, burst: 3, now: () => at });
  const passes = () => bucket.take().allowed;
  expect([passes(), passes(), passes(), passes()]).toEqual([true, true, true, false]);
  expect(bucket.take().retryAfterSeconds).toBe(1);
  at = 500;
  expect([passes(), passes()]).toEqual([true, false]);
  expect([bucket.reserve(), bucket.reserve()]).toEqual([500, 1000]);
});

/** Sends bytes as they are, the second part again and again, until the server answers and closes. */
function raw(head: string, again?: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(base).port), "127.0.0.1");
    let answer = "";
    const more = () => {
      while (again !== undefined && !socket.destroyed && answer === "" && socket.write(again));
    };
    socket.on("connect", () => {
      socket.write(head);
      more();
    });
    socket.on("drain", more);
    socket.on("data", (data) => {
      answer += data;
    });
    socket.on("error", () => resolve(answer)); // the server may reset what it didn't want to read
    socket.on("close", () => resolve(answer));
  });
}
