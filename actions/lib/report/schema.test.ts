import { expect, test } from "vitest";
import { parseReport, readReport } from "./schema.ts";
import { type SmokeSummary, smokeSummarySchema } from "./smoke-summary.ts";

const summary: SmokeSummary = {
  schema_version: 1,
  kind: "smoke-summary",
  verdict: "INCONCLUSIVE",
  reasons: [{ code: "NO_DATA", metric: null, severity: "error", message: "no request was made" }],
  p95_ms: null,
  p50_ms: null,
  p99_ms: null,
  error_rate: null,
  rps: null,
  requests: 0,
  dropped_iterations: 0,
  checks: { passed: 0, failed: 0 },
  duration_s: null,
  thresholds: { p95_ms: 450, error_rate: 0.01, min_rps: 40, source: "default" },
  routes: [],
  k6: { version: "v2.2.0", exit_code: 0, script_sha256: "0".repeat(64) },
  run: { repository: null, run_id: null, run_attempt: null, sha: null, ref: null, workflow: null, job: null, event: null },
  started_at: "2026-11-21T07:27:18.000Z",
  ended_at: "2026-11-21T07:28:18.000Z",
};

test("a summary without data is valid: unknown is null", () => {
  expect(parseReport("x", JSON.stringify(summary), smokeSummarySchema)).toEqual(summary);
});

test("all wrong fields are named in one message", () => {
  const wrong = { ...summary, verdict: "OK", p95_ms: "450", error_rate: 1.5, later: 1 };
  const parse = () => parseReport("smoke-summary.json", JSON.stringify(wrong), smokeSummarySchema);
  for (const part of ["smoke-summary.json", "verdict", "p95_ms", "error_rate"]) expect(parse).toThrow(part);
});

test("fields of a later minor version are left out, at every level; what is known stays strict", () => {
  const checks = { ...summary.checks, skipped: 3 };
  const later = { ...summary, checks, traffic: { kind: "grpc" }, reasons: [{ ...summary.reasons[0], url: "x" }] };
  expect(parseReport("x", JSON.stringify(later), smokeSummarySchema)).toEqual(summary);
  expect(later.checks).toBe(checks);
  expect(() => parseReport("x", JSON.stringify({ ...later, checks: { ...checks, passed: "0" } }), smokeSummarySchema)).toThrow(
    "checks.passed",
  );
  const hostile = `{"__proto__":{"verdict":"PASS"},"a":${"[".repeat(100_000)}${"]".repeat(100_000)},${JSON.stringify(summary).slice(1)}`;
  expect(parseReport("x", hostile, smokeSummarySchema)).toEqual(summary);
});

test("a file that is missing or no JSON is named", async () => {
  await expect(readReport("/nowhere/x.json", smokeSummarySchema)).rejects.toThrow(
    "/nowhere/x.json: could not be read: no such file",
  );
  expect(() => parseReport("x.json", '{"p95_ms": NaN}', smokeSummarySchema)).toThrow("x.json: isn't JSON");
});
