import { SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { makeFlags, toggle } from "../../test/flags.ts";
import { type Served, serve } from "../../test/http.ts";
import { createAuth } from "../auth/auth.ts";
import { flagRoutes } from "./admin.ts";
import type { Flags } from "./flags.ts";
import type { Registry } from "./registry.ts";

const SECRET = "a-secret-for-tests-of-32-bytes-or-more";
const registry: Registry = {
  a: toggle(true),
  "b.c": toggle(false, { description: "Second.", owner: "team" }),
  top: toggle(true, { prerequisites: [{ flag: "a", value: true }] }),
};

let data: TestDatabase;
let flags: Flags<Registry>;
let served: Served;

interface Answer {
  id: number;
  status: number;
  detail: string;
  errors: { field: string }[];
  value: unknown;
  explanation: unknown;
}

async function call<Result = Answer>(
  method: string,
  path: string,
  { role = "operator", tenant, body }: { role?: string | null; tenant?: string; body?: unknown } = {},
) {
  const token =
    role === null
      ? undefined
      : await new SignJWT({ role, ...(tenant === undefined ? {} : { tenant }) })
          .setProtectedHeader({ alg: "HS256" })
          .setSubject("ana")
          .setExpirationTime("1h")
          .sign(new TextEncoder().encode(SECRET));
  const response = await fetch(`${served.url}${path}`, {
    method,
    headers: { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Result };
}

beforeAll(async () => {
  data = await makeDatabase("embedded");
  flags = makeFlags({ database: data.database, registry, settings: { "b.c": true } }).flags;
  await flags.start();
  served = await serve(flagRoutes({ flags, auth: createAuth({ secret: SECRET }) }));
});
beforeEach(async () => {
  for (const flag of Object.keys(registry)) {
    if (flags.override(flag).text !== undefined) await flags.change({ flag, text: undefined, by: "setup" });
  }
});
afterAll(async () => {
  await served.close();
  await flags.close();
  await data.close();
});

describe("reading", () => {
  test("the list tells value, source and what a flag is", async () => {
    await flags.change({ flag: "a", text: "off", by: "ana" });
    const { status, json } = await call("GET", "/admin/feature-flags", { role: "viewer" });
    expect(status).toBe(200);
    expect(json).toMatchObject([
      { flag: "a", value: false, source: "redis", reason: "DISABLED", default: true, override: "off" },
      {
        flag: "b.c",
        value: true,
        source: "default",
        default_from: "settings",
        default: false,
        owner: "team",
        description: "Second.",
      },
      {
        flag: "top",
        value: false,
        source: "default",
        default_from: "registry",
        reason: "PREREQUISITE_FAILED",
        prerequisites: [{ flag: "a", value: true }],
      },
    ]);
  });

  test("values are those of the context in the query, typed attributes included", async () => {
    await flags.change({
      flag: "a",
      text: JSON.stringify({ defaultVariant: "off", targeting: { if: [{ ">": [{ var: "nights" }, 3] }, "on"] } }),
      by: "ana",
    });
    const typed = encodeURIComponent(JSON.stringify({ nights: 5 }));
    expect((await call("GET", `/admin/feature-flags/a?context=${typed}`)).json.value).toBe(true);
    expect((await call("GET", "/admin/feature-flags/a?nights=2&tenant=sol")).json.value).toBe(false);
  });

  test("explain says which rule decided", async () => {
    const definition = { defaultVariant: "off", rules: [{ tenants: ["sol"], percentage: 100 }, { tenants: ["luna"] }] };
    await flags.change({ flag: "a", text: JSON.stringify(definition), by: "ana" });
    const explained = async (query: string, flag = "a") =>
      (await call("GET", `/admin/feature-flags/${flag}?explain&${query}`)).json.explanation;
    expect(await explained("tenant=luna")).toMatchObject({
      decided_by: 'targeting.if[3] gave "on".',
      rules: [{ matched: false }, { matched: true }],
    });
    expect(await explained("tenant=sol&targetingKey=José")).toMatchObject({
      decided_by: 'targeting.if[1] gave "on".',
      rules: [{ matched: true }],
    });
    expect(await explained("tenant=mar")).toMatchObject({ decided_by: "No rule took this context: the default variant." });
    expect(await explained("tenant=mar", "top")).toMatchObject({
      decided_by: "A prerequisite isn't met: a.",
      prerequisites: [{ flag: "a", needed: true, actual: false, met: false }],
    });
    await flags.change({ flag: "a", text: "no", by: "ana" });
    expect(await explained("tenant=luna")).toMatchObject({ decided_by: "The kill switch is set: off for everyone." });
  });

  test.each([
    ["/admin/feature-flags?context=nope", 400],
    ["/admin/feature-flags?context=[]", 400],
    ["/admin/feature-flags?tenant=a&tenant=b", 400],
    ["/admin/feature-flags?explain=maybe", 400],
    ["/admin/feature-flags?context=%7B%22targetingKey%22%3A5%7D", 400],
    ["/admin/feature-flags/nobody", 404],
    ["/admin/feature-flags/__proto__", 404],
    ["/admin/feature-flags/nobody/history", 404],
    ["/admin/feature-flags/a/history?limit=0", 400],
    ["/admin/feature-flags/a/history?limit=ten", 400],
  ])("%s is answered %i with a reason", async (path, expected) => {
    const { status, json } = await call("GET", path);
    expect([status, json.status]).toEqual([expected, expected]);
    expect(json.detail).toMatch(/./);
  });
});

describe("writing", () => {
  test("a value or a definition is set, cleared, and remembered with who and why", async () => {
    const put = await call("PUT", "/admin/feature-flags/a", { body: { value: false, note: "incident 12" } });
    expect(put).toMatchObject({ status: 200, json: { flag: "a", value: false, source: "redis", version: expect.any(Number) } });
    await call("PUT", "/admin/feature-flags/a", {
      body: { definition: { rules: [{ tenants: ["sol"] }], defaultVariant: "off" } },
    });
    expect((await call("GET", "/admin/feature-flags/a?tenant=sol")).json.value).toBe(true);
    expect(await call("DELETE", "/admin/feature-flags/a")).toMatchObject({
      status: 200,
      json: { source: "default", value: true },
    });
    const { json } = await call<(Answer & Record<string, unknown>)[]>("GET", "/admin/feature-flags/a/history?limit=3", {
      role: "viewer",
    });
    expect(json.map(({ changed_by, before, after, note }) => [changed_by, before, after, note])).toEqual([
      ["ana", '{"rules":[{"tenants":["sol"]}],"defaultVariant":"off"}', null, null],
      ["ana", "false", '{"rules":[{"tenants":["sol"]}],"defaultVariant":"off"}', null],
      ["ana", null, "false", "incident 12"],
    ]);
    const older = await call<Answer[]>("GET", `/admin/feature-flags/a/history?before=${json[2]!.id}`);
    expect(older.json.every(({ id }) => id < json[2]!.id)).toBe(true);
  });

  test("a dry run shows what would change, and changes nothing", async () => {
    const { status, json } = await call("PUT", "/admin/feature-flags/a?dry_run&tenant=sol", {
      body: { definition: { rules: [{ tenants: ["sol"], variant: "off" }] } },
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      dry_run: true,
      current: { value: true },
      proposed: { value: false, explanation: { rules: [{ matched: true }] } },
    });
    expect(flags.isEnabled("a", { tenant: "sol" })).toBe(true);
    expect((await call("DELETE", "/admin/feature-flags/b.c?dry_run")).json).toMatchObject({ proposed: { value: true } });
  });

  test("a ring of prerequisites is a conflict that names the ring", async () => {
    const body = { definition: { prerequisites: [{ flag: "top", value: true }] } };
    for (const path of ["/admin/feature-flags/a", "/admin/feature-flags/a?dry_run"]) {
      expect(await call("PUT", path, { body })).toMatchObject({
        status: 409,
        json: { detail: expect.stringContaining("a → top → a") },
      });
    }
  });

  test.each([
    ["nothing", undefined, ["value"]],
    ["no JSON", "{", undefined],
    ["a list", [], ["body"]],
    ["neither value nor definition", {}, ["value"]],
    ["both", { value: true, definition: {} }, ["value"]],
    ["a word that is no switch", { value: "maybe" }, ["value"]],
    ["a number that is no switch", { value: 7 }, ["value"]],
    ["several mistakes", { colour: 1, value: null, note: 5 }, ["colour", "value", "note"]],
    ["a definition as text", { definition: "{}" }, ["definition"]],
    ["shares that don't add up", { definition: { rules: [{ split: { on: 1, off: 1 } }] } }, ["rules[0].split"]],
    ["a prerequisite that there isn't", { definition: { prerequisites: [{ flag: "x", value: true }] } }, ["prerequisites[0]"]],
    ["variants of another type", { definition: { variants: { no: 1 } } }, ["variants.no", "defaultVariant"]],
  ])("%s is refused", async (_, body, fields) => {
    const { status, json } = await call("PUT", "/admin/feature-flags/a", { body });
    expect(status).toBe(400);
    if (fields !== undefined) expect(json.errors.map(({ field }) => field)).toEqual(fields);
    expect(flags.override("a").text).toBeUndefined();
  });

  test("a megabyte is refused", async () => {
    expect(
      (await call("PUT", "/admin/feature-flags/a", { body: { definition: { description: "x".repeat(1_000_000) } } })).status,
    ).toBe(413);
    expect(
      (await call("PUT", "/admin/feature-flags/a", { body: { definition: { description: "x".repeat(70_000) } } })).status,
    ).toBe(400);
  });

  test("an unknown flag is not found", async () => {
    expect((await call("PUT", "/admin/feature-flags/nobody", { body: { value: true } })).status).toBe(404);
    expect((await call("DELETE", "/admin/feature-flags/nobody")).status).toBe(404);
  });
});

describe("rights", () => {
  test("nobody without a token, viewers read, operators write", async () => {
    expect((await call("GET", "/admin/feature-flags", { role: null })).status).toBe(401);
    expect((await call("PUT", "/admin/feature-flags/a", { role: "viewer", body: { value: false } })).status).toBe(403);
    expect((await call("DELETE", "/admin/feature-flags/a", { role: "viewer" })).status).toBe(403);
    expect((await call("PUT", "/admin/feature-flags/a", { role: "admin", body: { value: false } })).status).toBe(200);
  });

  test("a token of one hotel reads its own values, and sees no rule and no other hotel", async () => {
    await flags.change({
      flag: "a",
      text: JSON.stringify({ defaultVariant: "off", rules: [{ tenants: ["sol", "secret-hotel"] }] }),
      by: "ana",
    });
    const own = await call<Answer[]>("GET", "/admin/feature-flags?explain", { role: "viewer", tenant: "sol" });
    expect(own.json[0]).toMatchObject({ flag: "a", value: true });
    expect(JSON.stringify(own.json)).not.toContain("secret-hotel");
    expect((await call("GET", "/admin/feature-flags?tenant=secret-hotel", { tenant: "sol" })).status).toBe(403);
    expect((await call("GET", "/admin/feature-flags/a/history", { tenant: "sol" })).status).toBe(403);
    expect((await call("PUT", "/admin/feature-flags/a", { tenant: "sol", body: { value: false } })).status).toBe(403);
    expect((await call("DELETE", "/admin/feature-flags/a", { tenant: "sol" })).status).toBe(403);
  });
});
