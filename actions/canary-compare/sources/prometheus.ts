import { onlyLook } from "../../lib/judge/looks.ts";
import type { Reason } from "../../lib/judge/verdict.ts";
import { PrometheusClient } from "../../lib/prometheus/client.ts";
import { PrometheusError } from "../../lib/prometheus/failure.ts";
import { readNumber } from "../../lib/prometheus/reading.ts";
import type { Evidence, PrometheusWindow } from "../../lib/report/canary-report.ts";
import { splitUrlPassword } from "../../lib/runner/log.ts";
import type { Inputs, PrometheusInputs } from "../inputs.ts";
import { type Observed, rounded } from "../report/facts.ts";
import { ARMS, type ArmName, Recording } from "../samples/recording.ts";

const TIMEOUT_MS = 15_000;

/** The opposite of one label matcher: `a=~"b"` becomes `a!~"b"`. */
export function negateMatcher(matcher: string): string {
  const opposite: Record<string, string> = { "=~": "!~", "!~": "=~", "=": "!=", "!=": "=" };
  return matcher.replace(/^(\s*\w+\s*)(=~|!~|!=|=)/, (_, name: string, operator: string) => `${name}${opposite[operator]}`);
}

/** The expressions of one arm: p95 of successes in seconds, and how many requests and failures there were, each over `range`. */
export function armQueries({ metric, errorMatcher }: PrometheusInputs, selector: string, range: string) {
  return {
    p95: `histogram_quantile(0.95, sum by (le) (rate(${metric}_bucket{${selector},${negateMatcher(errorMatcher)}}[${range}])))`,
    requests: `sum(increase(${metric}_count{${selector}}[${range}]))`,
    failures: `sum(increase(${metric}_count{${selector},${errorMatcher}}[${range}]))`,
  };
}

function selectorOf(inputs: PrometheusInputs, arm: ArmName): string {
  return arm === "baseline" ? inputs.baselineSelector : inputs.canarySelector;
}

function note(code: Reason["code"], message: string): Reason {
  return { code, metric: null, severity: "warning", message };
}

/** What keeps the series from being compared: none, old ones, or series that belong to both arms. */
async function findFaults(client: PrometheusClient, inputs: PrometheusInputs): Promise<Reason[]> {
  const faults: Reason[] = [];
  for (const arm of ARMS) {
    const reading = await readNumber(client, `count(${inputs.metric}_count{${selectorOf(inputs, arm)}})`, 2 * inputs.stepSeconds);
    if (!reading.known) faults.push(note(reading.code, `${arm}: ${reading.message}`));
  }
  const series = (arm: ArmName) => `${inputs.metric}_count{${selectorOf(inputs, arm)}}`;
  const shared = await client.instant(`count(${series("baseline")} and ${series("canary")})`);
  if (shared.length > 0 && shared[0]!.value > 0) {
    faults.push(
      note(
        "MULTIPLE_SERIES",
        `${shared[0]!.value} series match both baseline-selector and canary-selector: the arms must not share series`,
      ),
    );
  }
  return faults;
}

/** One arm's windows, by their end in Unix seconds. */
async function armWindows(
  client: PrometheusClient,
  inputs: PrometheusInputs,
  arm: ArmName,
  range: { start: number; end: number },
) {
  const queries = armQueries(inputs, selectorOf(inputs, arm), `${inputs.stepSeconds}s`);
  const ask = async (query: string) => {
    const series = await client.range(query, { ...range, stepSeconds: inputs.stepSeconds });
    return new Map(series[0]?.points.map(([t, value]) => [Math.round(t), value]) ?? []);
  };
  return { p95: await ask(queries.p95), requests: await ask(queries.requests), failures: await ask(queries.failures) };
}

