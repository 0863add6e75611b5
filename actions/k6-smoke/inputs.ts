import { resolve } from "node:path";
import { FAIL_ON, type FailOn } from "../lib/judge/verdict.ts";
import { type K6Inputs, readK6Inputs, sendsUrlAsGiven } from "../lib/k6/traffic.ts";
import { readInputs } from "../lib/runner/inputs.ts";

/** Absolute limits of a smoke run. Equality passes. */
export interface SmokeLimits {
  p95Ms: number;
  /** 0–1 */
  errorRate: number;
  /** Share of the script's checks that may fail, 0–1; a threshold of the script on its checks takes its place. */
  checkFailureRate: number;
  /** Requests per second. */
  minRps: number;
  minRequests: number;
}

export interface SmokeInputs extends K6Inputs {
  baseUrl: string;
  rps: number;
  seconds: number;
  limits: SmokeLimits;
  /** Absolute path. */
  reportDirectory: string;
  artifactName: string;
  failOn: FailOn;
}

export const DEFAULT_P95_MS = 450;
/** Share of the asked rate that must be reached, where `min-rps` doesn't say. */
const DELIVERED_SHARE = 0.8;

/** Variables that the action itself gives to the script. */
const OWN_VARIABLES: Readonly<Record<string, string>> = { BASE_URL: "base-url", K6_RPS: "rps", K6_DURATION: "duration" };

type Environment = Readonly<Record<string, string | undefined>>;

/** Folder that relative paths start from. */
export function workspace(environment: Environment = process.env): string {
  return resolve(environment["GITHUB_WORKSPACE"] || process.cwd());
}

/**
 * The inputs of k6-smoke, checked.
 *
 * @throws InputMistakes with every mistake
 */
export function loadInputs(environment: Environment = process.env): SmokeInputs {
  const base = workspace(environment);
  return readInputs((read): SmokeInputs => {
    const rps = read.number("rps", { fallback: 50, above: 0, max: 100_000 });
    return {
      ...readK6Inputs(read, base, OWN_VARIABLES),
      baseUrl: read.url("base-url", { required: true, asGiven: sendsUrlAsGiven(read) }),
      rps,
      seconds: read.duration("duration", "60s"),
      limits: {
        p95Ms: read.number("p95-threshold-ms", { fallback: DEFAULT_P95_MS, above: 0 }),
        errorRate: read.number("error-rate-threshold", { fallback: 0.01, min: 0, max: 1 }),
        checkFailureRate: read.number("max-check-failure-rate", { fallback: 0.01, min: 0, max: 1 }),
        minRps: read.number("min-rps", { fallback: DELIVERED_SHARE * rps, min: 0 }),
        minRequests: read.number("min-requests", { fallback: 300, min: 1, integer: true }),
      },
      reportDirectory: resolve(base, read.text("report-directory", "reports/performance")),
      artifactName: read.artifactName("artifact-name", "smoke-summary"),
      failOn: read.choice("fail-on", FAIL_ON),
    };
  }, environment);
}
