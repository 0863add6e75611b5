import { z } from "zod";
import { millisecondsSchema, ratioSchema, reasonSchema, runSchema, timeSchema, verdictSchema } from "./run.ts";

const count = z.int().nonnegative();
const known = z.number().nullable();
const seconds = z.number().nonnegative();
const interval = z.tuple([z.number(), z.number()]).nullable().describe("95 % interval, null when it is not known");

const armSchema = z.strictObject({
  version: z.string().nullable().describe("What the arm said of itself in the version header, else what the inputs said"),
  url: z.string().nullable().describe("Base URL without user and password, null when the samples came from elsewhere"),
  kind: z.enum(["live", "file", "prometheus", "before"]).describe("Where the arm's numbers came from"),
});

const armFiguresSchema = z.strictObject({
  value: known.describe("null when it could not be measured"),
  n: count.describe("Requests behind the value"),
  interval,
});

const metricSchema = z.strictObject({
  name: z.enum(["p95", "error_rate"]),
  unit: z.enum(["ms", "ratio"]),
  baseline: armFiguresSchema,
  canary: armFiguresSchema,
  delta: known.describe("canary − baseline"),
  delta_percent: known,
  ratio: known.describe("The ratio that is judged: see ratio_kind; without one canary ÷ baseline of the two values"),
  ratio_kind: z
    .enum(["typical", "stall", "pooled"])
    .optional()
    .describe("p95 only: which ratio decided; pooled is that of the whole run"),
  typical_ratio: known.describe("p95 only: Hodges–Lehmann median of the ratios window by window"),
  stall_ratio: known.describe("p95 only: mean of the ratios over long windows; judged as well"),
  ratio_interval: interval,
  p_value: ratioSchema.describe('One-sided p value of "the canary is not worse"'),
  method: z.strictObject({
    id: z.string(),
    alpha: z.number().describe("One-sided error probability of FAIL at this look"),
    looks: z.int().positive().describe("Number of looks taken, this one included"),
  }),
  limits: z.array(z.strictObject({ kind: z.enum(["ratio", "absolute"]), value: z.number(), source: z.string() })),
  min_detectable_ratio: known.describe("Least ratio that would fail with 80 % probability"),
  status: verdictSchema,
  reason_code: reasonSchema.shape.code,
});

const routeArmSchema = z.strictObject({ requests: count, p95_ms: millisecondsSchema, error_rate: ratioSchema });

const routeSchema = z.strictObject({
  name: z.string(),
  baseline: routeArmSchema,
  canary: routeArmSchema,
  delta_percent: known,
  status: verdictSchema
    .nullable()
    .optional()
    .describe("INCONCLUSIVE: a rise too clear to pass, not clear enough to fail; null: too few requests to say"),
  p_value: ratioSchema.optional().describe("One-sided p value of this route's worse test"),
});

const evidenceSchema = z.strictObject({
  source: z.enum(["arms", "phases", "routes", "metrics", "before", "generator", "prometheus"]),
  name: z.string(),
  unit: z.string(),
  baseline: known,
  canary: known,
  message: z.string(),
});

/** The JSON Schema's `policy`: what was allowed, and what was overridden. */
const policySchema = z.strictObject({
  mode: z.enum(["guarded", "strict"]),
  on_inconclusive: z.enum(["hold", "rollback", "proceed"]),
  max_p95_ratio: z.number(),
  min_p95_delta_ms: z.number(),
  p95_ceiling_ms: z.number().nullable(),
  max_error_ratio: z.number(),
  min_error_rate: z.number(),
  max_error_rate: z.number().optional(),
  min_samples: count,
  overrides: z.array(z.string()),
});

const histogramArmSchema = z.strictObject({
  p95_ms: millisecondsSchema.describe("Over the whole stretch; where saturated, at least this"),
  p95_interval_ms: interval,
  saturated: z.boolean().describe("Whether p95 lies above the largest finite bucket"),
  bucket_ms: millisecondsSchema.describe("Width of the bucket in which p95 lies"),
});

const accountSchema = z
  .strictObject({
    iterations: count.describe("Iterations of the script that were started"),
    dropped: count.describe("Iterations that k6 could not start in time"),
    not_sent: count.describe("Those of them that count as failures, since this arm alone kept k6 waiting"),
    unanswered: count.describe("Requests that were sent and never answered; they count as failures"),
    threw: count.describe("Iterations that threw an exception though no request failed; one request of each counts as a failure"),
    failed_by_checks: count.describe(
      "Iterations whose check failed though no request did; one request of each counts as a failure",
    ),
    checks: z.array(z.strictObject({ name: z.string(), passed: count, failed: count })).describe("The most failed first"),
    connections: count.describe("Requests that opened a new connection"),
    crossed: z.array(z.string()).describe("The script's own thresholds that this arm crossed"),
  })
  .describe("Everything that was started on one arm, and what became of it");

