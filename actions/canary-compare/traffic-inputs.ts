import type { InputReader } from "../lib/runner/inputs.ts";

/** Inputs that make traffic or shape it, with their defaults: where samples come from elsewhere they would have no effect. */
const OF_TRAFFIC = [
  ["rps", "50"],
  ["warm-up", "5s"],
  ["max-extension", "120s"],
  ["min-duration", ""],
  ["rounds", ""],
  ["requests", ""],
  ["headers", ""],
  ["script", ""],
  ["har", ""],
  ["har-methods", "GET, HEAD"],
  ["before", ""],
  ["env", ""],
  ["k6-version", ""],
  ["k6-path", ""],
  ["k6-flags", ""],
  ["insecure-skip-tls-verify", "false"],
  ["same-release", "refuse"],
  ["version-header", "X-Release-Version"],
] as const;

/**
 * Refuses inputs that can't have an effect without traffic. The runner hands on every default, so that one isn't refused.
 *
 * @param where the samples come from, as the end of a sentence: `Prometheus is the source`
 */
export function refuseWithoutTraffic(read: InputReader, where: string, more: readonly (readonly [string, string])[] = []): void {
  for (const [name, fallback] of [...OF_TRAFFIC, ...more]) {
    if (!read.given(name) || read.text(name) === fallback) continue;
    read.mistakes.push(`${name}: has no effect where ${where}. Leave it out, or give baseline-url and canary-url.`);
  }
}