function finite(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

/** Reads both arms' windows from a Prometheus server, over the last `duration`. What is wrong is told in the notes. */
export async function observePrometheus(source: PrometheusInputs, inputs: Inputs, nowSeconds: number): Promise<Observed> {
  const step = source.stepSeconds;
  const count = Math.max(1, Math.floor(inputs.durationSeconds / step));
  const end = Math.floor(nowSeconds);
  const range = { start: end - (count - 1) * step, end };
  const client = new PrometheusClient({ url: source.url, token: source.token, timeoutMs: TIMEOUT_MS });
  const notes: Reason[] = [];
  let windows: PrometheusWindow[] = [];
  try {
    notes.push(...(await findFaults(client, source)));
    const [baseline, canary] = [
      await armWindows(client, source, "baseline", range),
      await armWindows(client, source, "canary", range),
    ];
    windows = Array.from({ length: count }, (_, i) => {
      const at = range.start + i * step;
      const ms = (value: number | undefined) => (finite(value) === undefined ? null : rounded(value! * 1000));
      return {
        start: at - step,
        baseline_p95_ms: ms(baseline.p95.get(at)),
        canary_p95_ms: ms(canary.p95.get(at)),
        baseline_requests: rounded(finite(baseline.requests.get(at)) ?? 0),
        canary_requests: rounded(finite(canary.requests.get(at)) ?? 0),
        baseline_failures: rounded(finite(baseline.failures.get(at)) ?? 0),
        canary_failures: rounded(finite(canary.failures.get(at)) ?? 0),
      };
    });
    for (const [arm, values] of [
      ["baseline", baseline.p95],
      ["canary", canary.p95],
    ] as const) {
      if (values.size > 0 && [...values.values()].every((value) => Number.isNaN(value))) {
        notes.push(note("NON_FINITE", `${arm}: every p95 is NaN, which is 0 ÷ 0: no request in any window of ${step} s`));
      }
    }
  } catch (error) {
    if (!(error instanceof PrometheusError)) throw error;
    notes.push(note("QUERY_ERROR", `prometheus-url: ${error.message}`));
  }
  const total = (arm: ArmName) =>
    windows.reduce((sum, w) => sum + (arm === "baseline" ? w.baseline_requests : w.canary_requests), 0);
  const seconds = count * step;
  const look = onlyLook(seconds);
  const all = total("baseline") + total("canary");
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
        achieved_rps: { baseline: rounded(total("baseline") / seconds), canary: rounded(total("canary") / seconds) },
        dropped_iterations: null,
        planned_canary_share: null,
        observed_canary_share: all === 0 ? null : rounded(total("canary") / all),
      },
      observations: {
        look: { number: 1, seconds, alpha_fail: look.alphaFail, alpha_pass: look.alphaPass, c: look.c },
        clock: null,
        notes,
        blocking: notes.length > 0,
        broken: false,
        evidence: [],
        started_iterations: null,
        prometheus: { step_seconds: step, windows },
      },
    },
  };
}

/** What Prometheus saw of a live run: evidence beside the samples, and a note when it could not be asked. */
export async function crossCheck(
  source: PrometheusInputs,
  endSeconds: number,
  seconds: number,
): Promise<{ evidence: Evidence[]; notes: Reason[] }> {
  const client = new PrometheusClient({ url: source.url, token: source.token, timeoutMs: TIMEOUT_MS });
  const values: Record<string, Partial<Record<ArmName, number>>> = {};
  try {
    for (const arm of ARMS) {
      const queries = armQueries(source, selectorOf(source, arm), `${Math.max(1, Math.round(seconds))}s`);
      for (const [name, query] of Object.entries(queries)) {
        const value = finite((await client.instant(query, { time: endSeconds }))[0]?.value);
        if (value !== undefined) values[name] = { ...values[name], [arm]: value };
      }
    }
  } catch (error) {
    if (!(error instanceof PrometheusError)) throw error;
    return { evidence: [], notes: [{ ...note("QUERY_ERROR", `prometheus-url: ${error.message}`), severity: "info" }] };
  }
  const evidence: Evidence[] = [];
  const { baseline, canary } = values["p95"] ?? {};
  if (baseline !== undefined && canary !== undefined) {
    const message = `Prometheus: p95 of the canary ${(canary * 1000).toFixed(1)} ms, of the baseline ${(baseline * 1000).toFixed(1)} ms`;
    evidence.push({ source: "prometheus", name: "p95", unit: "ms", baseline: baseline * 1000, canary: canary * 1000, message });
    return { evidence, notes: [] };
  }
  const message =
    "Prometheus knows no p95 of both arms for the time of the run: it may scrape too rarely, or the selectors match nothing";
  return { evidence, notes: [{ ...note("NO_DATA", message), severity: "info" }] };
}
