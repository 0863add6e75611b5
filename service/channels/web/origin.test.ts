import { Router } from "express";
import { pino } from "pino";
import { afterEach, expect, test } from "vitest";
import { type Served, serve } from "../../../test/http.ts";
import { createPeers } from "../../http/peers.ts";
import { type OwnPagesOptions, ownPages } from "./origin.ts";

let served: Served | undefined;
let lines: string[];
afterEach(() => served?.close());

const start = async (options: Partial<OwnPagesOptions> = {}) => {
  lines = [];
  const logger = pino({ level: "info" }, { write: (line: string) => lines.push(line) });
  const router = Router();
  router.post("/", ownPages({ peers: createPeers([]), publicUrl: undefined, logger, ...options }), (_request, response) => {
    response.json({});
  });
  served = await serve(router);
  const { url } = served;
  // As nginx passes it on: the host of the connection, unless a header says more.
  return async (headers: Record<string, string>) => (await fetch(url, { method: "POST", headers })).status;
};

test("a browser's own word decides, also where a proxy changed the host", async () => {
  const post = await start();
  const origin = "https://chat.hotel.example";
  expect(await post({ origin, "sec-fetch-site": "same-origin" })).toBe(200);
  expect(await post({ origin: "https://evil.example", "sec-fetch-site": "cross-site" })).toBe(403);
  expect(await post({ origin: "https://other.hotel.example", "sec-fetch-site": "same-site" })).toBe(403);
  expect(await post({})).toBe(200); // no browser, so nobody's cookies
});

test("an older browser's origin is compared with the host, PUBLIC_URL, or what a trusted proxy says", async () => {
  const origin = "https://chat.hotel.example";
  let post = await start();
  expect(await post({ origin: served!.url })).toBe(200);
  expect(await post({ origin })).toBe(403);
  expect(await post({ origin, "x-forwarded-host": "chat.hotel.example" })).toBe(403);
  expect(await post({ origin: "null" })).toBe(403);
  await served!.close();
  post = await start({ publicUrl: "https://chat.hotel.example/" });
  expect(await post({ origin })).toBe(200);
  expect(await post({ origin: "https://evil.example" })).toBe(403);
  await served!.close();
  post = await start({ peers: createPeers(["loopback"]) });
  expect(await post({ origin, "x-forwarded-host": "chat.hotel.example" })).toBe(200);
});

test("a refusal is told in the log with what to set, once a minute", async () => {
  let at = 0;
  const post = await start({ now: () => at });
  for (const _ of [1, 2, 3]) await post({ origin: "https://chat.hotel.example" });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/chat\.hotel\.example.*PUBLIC_URL/);
  at = 60_000;
  await post({ origin: "https://chat.hotel.example" });
  expect(lines).toHaveLength(2);
});
