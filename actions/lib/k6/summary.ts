import { readFile } from "node:fs/promises";
import { explainFileError } from "../runner/files.ts";

/** What is needed of k6's own end-of-test summary (`--summary-export`). */
export interface K6Summary {
  requests: number;
  /** Share of failed requests as k6 counts them, 0–1; null when there was no request. */
  errorRate: number | null;
  /** p95 of the latency of expected responses in ms; null when there was none. */
  p95Ms: number | null;
  /** Whether the script has a threshold of its own on its checks. */
  judgesChecks: boolean;
}

/**
 * Reads k6's own summary. The file itself never leaves the machine: it holds `setup_data`, which is whatever the
 * script's setup returned, often tokens.
 *
 * @throws Error when it is missing (k6 writes it at the end of every run that began) or isn't JSON
 */
export async function readK6Summary(path: string): Promise<K6Summary> {
  let content: { metrics?: Record<string, (Record<string, number> & { thresholds?: unknown }) | undefined> };
  try {
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    const reason =
      error instanceof SyntaxError
        ? `isn't JSON (${error.message}), so it wasn't written to its end. Look for a full disk.`
        : `${explainFileError(error)} k6 ended before it could write it; its log says why.`;
    throw new Error(`k6's own summary ${path}: ${reason}`, { cause: error });
  }
  const metrics = content.metrics ?? {};
  return {
    requests: metrics["http_reqs"]?.["count"] ?? 0,
    errorRate: metrics["http_req_failed"]?.["value"] ?? null,
    p95Ms: (metrics["http_req_duration{expected_response:true}"] ?? metrics["http_req_duration"])?.["p(95)"] ?? null,
    judgesChecks: Object.entries(metrics).some(
      ([name, metric]) => /^checks(\{|$)/.test(name) && metric?.thresholds !== undefined,
    ),
  };
}
