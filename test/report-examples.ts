import { quantile } from "../actions/lib/judge/quantiles.ts";
import type { CanaryReport } from "../actions/lib/report/canary-report.ts";
import type { ErrorBudget } from "../actions/lib/report/error-budget.ts";
import type { HistoryPoint } from "../actions/lib/report/history.ts";
import type { ArmSamples } from "../actions/lib/report/samples.ts";
import type { SmokeSummary } from "../actions/lib/report/smoke-summary.ts";

/** A run as GitHub Actions would name it. */
export const EXAMPLE_RUN = {
  repository: "octo/hotel",
  run_id: 4242,
  run_attempt: 1,
  sha: "3f1c9a7be2d04c5f8a6b7c8d9e0f1a2b3c4d5e6f",
  ref: "refs/pull/17/merge",
  workflow: "Performance",
  job: "gate",
  event: "pull_request",
} as const;

export function exampleSmoke(values: Partial<SmokeSummary> = {}): SmokeSummary {
  return {
    schema_version: 1,
    kind: "smoke-summary",
    verdict: "PASS",
    reasons: [
      {
        code: "OK",
        metric: null,
        severity: "info",
        message: "p95 312 ms ≤ 450 ms and error rate 0.03 % ≤ 1 % over 3000 requests",
      },
    ],
    p95_ms: 312.4,
    p50_ms: 121.8,
    p99_ms: 498.2,
    error_rate: 0.000333,
    rps: 49.98,
    requests: 3000,
    dropped_iterations: 0,
    checks: { passed: 8997, failed: 3 },
    duration_s: 60,
    thresholds: { p95_ms: 450, error_rate: 0.01, min_rps: 40, source: "input" },
    routes: [
      { name: "POST /webhooks/messages", requests: 2400, p95_ms: 331.2, error_rate: 0.000417 },
      { name: "GET /health/ready", requests: 600, p95_ms: 24.6, error_rate: 0 },
    ],
    k6: { version: "2.2.0", exit_code: 0, script_sha256: null },
    run: EXAMPLE_RUN,
    started_at: "2026-11-21T07:27:18.000Z",
    ended_at: "2026-11-21T07:28:18.000Z",
    ...values,
  };
}

export function exampleBudget(values: Partial<ErrorBudget> = {}): ErrorBudget {
  const tiers = [
    { name: "100:450", below: null, p95_ms: 450 },
    { name: "80:420", below: 0.8, p95_ms: 420 },
    { name: "60:400", below: 0.6, p95_ms: 400 },
  ];
  return {
    schema_version: 1,
    kind: "error-budget",
    verdict: "PASS",
    reasons: [
      {
        code: "BUDGET_LOW",
        metric: "error_budget",
        severity: "warning",
        message: "73 % of the error budget is left, below 80 %: the p95 limit is 420 ms instead of 450 ms.",
      },
    ],
    budget_remaining: 0.73,
    p95_threshold_ms: 420,
    tier: tiers[1]!,
    tiers,
    source: "prometheus",
    on_unknown: "strictest",
    query: "error_budget_remaining",
    unit: "ratio",
    sampled_at: "2026-11-21T07:27:00.000Z",
    sample_age_s: 12,
    cache_age_s: null,
    burn_rate: 1.8,
    burn_rate_query: "slo:burn_rate:1h",
    window_days: 30,
    exhaustion_hours: 292,
    smoke: null,
    run: EXAMPLE_RUN,
    generated_at: "2026-11-21T07:27:12.000Z",
    ...values,
  };
}

