import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OpenFeature } from "@openfeature/server-sdk";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { makeFlags, toggle } from "../../test/flags.ts";
import { type Served, serve } from "../../test/http.ts";
import { createAuth } from "../auth/auth.ts";
import type { Flags } from "./flags.ts";
import { ofrepRoutes } from "./ofrep.ts";
import type { DeclaredFlag, FlagType, FlagValue, Registry } from "./registry.ts";

const SECRET = "a-secret-for-tests-of-32-bytes-or-more";

function flag(type: FlagType, variants: Record<string, FlagValue>, more: Partial<DeclaredFlag> = {}): DeclaredFlag {
  const { defaultVariant: _, ...base } = toggle(false);
  return { ...base, type, variants, offVariant: Object.keys(variants)[0]!, ...more };
}
const words = (...names: string[]) => Object.fromEntries(names.map((name) => [name, name]));
const suits = ["clubs", "diamonds", "hearts", "spades", "wild"];
const dealt = (key: unknown) => ({ fractional: [key, ...suits.slice(0, 4).map((suit) => [suit, 25])] });
const chosen = (condition: unknown, more = {}) =>
  flag("string", words("true", "false", "fallback"), {
    defaultVariant: "fallback",
    targeting: { if: [condition, "true", "false"] },
    ...more,
  });
const version = (...rest: unknown[]) => ({ sem_ver: [{ var: "version" }, ...rest] });

