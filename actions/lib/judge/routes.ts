import { normalUpperTail } from "./distributions.ts";
import { dispersion, excess, type FailureBlock, type FailureCounts, judgeErrors } from "./errors.ts";
import type { Look } from "./looks.ts";
import { effectiveLimit, type Policy } from "./policy.ts";
import { quantileSorted } from "./quantiles.ts";
import { NO_ROUTE, type Samples } from "./samples.ts";
import { BLOCK_SECONDS } from "./windows.ts";

/** Successes that each arm must have on a route before its latency is judged. */
export const LEAST_ROUTE_SUCCESSES = 100;
/** Failures of both arms on a route before its errors are judged: fewer can't be significant. */
export const LEAST_ROUTE_FAILURES = 6;
/**
 * Error probabilities, each shared by all routes, beyond which a rise keeps the canary from passing though it doesn't fail yet. That of
 * latency may be larger: it is held against the limit, from which identical services are far.
 */
const SUSPICION = { latency: 0.05, errors: 0.02 };

/** What a test of one route found. */
export interface RouteTest {
  /** `suspicious`: a rise that is too clear to pass, and not yet clear enough to fail. */
  status: "pass" | "suspicious" | "fail";
  /** One-sided p value of "not above the limit" (latency) or "fails no more" (errors), of this route alone. */
  pValue: number;
  /** Highest allowed ratio of p95, or highest allowed error rate. */
  limit: number;
}

/** One route in both arms. */
export interface RouteJudgement {
  name: string;
  requests: { baseline: number; canary: number };
  failures: { baseline: number; canary: number };
  /** Milliseconds; undefined without a success. */
  p95Ms: { baseline: number | undefined; canary: number | undefined };
  /** Undefined where there is too little data for a test. */
  latency: RouteTest | undefined;
  errors: RouteTest | undefined;
}

type ArmName = "baseline" | "canary";

/** What one arm did on one route. */
interface Side {
  requests: number;
  failures: number;
  /** Ascending. */
  latencies: Float64Array;
}

/** Both arms on one route; `index` is the route's own in each arm. */
interface Pair {
  name: string;
  baseline: Side;
  canary: Side;
}

/** Splits an arm's requests by route: two passes, no lists that grow. */
function sidesOf({ latencyMs, ok, routes }: Samples): Map<string, Side> {
  const { names, of } = routes!;
  const requests = new Uint32Array(names.length);
  const successes = new Uint32Array(names.length);
  for (let i = 0; i < of.length; i += 1) {
    if (of[i] === NO_ROUTE) continue;
    requests[of[i]!]! += 1;
    successes[of[i]!]! += ok[i]!;
  }
  const latencies = Array.from(successes, (count) => new Float64Array(count));
  const filled = new Uint32Array(names.length);
  for (let i = 0; i < of.length; i += 1) {
    const route = of[i]!;
    if (route === NO_ROUTE || ok[i] !== 1) continue;
    latencies[route]![filled[route]!] = latencyMs[i]!;
    filled[route]! += 1;
  }
  return new Map(
    names.map((name, i) => [
      name,
      { requests: requests[i]!, failures: requests[i]! - successes[i]!, latencies: latencies[i]!.sort() },
    ]),
  );
}

const NOTHING: Side = { requests: 0, failures: 0, latencies: new Float64Array(0) };

/** How many requests of each arm went wrong in some way, by route and by stretch of time. */
class Tally {
  readonly #blocks = new Map<string, Map<number, FailureBlock>>();
  readonly #totals = new Map<string, { baseline: number; canary: number }>();

  /** Counts the requests of an arm for which `isBad` holds. */
  count(arm: ArmName, { t, routes }: Samples, isBad: (i: number, route: string) => boolean): void {
    const { names, of } = routes!;
    for (let i = 0; i < of.length; i += 1) {
      if (of[i] === NO_ROUTE || !isBad(i, names[of[i]!]!)) continue;
      const name = names[of[i]!]!;
      const blocks = this.#blocks.get(name) ?? new Map<number, FailureBlock>();
      this.#blocks.set(name, blocks);
      const total = this.#totals.get(name) ?? { baseline: 0, canary: 0 };
      this.#totals.set(name, total);
      const key = Math.floor(t[i]! / BLOCK_SECONDS);
      const block = blocks.get(key) ?? { baseline: 0, canary: 0 };
      blocks.set(key, block);
      block[arm] += 1;
      total[arm] += 1;
    }
  }

