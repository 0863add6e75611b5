import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import type { Request, RequestHandler, Response } from "express";
import { Problem } from "./problem.ts";
import { matchesDigest } from "./signature.ts";

/** Says whether one more request may pass now. */
export interface RateLimit {
  take(): { allowed: boolean; retryAfterSeconds: number };
}

export interface SignedBodyOptions {
  /** HMAC-SHA256 key of the raw body. */
  secret: string;
  /** Name of the header that holds `sha256=<hex>`. */
  header: string;
  limitBytes: number;
  /** Asked after the signature, so that a stranger can't use up the allowance of the real sender. */
  rateLimit?: RateLimit | undefined;
}

interface Read {
  /** Absent when the body was longer than the limit. */
  raw: Buffer | undefined;
  digest: Buffer;
}

/** Bytes beyond the limit are hashed and dropped, so that the signature is still checked first; from here on nobody listens. */
const DRAIN_FACTOR = 4;

/**
 * Reads a signed JSON body whatever its media type says, and checks in this order: signature (401), rate (429), media
 * type (415), size (413), JSON (400). Holds at most `limitBytes` in memory. A body without a signature header isn't read
 * at all. A body of more than four times the limit is 413 and ends the connection, since reading on would be the attack.
 *
 * The handlers behind it find the bytes with `rawBodyOf(response)` and the value with `jsonBodyOf(response)`.
 */
export function readSignedBody({ secret, header, limitBytes, rateLimit }: SignedBodyOptions): RequestHandler {
  // A key object is made once; of a text Node makes one for every body.
  const key = createSecretKey(Buffer.from(secret));
  return async (request, response, next) => {
    const signature = request.get(header);
    if (signature === undefined) {
      response.set("Connection", "close");
      throw unauthorized(`Send the header ${header}: sha256=<HMAC-SHA256 of the raw body, in hexadecimal>.`);
    }
    const { raw, digest } = await read(request, response, limitBytes, key);
    if (!matchesDigest(digest, signature)) {
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

function read(request: Request, response: Response, limitBytes: number, key: KeyObject): Promise<Read> {
  return new Promise((resolve, reject) => {
    const hmac = createHmac("sha256", key);
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = (act: () => void) => {
      request.off("data", onData).off("end", onEnd).off("error", onError).off("aborted", onAborted);
      act();
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > limitBytes * DRAIN_FACTOR) {
        response.set("Connection", "close");
        request.pause();
        settle(() => reject(tooLarge(limitBytes)));
        return;
      }
      hmac.update(chunk);
      if (length > limitBytes) chunks.length = 0;
      else chunks.push(chunk);
    };
    const onEnd = () =>
      settle(() => resolve({ raw: length > limitBytes ? undefined : Buffer.concat(chunks), digest: hmac.digest() }));
    const onError = (error: Error) =>
      settle(() => reject(new Problem(400, "Bad Request", `The body could not be read: ${error.message}.`)));
    const onAborted = () =>
      settle(() => reject(new Problem(400, "Bad Request", "The connection was cut before the body's end.")));
    request.on("data", onData).on("end", onEnd).on("error", onError).on("aborted", onAborted);
  });
}

const tooLarge = (limitBytes: number) =>
  new Problem(413, "Content Too Large", `The body may have ${limitBytes} bytes at most. Send fewer messages at a time.`);

const unauthorized = (detail: string) => new Problem(401, "Unauthorized", detail);