/** What flagd does with each kind of flag, in flags of our own that behave as those of its test kit. */
const registry: Registry = {
  yes: flag("boolean", { on: true, off: false }, { defaultVariant: "on" }),
  text: flag("string", { greeting: "hi", parting: "bye" }, { defaultVariant: "greeting" }),
  whole: flag("number", { one: 1, ten: 10 }, { defaultVariant: "ten" }),
  fraction: flag("number", { tenth: 0.1, half: 0.5 }, { defaultVariant: "half" }),
  object: flag("object", { empty: {}, full: { title: "Pool", open: true } }, { defaultVariant: "full" }),
  "zero-boolean": flag("boolean", { zero: false, other: true }, { defaultVariant: "zero" }),
  "zero-text": flag("string", { zero: "", other: "x" }, { defaultVariant: "zero" }),
  "zero-number": flag("number", { zero: 0, other: 1 }, { defaultVariant: "zero" }),
  "zero-object": flag("object", { zero: {}, other: { a: 1 } }, { defaultVariant: "zero" }),
  "zero-targeted": flag(
    "string",
    { zero: "", other: "x" },
    { defaultVariant: "other", targeting: { if: [{ $ref: "boss" }, "zero"] } },
  ),
  disabled: flag("boolean", { on: true, off: false }, { defaultVariant: "on", state: "DISABLED" }),
  "no-default": flag("boolean", { on: true, off: false }),
  "no-default-null": flag(
    "string",
    { normal: "guest", special: "owner" },
    { targeting: { if: [{ $ref: "boss" }, "special", null] } },
  ),
  "no-default-absent": flag(
    "string",
    { normal: "guest", special: "owner" },
    { targeting: { if: [{ $ref: "boss" }, "special"] } },
  ),
  "by-key": flag("string", words("miss", "hit"), {
    defaultVariant: "miss",
    targeting: { if: [{ "==": [{ var: "targetingKey" }, "me"] }, "hit", null] },
  }),
  "shared-one": flag("string", words("hi", "bye", "none"), {
    defaultVariant: "none",
    targeting: { if: [{ $ref: "boss" }, "hi", "bye"] },
  }),
  "shared-two": flag("string", words("yes", "no", "none"), {
    defaultVariant: "none",
    targeting: { if: [{ $ref: "boss" }, "yes", "no"] },
  }),
  "shared-none": chosen({ $ref: "nobody" }),
  "fractional-flag": flag("string", words(...suits), {
    defaultVariant: "wild",
    targeting: dealt({ cat: [{ var: "$flagd.flagKey" }, { var: "user.name" }] }),
  }),
  "seed-a": flag("string", words(...suits), {
    defaultVariant: "wild",
    targeting: dealt({ cat: ["shared-seed", { var: "user.name" }] }),
  }),
  "seed-b": flag("string", words(...suits), {
    defaultVariant: "wild",
    targeting: dealt({ cat: ["shared-seed", { var: "user.name" }] }),
  }),
  "fractional-flag-shorthand": flag("string", words("heads", "tails", "draw"), {
    defaultVariant: "draw",
    targeting: { fractional: [["heads"], ["tails", 1]] },
  }),
  edge: flag("string", words("lower", "upper"), {
    defaultVariant: "lower",
    targeting: { fractional: [{ var: "targetingKey" }, ["lower", 50], ["upper", 50]] },
  }),
  "nested-if": flag("string", words("premium", "standard", "fallback"), {
    defaultVariant: "fallback",
    targeting: {
      fractional: [
        { var: "targetingKey" },
        [{ if: [{ "==": [{ var: "tier" }, "premium"] }, "premium", "standard"] }, 50],
        ["standard", 50],
      ],
    },
  }),
  "nested-var": flag("string", words("red", "green", "blue", "fallback"), {
    defaultVariant: "fallback",
    targeting: { fractional: [{ var: "targetingKey" }, [{ var: "color" }, 50], ["blue", 50]] },
  }),
  "nested-weight": flag("string", words("red", "blue", "fallback"), {
    defaultVariant: "fallback",
    targeting: {
      fractional: [{ var: "targetingKey" }, ["red", { if: [{ "==": [{ var: "tier" }, "premium"] }, 100, 0] }], ["blue", 10]],
    },
  }),
  "as-condition": chosen({
    fractional: [
      [false, 0],
      [true, 100],
    ],
  }),
  "as-false-condition": chosen({
    fractional: [
      [false, 100],
      [true, 0],
    ],
  }),
  single: flag("string", words("single", "fallback"), { defaultVariant: "fallback", targeting: { fractional: [["single", 1]] } }),
  "no-bucket-key": chosen({ fractional: [{ var: "missing" }, ["one", 50], ["two", 50]] }),
  "zero-weights": chosen({ fractional: [{ var: "targetingKey" }, ["one", 0], ["two", 0]] }),
  "negative-weight": flag("string", words("one", "two", "fallback"), {
    defaultVariant: "fallback",
    targeting: { fractional: [{ var: "targetingKey" }, ["one", -50], ["two", 100]] },
  }),
  compared: flag("string", words("equal", "greater", "lesser", "none"), {
    defaultVariant: "none",
    targeting: {
      if: [
        version("=", "2.0.0"),
        "equal",
        { if: [version(">", "2.0.0"), "greater", { if: [version("<", "2.0.0"), "lesser", "none"] }] },
      ],
    },
  }),
  ranged: flag("string", words("minor", "major", "none"), {
    defaultVariant: "none",
    targeting: { if: [version("~", "3.0.0"), "minor", { if: [version("^", "3.0.0"), "major", "none"] }] },
  }),
  "v-prefix": chosen(version("=", "v1.0.0")),
  partial: chosen(version("^", "1")),
  build: chosen(version("=", "1.0.0+build")),
  "bad-comparison": chosen(version("===", "1.0.0")),
  ends: flag("string", words("prefix", "postfix", "none"), {
    defaultVariant: "none",
    targeting: {
      if: [{ starts_with: [{ var: "id" }, "abc"] }, "prefix", { if: [{ ends_with: [{ var: "id" }, "xyz"] }, "postfix", "none"] }],
    },
  }),
  "starts-number": chosen({ starts_with: [{ var: "num" }, "abc"] }),
  "ends-number": chosen({ ends_with: [{ var: "num" }, "xyz"] }),
  "starts-one": chosen({ starts_with: ["abc"] }),
  "ends-one": chosen({ ends_with: ["xyz"] }),
};

