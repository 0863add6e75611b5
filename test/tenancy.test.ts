import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { DEVELOPMENT_SECRETS } from "../service/config.ts";
import { createDatabase, until } from "./servers.ts";
import { type RunningService, sendMessage, spawnService } from "./service.ts";

/** Two processes of the real service on one Postgres and one Redis, as behind a load balancer. */
describe("tenants across two processes", () => {
  let services: RunningService[];
  let drop: () => Promise<void>;
  let counter = 0;

  beforeAll(async () => {
    const made = await createDatabase(inject("postgresUrl"));
    drop = made.drop;
    const env = { DATABASE_URL: made.url, REDIS_URL: inject("redisUrl"), LOG_HASH_KEY: "a-key-that-both-share" };
    services = [await spawnService(env), await spawnService(env)];
  });
  afterAll(async () => {
    for (const service of services) expect(await service.stop()).toBe(0);
    await drop();
  });

  const admin = async (method: string, path: string, body?: unknown, claims: Record<string, string> = { role: "admin" }) => {
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256" })
      .setSubject("ana")
      .setExpirationTime("5m")
      .sign(new TextEncoder().encode(DEVELOPMENT_SECRETS.ADMIN_JWT_SECRET));
    return fetch(services[0]!.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  };
  const tenantOf = async (service: RunningService, body: Record<string, unknown>) => {
    counter += 1;
    const answer = await sendMessage(
      service.url,
      { message_id: `tenancy-${process.pid}-${counter}`, text: "Hola", ...body },
      { Prefer: "wait=10" },
    );
    return answer.status === 200 ? ((await answer.json()) as { tenant_id: string }).tenant_id : answer.status;
  };

  test("a hotel that is made in one process gets its guests in both, in every spelling, until it goes", async () => {
    const [one, other] = services as [RunningService, RunningService];
    expect(await tenantOf(other, { user_id: "+549110002222" })).toBe("default");
    expect((await admin("POST", "/admin/tenants", { id: "sur", pattern: "^\\+54911" })).status).toBe(201);
    expect(await tenantOf(one, { user_id: "+549110002222" })).toBe("sur");
    await until(async () => expect(await tenantOf(other, { user_id: "549110002222" })).toBe("sur"));
    expect(await tenantOf(other, { user_id: " 00 54 (9) 11-000-2222 " })).toBe("sur");
    const conversations = await admin("GET", "/admin/conversations?user_id=549110002222", undefined, {
      role: "viewer",
      tenant: "sur",
    });
    expect(await conversations.json(), "three spellings, one guest").toHaveLength(1);

    expect((await admin("DELETE", "/admin/tenants/sur")).status).toBe(409);
    expect((await admin("DELETE", "/admin/tenants/sur?force")).status).toBe(204);
    await until(async () => expect(await tenantOf(other, { user_id: "549110002222" })).toBe("default"));
  });

  test("a signed body names the hotel; a name that doesn't exist is refused, never guessed", async () => {
    expect((await admin("POST", "/admin/tenants", { id: "norte" })).status).toBe(201);
    expect(await tenantOf(services[0]!, { user_id: "web-guest", tenant_id: "norte" })).toBe("norte");
    expect(await tenantOf(services[0]!, { user_id: "web-guest", tenant_id: "nobody" })).toBe(400);
  });

  test("a guest over the limit is told when to come back, by either process; the neighbour isn't touched", async () => {
    const limits = { guest_messages_per_minute: 2 };
    expect((await admin("POST", "/admin/tenants", { id: "strict", pattern: "^flood-", limits })).status).toBe(201);
    await until(async () => expect(await tenantOf(services[1]!, { user_id: "flood-somebody" })).toBe("strict"));
    const send = (number: number) =>
      sendMessage(services[number % 2]!.url, {
        message_id: `flood-${process.pid}-${number}`,
        user_id: "flood-guest",
        text: "Hola",
      });
    const answers = [];
    for (let number = 0; number < 6; number += 1) answers.push(await send(number));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 429, 429, 429, 429]);
    expect(Number(answers.at(-1)!.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await tenantOf(services[0]!, { user_id: "quiet-guest" })).toBe("default");
  });
});
