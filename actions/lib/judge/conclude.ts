import type { Design } from "./design.ts";
import { judgeEnvironment } from "./environment.ts";
import type { ErrorEvidence } from "./errors.ts";
import { ceilingReasons, errorCeilingReasons, routeReasons, silenceReasons, unitReasons } from "./hard-limits.ts";
import type { ArmFigures, Circumstances, Judgement, LatencyJudgement } from "./judgement.ts";
import { judgeLatency, type LatencyWindows, type Pooled } from "./latency.ts";
import { BEFORE_AFTER_FLOOR, INSTANCE_FLOOR } from "./location.ts";
import type { Look } from "./looks.ts";
import { LEAST_BLOCKS, LEAST_STALL_WINDOWS, LEAST_USABLE, type Policy } from "./policy.ts";
import { errorReasons, latencyReasons, strictReasons } from "./reasons.ts";
import type { RouteJudgement } from "./routes.ts";
import type { SampleFault } from "./samples.ts";
import type { Silence } from "./silence.ts";
import { judgeStrictly } from "./strict.ts";
import { bySeverity, isBlind, type Reason, type Verdict, worst } from "./verdict.ts";

/** What both arms' windows and figures lead to; the part that a source of ready-made windows (Prometheus) shares. */
export interface WindowedLatency {
  windows: LatencyWindows;
  widthSeconds: number;
  possible: number;
  limitRatio: number;
  design: Design;
}

/** Judges ready-made windows: enough of them, then the zones. */
export function judgeWindows(source: WindowedLatency, look: Look, figures: Findings["figures"]): LatencyJudgement {
  const blocks = new Set(source.windows.typical.map((w) => w.block)).size;
  const windows = {
    widthSeconds: source.widthSeconds,
    usable: source.windows.typical.length,
    possible: source.possible,
    blocks,
    stall: source.windows.stall.length,
  };
  const enough =
    blocks >= LEAST_BLOCKS && windows.stall >= LEAST_STALL_WINDOWS && windows.usable >= LEAST_USABLE * windows.possible - 1e-9;
  const floor = source.design === "before-after" ? BEFORE_AFTER_FLOOR : INSTANCE_FLOOR;
  const pooled = source.design === "interleaved" ? poolOf(figures) : undefined;
  const evidence = enough ? judgeLatency(source.windows, Math.log(source.limitRatio), look, floor, pooled) : undefined;
  return { verdict: evidence ? toVerdict(evidence.status) : "INCONCLUSIVE", limitRatio: source.limitRatio, evidence, windows };
}

/** The ratio of the whole run's p95, between the ends of the arms' own intervals. */
function poolOf({ baseline, canary }: Findings["figures"]): Pooled | undefined {
  if (!baseline.p95Interval || !canary.p95Interval || !baseline.p95Ms || canary.p95Ms === undefined) return undefined;
  const [low, high] = baseline.p95Interval;
  if (low <= 0) return undefined;
  return { ratio: canary.p95Ms / baseline.p95Ms, interval: [canary.p95Interval[0] / high, canary.p95Interval[1] / low] };
}

/** What the single tests found. */
export interface Findings {
  policy: Policy;
  design: Design;
  look: Look;
  figures: { baseline: ArmFigures; canary: ArmFigures };
  latency: LatencyJudgement;
  errors: ErrorEvidence;
  routes: RouteJudgement[];
  silence: { baseline: Silence; canary: Silence };
  /** What makes the unit of the latencies doubtful. */
  units: { arm: "baseline" | "canary"; message: string } | undefined;
  circumstances: Circumstances;
}

/** The verdict that reasons of one kind add: an error fails, a warning keeps from passing. */
function verdictOf(reasons: readonly Reason[]): Verdict {
  const heaviest = reasons.toSorted(bySeverity)[0]?.severity ?? "info";
  return heaviest === "error" ? "FAIL" : heaviest === "warning" ? "INCONCLUSIVE" : "PASS";
}

/** Puts the tests, the bare rule, the ceilings, the environment gate and the notes of the source together. */
export function conclude(findings: Findings): Judgement {
  const { policy, design, look, figures, circumstances, routes, silence } = findings;
  const strict = judgeStrictly(pointOf(figures.baseline), pointOf(figures.canary), policy);
  const bare = policy.mode === "strict";
  const latency = { ...findings.latency, verdict: bare ? strict.p95 : findings.latency.verdict };
  const errors = { verdict: bare ? strict.errorRate : toVerdict(findings.errors.status), evidence: findings.errors };
  const { baseline, canary } = figures;
  const p95Ms =
    baseline.p95Ms !== undefined && canary.p95Ms !== undefined ? { baseline: baseline.p95Ms, canary: canary.p95Ms } : undefined;
  const requests = { baseline: baseline.requests, canary: canary.requests };
  const gate = judgeEnvironment(circumstances.environment ?? {}, requests, p95Ms, latency.limitRatio ?? policy.maxP95Ratio);
  if (!bare) {
    if (gate.holds || (gate.slower && latency.verdict === "FAIL")) latency.verdict = "INCONCLUSIVE";
    if (gate.holdsPass && latency.verdict === "PASS") latency.verdict = "INCONCLUSIVE";
  }
  const facts = { policy, design, look, figures, latency, errors, strict, routes, silence };
  const held = gate.holds || gate.slower || design === "before-after";
  const others = [
    ceilingReasons(facts),
    errorCeilingReasons(facts),
    silenceReasons(facts),
    bare ? [] : routeReasons(facts, held),
    unitReasons(findings.units),
  ];
  const verdict = worst([latency.verdict, errors.verdict, ...others.map(verdictOf)]);
  // What the surroundings did explains the rest, so it comes first among equals.
  const found = [
    ...gate.reasons,
    ...latencyReasons(facts),
    ...errorReasons(facts),
    ...others.flat(),
    ...strictReasons(facts, verdict),
  ];
  const reasons = sortReasons(found, verdict);
  const { slower } = gate;
  return withNotes(
    { verdict, reasons, design, look, baseline, canary, latency, errors, routes, silence, slower, strict },
    circumstances,
  );
}