let data: TestDatabase;
let flags: Flags<Registry>;
let served: Served;

async function token(tenant?: string): Promise<string> {
  return new SignJWT({ role: "viewer", ...(tenant === undefined ? {} : { tenant }) })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("client")
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(SECRET));
}

async function post(path: string, body: unknown, headers: Record<string, string> = {}, tenant?: string) {
  const response = await fetch(`${served.url}/ofrep/v1/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${await token(tenant)}`, "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, etag: response.headers.get("etag"), json: text === "" ? undefined : JSON.parse(text) };
}
const evaluate = async (key: string, context: Record<string, unknown> = {}) =>
  (await post(`evaluate/flags/${key}`, { context })).json;

beforeAll(async () => {
  data = await makeDatabase("embedded");
  const boss = { "==": [{ var: "email" }, "boss@hotel.example"] };
  flags = makeFlags({ database: data.database, registry, evaluators: { boss } }).flags;
  await flags.start();
  served = await serve(ofrepRoutes({ flags, auth: createAuth({ secret: SECRET }) }));
});
afterAll(async () => {
  await OpenFeature.close();
  await served.close();
  await flags.close();
  await data.close();
});

describe("as flagd evaluates", () => {
  test.each([
    ["yes", true, "on"],
    ["text", "hi", "greeting"],
    ["whole", 10, "ten"],
    ["fraction", 0.5, "half"],
    ["object", { title: "Pool", open: true }, "full"],
    ["zero-boolean", false, "zero"],
    ["zero-text", "", "zero"],
    ["zero-number", 0, "zero"],
    ["zero-object", {}, "zero"],
  ])("%s has its default", async (key, value, variant) => {
    expect(await evaluate(key)).toEqual({ key, value, variant, reason: "STATIC", metadata: {} });
  });

  const boss = { email: "boss@hotel.example" };
  const named = (name: string) => ({ user: { name } });
  const keyed = (targetingKey: string, more = {}) => ({ targetingKey, ...more });
  test.each<[string, Record<string, unknown>, FlagValue, string?]>([
    ["zero-targeted", boss, "", "TARGETING_MATCH"],
    ["zero-targeted", {}, "x", "DEFAULT"],
    ["no-default-null", boss, "owner", "TARGETING_MATCH"],
    ["by-key", keyed("me"), "hit", "TARGETING_MATCH"],
    ["by-key", keyed("you"), "miss", "DEFAULT"],
    ["shared-one", boss, "hi", "TARGETING_MATCH"],
    ["shared-two", boss, "yes", "TARGETING_MATCH"],
    ["shared-one", { email: "x@y" }, "bye"],
    ["fractional-flag", named("jack"), "hearts"],
    ["fractional-flag", named("queen"), "spades"],
    ["fractional-flag", named("ten"), "clubs"],
    ["fractional-flag", named("nine"), "diamonds"],
    ["fractional-flag", named("3"), "clubs"],
    ["fractional-flag-shorthand", keyed("jon@company.com"), "heads"],
    ["fractional-flag-shorthand", keyed("jane@company.com"), "tails"],
    ["fractional-flag-shorthand", {}, "draw", "DEFAULT"],
    ["seed-a", named("seven"), "hearts"],
    ["seed-a", named("eight"), "diamonds"],
    ["seed-a", named("nine"), "clubs"],
    ["seed-b", named("nine"), "clubs"],
    ["seed-b", named("two"), "spades"],
    ["edge", keyed("ejOoVL"), "lower"],
    ["edge", keyed("bY9fO-"), "lower"],
    ["edge", keyed("SI7p-"), "lower"],
    ["edge", keyed("6LvT0"), "upper"],
    ["edge", keyed("ceQdGm"), "upper"],
    ["nested-if", keyed("jon@company.com", { tier: "premium" }), "premium"],
    ["nested-if", keyed("jon@company.com", { tier: "basic" }), "standard"],
    ["nested-if", keyed("user1", { tier: "premium" }), "standard"],
    ["nested-var", keyed("jon@company.com", { color: "green" }), "green"],
    ["nested-var", keyed("user1", { color: "red" }), "blue"],
    ["nested-var", keyed("jon@company.com"), "fallback", "DEFAULT"],
    ["nested-weight", keyed("user1", { tier: "premium" }), "red"],
    ["nested-weight", keyed("user1", { tier: "basic" }), "blue"],
    ["as-condition", keyed("anyone"), "true"],
    ["as-false-condition", keyed("anyone"), "false"],
    ["single", keyed("anyone"), "single"],
    ["no-bucket-key", keyed("anyone"), "false"],
    ["zero-weights", keyed("anyone"), "false"],
    ["negative-weight", keyed("anyone"), "two"],
    ["compared", { version: "2.0.0" }, "equal"],
    ["compared", { version: "2.1.0" }, "greater"],
    ["compared", { version: "1.9.0" }, "lesser"],
    ["compared", { version: "2.0.0-alpha" }, "lesser"],
    ["compared", { version: "2.0.0.0" }, "none"],
    ["ranged", { version: "3.0.1" }, "minor"],
    ["ranged", { version: "3.1.0" }, "major"],
    ["ranged", { version: "4.0.0" }, "none"],
    ["v-prefix", { version: "1.0.0" }, "true"],
    ["v-prefix", { version: "v1.0.0" }, "true"],
    ["v-prefix", { version: "2.0.0" }, "false"],
    ["partial", { version: "1.5.0" }, "true"],
    ["partial", { version: "2.0.0" }, "false"],
    ["build", { version: "1.0.0+other" }, "true"],
    ["ends", { id: "abcdef" }, "prefix"],
    ["ends", { id: "uvwxyz" }, "postfix"],
    ["ends", { id: "abcxyz" }, "prefix"],
    ["ends", { id: "lmnopq" }, "none"],
  ])("%s for %j gives %j", async (key, context, value, reason) => {
    expect(await evaluate(key, context)).toMatchObject({ key, value, ...(reason === undefined ? {} : { reason }) });
  });

  test.each([
    ["disabled", "DISABLED"],
    ["no-default", "DEFAULT"],
    ["no-default-null", "DEFAULT"],
    ["no-default-absent", "DEFAULT"],
  ])("%s leaves the value to the client", async (key, reason) => {
    expect(await evaluate(key)).toEqual({ key, reason, metadata: {} });
  });

  test("a shared rule that there isn't is a parse error; a variant that there isn't, a general one", async () => {
    expect(await post("evaluate/flags/shared-none", {})).toMatchObject({
      status: 400,
      json: { key: "shared-none", errorCode: "PARSE_ERROR" },
    });
    expect(await post("evaluate/flags/nested-var", { context: keyed("jon@company.com", { color: "yellow" }) })).toMatchObject({
      status: 400,
      json: { errorCode: "GENERAL" },
    });
  });

  test.each(["starts-number", "ends-number", "starts-one", "ends-one", "bad-comparison"])(
    "%s, used wrongly, is like an unmet condition or the default",
    async (key) => {
      expect(["false", "fallback"]).toContain((await evaluate(key, { num: 123, version: "1.0.0" })).value);
    },
  );
});

describe("the protocol", () => {
  test("a flag that there isn't is 404 with its code", async () => {
    expect(await post("evaluate/flags/nobody", {})).toMatchObject({
      status: 404,
      json: { key: "nobody", errorCode: "FLAG_NOT_FOUND" },
    });
  });

  test.each([
    ["{", "PARSE_ERROR"],
    [[], "INVALID_CONTEXT"],
    [{ context: [] }, "INVALID_CONTEXT"],
    [{ context: "x" }, "INVALID_CONTEXT"],
    [{ context: { targetingKey: 5 } }, "INVALID_CONTEXT"],
  ])("%j is refused as %s, for one flag and for all", async (body, errorCode) => {
    expect(await post("evaluate/flags/yes", body)).toMatchObject({ status: 400, json: { key: "yes", errorCode } });
    expect(await post("evaluate/flags", body)).toMatchObject({ status: 400, json: { errorCode } });
  });

  test("all flags come at once, with errors beside values", async () => {
    const { status, json } = await post("evaluate/flags", { context: { targetingKey: "me" } });
    expect(status).toBe(200);
    expect(json.flags).toHaveLength(Object.keys(registry).length);
    expect(json.flags).toContainEqual({ key: "by-key", value: "hit", variant: "hit", reason: "TARGETING_MATCH", metadata: {} });
    expect(json.flags).toContainEqual(expect.objectContaining({ key: "shared-none", errorCode: "PARSE_ERROR" }));
  });

  test("the tag spares an answer that is known, until a flag or the context changes", async () => {
    const ask = (headers: Record<string, string>, context = {}) => post("evaluate/flags", { context }, headers);
    const { etag } = await ask({});
    expect(etag).toMatch(/^"[\w-]+"$/);
    expect(await ask({ "if-none-match": etag! })).toMatchObject({ status: 304, json: undefined, etag });
    expect((await ask({ "if-none-match": `"other", W/${etag}` })).status).toBe(304);
    expect((await ask({ "if-none-match": '"other"' })).status).toBe(200);
    expect((await ask({ "if-none-match": etag! }, { targetingKey: "me" })).status).toBe(200);
    await flags.change({ flag: "yes", text: "off", by: "ana" });
    expect((await ask({ "if-none-match": etag! })).status).toBe(200);
    await flags.change({ flag: "yes", text: undefined, by: "ana" });
  });

  test("a client needs a token, and one of a hotel asks for that hotel", async () => {
    expect((await fetch(`${served.url}/ofrep/v1/evaluate/flags`, { method: "POST" })).status).toBe(401);
    expect((await post("evaluate/flags/yes", { context: { tenant: "luna" } }, {}, "sol")).status).toBe(403);
    await flags.change({
      flag: "yes",
      text: JSON.stringify({ defaultVariant: "off", rules: [{ tenants: ["sol"] }] }),
      by: "ana",
    });
    expect((await post("evaluate/flags/yes", {}, {}, "sol")).json.value).toBe(true);
    expect((await post("evaluate/flags/yes", {}, {}, "luna")).json.value).toBe(false);
    await flags.change({ flag: "yes", text: undefined, by: "ana" });
  });

  test("the configuration says how to poll", async () => {
    const response = await fetch(`${served.url}/ofrep/v1/configuration`, {
      headers: { authorization: `Bearer ${await token()}` },
    });
    expect(await response.json()).toMatchObject({
      name: "gatehouse",
      capabilities: { cacheInvalidation: { polling: { enabled: true } } },
    });
  });

  test("OpenFeature's own client gets values, variants and errors", async () => {
    const headers: [string, string][] = [["authorization", `Bearer ${await token()}`]];
    await OpenFeature.setProviderAndWait("over-http", new OFREPProvider({ baseUrl: served.url, headers }));
    const client = OpenFeature.getClient("over-http");
    expect(await client.getBooleanDetails("yes", false)).toMatchObject({ value: true, variant: "on", reason: "STATIC" });
    expect(await client.getStringValue("by-key", "none", { targetingKey: "me" })).toBe("hit");
    expect(await client.getObjectValue("object", {})).toEqual({ title: "Pool", open: true });
    expect(await client.getBooleanDetails("nobody", true)).toMatchObject({ value: true, errorCode: "FLAG_NOT_FOUND" });
    expect(await client.getBooleanDetails("text", true)).toMatchObject({ value: true, errorCode: "TYPE_MISMATCH" });
  });
});
