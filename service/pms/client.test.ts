import { createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { openMemory } from "../storage/shared-memory.ts";
import { createLogger } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { createPmsClient, type PmsClientOptions } from "./client.ts";
import { type PmsAdapter, PmsRefusal, PmsUnavailable, type StayQuery } from "./port.ts";

const QUERY: StayQuery = { checkIn: "2026-04-12", checkOut: "2026-04-15", adults: 2, children: 0 };
const OFFERS = [{ roomType: "double" as const, available: 3, nights: 3, total: { amount: 300, currency: "USD" } }];
const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** An adapter that answers what a script says, one entry a call, the last one for ever. */
function scripted(...answers: (() => Promise<unknown>)[]) {
  let calls = 0;
  const next = () => answers[Math.min(calls++, answers.length - 1)]!();
  const adapter = new Proxy({} as PmsAdapter, { get: () => next });
  return { adapter, calls: () => calls };
}
const answer = (value: unknown) => async () => value;
const fail = (error: Error) => async () => {
  throw error;
};

function client(adapter: PmsAdapter, options: Partial<PmsClientOptions> = {}) {
  let elapsedMs = 0;
  const metrics = createMetrics({ collectDefaults: false });
  const shared = options.shared ?? openMemory(() => elapsedMs);
  const pms = createPmsClient({
    adapter,
    tenantId: "t1",
    shared,
    metrics,
    logger: createLogger("silent", "test"),
    now: () => new Date(Date.parse("2026-03-10T12:00:00Z") + elapsedMs),
    firstRetryMs: 1,
    ...options,
  });
  const value = async (name: string, labels: Record<string, string>) => {
    const metric = (await metrics.registry.getMetricsAsJSON()).find((each) => each.name === name);
    const found = metric?.values.find((each) =>
      Object.entries(labels).every(([key, label]) => (each.labels as Record<string, unknown>)[key] === label),
    );
    return found?.value;
  };
  return {
    pms,
    shared,
    value,
    pass: (seconds: number) => {
      elapsedMs += seconds * 1000;
    },
  };
}

test("a read that fails once is repeated; a hold is not", async () => {
  const read = scripted(fail(new Error("reset")), answer(OFFERS));
  expect(await client(read.adapter).pms.availability(QUERY)).toMatchObject({ value: OFFERS, stale: false });
  expect(read.calls()).toBe(2);

  const hold = scripted(fail(new Error("reset")), answer({}));
  const request = { ...QUERY, key: "k", userId: "u", roomType: "double" as const };
  await expect(client(hold.adapter).pms.hold(request)).rejects.toBeInstanceOf(PmsUnavailable);
  expect(hold.calls()).toBe(1);
});

test("a refusal comes through as it is, is not repeated and never opens the circuit", async () => {
  const { adapter, calls } = scripted(fail(new PmsRefusal("SOLD_OUT", "no room")));
  const { pms, value } = client(adapter, { failuresToOpen: 2 });
  for (let index = 0; index < 10; index++) {
    await expect(pms.cancel("GH-1")).rejects.toMatchObject({ name: "PmsRefusal", code: "SOLD_OUT" });
  }
  expect(calls()).toBe(10);
  expect(await value("pms_circuit_state", { tenant_id: "t1" })).toBe(0);
  expect(await value("pms_requests_total", { operation: "cancel", result: "refused" })).toBe(10);
});

test("an open circuit says unavailable, not sold out, without asking; then it lets one call through and closes", async () => {
  let healthy = false;
  let asked = 0;
  const adapter = {
    availability: async () => {
      asked++;
      if (!healthy) throw new Error("connect ECONNREFUSED");
      return OFFERS;
    },
  } as unknown as PmsAdapter;
  const { pms, value } = client(adapter, { failuresToOpen: 3, halfOpenAfterMs: 50 });
  await expect(pms.availability(QUERY)).rejects.toBeInstanceOf(PmsUnavailable);
  expect(asked).toBe(3);
  await expect(pms.availability(QUERY)).rejects.toBeInstanceOf(PmsUnavailable);
  expect(asked).toBe(3);
  expect(await value("pms_circuit_state", { tenant_id: "t1" })).toBe(2);
  expect(await value("pms_requests_total", { operation: "availability", result: "open" })).toBe(1);
  healthy = true;
  await expect.poll(async () => (await pms.availability(QUERY)).value.length, { timeout: 5_000 }).toBe(1);
  expect(await value("pms_circuit_state", { tenant_id: "t1" })).toBe(0);
});

test("a PMS that never answers is given up after its time", async () => {
  const server = createServer((socket) => sockets.add(socket));
  servers.push(server);
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  const adapter = {
    roomTypes: async () => (await fetch(`http://127.0.0.1:${port}/`)).json(),
  } as unknown as PmsAdapter;
  const { pms, value } = client(adapter, { readTimeoutMs: 30 });
  const started = performance.now();
  await expect(pms.roomTypes()).rejects.toBeInstanceOf(PmsUnavailable);
  expect(performance.now() - started).toBeLessThan(15_000);
  expect(await value("pms_requests_total", { operation: "roomTypes", result: "timeout" })).toBe(1);
});

test("answers are cached for their time, per question; a write or the PMS's word makes them old", async () => {
  const { adapter, calls } = scripted(answer(OFFERS));
  const { pms, pass, value } = client(adapter);
  await pms.availability(QUERY);
  await pms.availability(QUERY);
  expect(calls()).toBe(1);
  await pms.availability({ ...QUERY, adults: 1 });
  expect(calls()).toBe(2);
  pass(31);
  await pms.availability(QUERY);
  expect(calls()).toBe(3);
  await pms.cancel("GH-1");
  await pms.availability(QUERY);
  expect(calls()).toBe(5);
  await pms.invalidate();
  await pms.availability(QUERY);
  expect(calls()).toBe(6);
  expect(await value("pms_cache_total", { operation: "availability", result: "hit" })).toBe(1);
  expect(await value("pms_cache_total", { operation: "availability", result: "miss" })).toBe(5);
});

test("twenty guests who ask the same at once ask the PMS once", async () => {
  const { adapter, calls } = scripted(answer(OFFERS));
  const { pms } = client(adapter);
  await Promise.all(Array.from({ length: 20 }, () => pms.availability(QUERY)));
  expect(calls()).toBe(1);
});

test("while the PMS is down its last word is given, marked as old; after that it is unavailable", async () => {
  const { adapter } = scripted(answer(OFFERS), fail(new Error("HTTP 503")));
  const { pms, pass } = client(adapter, { failuresToOpen: 100 });
  await pms.availability(QUERY);
  pass(60);
  const old = await pms.availability(QUERY);
  expect(old).toEqual({ value: OFFERS, asOf: new Date("2026-03-10T12:00:00Z"), stale: true });
  pass(900);
  await expect(pms.availability(QUERY)).rejects.toBeInstanceOf(PmsUnavailable);
});

test("an answer that was on its way while somebody booked isn't given as fresh afterwards", async () => {
  const { promise: slow, resolve: release } = Promise.withResolvers<unknown>();
  const { adapter, calls } = scripted(() => slow, answer({}), answer([]));
  const { pms } = client(adapter);
  const early = pms.availability(QUERY);
  await expect.poll(calls).toBe(1);
  await pms.cancel("GH-1");
  release(OFFERS);
  expect((await early).value).toEqual(OFFERS);
  expect((await pms.availability(QUERY)).value).toEqual([]);
});

test("without the cache the PMS is asked every time, and guests notice nothing", async () => {
  const { adapter, calls } = scripted(answer(OFFERS));
  const broken = openMemory();
  const down = async () => {
    throw new Error("connection lost");
  };
  const { pms } = client(adapter, { shared: { ...broken, get: down, atomically: down, increment: down } });
  expect((await pms.availability(QUERY)).value).toEqual(OFFERS);
  expect((await pms.availability(QUERY)).value).toEqual(OFFERS);
  expect(calls()).toBe(2);
});

test("hotels don't share answers", async () => {
  const shared = openMemory();
  const one = scripted(answer(OFFERS));
  const two = scripted(answer([]));
  await client(one.adapter, { shared }).pms.availability(QUERY);
  expect((await client(two.adapter, { shared, tenantId: "t2" }).pms.availability(QUERY)).value).toEqual([]);
});
