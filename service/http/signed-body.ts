import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import type { Request, RequestHandler, Response } from "express";
import { type BodyBudget, createBodyBudget } from "./body-budget.ts";
import { Problem } from "./problem.ts";
import { matchesDigest } from "./signature.ts";

/** Says whether one more request may pass now. */
export interface RateLimit {
  take(): { allowed: boolean; retryAfterSeconds: number };
}

export interface SignedBodyOptions {
  /**
   * HMAC-SHA256 keys of the raw body; any of them will do. There are two while a secret is being changed. A function makes them of
   * the request, where each sender has a key of its own; without any the request is refused like one with a wrong signature.
   */
  secret: string | readonly string[] | ((request: Request) => Promise<readonly string[]>);
  /** Name of the header that holds `sha256=<hex>`. */
  header: string;
  limitBytes: number;
  /** What all bodies that are under way may hold; absent: this route has one of its own. */
  budget?: BodyBudget | undefined;
  /** Milliseconds for a whole body to come. */
  deadlineMs?: number;
  /** Asked after the signature, so that a stranger can't use up the allowance of the real sender. */
  rateLimit?: RateLimit | undefined;
}

interface Read {
  /** Absent when the body was longer than the limit. */
  raw: Buffer | undefined;
  /** One for each key. */
  digests: Buffer[];
}

const DEADLINE_MS = 10_000;

/** Bytes beyond the limit are hashed and dropped, so that the signature is still checked first; from here on nobody listens. */
const DRAIN_FACTOR = 4;

/**
 * Reads a signed JSON body whatever its media type says, and checks in this order: signature (401), rate (429), media
 * type (415), size (413), JSON (400). Holds at most `limitBytes` in memory. A body without a signature header isn't read
 * at all. A body of more than four times the limit is 413 and ends the connection, since reading on would be the attack; one
 * that doesn't come to its end in time is 408, and one that is in everybody's way 503.
 *
 * The handlers behind it find the bytes with `rawBodyOf(response)` and the value with `jsonBodyOf(response)`.
 */
export function readSignedBody(options: SignedBodyOptions): RequestHandler {
  const { secret, header, limitBytes, rateLimit, budget = createBodyBudget(), deadlineMs = DEADLINE_MS } = options;
  const keysOf = (secrets: readonly string[]) => secrets.map((text) => createSecretKey(Buffer.from(text)));
  // Key objects are made once; of a text Node makes one for every body.
  const fixed = typeof secret === "function" ? undefined : keysOf([secret].flat());
  return async (request, response, next) => {
    const signature = request.get(header);
    if (signature === undefined) {
      response.set("Connection", "close");
      throw unauthorized(`Send the header ${header}: sha256=<HMAC-SHA256 of the raw body, in hexadecimal>.`);
    }
    const keys = fixed ?? keysOf(await (secret as (request: Request) => Promise<readonly string[]>)(request));
    const { raw, digests } = await read(request, response, { limitBytes, keys, budget, deadlineMs });
    if (!digests.map((digest) => matchesDigest(digest, signature)).includes(true)) {
      throw unauthorized(`${header} isn't the HMAC-SHA256 of the raw body with this channel's secret.`);
    }
    const rate = rateLimit?.take();
    if (rate?.allowed === false) {
      throw new Problem(429, "Too Many Requests", `Too many requests. Try again in ${rate.retryAfterSeconds} s.`, [], {
        "Retry-After": String(rate.retryAfterSeconds),
      });
    }
    const mediaType = request.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
    if (mediaType !== "application/json" && !mediaType.endsWith("+json")) {
      throw new Problem(415, "Unsupported Media Type", `Send application/json; got "${mediaType.slice(0, 100)}".`);
    }
    const encoding = request.get("content-encoding") ?? "identity";
    if (encoding !== "identity") {
      throw new Problem(
        415,
        "Unsupported Media Type",
        `Send the body uncompressed; got Content-Encoding "${encoding.slice(0, 100)}".`,
      );
    }
    if (raw === undefined) throw tooLarge(limitBytes);
    response.locals.rawBody = raw;
    response.locals.jsonBody = parseJson(raw);
    next();
  };
}

/** @returns the bytes that `readSignedBody` read */
export function rawBodyOf(response: Response): Buffer {
  const { rawBody } = response.locals;
  if (!Buffer.isBuffer(rawBody)) throw new Error("rawBodyOf: this route isn't behind readSignedBody");
  return rawBody;
}

/** @returns the JSON value that `readSignedBody` parsed; check its shape before you use it */
export function jsonBodyOf(response: Response): unknown {
  if (!("jsonBody" in response.locals)) throw new Error("jsonBodyOf: this route isn't behind readSignedBody");
  return response.locals.jsonBody;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parseJson(raw: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(raw));
  } catch (error) {
    const reason = error instanceof SyntaxError ? "it isn't valid JSON" : "it isn't valid UTF-8";
    throw new Problem(400, "Bad Request", `The body can't be read: ${reason}. Send one JSON value in UTF-8.`);
  }
}

interface ReadOptions extends Pick<Required<SignedBodyOptions>, "limitBytes" | "deadlineMs"> {
  keys: readonly KeyObject[];
  budget: BodyBudget;
}

function read(request: Request, response: Response, { limitBytes, keys, budget, deadlineMs }: ReadOptions): Promise<Read> {
  return new Promise((resolve, reject) => {
    const hmacs = keys.map((key) => createHmac("sha256", key));
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = (act: () => void) => {
      request.off("data", onData).off("end", onEnd).off("error", onError).off("aborted", onAborted);
      clearTimeout(timer);
      reading.end();
      act();
    };
    /** Nobody reads the rest, so the connection can't be used for another request. */
    const giveUp = (problem: Problem) => {
      response.set("Connection", "close");
      request.pause();
      chunks.length = 0;
      settle(() => reject(problem));
    };
    const reading = budget.begin(giveUp);
    const timer = setTimeout(() => giveUp(tooSlow(deadlineMs)), deadlineMs);
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > limitBytes * DRAIN_FACTOR) {
        giveUp(tooLarge(limitBytes));
        return;
      }
      for (const hmac of hmacs) hmac.update(chunk);
      if (length > limitBytes) {
        chunks.length = 0;
        reading.end();
      } else {
        chunks.push(chunk);
        reading.hold(chunk.length);
      }
    };
    const onEnd = () =>
      settle(() =>
        resolve({
          raw: length > limitBytes ? undefined : Buffer.concat(chunks),
          digests: hmacs.map((hmac) => hmac.digest()),
        }),
      );
    const onError = (error: Error) =>
      settle(() => reject(new Problem(400, "Bad Request", `The body could not be read: ${error.message}.`)));
    const onAborted = () =>
      settle(() => reject(new Problem(400, "Bad Request", "The connection was cut before the body's end.")));
    request.on("data", onData).on("end", onEnd).on("error", onError).on("aborted", onAborted);
  });
}

const tooSlow = (deadlineMs: number) =>
  new Problem(408, "Request Timeout", `The body did not come to its end within ${deadlineMs / 1000} s. Send it again.`);

const tooLarge = (limitBytes: number) =>
  new Problem(413, "Content Too Large", `The body may have ${limitBytes} bytes at most. Send fewer messages at a time.`);

const unauthorized = (detail: string) => new Problem(401, "Unauthorized", detail);
