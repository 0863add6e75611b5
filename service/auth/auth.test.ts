import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Router } from "express";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../test/database.ts";
import { type Served, serve } from "../../test/http.ts";
import { until } from "../../test/servers.ts";
import { createLogger } from "../telemetry/log.ts";
import { createReadAudit } from "./audit.ts";
import { type AuthOptions, createAuth, principalOf, ROLES } from "./auth.ts";
import { createRevocations, type Revocations, revocationRoutes } from "./revocations.ts";

const SECRET = "a-secret-of-this-test-that-is-long-enough";
const BEFORE = "the-secret-before-that-one-is-long-enough";
const OURS = { issuer: "https://id.example/", audience: "gatehouse" };
const CLAIMS = { iss: OURS.issuer, aud: OURS.audience, sub: "ana", role: "admin", tenant: "*" };
const logger = createLogger("silent", "test");

/** Serves what a route tells of its caller. */
const ask = async (options: AuthOptions) => {
  const auth = createAuth(options);
  const router = Router();
  for (const role of ROLES) {
    router.get(`/${role}`, auth(role), (_request, response) => {
      response.json(principalOf(response));
    });
  }
  const served = await serve(router);
  return {
    get: async (token: string, role = "admin") => {
      const response = await fetch(`${served.url}/${role}`, { headers: { authorization: `Bearer ${token}` } });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    close: served.close,
  };
};
const hs256 = (claims: JWTPayload, secret = SECRET) =>
  new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).setExpirationTime("5m").sign(new TextEncoder().encode(secret));

describe("tokens of an identity provider", () => {
  let provider: Server;
  let sign: (claims: JWTPayload) => Promise<string>;
  let asked: Awaited<ReturnType<typeof ask>>;
  beforeAll(async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "1", alg: "ES256" }] });
    provider = createServer((_request, response) => response.setHeader("content-type", "application/json").end(keys));
    await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
    sign = (claims) =>
      new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "1" }).setExpirationTime("5m").sign(privateKey);
    asked = await ask({ jwksUrl: `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`, ...OURS });
  });
  afterAll(async () => {
    await asked.close();
    await new Promise((resolve) => provider.close(resolve));
  });

  test("are for all hotels only when they say so", async () => {
    expect(await asked.get(await sign(CLAIMS))).toEqual({ status: 200, body: { subject: "ana", role: "admin" } });
    expect((await asked.get(await sign({ ...CLAIMS, tenant: "sur" }))).body).toMatchObject({ tenant: "sur" });
    const { tenant: _, ...silent } = CLAIMS;
    expect(await asked.get(await sign(silent))).toMatchObject({
      status: 401,
      body: { detail: expect.stringContaining("tenant") },
    });
  });

  test.each([
    ["of another issuer", { iss: "https://evil.example/" }],
    ["for another program", { aud: "billing-frontend" }],
    ["without an issuer", { iss: undefined }],
    ["without an audience", { aud: undefined }],
    ["of an unknown role", { role: "owner" }],
    ["without a role", { role: undefined }],
  ])("%s are refused", async (_name, wrong) => {
    const claims = Object.fromEntries(Object.entries({ ...CLAIMS, ...wrong }).filter(([, value]) => value !== undefined));
    expect((await asked.get(await sign(claims))).status).toBe(401);
  });

  test("signed with our own development key are refused", async () => {
    expect((await asked.get(await hs256(CLAIMS))).status).toBe(401);
  });
});

test("while the secret is being changed both keys count; issuer and audience are checked where they are set", async () => {
  const both = await ask({ secret: [SECRET, BEFORE] });
  expect((await both.get(await hs256({ sub: "ana", role: "admin" }))).status).toBe(200);
  expect((await both.get(await hs256({ sub: "ana", role: "admin" }, BEFORE))).status).toBe(200);
  expect((await both.get(await hs256({ sub: "ana", role: "admin" }, `${SECRET}!`))).status).toBe(401);
  await both.close();
  const strict = await ask({ secret: SECRET, ...OURS });
  expect((await strict.get(await hs256({ sub: "ana", role: "admin" }))).status).toBe(401);
  expect((await strict.get(await hs256(CLAIMS))).status).toBe(200);
  await strict.close();
});