  of(route: string, requests: { baseline: number; canary: number }): FailureCounts {
    return {
      requests,
      failures: this.#totals.get(route) ?? { baseline: 0, canary: 0 },
      blocks: [...(this.#blocks.get(route)?.values() ?? [])],
    };
  }
}

const p95Of = (latencies: Float64Array) => (latencies.length === 0 ? undefined : quantileSorted(latencies, 0.95));

/**
 * Compares the arms route by route. All tests of routes together share one more risk of the look's size, half for latency and half for errors, so that twenty
 * routes cry wolf no more often than one.
 *
 * Errors: the test of {@link judgeErrors} on the route's requests. Latency: how many of the canary's requests, divided by the limit, are
 * slower than the baseline's p95, against the twentieth of the baseline's own that are: a two-sample exceedance test, widened as the
 * errors are where slow requests come in bursts. It needs a hundred requests where the windows of the whole run need five hundred.
 *
 * @param baseline sorted by time, on the common clock, with routes
 * @param canary as baseline
 * @param withLatency whether latency is compared: not where the arms ran at different times
 * @returns nothing when a source knows no routes; tests only where there are at least two
 */
export function judgeRoutes(
  baseline: Samples,
  canary: Samples,
  policy: Policy,
  look: Look,
  withLatency: boolean,
): RouteJudgement[] {
  if (baseline.routes === undefined || canary.routes === undefined) return [];
  const [b, c] = [sidesOf(baseline), sidesOf(canary)];
  const pairs: Pair[] = [...new Set([...b.keys(), ...c.keys()])].map((name) => ({
    name,
    baseline: b.get(name) ?? NOTHING,
    canary: c.get(name) ?? NOTHING,
  }));
  const several = pairs.length > 1;
  const isTimed = (pair: Pair) =>
    several && withLatency && Math.min(pair.baseline.latencies.length, pair.canary.latencies.length) >= LEAST_ROUTE_SUCCESSES;
  const isCounted = (pair: Pair) =>
    several &&
    Math.min(pair.baseline.requests, pair.canary.requests) > 0 &&
    pair.baseline.failures + pair.canary.failures >= LEAST_ROUTE_FAILURES;
  const bounds = boundsOf(pairs.filter(isTimed), policy);
  const latencyRisk = { alpha: look.alphaFail / 2 / bounds.size, suspicion: SUSPICION.latency / bounds.size };
  const counted = pairs.filter(isCounted).length;
  const errorRisk = { alpha: look.alphaFail / 2 / counted, suspicion: SUSPICION.errors / counted };
  const slow = countSlow(baseline, canary, bounds);
  const failed = new Tally();
  for (const [arm, samples] of [
    ["baseline", baseline],
    ["canary", canary],
  ] as const)
    failed.count(arm, samples, (i) => samples.ok[i] !== 1);
  return pairs.map((pair) => {
    const requests = { baseline: pair.baseline.requests, canary: pair.canary.requests };
    const successes = { baseline: pair.baseline.latencies.length, canary: pair.canary.latencies.length };
    return {
      name: pair.name,
      requests,
      failures: { baseline: pair.baseline.failures, canary: pair.canary.failures },
      p95Ms: { baseline: p95Of(pair.baseline.latencies), canary: p95Of(pair.canary.latencies) },
      latency: bounds.has(pair.name)
        ? testLatency(pair, slow.of(pair.name, successes), bounds.get(pair.name)!, latencyRisk)
        : undefined,
      errors: isCounted(pair) ? testErrors(failed.of(pair.name, requests), policy, look, errorRisk) : undefined,
    };
  });
}

/** What a request of each arm must exceed, in milliseconds, to count as slow. */
interface Bound {
  baseline: number;
  canary: number;
  limit: number;
}

function boundsOf(pairs: readonly Pair[], policy: Policy): Map<string, Bound> {
  return new Map(
    pairs.flatMap(({ name, baseline }) => {
      const p95 = quantileSorted(baseline.latencies, 0.95);
      if (!(p95 > 0)) return [];
      const limit = effectiveLimit(policy, p95);
      return [[name, { baseline: p95, canary: p95 * limit, limit }]];
    }),
  );
}

function countSlow(baseline: Samples, canary: Samples, bounds: ReadonlyMap<string, Bound>): Tally {
  const slow = new Tally();
  if (bounds.size === 0) return slow;
  for (const [arm, samples] of [
    ["baseline", baseline],
    ["canary", canary],
  ] as const) {
    const { latencyMs, ok, routes } = samples;
    const bound = Float64Array.from(routes!.names, (name) => bounds.get(name)?.[arm] ?? Number.POSITIVE_INFINITY);
    slow.count(arm, samples, (i) => ok[i] === 1 && latencyMs[i]! > bound[routes!.of[i]!]!);
  }
  return slow;
}

/** One route's share of the risks. */
interface Risk {
  alpha: number;
  suspicion: number;
}

function testLatency(pair: Pair, slow: FailureCounts, bound: Bound, risk: Risk): RouteTest {
  const pValue = normalUpperTail(excess(slow, dispersion(slow.blocks)));
  const above = quantileSorted(pair.canary.latencies, 0.95) > bound.canary;
  return { status: statusOf(above, pValue, risk), pValue, limit: bound.limit };
}

function testErrors(counts: FailureCounts, policy: Policy, look: Look, risk: Risk): RouteTest {
  const { status, pValue, canaryRate, limit } = judgeErrors(counts, policy, look, risk.alpha);
  if (status === "fail") return { status, pValue, limit };
  return { status: statusOf(canaryRate > limit, pValue, risk), pValue, limit };
}

function statusOf(above: boolean, pValue: number, { alpha, suspicion }: Risk): RouteTest["status"] {
  if (!above) return "pass";
  return pValue < alpha ? "fail" : pValue < suspicion ? "suspicious" : "pass";
}
