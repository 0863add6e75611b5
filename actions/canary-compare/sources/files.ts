import { align, detectDesign } from "../../lib/judge/design.ts";
import { onlyLook } from "../../lib/judge/looks.ts";
import { sortByTime } from "../../lib/judge/samples.ts";
import type { Reason } from "../../lib/judge/verdict.ts";
import type { FileSource, Inputs } from "../inputs.ts";
import { type Observed, rounded } from "../report/facts.ts";
import { deal } from "../report/self-check.ts";
import { findDoubts } from "../samples/completeness.ts";
import { readSamplesFile } from "../samples/file.ts";
import { ARMS, Recording } from "../samples/recording.ts";
import { findRouteMismatch } from "../samples/routes.ts";

/** Reads both arms from files. What is wrong with them is told in the notes; nothing is thrown for it. */
export async function observeFiles(source: FileSource, inputs: Inputs): Promise<Observed> {
  const arms = { baseline: new Recording(), canary: new Recording() };
  const notes: Reason[] = [];
  let missing = false;
  const together = source.baselinePath === source.canaryPath;
  const targets =
    together && !inputs.selfCheck
      ? [{ path: source.baselinePath, targets: arms }]
      : ARMS.map((arm) => ({
          path: arm === "baseline" ? source.baselinePath : source.canaryPath,
          targets: { [arm]: arms[arm] },
        }));
  for (const { path, targets: wanted } of inputs.selfCheck ? targets.slice(0, 1) : targets) {
    const reading = await readSamplesFile(path, wanted);
    notes.push(...reading.faults);
    missing ||= reading.missing;
  }
  if (inputs.selfCheck) Object.assign(arms, deal(arms.baseline));
  const mismatch = findRouteMismatch(arms);
  if (mismatch) notes.push(mismatch);
  const [b, c] = [sortByTime(arms.baseline.samples()), sortByTime(arms.canary.samples())];
  const design = b.t.length > 0 && c.t.length > 0 ? detectDesign(b, c) : "interleaved";
  const { seconds } = align(b, c, design);
  const doubts = inputs.selfCheck
    ? []
    : findDoubts(
        { baseline: b, canary: c },
        {
          maxAgeSeconds: inputs.maxAgeSeconds,
          canaryShare: inputs.canaryShare,
          minSamples: inputs.policy.minSamples,
          design,
          now: Date.now() / 1000,
        },
      );
  // What is missing of an arm keeps from passing; a canary that is worse in what is there is worse.
  const unsure = doubts.some(({ code }) => code === "PARTIAL_DATA");
  const blocking = notes.length > 0 || doubts.some(({ code }) => code !== "PARTIAL_DATA");
  notes.push(...doubts);
  const look = onlyLook(seconds);
  const total = b.t.length + c.t.length;
  const rps = (n: number) => (seconds > 0 ? rounded(n / seconds) : null);
  const arm = { version: null, url: null, kind: "file" as const };
  return {
    arms,
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
      baseline: { ...arm, version: inputs.baselineVersion || null },
      canary: { ...arm, version: inputs.canaryVersion || null },
      traffic: {
        source: "file",
        pattern: design,
        rounds: null,
        duration_s: rounded(seconds),
        warm_up_s: 0,
        target_rps: null,
        achieved_rps: { baseline: rps(b.t.length), canary: rps(c.t.length) },
        dropped_iterations: null,
        planned_canary_share: null,
        observed_canary_share: total === 0 ? null : rounded(c.t.length / total),
      },
      observations: {
        look: { number: 1, seconds, alpha_fail: look.alphaFail, alpha_pass: look.alphaPass, c: look.c },
        clock: null,
        notes,
        blocking,
        ...(unsure ? { unsure } : {}),
        broken: missing,
        evidence: [],
        started_iterations: null,
        prometheus: null,
      },
    },
  };
}
