import { afterAll, beforeAll, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../../test/database.ts";
import { type Served, serve } from "../../../test/http.ts";
import { hotelSecret } from "../../http/hotel-secret.ts";
import { signatureOf } from "../../http/signature.ts";
import { createAnswers } from "../../mail/answers.ts";
import { createInbox } from "../../mail/inbox.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import { messagesWebhook } from "./webhook.ts";

const SECRETS = ["the-secret-of-the-channel", "the-secret-before"];
const hotels: Record<string, { id: string; settings: Record<string, unknown> }> = {
  alpha: { id: "alpha", settings: {} },
  beta: { id: "beta", settings: { messages_secret_number: 2 } },
};
let db: TestDatabase;
let served: Served;

beforeAll(async () => {
  db = await makeDatabase("postgres");
  await db.pool.query("insert into tenants (id, name) values ('alpha', 'A'), ('beta', 'B')");
  const metrics = createMetrics({ collectDefaults: false });
  served = await serve(
    messagesWebhook({
      secret: SECRETS,
      tenant: async (id) => hotels[id],
      inbox: createInbox({ database: db.database, metrics }),
      answers: createAnswers({ database: db.database }),
      resolveTenant: async ({ tenantId }) => tenantId ?? "default",
      canonicalUserId: (raw) => raw,
      limit: async () => undefined,
    }),
  );
});
afterAll(async () => {
  await served.close();
  await db.close();
});

let number = 0;
const post = async (path: string, secret: string, more: Record<string, unknown> = {}) => {
  number += 1;
  const raw = JSON.stringify({ message_id: `m${number}`, user_id: "ana", text: "hola", ...more });
  const response = await fetch(`${served.url}/webhooks/messages${path}`, {
    method: "POST",
    body: raw,
    headers: { "content-type": "application/json", "x-signature-256": signatureOf(raw, secret) },
  });
  return response.status;
};
const keyOf = (tenant: string, secret = SECRETS[0]!, which?: number) => hotelSecret(secret, "messages", tenant, which);

test("a hotel's own key speaks for that hotel only", async () => {
  expect(await post("/alpha", keyOf("alpha"))).toBe(202);
  expect(await post("/alpha", keyOf("alpha"), { tenant_id: "alpha" })).toBe(202);
  expect(await post("/alpha", keyOf("alpha"), { tenant_id: "beta" })).toBe(400);
  expect(await post("/beta", keyOf("alpha"))).toBe(401);
  expect(await post("", keyOf("alpha"), { tenant_id: "alpha" })).toBe(401);
  expect(await post("/nobody", keyOf("nobody"))).toBe(401);
  expect(await post("/alpha", SECRETS[0]!)).toBe(401);
  const { rows } = await db.pool.query("select distinct tenant_id from inbox");
  expect(rows).toEqual([{ tenant_id: "alpha" }]);
});

test("a key that became known is changed for its hotel alone, and all change with the secret, one after the other", async () => {
  expect(await post("/beta", keyOf("beta"))).toBe(401);
  expect(await post("/beta", keyOf("beta", SECRETS[0], 2))).toBe(202);
  expect(await post("/alpha", keyOf("alpha", SECRETS[1]))).toBe(202);
  expect(await post("", SECRETS[1]!)).toBe(202);
  expect(await post("", "the-secret-before-that")).toBe(401);
});
