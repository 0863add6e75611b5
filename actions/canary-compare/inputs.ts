import { resolve } from "node:path";
import { DEFAULT_POLICY, type Policy } from "../lib/judge/policy.ts";
import { FAIL_ON, type FailOn, type OnInconclusive } from "../lib/judge/verdict.ts";
import { type K6Inputs, readK6Inputs, sendsUrlAsGiven } from "../lib/k6/traffic.ts";
import { formatDuration, type InputReader, readInputs } from "../lib/runner/inputs.ts";
import { type PrometheusInputs, readPrometheus, refuseWithoutEffect } from "./prometheus-inputs.ts";
import { refuseWithoutTraffic } from "./traffic-inputs.ts";

/** One interleaved k6 run against both arms. */
export interface LiveSource {
  kind: "live";
  /** Undefined in phase compare when only a stored baseline is compared with. */
  baselineUrl: string | undefined;
  canaryUrl: string | undefined;
}
/** Samples that were taken before. */
export interface FileSource {
  kind: "file";
  baselinePath: string;
  canaryPath: string;
}
/** Histograms and counters of a Prometheus server. */
export interface PrometheusSource {
  kind: "prometheus";
}
/** A report that is made again from its samples. */
export interface ReplaySource {
  kind: "replay";
  reportPath: string;
}
export type Source = LiveSource | FileSource | PrometheusSource | ReplaySource;

/** Everything that a user can choose. */
export interface Inputs extends K6Inputs {
  source: Source;
  prometheus: PrometheusInputs | undefined;
  phase: "compare" | "baseline";
  /** Path of the report that phase baseline wrote; undefined when none was given. */
  before: string | undefined;
  /** Requests started a second and arm. */
  rps: number;
  durationSeconds: number;
  warmUpSeconds: number;
  extensionSeconds: number;
  /** Live: no PASS before so much data. */
  minDurationSeconds: number;
  /** Live: whether both arms may say that they are the same release. */
  sameRelease: "refuse" | "allow";
  /** Turns of each arm; undefined is interleaved. */
  rounds: number | undefined;
  policy: Policy;
  /** Samples in files that are older can't be judged. */
  maxAgeSeconds: number;
  /** The canary's planned share of the requests in files, 0–1; undefined: told by the data. */
  canaryShare: number | undefined;
  onInconclusive: OnInconclusive;
  versionHeader: string;
  baselineVersion: string;
  canaryVersion: string;
  errorBudget: string;
  selfCheck: boolean;
  pushgatewayUrl: string;
  /** Name under which figures are pushed; empty: the repository's. */
  service: string;
  reportDirectory: string;
  artifactName: string;
  failOn: FailOn;
}

/** The environment that inputs arrive in. */
export type InputEnvironment = Readonly<Record<string, string | undefined>>;

/** Folder that relative paths start from. */
export function workspace(environment: InputEnvironment = process.env): string {
  return resolve(environment["GITHUB_WORKSPACE"] || process.cwd());
}

/**
 * Reads every input once.
 *
 * @throws InputMistakes with every mistake
 */
export function loadInputs(environment: InputEnvironment = process.env): Inputs {
  const base = workspace(environment);
  const path = (text: string) => (text === "" ? "" : resolve(base, text));
  return readInputs((read) => {
    const phase = read.choice("phase", ["compare", "baseline"]);
    const selfCheck = read.boolean("self-check", false);
    const source = readSource(read, phase, selfCheck, path);
    const prometheus = readPrometheus(read, source.kind);
    if (source.kind === "prometheus") refuseWithoutEffect(read);
    const durationSeconds = read.duration("duration", "60s", { minSeconds: 2, maxSeconds: 7 * 86_400 });
    const extensionSeconds = read.duration("max-extension", "120s", { minSeconds: 0, maxSeconds: 86_400 });
    const k6 = readK6Inputs(read, base, { BASE_URL: "baseline-url and canary-url" });
    if (source.kind === "file") refuseWithoutTraffic(read, "samples come from files", [["duration", "60s"]]);
    return {
      ...k6,
      source,
      prometheus: source.kind === "replay" ? undefined : prometheus,
      phase,
      before: path(read.text("before")) || undefined,
      rps: read.number("rps", { fallback: 50, above: 0, max: 10_000 }),
      durationSeconds,
      warmUpSeconds: read.duration("warm-up", "5s", { minSeconds: 0, maxSeconds: 600 }),
      extensionSeconds,
      minDurationSeconds: readMinDuration(read, durationSeconds, extensionSeconds),
      sameRelease: read.choice("same-release", ["refuse", "allow"]),
      rounds: read.given("rounds") ? read.number("rounds", { fallback: 2, min: 1, max: 100, integer: true }) : undefined,
      policy: readPolicy(read),
      maxAgeSeconds: read.duration("max-age", "24h", { minSeconds: 1, maxSeconds: 366 * 86_400 }),
      canaryShare: read.given("canary-share") ? read.number("canary-share", { fallback: 0.5, above: 0, max: 0.99 }) : undefined,
      onInconclusive: read.choice("on-inconclusive", ["hold", "rollback", "proceed"]),
      versionHeader: readHeader(read),
      baselineVersion: read.text("baseline-version"),
      canaryVersion: read.text("canary-version"),
      errorBudget: path(read.text("error-budget")),
      selfCheck,
      service: read.text("service"),
      pushgatewayUrl: read.url("pushgateway-url", { example: "http://localhost:9091" }),
      reportDirectory: path(read.text("report-directory", "reports/canary")),
      artifactName: read.artifactName("artifact-name", "canary-report"),
      failOn: read.choice("fail-on", FAIL_ON),
    };
  }, environment);
}

