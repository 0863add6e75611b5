import { z } from "zod";
import { DeliveryError } from "../../mail/channel.ts";
import { createTokenBucket, type TokenBucket } from "../rate.ts";

export interface GraphOptions {
  /** With the version: `https://graph.facebook.com/v23.0`. */
  url: string;
  accessToken: string | undefined;
  timeoutMs?: number;
  /** Messages a second that one number may send. */
  ratePerSecond?: number;
}

/** The part of Meta's Graph API that the agent uses. */
export interface Graph {
  /** Takes the next turn of a number to send a message. @returns milliseconds until that turn */
  reserve(phoneNumberId: string): number;
  /**
   * @param payload body of `POST /{phone-number-id}/messages`, without `messaging_product`
   * @returns WhatsApp's id of the message
   * @throws DeliveryError
   */
  send(phoneNumberId: string, payload: Record<string, unknown>): Promise<string>;
  /** Shows a guest that the message was read and that an answer is being written. @throws DeliveryError */
  showTyping(phoneNumberId: string, messageId: string): Promise<void>;
}

const TIMEOUT_MS = 8_000;
/** Throughput of a number that Meta hasn't raised. https://developers.facebook.com/docs/whatsapp/cloud-api/overview#throughput */
const RATE_PER_SECOND = 80;
const ANSWER_LIMIT = 64 * 1024;
/** An operator has to mend the account; what waits is tried again meanwhile. */
const ACCOUNT_RETRY_SECONDS = 60;

/** The guest wrote more than 24 hours ago: only a template may be sent. */
export const WINDOW_CLOSED = "131047";
const PAIR_RATE = 131056;
const RATE_CODES = new Set([4, 80007, 130429, 131048, 133016, PAIR_RATE]);
const OUTAGE_CODES = new Set([1, 2, 131000, 131016, 131057, 133004]);
const ACCOUNT_CODES = new Set([0, 3, 10, 190, 131005, 131031, 131042]);

const errorSchema = z.looseObject({
  error: z.looseObject({
    code: z.number().optional(),
    message: z.string().optional(),
    error_data: z.looseObject({ details: z.string().optional() }).optional().catch(undefined),
  }),
});
const sentSchema = z.looseObject({ messages: z.array(z.looseObject({ id: z.string().min(1) })).min(1) });
const successSchema = z.looseObject({ success: z.literal(true) });

/** @see https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes */
export function createGraph({ url, accessToken, timeoutMs = TIMEOUT_MS, ratePerSecond = RATE_PER_SECOND }: GraphOptions): Graph {
  const base = url.replace(/\/+$/, "");
  const buckets = new Map<string, TokenBucket>();
  const hide = (text: string) =>
    (accessToken === undefined ? text : text.replaceAll(accessToken, "[hidden]")).replace(/\bEAA[A-Za-z0-9]{8,}/g, "[hidden]");

  const post = async <Answer>(
    phoneNumberId: string,
    payload: Record<string, unknown>,
    schema: z.ZodType<Answer>,
  ): Promise<Answer> => {
    if (accessToken === undefined) {
      throw new DeliveryError("WHATSAPP_ACCESS_TOKEN isn't set: set it and replay this dead letter.", { kind: "permanent" });
    }
    let status: number;
    let text: string;
    let retryAfter: string | null;
    try {
      const response = await fetch(`${base}/${encodeURIComponent(phoneNumberId)}/messages`, {
        method: "POST",
        redirect: "error",
        headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
        body: JSON.stringify({ messaging_product: "whatsapp", ...payload }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      status = response.status;
      retryAfter = response.headers.get("retry-after");
      text = await readText(response);
    } catch (error) {
      throw networkError(error as Error, timeoutMs);
    }

    const json = parseJson(text);
    const failed = errorSchema.safeParse(json);
    if (failed.success) {
      const { code, message, error_data } = failed.data.error;
      throw toDeliveryError(status, code, hide(error_data?.details ?? message ?? "no reason given"), retryAfter);
    }
    if (status === 429) throw toDeliveryError(status, undefined, "too many requests", retryAfter);
    const answer = schema.safeParse(json);
    if (status >= 200 && status < 300 && answer.success) return answer.data;
    throw new DeliveryError(`the answer of the Graph API could not be read: HTTP ${status}, ${text.length} characters`, {
      kind: "unknown",
    });
  };

  return {
    reserve: (phoneNumberId) => {
      let bucket = buckets.get(phoneNumberId);
      if (bucket === undefined) {
        bucket = createTokenBucket({ ratePerSecond, burst: ratePerSecond });
        buckets.set(phoneNumberId, bucket);
      }
      return bucket.reserve();
    },
    send: async (phoneNumberId, payload) => (await post(phoneNumberId, payload, sentSchema)).messages[0]!.id,
    showTyping: async (phoneNumberId, messageId) => {
      await post(phoneNumberId, { status: "read", message_id: messageId, typing_indicator: { type: "text" } }, successSchema);
    },
  };
}

function toDeliveryError(status: number, code: number | undefined, details: string, retryAfter: string | null): DeliveryError {
  const seconds = retryAfter !== null && /^\d{1,5}$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const text = code === undefined ? undefined : String(code);
  const error = (kind: "permanent" | "temporary", retryAfterSeconds: number | undefined) =>
    new DeliveryError(details, { kind, code: text, retryAfterSeconds });
  if (status === 429 || (code !== undefined && RATE_CODES.has(code))) {
    // Between one number and one guest: a message every 6 seconds in the long run.
    return error("temporary", Math.max(seconds ?? 0, code === PAIR_RATE ? 6 : 1));
  }
  if (status === 401 || status === 403 || (code !== undefined && (ACCOUNT_CODES.has(code) || (code >= 200 && code <= 299)))) {
    return error("temporary", Math.max(seconds ?? 0, ACCOUNT_RETRY_SECONDS));
  }
  if (status >= 500 || (code !== undefined && OUTAGE_CODES.has(code))) return error("temporary", seconds);
  return error("permanent", undefined);
}

/** Before the connection stands nothing was sent; after that, nobody knows. */
function networkError(error: Error, timeoutMs: number): DeliveryError {
  const cause = error.cause as { code?: string } | undefined;
  const code = cause?.code ?? error.name;
  const before = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"].includes(
    code,
  );
  const text = error.name === "TimeoutError" ? `no answer within ${timeoutMs} ms` : `the connection failed (${code})`;
  return new DeliveryError(`Graph API: ${text}`, { kind: before ? "temporary" : "unknown", cause: error });
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > ANSWER_LIMIT) break; // leaving the loop cancels the rest
  }
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // HTML of a gateway, for instance: the caller says what it got
  }
}
