import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { FAIL_ON, type FailOn } from "../lib/judge/verdict.ts";
import { formatDuration, type InputReader, readInputs } from "../lib/runner/inputs.ts";

/** Absolute limits of a smoke run. Equality passes. */
export interface SmokeLimits {
  p95Ms: number;
  /** 0–1 */
  errorRate: number;
  /** Requests a second. */
  minRps: number;
  minRequests: number;
}

export interface SmokeInputs {
  baseUrl: string;
  /** Absolute path; undefined means the bundled script. */
  script: string | undefined;
  rps: number;
  /** As k6 reads it: `1m30s`. */
  duration: string;
  limits: SmokeLimits;
  k6Version: string;
  k6Path: string;
  env: Record<string, string>;
  /** Absolute path. */
  reportDirectory: string;
  artifactName: string;
  failOn: FailOn;
}

export const DEFAULT_P95_MS = 450;

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
export function smokeInputs(environment: Environment = process.env): SmokeInputs {
  const base = workspace(environment);
  return readInputs(
    (read): SmokeInputs => ({
      baseUrl: read.url("base-url", { required: true }),
      script: existingFile(read, "script", base, "Give the path of a k6 script, or leave it empty for the bundled one."),
      rps: read.number("rps", { fallback: 50, above: 0, max: 100_000 }),
      duration: formatDuration(read.duration("duration", "60s")),
      limits: {
        p95Ms: read.number("p95-threshold-ms", { fallback: DEFAULT_P95_MS, above: 0 }),
        errorRate: read.number("error-rate-threshold", { fallback: 0.01, min: 0, max: 1 }),
        minRps: read.number("min-rps", { fallback: 40, min: 0 }),
        minRequests: read.number("min-requests", { fallback: 300, min: 1, integer: true }),
      },
      k6Version: k6Version(read),
      k6Path: existingFile(read, "k6-path", base, "Give the path of a k6 executable, or leave it empty.") ?? "",
      env: scriptVariables(read),
      reportDirectory: resolve(base, read.text("report-directory", "reports/performance")),
      artifactName: read.artifactName("artifact-name", "smoke-summary"),
      failOn: read.choice("fail-on", FAIL_ON),
    }),
    environment,
  );
}

function existingFile(read: InputReader, name: string, base: string, remedy: string): string | undefined {
  if (!read.given(name)) return undefined;
  const path = resolve(base, read.raw(name));
  if (!existsSync(path) || !statSync(path).isFile()) read.reject(name, `a file in ${base}`, remedy);
  return path;
}

function k6Version(read: InputReader): string {
  const text = read.raw("k6-version");
  if (text !== "" && !/^v?\d+\.\d+\.\d+(-[\w.]+)?$/.test(text))
    read.reject("k6-version", "a version such as 2.2.0", "Write three numbers, or leave it empty.");
  return text.replace(/^v/, "");
}

function scriptVariables(read: InputReader): Record<string, string> {
  const variables = read.environmentLines("env");
  for (const [name, input] of Object.entries(OWN_VARIABLES)) {
    if (name in variables)
      read.mistakes.push(
        `env: expected no line for ${name}, which the action gives to the script itself. Use the input ${input}.`,
      );
  }
  return variables;
}
