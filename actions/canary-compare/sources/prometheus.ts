import { onlyLook } from "../../lib/judge/looks.ts";
import type { Reason } from "../../lib/judge/verdict.ts";
import { LEAST_SUCCESSES } from "../../lib/judge/windows.ts";
import { PrometheusClient } from "../../lib/prometheus/client.ts";
import { PrometheusError } from "../../lib/prometheus/failure.ts";
import { type Histogram, histogramQuantile, LATENCY_UNITS, totalOf } from "../../lib/prometheus/histogram.ts";
import { negate } from "../../lib/prometheus/matchers.ts";
import type { CanaryReport, Evidence, PrometheusWindow } from "../../lib/report/canary-report.ts";
import { splitUrlPassword } from "../../lib/runner/log.ts";
import type { Inputs } from "../inputs.ts";
import type { PrometheusInputs } from "../prometheus-inputs.ts";
import { type Observed, rounded } from "../report/facts.ts";
import { ARMS, type ArmName, Recording } from "../samples/recording.ts";
import { type ArmSeries, mergeCells, readArm } from "./prometheus-arm.ts";
import { findFaults, findReadingFaults, note, sharedBounds } from "./prometheus-faults.ts";
import { readNativeArms } from "./prometheus-native.ts";
import { findKind, type Plan, planQueries, selectorOf } from "./prometheus-plan.ts";

const TIMEOUT_MS = 15_000;
const Z95 = 1.959963984540054;
/** Successes of the poorer arm that a window needs where the arms are of unequal size: a p95 of few requests is biased. */
const LEAST_UNEQUAL_SUCCESSES = 200;
/** Arms are of equal size up to this factor. */
const EQUAL_FACTOR = 1.5;

type Facts = NonNullable<CanaryReport["observations"]["prometheus"]>;

/** An arm without a success. */
const NOTHING: Facts["baseline"] = { p95_ms: null, p95_interval_ms: null, saturated: false, bucket_ms: null };

function connect(source: PrometheusInputs): PrometheusClient {
  const { url, token, headers } = source;
  return new PrometheusClient({ url, token, headers, timeoutMs: TIMEOUT_MS });
}

/** p95 of a histogram with its 95 % interval as if requests were independent, in milliseconds. */
function describe(successes: Histogram, unitMs: number): Facts["baseline"] {
  const n = totalOf(successes);
  const p95 = histogramQuantile(successes, 0.95);
  if (p95 === undefined) return NOTHING;
  const spread = Z95 * Math.sqrt((0.95 * 0.05) / n);
  const at = (q: number) => rounded(histogramQuantile(successes, Math.min(1, Math.max(0, q)))!.value * unitMs);
  return {
    p95_ms: rounded(p95.value * unitMs),
    p95_interval_ms: [at(0.95 - spread), at(0.95 + spread)],
    saturated: p95.saturated,
    bucket_ms: rounded(p95.width * unitMs),
  };
}

/** How many cells make a window: as many as a step, and more where unequal arms leave the poorer one too few requests in it. */
export function cellsOfWindow(arms: Record<ArmName, ArmSeries>, plan: Plan): number {
  const aStep = Math.round(plan.stepSeconds / plan.cellSeconds);
  const successes = ARMS.map((arm) => arms[arm].cells.map((cell) => cell.requests - cell.failures));
  const totals = successes.map((list) => list.reduce((sum, n) => sum + n, 0));
  const [poor, rich] = [Math.min(...totals), Math.max(...totals)];
  if (poor <= 0 || rich <= EQUAL_FACTOR * poor) return aStep;
  const perStep = (poor / arms.baseline.cells.length) * aStep;
  return aStep * Math.max(1, Math.ceil(LEAST_UNEQUAL_SUCCESSES / perStep - 1e-9));
}