/**
 * Adds what the source of the samples says. What can't be trusted isn't judged: the numbers stay to be read, the conclusion goes. A note
 * that is an error fails the canary, whatever its numbers are.
 */
export function withNotes(judgement: Judgement, { notes = [], blocking = false, unsure = false }: Circumstances): Judgement {
  if (!blocking && (unsure || !notes.some(isBlind))) {
    const failing = notes.some(({ severity }) => severity === "error");
    const verdict = worst([judgement.verdict, failing ? "FAIL" : unsure ? "INCONCLUSIVE" : "PASS"]);
    // What could not be seen says more than what follows from it, such as too few windows.
    const reasons = unsure ? [...notes, ...judgement.reasons] : [...judgement.reasons, ...notes];
    if (verdict === "PASS") return { ...judgement, reasons };
    return { ...judgement, verdict, reasons: reasons.filter(({ code }) => code !== "OK").toSorted(bySeverity) };
  }
  const kept = judgement.reasons.filter((reason) => reason.code === "LOW_SAMPLES" || reason.code === "NO_DATA");
  return {
    ...judgement,
    verdict: "INCONCLUSIVE",
    reasons: [...notes, ...kept],
    latency: { ...judgement.latency, verdict: "INCONCLUSIVE" },
    errors: { ...judgement.errors, verdict: "INCONCLUSIVE" },
  };
}

function toVerdict(status: "pass" | "fail" | "inconclusive"): Verdict {
  return status === "pass" ? "PASS" : status === "fail" ? "FAIL" : "INCONCLUSIVE";
}

function pointOf(arm: ArmFigures) {
  return { p95Ms: arm.p95Ms, errorRate: arm.requests > 0 ? arm.failures / arm.requests : undefined };
}

/** Why nothing can be judged: unusable values, no requests, too few requests. */
export function findMissing(
  figures: { baseline: ArmFigures; canary: ArmFigures },
  policy: Policy,
  faults: readonly SampleFault[],
): Reason[] {
  const reasons: Reason[] = faults.map((fault) => ({
    code: "NON_FINITE",
    metric: fault.kind === "time" ? null : "p95",
    severity: "warning",
    message: `${fault.arm}: ${fault.message}`,
  }));
  for (const arm of ["baseline", "canary"] as const) {
    const { requests } = figures[arm];
    if (requests === 0) {
      reasons.push({ code: "NO_DATA", metric: null, severity: "warning", message: `${arm} has no requests at all` });
    } else if (requests < policy.minSamples) {
      const message = `${arm} has ${requests} requests < ${policy.minSamples} (min-samples)`;
      reasons.push({ code: "LOW_SAMPLES", metric: null, severity: "warning", message });
    }
  }
  return reasons;
}

/** The judgement of samples that can't be judged. */
export function unjudged(
  reasons: Reason[],
  design: Design,
  look: Look,
  figures: { baseline: ArmFigures; canary: ArmFigures },
  circumstances: Circumstances,
): Judgement {
  const windows = { widthSeconds: 0, usable: 0, possible: 0, blocks: 0, stall: 0 };
  const silence = { seconds: 0, longest: undefined };
  const judgement: Judgement = {
    verdict: "INCONCLUSIVE",
    reasons,
    design,
    look,
    ...figures,
    latency: { verdict: "INCONCLUSIVE", limitRatio: undefined, evidence: undefined, windows },
    errors: { verdict: "INCONCLUSIVE", evidence: undefined },
    routes: [],
    silence: { baseline: silence, canary: silence },
    slower: false,
    strict: { p95: "INCONCLUSIVE", errorRate: "INCONCLUSIVE" },
  };
  return withNotes(judgement, circumstances);
}

/** The reason that decided comes first: severity, then what could not be seen, then the order in which they were found. */
function sortReasons(reasons: Reason[], verdict: Verdict): Reason[] {
  const sorted = reasons.toSorted((a, b) => bySeverity(a, b) || Number(isBlind(b)) - Number(isBlind(a)));
  if (verdict === "PASS")
    return [{ code: "OK", metric: null, severity: "info", message: "p95 and error rate are within their limits" }, ...sorted];
  return sorted;
}
