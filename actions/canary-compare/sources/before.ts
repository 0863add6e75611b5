import { dirname, join } from "node:path";
import { type CanaryReport, canaryReportSchema, type Evidence } from "../../lib/report/canary-report.ts";
import { readReport } from "../../lib/report/schema.ts";
import type { Recording } from "../samples/recording.ts";
import { readStoredSamples } from "../samples/stored.ts";
import { UPSTREAM_FIGURES } from "./scrape.ts";

/** What phase baseline measured before the deployment. */
export interface Before {
  report: CanaryReport;
  p95Ms: number | null;
  baseline: Recording;
}

/**
 * Reads the report of phase baseline and the samples beside it.
 *
 * @throws Error when it can't be read, isn't of that phase, or holds no samples
 */
export async function readBefore(path: string): Promise<Before> {
  const report = await readReport(path, canaryReportSchema);
  if (report.environment.phase !== "baseline") {
    throw new Error(`before: ${path} is the report of a comparison. Give one that phase: baseline wrote.`);
  }
  const { samples_path: samples, digest } = report.inputs;
  if (samples === null) throw new Error(`before: ${path} holds no samples. Measure the baseline again.`);
  const { baseline } = await readStoredSamples(join(dirname(path), samples), digest);
  return { report, p95Ms: report.metrics[0]!.baseline.value, baseline };
}

/** Then and now: p95, and the dependencies' times; `baseline` is before, `canary` is the baseline arm now. */
export function beforeEvidence(before: Before, now: readonly Evidence[], p95NowMs: number | undefined): Evidence[] {
  const found: Evidence[] = [];
  if (before.p95Ms !== null && p95NowMs !== undefined) {
    const message = `the baseline's p95 was ${before.p95Ms.toFixed(1)} ms before the deployment and is ${p95NowMs.toFixed(1)} ms now`;
    found.push({ source: "before", name: "p95", unit: "ms", baseline: before.p95Ms, canary: p95NowMs, message });
  }
  for (const name of UPSTREAM_FIGURES) {
    const then = before.report.observations.evidence.find((item) => item.name === name)?.baseline ?? null;
    const current = now.find((item) => item.source === "metrics" && item.name === name)?.baseline ?? null;
    if (then === null || current === null) continue;
    const message = `${name} was ${then.toFixed(2)} ms before the deployment and is ${current.toFixed(2)} ms now`;
    found.push({ source: "before", name, unit: "ms", baseline: then, canary: current, message });
  }
  return found;
}
