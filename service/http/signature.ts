import { createHmac, timingSafeEqual } from "node:crypto";

const HEADER = /^sha256=([0-9a-f]{64})$/i;

/** @returns the value of a signature header: `sha256=` and the HMAC-SHA256 of the bytes in hexadecimal */
export function signatureOf(rawBody: Buffer | string, secret: string): string {
  return `sha256=${createHmac("sha256", secret).update(rawBody).digest("hex")}`;
}

/**
 * Tells whether a request's body was signed with the secret, in a time that doesn't depend on how much of it is right.
 *
 * @param rawBody the bytes as they came; never JSON that was parsed and written again
 * @param header  value of `X-Hub-Signature-256` or `X-Signature-256`; absent or in another form: false
 * @see https://developers.facebook.com/docs/graph-api/webhooks/getting-started#event-notifications (validating payloads)
 */
export function verifySignature(rawBody: Buffer, header: string | undefined, secret: string): boolean {
  return matchesDigest(createHmac("sha256", secret).update(rawBody).digest(), header);
}

/** The same for a digest that was made while the body was read. */
export function matchesDigest(digest: Buffer, header: string | undefined): boolean {
  const hex = HEADER.exec(header ?? "")?.[1];
  return hex !== undefined && timingSafeEqual(digest, Buffer.from(hex, "hex"));
}

/** Compares two texts in a time that doesn't depend on where they differ, or on their lengths. */
export function sameSecret(given: string, expected: string): boolean {
  const key = "gatehouse"; // equal digests are equal texts; the key itself protects nothing
  const digest = (text: string) => createHmac("sha256", key).update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