/** Cuts both arms into windows of one clock. The oldest takes what is left over, so that no request falls out. */
function cutIntoWindows(
  arms: Record<ArmName, ArmSeries>,
  bounds: readonly number[],
  plan: Plan,
  unitMs: number,
): PrometheusWindow[] {
  const size = cellsOfWindow(arms, plan);
  const all = arms.baseline.cells.length;
  const count = Math.max(1, Math.floor(all / size));
  return Array.from({ length: count }, (_, i) => {
    const to = all - (count - 1 - i) * size;
    const from = i === 0 ? 0 : to - size;
    const of = (arm: ArmName) => {
      const { requests, failures, successes } = mergeCells(arms[arm].cells.slice(from, to), bounds);
      const p95 = totalOf(successes) >= LEAST_SUCCESSES ? histogramQuantile(successes, 0.95) : undefined;
      return { requests: rounded(requests), failures: rounded(failures), p95 };
    };
    const [b, c] = [of("baseline"), of("canary")];
    return {
      start: rounded(plan.start + from * plan.cellSeconds),
      baseline_p95_ms: rounded(b.p95 && b.p95.value * unitMs),
      canary_p95_ms: rounded(c.p95 && c.p95.value * unitMs),
      baseline_saturated: b.p95?.saturated ?? false,
      canary_saturated: c.p95?.saturated ?? false,
      baseline_requests: b.requests,
      canary_requests: c.requests,
      baseline_failures: b.failures,
      canary_failures: c.failures,
    };
  });
}

async function readArms(client: PrometheusClient, source: PrometheusInputs, plan: Plan): Promise<Record<ArmName, ArmSeries>> {
  if (plan.kind === "native") return await readNativeArms(client, source, plan);
  const [baseline, canary] = await Promise.all(ARMS.map((arm) => readArm(client, source, selectorOf(source, arm), plan)));
  return { baseline: baseline!, canary: canary! };
}

/** Asks the server for both arms. What is wrong is told in the notes. @throws InputMistakes */
async function ask(source: PrometheusInputs): Promise<{ prometheus: Facts; notes: Reason[]; seconds: number }> {
  const client = connect(source);
  const { metric, unit } = source;
  const unitMs = LATENCY_UNITS[unit];
  const empty: Facts = {
    metric,
    unit,
    scrape_seconds: null,
    step_seconds: source.stepSeconds ?? 0,
    largest_bound_ms: null,
    baseline: NOTHING,
    canary: NOTHING,
    windows: [],
  };
  try {
    const plan = await planQueries(client, source, await findKind(client, source));
    const [faults, arms] = await Promise.all([findFaults(client, source, plan), readArms(client, source, plan)]);
    const bounds = sharedBounds(arms);
    const whole = (arm: ArmName) => mergeCells(arms[arm].cells, arms[arm].bounds).successes;
    const p95 = (arm: ArmName) => histogramQuantile(whole(arm), 0.95)?.value;
    const notes = [
      ...faults,
      ...findReadingFaults(arms, source, plan.kind, { baseline: p95("baseline"), canary: p95("canary") }),
    ];
    const size = cellsOfWindow(arms, plan);
    const largest = plan.kind === "native" ? undefined : bounds.filter(Number.isFinite).at(-1);
    const prometheus: Facts = {
      ...empty,
      scrape_seconds: rounded(plan.scrapeSeconds),
      step_seconds: rounded(size * plan.cellSeconds),
      largest_bound_ms: rounded(largest === undefined ? undefined : largest * unitMs),
      baseline: describe(mergeCells(arms.baseline.cells, bounds).successes, unitMs),
      canary: describe(mergeCells(arms.canary.cells, bounds).successes, unitMs),
      windows: cutIntoWindows(arms, bounds, plan, unitMs),
    };
    return { prometheus, notes, seconds: plan.end - plan.start };
  } catch (error) {
    if (!(error instanceof PrometheusError)) throw error;
    return { prometheus: empty, notes: [note(error.code, `prometheus-url: ${error.message}`)], seconds: 0 };
  }
}

/**
 * Reads both arms' windows from a Prometheus server. What is wrong is told in the notes.
 *
 * @throws InputMistakes when windows are shorter than the server's scrapes allow
 */
