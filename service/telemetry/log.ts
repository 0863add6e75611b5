import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

/**
 * A JSON logger. Callers never give it a guest's text or address: guests appear as `guestHash`.
 * As a second line of defence these fields are cut out wherever they stand at the first two levels.
 */
export function createLogger(level: string, release: string, destination?: DestinationStream): Logger {
  const hidden = ["text", "user_id", "userId", "phone", "authorization", "secret", "token", "password", "payload"];
  const options = {
    level,
    base: { release },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: hidden.flatMap((name) => [name, `*.${name}`]), censor: "[hidden]" },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/**
 * @param key empty: random, so that hashes compare only within one process's life
 * @returns a function that turns a guest's address into 16 hexadecimal digits (keyed: nobody can try numbers out)
 */
export function guestHasher(key: string | undefined): (userId: string) => string {
  // A key object is made once; of a text Node makes one for every hash.
  const secret = createSecretKey(key === undefined ? randomBytes(32) : Buffer.from(key));
  return (userId) => createHmac("sha256", secret).update(userId).digest("hex").slice(0, 16);
}
