import type { Design } from "../../lib/judge/design.ts";
import type { Samples } from "../../lib/judge/samples.ts";
import type { Reason } from "../../lib/judge/verdict.ts";
import { formatDuration } from "../../lib/runner/inputs.ts";
import { ARMS, type ArmName } from "./recording.ts";

/** What is held against samples that somebody took earlier. */
export interface Expectation {
  maxAgeSeconds: number;
  /** The canary's planned share of the requests, 0–1; undefined when nobody said. */
  canaryShare: number | undefined;
  /** Requests per arm without which nothing is judged: fewer are too few, whatever is missing. */
  minSamples: number;
  design: Design;
  /** Unix seconds. */
  now: number;
}

/** Times from here on are Unix seconds; smaller ones count from some start and have no age. */
const CALENDAR = 1_000_000_000;
/** Requests that an arm would have got in the time by which it ends earlier than the other: fewer may be missing by chance. */
const LEAST_MISSED = 20;
const LEAST_SECONDS = 2;
/** Share of the run by which an arm may begin later or end earlier. */
const MOST_APART = 0.02;
/** Arms whose requests differ by less than this factor were meant to be equal; a smaller canary is one by plan. */
const MEANT_EQUAL = 2.5;
/** How far the share may be off, as a share of the smaller arm's. */
const MOST_OFF = 0.1;
/** Standard errors of a share that chance doesn't explain: two-sided p < 0.001. */
const Z = 3.29;

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

/**
 * What makes samples from files doubtful though each line is fine: old ones, the same ones twice, an arm that begins later or ends earlier,
 * requests that are missing evenly.
 *
 * @param arms sorted by time
 */
export function findDoubts(arms: Record<ArmName, Samples>, expected: Expectation): Reason[] {
  const reason = (code: Reason["code"], message: string): Reason => ({ code, metric: null, severity: "warning", message });
  const { baseline, canary } = arms;
  if (baseline.t.length === 0 || canary.t.length === 0) return [];
  if (areIdentical(baseline, canary)) {
    return [
      reason("IDENTICAL_SAMPLES", "baseline and canary hold the same latencies in the same order: one file was given twice"),
    ];
  }
  const doubts: Reason[] = [];
  const newest = Math.max(baseline.t.at(-1)!, canary.t.at(-1)!);
  const age = expected.now - newest;
  if (newest >= CALENDAR && age > expected.maxAgeSeconds) {
    const message = `the newest sample is ${formatDuration(Math.round(age))} old > ${formatDuration(expected.maxAgeSeconds)} (max-age)`;
    doubts.push(reason("STALE_DATA", message));
  }
  if (Math.min(baseline.t.length, canary.t.length) < expected.minSamples) return doubts;
  const missing = [...(expected.design === "interleaved" ? findShorter(arms) : []), findMissing(arms, expected.canaryShare)];
  return [...doubts, ...missing.flatMap((message) => (message === undefined ? [] : [reason("PARTIAL_DATA", message)]))];
}

function areIdentical(baseline: Samples, canary: Samples): boolean {
  if (baseline.t.length !== canary.t.length) return false;
  for (let i = 0; i < baseline.t.length; i += 1) {
    if (baseline.ok[i] !== canary.ok[i] || !Object.is(baseline.latencyMs[i], canary.latencyMs[i])) return false;
  }
  return true;
}

/** Seconds at which an arm's first request began and its last one ended. */
function spanOf({ t, latencyMs }: Samples): { from: number; until: number } {
  let until = t.at(-1)!;
  for (let i = 0; i < t.length; i += 1) until = Math.max(until, t[i]! + (latencyMs[i]! || 0) / 1000);
  return { from: t[0]!, until };
}

function findShorter(arms: Record<ArmName, Samples>): string[] {
  const spans = { baseline: spanOf(arms.baseline), canary: spanOf(arms.canary) };
  const from = Math.min(spans.baseline.from, spans.canary.from);
  const until = Math.max(spans.baseline.until, spans.canary.until);
  return ARMS.flatMap((arm) => {
    const span = spans[arm];
    const rate = arms[arm].t.length / Math.max(1e-9, span.until - span.from);
    const allowed = Math.max(LEAST_SECONDS, LEAST_MISSED / rate, MOST_APART * (until - from));
    const late = span.from - from;
    const early = until - span.until;
    const found: string[] = [];
    if (late > allowed)
      found.push(`${arm} begins ${late.toFixed(1)} s after the other arm: take samples of both from the beginning`);
    if (early > allowed) {
      found.push(
        `${arm} ends ${early.toFixed(1)} s before the other arm, after ${percent((span.until - from) / (until - from))} of the time: take samples of both to the end`,
      );
    }
    return found;
  });
}

function meanLatency({ latencyMs, ok }: Samples): number {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < ok.length; i += 1) {
    if (ok[i] !== 1) continue;
    sum += latencyMs[i]!;
    count += 1;
  }
  return count === 0 ? 0 : sum / count;
}

/** Whether an arm has fewer requests than planned, and not because its users, who wait for each answer, waited longer. */
function findMissing({ baseline, canary }: Record<ArmName, Samples>, planned: number | undefined): string | undefined {
  const [nb, nc] = [baseline.t.length, canary.t.length];
  const share = nc / (nb + nc);
  if (planned === undefined && Math.max(nb, nc) > MEANT_EQUAL * Math.min(nb, nc)) return undefined;
  const wanted = planned ?? 0.5;
  const off = Math.abs(share - wanted);
  const chance = Z * Math.sqrt((wanted * (1 - wanted)) / (nb + nc));
  if (off <= chance || off <= MOST_OFF * Math.min(wanted, 1 - wanted)) return undefined;
  const [poor, rich] = share < wanted ? [canary, baseline] : [baseline, canary];
  if (planned === undefined && poor.t.length / rich.t.length > 0.9 * (meanLatency(rich) / meanLatency(poor))) return undefined;
  const remedy =
    planned === undefined ? "If that is the plan, say so: canary-share" : `Planned were ${percent(planned)} (canary-share)`;
  return `the canary has ${percent(share)} of the requests (${nc} against ${nb}): some are missing. ${remedy}`;
}