export async function observePrometheus(source: PrometheusInputs, inputs: Inputs): Promise<Observed> {
  const { prometheus, notes, seconds } = await ask(source);
  const { windows } = prometheus;
  const total = (arm: ArmName) =>
    windows.reduce((sum, w) => sum + (arm === "baseline" ? w.baseline_requests : w.canary_requests), 0);
  const oneEnded = notes.length === 1 && notes[0]!.code === "STALE_DATA";
  const look = onlyLook(seconds);
  const all = total("baseline") + total("canary");
  const rate = (arm: ArmName) => (seconds > 0 ? rounded(total(arm) / seconds) : null);
  const arm = (version: string) => ({
    version: version || null,
    url: splitUrlPassword(source.url).shown,
    kind: "prometheus" as const,
  });
  return {
    arms: { baseline: new Recording(), canary: new Recording() },
    facts: {
      environment: {
        phase: "compare",
        k6_version: null,
        script_sha256: null,
        cpus: null,
        generator_cpu: null,
        stolen_cpu: null,
        before_p95_ms: null,
      },
      baseline: arm(inputs.baselineVersion),
      canary: arm(inputs.canaryVersion),
      traffic: {
        source: "prometheus",
        pattern: "interleaved",
        rounds: null,
        duration_s: seconds,
        warm_up_s: 0,
        target_rps: null,
        achieved_rps: { baseline: rate("baseline"), canary: rate("canary") },
        dropped_iterations: null,
        planned_canary_share: inputs.canaryShare ?? null,
        observed_canary_share: all === 0 ? null : rounded(total("canary") / all),
      },
      observations: {
        look: { number: 1, seconds, alpha_fail: look.alphaFail, alpha_pass: look.alphaPass, c: look.c },
        clock: null,
        notes,
        // An arm that ended keeps from passing; a canary that was worse while it was there is worse.
        blocking: notes.length > 0 && !oneEnded,
        ...(oneEnded ? { unsure: true } : {}),
        broken: false,
        evidence: [],
        started_iterations: null,
        prometheus,
      },
    },
  };
}

/** p95 of an arm's successes over the last `seconds`, in the metric's unit. */
function p95Query({ metric, errorMatcher }: PrometheusInputs, selector: string, seconds: number): string {
  const range = `${Math.max(1, Math.round(seconds))}s`;
  return `histogram_quantile(0.95, sum by (le) (rate(${metric}_bucket{${selector},${negate(errorMatcher)}}[${range}])))`;
}

/** What Prometheus saw of a live run: evidence beside the samples, and a note when it could not be asked. */
export async function crossCheck(
  source: PrometheusInputs,
  endSeconds: number,
  seconds: number,
): Promise<{ evidence: Evidence[]; notes: Reason[] }> {
  const client = connect(source);
  const unitMs = LATENCY_UNITS[source.unit];
  try {
    const [baseline, canary] = await Promise.all(
      ARMS.map(async (arm) => {
        const [sample] = await client.instant(p95Query(source, selectorOf(source, arm), seconds), { time: endSeconds });
        return sample !== undefined && Number.isFinite(sample.value) ? sample.value * unitMs : undefined;
      }),
    );
    if (baseline !== undefined && canary !== undefined) {
      const message = `Prometheus: p95 of the canary ${canary.toFixed(1)} ms, of the baseline ${baseline.toFixed(1)} ms`;
      return { evidence: [{ source: "prometheus", name: "p95", unit: "ms", baseline, canary, message }], notes: [] };
    }
  } catch (error) {
    if (!(error instanceof PrometheusError)) throw error;
    return { evidence: [], notes: [{ ...note(error.code, `prometheus-url: ${error.message}`), severity: "info" }] };
  }
  const message =
    "Prometheus knows no p95 of both arms for the time of the run: it may scrape too rarely, or the selectors match nothing";
  return { evidence: [], notes: [{ ...note("NO_DATA", message), severity: "info" }] };
}