/** Uniform numbers from 0 to 1, the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Samples of two arms that look like a real service: a log-normal body, some slow requests, weather that both see. */
export function exampleSamples(
  requests = 3000,
  { slower = 1, errorRate = 0.002, seconds = 60, seed = 7 } = {},
): {
  baseline: ArmSamples;
  canary: ArmSamples;
} {
  const random = seeded(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const weather = Array.from({ length: seconds + 1 }, () => 0.94 + random() * 0.12 + (random() < 0.05 ? 0.5 : 0));
  const arm = (factor: number, errors: number): ArmSamples => {
    const samples: ArmSamples = { t: [], latencyMs: [], ok: [] };
    for (let index = 0; index < requests; index++) {
      const t = (index * seconds) / requests;
      const slow = random() < 0.05 ? 1.8 + random() : 1;
      samples.t.push(t);
      samples.latencyMs.push(Math.round(130 * Math.exp(0.42 * normal()) * slow * factor * weather[Math.floor(t)]! * 1000) / 1000);
      samples.ok.push(random() >= errors);
    }
    return samples;
  };
  return { baseline: arm(1, errorRate), canary: arm(slower, errorRate * slower) };
}

/** The samples as canary-compare stores them: NDJSON. */
export function samplesText(arms: { baseline: ArmSamples; canary: ArmSamples }): string {
  const lines: string[] = [];
  for (const name of ["baseline", "canary"] as const) {
    const { t, latencyMs, ok } = arms[name];
    for (const [index, second] of t.entries())
      lines.push(
        JSON.stringify({ arm: name, t: second, latency_ms: latencyMs[index], ok: ok[index], route: "POST /webhooks/messages" }),
      );
  }
  return `${lines.join("\n")}\n`;
}

/** A report whose figures are those of the samples. */
export function exampleCanary(
  arms: { baseline: ArmSamples; canary: ArmSamples } = exampleSamples(),
  values: Partial<CanaryReport> = {},
): CanaryReport {
  const figures = (arm: ArmSamples) => {
    const latencies = arm.latencyMs.filter((_, index) => arm.ok[index]);
    const failed = arm.ok.filter((ok) => !ok).length;
    return { p95: quantile(latencies, 0.95), errors: failed / arm.ok.length, n: arm.ok.length, successes: latencies.length };
  };
  const [baseline, canary] = [figures(arms.baseline), figures(arms.canary)];
  const ratio = canary.p95 / baseline.p95;
  const failed = ratio > 1.1;
  const erring = canary.errors > Math.max(1.5 * baseline.errors, 0.005);
  const verdict = failed ? "FAIL" : "PASS";
  const percent = Math.round((ratio - 1) * 1000) / 10;
  const message = failed
    ? `p95 of the canary is ${percent} % above the baseline (${canary.p95.toFixed(0)} ms against ${baseline.p95.toFixed(0)} ms), limit 10 %.`
    : `p95 of the canary is ${percent} % from the baseline's and errors are alike, over ${canary.n} requests an arm.`;
  const method = { id: "hodges-lehmann-log-ratio", alpha: 0.006, looks: 2 };
  const code = failed ? "P95_RATIO_EXCEEDED" : "OK";
  return {
    schema_version: 1,
    kind: "canary-report",
    run: EXAMPLE_RUN,
    generated_at: "2026-11-21T07:30:00.000Z",
    environment: {
      phase: "compare",
      k6_version: "2.2.0",
      script_sha256: null,
      cpus: 4,
      generator_cpu: 0.18,
      stolen_cpu: 0,
      before_p95_ms: null,
    },
    baseline: { version: "1.4.0", url: "http://127.0.0.1:8001", kind: "live" },
    canary: { version: "1.5.0-rc.1", url: "http://127.0.0.1:8002", kind: "live" },
    traffic: {
      source: "k6",
      pattern: "interleaved",
      rounds: 12,
      duration_s: 60,
      warm_up_s: 5,
      target_rps: 50,
      achieved_rps: { baseline: 49.9, canary: 50 },
      dropped_iterations: 0,
      planned_canary_share: 0.5,
      observed_canary_share: 0.5,
    },
    verdict,
    decision: failed ? "ROLLBACK" : "PROCEED",
    summary: message,
    reasons: [{ code, metric: "p95", severity: failed ? "error" : "info", message }],
    metrics: [
      {
        name: "p95",
        unit: "ms",
        baseline: { value: baseline.p95, n: baseline.successes, interval: [baseline.p95 * 0.96, baseline.p95 * 1.05] },
        canary: { value: canary.p95, n: canary.successes, interval: [canary.p95 * 0.96, canary.p95 * 1.05] },
        delta: canary.p95 - baseline.p95,
        delta_percent: percent,
        ratio,
        typical_ratio: ratio,
        stall_ratio: ratio,
        ratio_interval: [ratio * 0.94, ratio * 1.06],
        p_value: failed ? 0.0004 : 0.41,
        method,
        limits: [{ kind: "ratio", value: 1.1, source: "max-p95-ratio" }],
        min_detectable_ratio: 1.22,
        status: verdict,
        reason_code: code,
      },
      {
        name: "error_rate",
        unit: "ratio",
        baseline: { value: baseline.errors, n: baseline.n, interval: null },
        canary: { value: canary.errors, n: canary.n, interval: null },
        delta: canary.errors - baseline.errors,
        delta_percent: baseline.errors === 0 ? null : (canary.errors / baseline.errors - 1) * 100,
        ratio: baseline.errors === 0 ? null : canary.errors / baseline.errors,
        typical_ratio: null,
        stall_ratio: null,
        ratio_interval: null,
        p_value: 0.5,
        method: { id: "dispersion-adjusted-score", alpha: 0.006, looks: 2 },
        limits: [{ kind: "absolute", value: Math.max(1.5 * baseline.errors, 0.005), source: "max-error-ratio" }],
        min_detectable_ratio: null,
        status: erring ? "FAIL" : "PASS",
        reason_code: erring ? "ERROR_RATE_EXCEEDED" : "OK",
      },
    ],
    routes: [
      {
        name: "POST /webhooks/messages",
        baseline: { requests: baseline.n, p95_ms: baseline.p95, error_rate: baseline.errors },
        canary: { requests: canary.n, p95_ms: canary.p95, error_rate: canary.errors },
        delta_percent: percent,
      },
    ],
    cause: {
      class: failed ? "canary" : "unknown",
      evidence: failed
        ? [
            {
              source: "phases",
              name: "waiting",
              unit: "ms",
              baseline: 118,
              canary: 154,
              message: "the server's own time rose from 118 ms to 154 ms; connecting and receiving didn't change",
            },
          ]
        : [],
    },
    error_budget: null,
    self_check: null,
    policy: {
      mode: "guarded",
      on_inconclusive: "hold",
      max_p95_ratio: 1.1,
      min_p95_delta_ms: 5,
      p95_ceiling_ms: null,
      max_error_ratio: 1.5,
      min_error_rate: 0.005,
      min_samples: 300,
      overrides: [],
    },
    inputs: { digest: `sha256:${"0".repeat(64)}`, samples_path: null },
    observations: {
      look: { number: 2, seconds: 60, alpha_fail: 0.006, alpha_pass: 0.03, c: 0.25 },
      clock: null,
      notes: [],
      blocking: false,
      broken: false,
      evidence: [],
      started_iterations: 6000,
      prometheus: null,
    },
    ...values,
  };
}

/** Runs of a branch before this one, one a day. */
export function exampleHistory(count = 20): HistoryPoint[] {
  const random = seeded(11);
  return Array.from({ length: count }, (_, index) => {
    const p95 = Math.round((300 + 60 * random() + (index === 13 ? 150 : 0)) * 10) / 10;
    const limit = index > 11 && index < 16 ? 420 : 450;
    return {
      run_id: 4000 + index,
      run_attempt: 1,
      sha: Array.from({ length: 40 }, () => Math.floor(random() * 16).toString(16)).join(""),
      ref: "refs/heads/main",
      at: new Date(Date.UTC(2026, 10, 1 + index, 7)).toISOString(),
      verdict: p95 > limit ? "FAIL" : index === 5 ? "INCONCLUSIVE" : "PASS",
      p95_ms: index === 5 ? null : p95,
      p95_limit_ms: limit,
      error_rate: 0.0005,
      p95_ratio: Math.round((0.97 + random() * 0.08) * 1000) / 1000,
    };
  });
}