function readMinDuration(read: InputReader, durationSeconds: number, extensionSeconds: number): number {
  if (!read.given("min-duration")) return durationSeconds;
  const seconds = read.duration("min-duration", formatDuration(durationSeconds), { minSeconds: 1, maxSeconds: 8 * 86_400 });
  const longest = durationSeconds + extensionSeconds;
  if (seconds > longest) {
    read.reject(
      "min-duration",
      `at most duration and max-extension together, ${formatDuration(longest)}`,
      "Raise one of these, or lower min-duration: else nothing could ever pass.",
    );
  }
  return seconds;
}

function readPolicy(read: InputReader): Policy {
  const ceiling = read.given("p95-ceiling-ms") ? read.number("p95-ceiling-ms", { fallback: 450, above: 0 }) : undefined;
  return {
    mode: read.choice("mode", ["guarded", "strict"]),
    maxP95Ratio: read.number("max-p95-ratio", { fallback: DEFAULT_POLICY.maxP95Ratio, above: 1, max: 100 }),
    minP95DeltaMs: read.number("min-p95-delta-ms", { fallback: DEFAULT_POLICY.minP95DeltaMs, min: 0 }),
    maxErrorRatio: read.number("max-error-ratio", { fallback: DEFAULT_POLICY.maxErrorRatio, min: 1, max: 1000 }),
    maxErrorRate: read.number("max-error-rate", { fallback: DEFAULT_POLICY.maxErrorRate, above: 0, max: 1 }),
    minErrorRate: read.number("min-error-rate", { fallback: DEFAULT_POLICY.minErrorRate, min: 0, max: 1 }),
    minSamples: read.number("min-samples", { fallback: DEFAULT_POLICY.minSamples, min: 1, integer: true }),
    ...(ceiling === undefined ? {} : { p95CeilingMs: ceiling }),
  };
}

function readHeader(read: InputReader): string {
  const header = read.text("version-header", "X-Release-Version");
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(header))
    read.reject("version-header", "the name of a header", 'Write "X-Release-Version".');
  return header;
}

type Resolve = (text: string) => string;

/** Names of the inputs that choose a source, of which one kind may be given. */
const SOURCES = {
  replay: ["report"],
  file: ["samples", "baseline-samples", "canary-samples"],
  live: ["baseline-url", "canary-url"],
} as const;

function readSource(read: InputReader, phase: "compare" | "baseline", selfCheck: boolean, path: Resolve): Source {
  const kinds = (Object.keys(SOURCES) as (keyof typeof SOURCES)[]).filter((kind) =>
    SOURCES[kind].some((name) => read.given(name)),
  );
  if (kinds.length > 1) {
    const given = kinds.flatMap((kind) => SOURCES[kind].filter((name) => read.given(name)));
    read.mistakes.push(
      `${given.join(", ")}: expected one source of samples, got ${kinds.length}. Give URLs, or samples, or a report.`,
    );
  }
  if (kinds[0] === "replay") return { kind: "replay", reportPath: path(read.text("report")) };
  if (kinds[0] === "file") return readFileSource(read, selfCheck, path);
  if (kinds[0] === "live") return readLiveSource(read, phase, selfCheck);
  if (!read.given("prometheus-url")) {
    const choices = "baseline-url and canary-url, baseline-samples and canary-samples, samples, prometheus-url or report";
    read.mistakes.push(`source: expected samples of both arms, got nothing. Give ${choices}.`);
  }
  return { kind: "prometheus" };
}

function readFileSource(read: InputReader, selfCheck: boolean, path: Resolve): FileSource {
  const both = path(read.text("samples"));
  const [baseline, canary] = [path(read.text("baseline-samples")), path(read.text("canary-samples"))];
  if (both !== "") {
    if (baseline !== "" || canary !== "") {
      read.mistakes.push(
        "samples: expected samples alone, or baseline-samples with canary-samples, got a mix. Leave one of them out.",
      );
    }
    return { kind: "file", baselinePath: both, canaryPath: both };
  }
  if (baseline === "") read.reject("baseline-samples", "a file", "Give the baseline's samples too.");
  if (canary === "" && !selfCheck) read.reject("canary-samples", "a file", "Give the canary's samples too.");
  if (baseline !== "" && canary !== "" && baseline === canary) {
    read.reject("canary-samples", "another file than baseline-samples", "Give one file that holds both arms as samples.");
  }
  return { kind: "file", baselinePath: baseline, canaryPath: canary || baseline };
}

function readLiveSource(read: InputReader, phase: "compare" | "baseline", selfCheck: boolean): LiveSource {
  const asGiven = sendsUrlAsGiven(read);
  const baselineUrl = read.url("baseline-url", { example: "http://localhost:8000", asGiven }) || undefined;
  const canaryUrl = read.url("canary-url", { example: "http://localhost:8001", asGiven }) || undefined;
  const needsBaseline = phase === "baseline" || selfCheck || !read.given("before");
  if (needsBaseline && !read.given("baseline-url"))
    read.reject("baseline-url", "an http(s) URL", 'Write for example "http://localhost:8000".');
  if (phase === "compare" && !selfCheck && !read.given("canary-url")) {
    read.reject("canary-url", "an http(s) URL", 'Write for example "http://localhost:8001".');
  }
  if (baselineUrl !== undefined && canaryUrl !== undefined && new URL(baselineUrl).href === new URL(canaryUrl).href) {
    read.reject(
      "canary-url",
      "another URL than baseline-url",
      "Both arms would be the same place. Use self-check: true to compare a place with itself.",
    );
  }
  return { kind: "live", baselineUrl, canaryUrl };
}
