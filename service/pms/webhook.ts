import { type Request, Router } from "express";
import type { BodyBudget } from "../http/body-budget.ts";
import { hotelSecrets } from "../http/hotel-secret.ts";
import { Problem } from "../http/problem.ts";
import { jsonBodyOf, readSignedBody } from "../http/signed-body.ts";
import type { PmsClients, PmsTenant } from "./clients.ts";

export interface PmsWebhookOptions {
  /** What bodies of strangers may hold, shared with the other signed routes. */
  budget?: BodyBudget | undefined;
  pms: PmsClients;
  tenants: { get(id: string): Promise<PmsTenant | undefined> };
  /** Each hotel's HMAC key is made of these; two while the secret is being changed. Never the key that its PMS is read with. */
  secrets: readonly string[];
}

const LARGEST_BODY = 64_000;

/**
 * `POST /webhooks/pms/:tenant`: a hotel's PMS says that something changed there. Whatever it was, what was read before is
 * no longer believed; the body, any JSON signed in `X-Signature-256` with the hotel's own key, is not looked at further.
 */
export function pmsWebhook({ pms, tenants, secrets, budget }: PmsWebhookOptions): Router {
  const router = Router();
  const secret = async (request: Request) => hotelSecrets(secrets, "pms", await tenants.get(String(request.params.tenant)));
  const signed = readSignedBody({ secret, header: "X-Signature-256", limitBytes: LARGEST_BODY, budget });
  router.post("/webhooks/pms/:tenant", signed, async (request, response) => {
    jsonBodyOf(response);
    const tenant = await tenants.get(String(request.params.tenant));
    if (tenant === undefined) throw new Problem(404, "Not Found", "There is no such tenant.");
    await pms.forTenant(tenant).invalidate();
    response.json({ status: "ok" });
  });
  return router;
}