/** What was known of the run beside its samples. A replay reads it from here. */
const observationsSchema = z.strictObject({
  look: z.strictObject({ number: z.int().positive(), seconds, alpha_fail: z.number(), alpha_pass: z.number(), c: z.number() }),
  clock: z.strictObject({ start: z.number(), seconds }).nullable(),
  notes: z.array(reasonSchema).describe("Reasons that the source of the samples gave"),
  blocking: z.boolean().describe("Whether those notes keep the samples from being judged"),
  broken: z.boolean().describe("Whether the measurement itself could not be made"),
  evidence: z.array(evidenceSchema).describe("Phases, metrics and other measurements, before any conclusion"),
  started_iterations: count.nullable(),
  unsure: z.boolean().optional().describe("Whether those notes keep the canary from passing, though it may fail"),
  arms: z
    .strictObject({ baseline: accountSchema.nullable(), canary: accountSchema.nullable() })
    .optional()
    .describe("Account of what live traffic started; an arm that got none is null"),
  prometheus: z
    .strictObject({
      metric: z.string(),
      unit: z.string().describe("Unit in which the metric's values were read"),
      scrape_seconds: seconds.nullable().describe("Between two scrapes, null when it is not known"),
      step_seconds: seconds,
      largest_bound_ms: millisecondsSchema.describe("Largest finite bucket of both arms, null when there is none"),
      baseline: histogramArmSchema,
      canary: histogramArmSchema,
      windows: z.array(
        z.strictObject({
          start: z.number(),
          baseline_p95_ms: millisecondsSchema,
          canary_p95_ms: millisecondsSchema,
          baseline_saturated: z.boolean(),
          canary_saturated: z.boolean(),
          baseline_requests: z.number(),
          canary_requests: z.number(),
          baseline_failures: z.number(),
          canary_failures: z.number(),
        }),
      ),
    })
    .nullable()
    .describe("Windows that Prometheus gave, null when the samples are requests"),
});

const selfCheckSchema = z.strictObject({
  same_verdict: verdictSchema.describe("Verdict on the baseline against itself: must not be FAIL"),
  slower_verdict: verdictSchema.describe("Verdict on the same with +30 % on the second: must be FAIL"),
  noise_floor_ratio: known.describe("Least ratio that this traffic would detect"),
});

/** `canary-report-<timestamp>.json`, what canary-compare writes. */
export const canaryReportSchema = z
  .strictObject({
    schema_version: z.literal(1),
    kind: z.literal("canary-report"),
    run: runSchema,
    generated_at: timeSchema,
    environment: z.strictObject({
      phase: z.enum(["compare", "baseline"]),
      k6_version: z.string().nullable(),
      script_sha256: z.string().nullable(),
      cpus: z.int().positive().nullable(),
      generator_cpu: ratioSchema.describe("CPU time of k6 as a share of all cores"),
      stolen_cpu: ratioSchema.describe("CPU time that the host took away"),
      before_p95_ms: millisecondsSchema.describe("p95 of the same traffic before the deployment"),
    }),
    baseline: armSchema,
    canary: armSchema,
    traffic: z.strictObject({
      source: z.enum(["k6", "file", "prometheus"]),
      pattern: z.enum(["interleaved", "slices", "before-after"]),
      rounds: z.int().positive().nullable(),
      duration_s: seconds.describe("Seconds that were judged"),
      warm_up_s: seconds,
      target_rps: z.number().nullable().describe("Requests started a second and arm"),
      achieved_rps: z.strictObject({ baseline: known, canary: known }),
      dropped_iterations: count.nullable(),
      planned_canary_share: ratioSchema,
      observed_canary_share: ratioSchema,
    }),
    verdict: verdictSchema,
    decision: z.enum(["PROCEED", "ROLLBACK", "HOLD"]),
    summary: z.string().describe("One sentence"),
    reasons: z.array(reasonSchema).min(1),
    metrics: z.array(metricSchema).length(2),
    routes: z.array(routeSchema),
    cause: z.strictObject({
      class: z.enum(["canary", "environment", "upstream", "unknown"]),
      evidence: z.array(evidenceSchema),
    }),
    error_budget: z
      .strictObject({ remaining: z.number().nullable(), tier: z.string().nullable(), source: z.string() })
      .nullable()
      .describe("What error-budget-threshold said, when its report was given"),
    self_check: selfCheckSchema.nullable(),
    policy: policySchema,
    inputs: z.strictObject({
      digest: z
        .string()
        .regex(/^sha256:[0-9a-f]{64}$/)
        .describe("Of the stored samples, unpacked"),
      samples_path: z.string().nullable().describe("File beside this report; null when no request was measured"),
    }),
    observations: observationsSchema,
  })
  .describe("Result of one comparison of a canary with its baseline");

/** A canary report, as it is on disk. */
export type CanaryReport = z.infer<typeof canaryReportSchema>;
/** One measurement that says where a difference comes from. */
export type Evidence = z.infer<typeof evidenceSchema>;
/** Everything that was started on one arm, and what became of it. */
export type ArmAccount = z.infer<typeof accountSchema>;
/** One window of both arms as Prometheus gave it. */
export type PrometheusWindow = NonNullable<CanaryReport["observations"]["prometheus"]>["windows"][number];