test("an evaluator of flags gets no further", async () => {
  const asked = await ask({ secret: SECRET });
  const token = await hs256({ sub: "app", role: "evaluator", tenant: "sur" });
  expect((await asked.get(token, "evaluator")).status).toBe(200);
  for (const role of ["viewer", "operator", "admin"]) expect((await asked.get(token, role)).status).toBe(403);
  await asked.close();
});

describe("on a database", () => {
  let db: TestDatabase;
  let here: Revocations;
  let elsewhere: Revocations;
  let served: Served;
  beforeAll(async () => {
    db = await makeDatabase("postgres");
    here = createRevocations({ database: db.database, logger });
    elsewhere = createRevocations({ database: db.database, logger });
    await Promise.all([here.start(), elsewhere.start()]);
    const auth = createAuth({ secret: SECRET, isRevoked: here.isRevoked });
    const audit = createReadAudit({ database: db.database, guestHash: (guest) => `hash-of-${guest.length}` });
    const router = Router();
    router.get("/guests/:id", auth("viewer"), async (request, response) => {
      await audit(response, "default", "read.guest", String(request.params.id));
      response.json({});
    });
    served = await serve(revocationRoutes({ revocations: here, auth, logger }), router);
  });
  afterAll(async () => {
    await served.close();
    await Promise.all([here.close(), elsewhere.close()]);
    await db.close();
  });
  const call = (method: string, path: string, token: string, body?: unknown) =>
    fetch(`${served.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  test("a token is revoked by its id, or all of a subject by when they were issued, in every process", async () => {
    const admin = await hs256({ sub: "ana", role: "admin" });
    const iat = Math.floor(Date.now() / 1000);
    const stolen = await hs256({ sub: "bo", role: "viewer", jti: "stolen", iat });
    const other = await hs256({ sub: "bo", role: "viewer", jti: "other", iat });
    expect((await call("GET", "/guests/1", stolen)).status).toBe(200);
    expect((await call("POST", "/admin/tokens/revoke", admin, { jti: "stolen" })).status).toBe(200);
    expect((await call("GET", "/guests/1", stolen)).status).toBe(401);
    expect((await call("GET", "/guests/1", other)).status).toBe(200);
    await until(async () => expect(elsewhere.isRevoked({ jti: "stolen" })).toBe(true));

    const before = new Date((iat + 1) * 1000).toISOString();
    expect((await call("POST", "/admin/tokens/revoke", admin, { subject: "bo", issued_before: before })).status).toBe(200);
    expect((await call("GET", "/guests/1", other)).status).toBe(401);
    const fresh = await hs256({ sub: "bo", role: "viewer", iat: iat + 1 });
    expect((await call("GET", "/guests/1", fresh)).status).toBe(200);
    expect((await call("GET", "/guests/1", await hs256({ sub: "bo", role: "viewer" }))).status).toBe(401); // it doesn't say when
    await until(async () => expect(elsewhere.isRevoked({ sub: "bo", iat })).toBe(true));
    // A process that starts later knows them too.
    const later = createRevocations({ database: db.database, logger });
    await later.start();
    expect([
      later.isRevoked({ jti: "stolen" }),
      later.isRevoked({ sub: "bo", iat }),
      later.isRevoked({ sub: "ana", iat }),
    ]).toEqual([true, true, false]);
    await later.close();
  });

  test("only an admin of all hotels revokes, and wrong bodies are named", async () => {
    const hotel = await hs256({ sub: "bo2", role: "admin", tenant: "sur" });
    expect((await call("POST", "/admin/tokens/revoke", hotel, { jti: "x" })).status).toBe(403);
    const admin = await hs256({ sub: "ana", role: "admin" });
    for (const body of [{}, { jti: "" }, { jti: "a", subject: "b" }, { subject: "b", issued_before: "yesterday" }]) {
      expect((await call("POST", "/admin/tokens/revoke", admin, body)).status).toBe(400);
    }
  });

  test("reads of a guest's data are in the audit log, once a minute, without the guest's address", async () => {
    await db.pool.query("truncate audit_log");
    const token = await hs256({ sub: "carla", role: "viewer" });
    for (const path of ["/guests/59899123456", "/guests/59899123456", "/guests/5989"]) await call("GET", path, token);
    const { rows } = await db.pool.query("select tenant_id, actor, action, subject from audit_log order by id");
    const row = { tenant_id: "default", actor: "carla", action: "read.guest" };
    expect(rows).toEqual([
      { ...row, subject: "guest:hash-of-11" },
      { ...row, subject: "guest:hash-of-4" },
    ]);
  });
});
