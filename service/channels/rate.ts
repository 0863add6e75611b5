import type { RateLimit } from "../http/signed-body.ts";

/**
 * A token bucket: lets `burst` through at once and `ratePerSecond` in the long run.
 *
 * @param now milliseconds from any origin that only grows
 */
export function createTokenBucket(options: { ratePerSecond: number; burst: number; now?: () => number }): TokenBucket {
  const { ratePerSecond, burst, now = () => performance.now() } = options;
  let tokens = burst;
  let filledAt = now();
  const fill = () => {
    const at = now();
    tokens = Math.min(burst, tokens + ((at - filledAt) / 1000) * ratePerSecond);
    filledAt = at;
  };
  return {
    take: () => {
      fill();
      if (tokens >= 1) {
        tokens -= 1;
        return { allowed: true, retryAfterSeconds: 0 };
      }
      return { allowed: false, retryAfterSeconds: Math.max(1, Math.ceil((1 - tokens) / ratePerSecond)) };
    },
    reserve: () => {
      fill();
      tokens -= 1;
      return tokens >= 0 ? 0 : (-tokens / ratePerSecond) * 1000;
    },
  };
}

export interface TokenBucket extends RateLimit {
  /** Takes a token that may be of the future. @returns milliseconds to wait before using it */
  reserve(): number;
}
