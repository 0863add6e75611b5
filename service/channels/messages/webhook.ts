import { type Request, type RequestHandler, Router } from "express";
import { z } from "zod";
import type { BodyBudget } from "../../http/body-budget.ts";
import { hotelSecrets } from "../../http/hotel-secret.ts";
import { invalid, Problem } from "../../http/problem.ts";
import { jsonBodyOf, readSignedBody } from "../../http/signed-body.ts";
import type { Answers } from "../../mail/answers.ts";
import type { Channel } from "../../mail/channel.ts";
import type { Inbox } from "../../mail/inbox.ts";
import type { IncomingMessage } from "../../mail/message.ts";
import { LANGUAGES } from "../../vocabulary.ts";
import { storableText } from "../text.ts";

/** Bytes of a body; a guest's text is at most 4,096 characters. */
const BODY_LIMIT = 64 * 1024;
const MAXIMUM_WAIT_SECONDS = 30;

const plain = (maximum: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maximum)
    .refine((text) => !/\p{Cc}|\p{Cs}/u.test(text), "expected no control characters");

const bodySchema = z.object({
  message_id: plain(200),
  user_id: plain(256),
  // What Postgres can't store goes; a guest's line breaks and the rest stay as they are.
  text: z.string().max(4096).transform(storableText),
  tenant_id: plain(64).optional(),
  channel: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,22}$/, "expected 1 to 23 of a-z, 0-9, _ and -, a letter first")
    .optional(),
  timestamp: z.iso.datetime({ offset: true }).optional(),
  language: z.enum(LANGUAGES).optional(),
});

/** Whoever sends a message over this channel fetches the reply. */
export const MESSAGES_CHANNEL: Channel = { name: "messages", pulled: true };

export interface MessagesWebhookOptions {
  /** What bodies of strangers may hold, shared with the other signed routes. */
  budget?: BodyBudget | undefined;
  /** HMAC keys that speak for every hotel; two while the secret is being changed. Each hotel's own keys are made of them. */
  secret: string | readonly string[];
  inbox: Inbox;
  answers: Answers;
  /** @returns the hotel that signs with a key of its own */
  tenant?: (id: string) => Promise<{ id: string; settings: Record<string, unknown> } | undefined>;
  /**
   * @returns the tenant's id for this guest
   * @throws Problem 400 when `tenantId` names no tenant
   */
  resolveTenant: (input: { userId: string; tenantId: string | undefined }) => Promise<string>;
  canonicalUserId: (raw: string) => string;
  /** @throws Problem 429 with `Retry-After` when the tenant or the guest sends too much */
  limit: (tenantId: string, userId: string) => Promise<void>;
}

/**
 * The generic JSON channel. `POST /webhooks/messages`: whoever holds the secret may speak for any tenant.
 * `POST /webhooks/messages/:tenant`: signed with that hotel's own key, for that hotel only.
 */
export function messagesWebhook(options: MessagesWebhookOptions): Router {
  const { inbox, answers } = options;
  const router = Router();
  const { tenant = async () => undefined, budget } = options;
  const rest = { header: "X-Signature-256", limitBytes: BODY_LIMIT, budget };
  const ofHotel = async (request: Request) =>
    hotelSecrets([options.secret].flat(), "messages", await tenant(String(request.params.tenant)));
  const take: RequestHandler = async (request, response) => {
    const body = parse(jsonBodyOf(response));
    const hotel = request.params.tenant as string | undefined;
    if (hotel !== undefined && body.tenant_id !== undefined && body.tenant_id !== hotel) {
      throw invalid([{ field: "tenant_id", message: `isn't the hotel of this address, "${hotel}", whose key signed the body` }]);
    }
    const userId = options.canonicalUserId(body.user_id);
    const tenantId = await options.resolveTenant({ userId, tenantId: hotel ?? body.tenant_id });
    await options.limit(tenantId, userId);
    const channel = body.channel === undefined || body.channel === "messages" ? "messages" : `messages:${body.channel}`;
    const message: IncomingMessage = {
      channel,
      messageId: body.message_id,
      userId,
      kind: "text",
      text: body.text,
      ...(body.language === undefined ? {} : { language: body.language }),
      ...(body.timestamp === undefined ? {} : { sentAt: body.timestamp }),
    };
    const { duplicates, conflicts } = await inbox.accept(tenantId, [message]);
    if (conflicts.length > 0) {
      throw new Problem(409, "Conflict", "message_id names another message already: of another guest, or with another text.", [
        { field: "message_id", message: "make one for each message, unlike any other of this channel" },
      ]);
    }

    const seconds = preferredWait(request.get("prefer"));
    if (seconds > 0) {
      response.set("Preference-Applied", `wait=${seconds}`);
      let gone = false;
      const answer = await answers.wait(
        { tenantId, channel, messageId: body.message_id },
        {
          timeoutMs: seconds * 1000,
          known: duplicates > 0,
          onCancel: (cancel) =>
            response.once("close", () => {
              gone = true;
              cancel();
            }),
        },
      );
      if (gone) return;
      if (answer !== undefined) {
        response.json({ message_id: body.message_id, tenant_id: tenantId, ...answer });
        return;
      }
    }
    response.status(202).json({ status: "accepted", message_id: body.message_id });
  };
  router.post("/webhooks/messages", readSignedBody({ ...rest, secret: options.secret }), take);
  router.post("/webhooks/messages/:tenant", readSignedBody({ ...rest, secret: ofHotel }), take);
  return router;
}

function parse(json: unknown): z.infer<typeof bodySchema> {
  const parsed = bodySchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error);
}

/** @returns seconds of `Prefer: wait=…` (RFC 7240), at most 30; 0 without it */
export function preferredWait(header: string | undefined): number {
  const seconds = Number(/(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?\s*(?:$|[,;])/i.exec(header ?? "")?.[1] ?? 0);
  return Math.min(seconds, MAXIMUM_WAIT_SECONDS);
}
