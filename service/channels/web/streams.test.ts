import { Router } from "express";
import { pino } from "pino";
import { afterEach, expect, test, vi } from "vitest";
import { serve } from "../../../test/http.ts";
import { until } from "../../../test/servers.ts";
import type { Database } from "../../storage/sql.ts";
import { createWebStreams } from "./streams.ts";

const PAGES = 60;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Pages that are open at guests who have written nothing, on a database that counts how many reads it has at once. */
async function openPages() {
  let now = 0;
  const seen = { most: 0, reads: 0 };
  let reconnected: () => void = () => undefined;
  const database = {
    listen: async () => async () => undefined,
    onReconnect: (handler: () => void) => {
      reconnected = handler;
    },
    forTenant: async () => {
      now += 1;
      seen.reads += 1;
      seen.most = Math.max(seen.most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      return undefined;
    },
  } as unknown as Database;
  const streams = createWebStreams({ database, logger: pino({ level: "silent" }) });
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  await streams.start();
  const router = Router();
  router.get("/:guest", (request, response) => streams.open("default", request.params.guest, response));
  const { url, close } = await serve(router);
  cleanups.push(close, () => streams.close());
  const leave = new AbortController();
  cleanups.push(() => leave.abort());
  const heard = Array.from({ length: PAGES }, () => 0);
  for (let page = 0; page < PAGES; page += 1) {
    const response = await fetch(`${url}/guest-${page}`, { signal: leave.signal });
    void (async () => {
      for await (const chunk of response.body!) {
        heard[page]! += new TextDecoder().decode(chunk).split("still here").length - 1;
      }
    })().catch(() => undefined); // the page leaves
  }
  await until(async () => expect(seen.reads).toBe(PAGES));
  Object.assign(seen, { most: 0, reads: 0 });
  return { seen, heard, reconnect: () => reconnected() };
}

test("after a lost connection every page is looked after, a few at once", async () => {
  const { seen, reconnect } = await openPages();
  reconnect();
  await until(async () => expect(seen.reads).toBe(PAGES));
  expect(seen.most).toBeLessThanOrEqual(4);
});

test("each page has one heartbeat in 15 s, and they don't come together", async () => {
  const { seen, heard } = await openPages();
  let mostAtOnce = 0;
  for (let part = 0; part < 60; part += 1) {
    const before = seen.reads;
    vi.advanceTimersByTime(250);
    await until(async () => expect(seen.reads).toBeGreaterThanOrEqual(before));
    mostAtOnce = Math.max(mostAtOnce, seen.reads - before);
  }
  await until(async () => expect(heard).toEqual(Array.from({ length: PAGES }, () => 1)));
  await until(async () => expect(seen.reads).toBe(PAGES));
  expect(mostAtOnce).toBeLessThan(PAGES / 2);
});
