import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { endGroup, startGroup } from "@actions/core";
import { type Look, onlyLook, planLooks } from "../../lib/judge/looks.ts";
import { quantile } from "../../lib/judge/quantiles.ts";
import type { Reason } from "../../lib/judge/verdict.ts";
import { assetFolder } from "../../lib/k6/assets.ts";
import { findK6 } from "../../lib/k6/install.ts";
import { scriptDigest } from "../../lib/k6/run.ts";
import { secretValues } from "../../lib/k6/secrets.ts";
import type { Evidence } from "../../lib/report/canary-report.ts";
import { temporaryFolder } from "../../lib/runner/context.ts";
import { say, splitUrlPassword } from "../../lib/runner/log.ts";
import { type Inputs, type LiveSource, workspace } from "../inputs.ts";
import { verdictSoFar } from "../policy.ts";
import { type Observed, rounded } from "../report/facts.ts";
import type { ArmName, Recording } from "../samples/recording.ts";
import { findRouteMismatch } from "../samples/routes.ts";
import { attest } from "./attest.ts";
import { type Before, beforeEvidence, readBefore } from "./before.ts";
import { type DrivePlan, driverSource, ratePerTenSeconds } from "./driver.ts";
import { type LiveState, runLive } from "./live-run.ts";
import { cpuShares } from "./machine.ts";
import { metricEvidence, type ScrapePair, scrape } from "./scrape.ts";

/** Iterations that threw, as a share of all: beyond it the script, not the service, was measured. */
const MOST_EXCEPTIONS = 0.01;

/** Everything that stays the same from look to look. */
interface Setting {
  inputs: Inputs;
  source: LiveSource;
  plan: DrivePlan;
  looks: Look[];
  before: Before | undefined;
  k6Version: string;
  scriptSha256: string;
  /** Both arms are driven. */
  paired: boolean;
}

/**
 * Drives both arms in one k6 run and looks at the samples as judge and plan of looks say; ends the traffic as soon as a verdict is
 * known, and goes on to the end of the extension while none is.
 */
export async function observeLive(source: LiveSource, inputs: Inputs, signal: AbortSignal): Promise<Observed> {
  const before = inputs.before === undefined ? undefined : await readBefore(inputs.before);
  const script = inputs.script || join(assetFolder(), "k6", "canary.js");
  const scriptSha256 = await scriptDigest(script);
  const k6 = await findK6({ version: inputs.k6Version, path: inputs.k6Path, signal, log: say });
  const { plan, looks, paired } = planRun(source, inputs, script);
  const { urls } = plan;
  const setting: Setting = { inputs, source, plan, looks, before, k6Version: k6.version, scriptSha256, paired };
  const folder = await mkdtemp(join(temporaryFolder(), "canary-compare-"));
  const driven = Object.keys(urls) as ArmName[];
  const scrapes: Partial<Record<ArmName, ScrapePair>> = {};
  for (const arm of driven) scrapes[arm] = { before: undefined, after: undefined };
  const scrapeArms = async (when: "before" | "after") => {
    const found = await Promise.all(driven.map(async (arm) => [arm, await scrape(urls[arm]!)] as const));
    for (const [arm, metrics] of found) scrapes[arm]![when] = metrics;
  };
  let observed: Observed | undefined;
  try {
    const driver = join(folder, "driver.js");
    await writeFile(driver, driverSource(plan));
    say(
      `k6 v${k6.version} (${k6.source}): ${inputs.rps} iterations/s an arm, ${plan.rounds ? `${plan.rounds} rounds` : "interleaved"}, ${inputs.durationSeconds} s and up to ${plan.seconds - inputs.durationSeconds} s more`,
    );
    startGroup("k6");
    const run = {
      k6: k6.path,
      driver,
      samplesPath: join(folder, "samples.csv"),
      summaryPath: join(folder, "summary.json"),
      env: inputs.env,
      secrets: secretValues(inputs.env),
      cwd: workspace(),
      warmUpSeconds: plan.rounds === undefined ? plan.warmUpSeconds : 0,
      signal,
    };
    const times = looks.map(({ seconds }, i) => ({ seconds, last: i === looks.length - 1 }));
    await runLive(
      run,
      times,
      () => scrapeArms("before"),
      async (state, index) => {
        await scrapeArms("after");
        observed = describe(setting, state, index, metricEvidence(scrapes, looks[index]!.seconds), signal);
        return observed.facts.observations.blocking || verdictSoFar(inputs, observed) !== "INCONCLUSIVE";
      },
    );
    endGroup();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return observed!;
}

/**
 * What k6 is to drive and when it is looked at. Only a guarded, interleaved comparison of two arms is extended; everything else has one
 * look at its end.
 */
export function planRun(source: LiveSource, inputs: Inputs, script: string): Pick<Setting, "plan" | "looks" | "paired"> {
  const urls = urlsOf(source, inputs);
  const paired = Object.keys(urls).length === 2;
  const extensible = paired && !inputs.selfCheck && inputs.rounds === undefined && inputs.policy.mode === "guarded";
  const extension = extensible ? inputs.extensionSeconds : 0;
  const plan: DrivePlan = {
    script,
    urls,
    rps: inputs.rps,
    warmUpSeconds: inputs.warmUpSeconds,
    seconds: inputs.durationSeconds + extension,
    rounds: paired ? inputs.rounds : undefined,
    versionHeader: inputs.versionHeader,
  };
  const looks = extensible ? planLooks(inputs.durationSeconds, extension) : [onlyLook(inputs.durationSeconds)];
  return { plan, looks, paired };
}

function urlsOf({ baselineUrl, canaryUrl }: LiveSource, inputs: Inputs): DrivePlan["urls"] {
  if (inputs.selfCheck) return { baseline: baselineUrl!, canary: baselineUrl! };
  if (inputs.phase === "baseline") return { baseline: baselineUrl! };
  return { ...(baselineUrl === undefined ? {} : { baseline: baselineUrl }), canary: canaryUrl! };
}

function describe(setting: Setting, state: LiveState, index: number, metrics: Evidence[], signal: AbortSignal): Observed {
  const { inputs, source, plan, before, paired } = setting;
  const look = setting.looks[index]!;
  const start = state.start ?? 0;
  const all = plan.rounds !== undefined;
  const until = all ? Number.POSITIVE_INFINITY : start + look.seconds;
  const arms = { baseline: state.arms.baseline.between(start, until), canary: state.arms.canary.between(start, until) };
  if (before && !plan.urls.baseline) arms.baseline = before.baseline;
  const { notes, blocking, broken } = findNotes(setting, state, arms, signal);
  const attestation = attestArms(setting, state.arms);
  const mismatch = paired ? findRouteMismatch(arms) : undefined;
  const shares = cpuShares(state.cpu.before, state.cpu.after);
  const evidence = [...phaseEvidence(arms), ...metrics, ...generatorEvidence(shares.generator)];
  const baselineP95 = p95Of(arms.baseline);
  if (before) evidence.push(...beforeEvidence(before, metrics, baselineP95));
  const requests = arms.baseline.length + arms.canary.length;
  const achieved = (arm: ArmName) => (plan.urls[arm] ? rounded(arms[arm].iterationTimes.length / look.seconds) : null);
  const iterations = arms.baseline.iterationTimes.length + arms.canary.iterationTimes.length;
  const armOf = (arm: ArmName, url: string | undefined) => ({
    version: attestation.versions[arm],
    url: url === undefined ? null : splitUrlPassword(url).shown,
    kind: plan.urls[arm] || !before ? ("live" as const) : ("before" as const),
  });
  return {
    arms,
    facts: {
      environment: {
        phase: inputs.phase,
        k6_version: setting.k6Version,
        script_sha256: setting.scriptSha256,
        cpus: availableParallelism(),
        generator_cpu: shares.generator === null ? null : rounded(shares.generator),
        stolen_cpu: shares.stolen === null ? null : rounded(shares.stolen),
        before_p95_ms: paired ? (before?.p95Ms ?? null) : null,
      },
      baseline: armOf("baseline", source.baselineUrl),
      canary: armOf("canary", inputs.selfCheck ? source.baselineUrl : source.canaryUrl),
      traffic: {
        source: "k6",
        pattern: !paired ? "before-after" : all ? "slices" : "interleaved",
        rounds: plan.rounds ?? null,
        duration_s: look.seconds,
        warm_up_s: plan.warmUpSeconds,
        target_rps: ratePerTenSeconds(plan.rps) / 10,
        achieved_rps: { baseline: achieved("baseline"), canary: achieved("canary") },
        dropped_iterations: arms.baseline.droppedTimes.length + arms.canary.droppedTimes.length,
        planned_canary_share: paired ? 0.5 : null,
        observed_canary_share: requests === 0 ? null : rounded(arms.canary.length / requests),
      },
      observations: {
        look: { number: index + 1, seconds: look.seconds, alpha_fail: look.alphaFail, alpha_pass: look.alphaPass, c: look.c },
        clock: paired && !all ? { start, seconds: look.seconds } : null,
        notes: [...notes, ...attestation.notes, ...(mismatch ? [mismatch] : [])],
        blocking: blocking || attestation.mismatch || mismatch !== undefined,
        broken,
        evidence: evidence.map((item) => ({
          ...item,
          baseline: rounded(item.baseline ?? undefined),
          canary: rounded(item.canary ?? undefined),
        })),
        started_iterations: iterations,
        prometheus: null,
      },
    },
  };
}

function attestArms({ inputs, paired, plan }: Setting, arms: Record<ArmName, Recording>) {
  if (!paired || inputs.selfCheck) {
    const first = (arm: ArmName) => [...arms[arm].versions.keys()][0] ?? null;
    return { notes: [] as Reason[], mismatch: false, versions: { baseline: first("baseline"), canary: first("canary") } };
  }
  const seen = { baseline: arms.baseline.versions, canary: arms.canary.versions };
  return attest(seen, { baseline: inputs.baselineVersion, canary: inputs.canaryVersion }, plan.versionHeader);
}

/** What the run itself says: cancelled, broken, thrown exceptions, rows that can't be read, a phase that compares nothing. */
function findNotes({ inputs }: Setting, state: LiveState, arms: Record<ArmName, Recording>, signal: AbortSignal) {
  const notes: Reason[] = [];
  let blocking = false;
  let broken = false;
  const note = (code: Reason["code"], message: string, severity: Reason["severity"] = "warning") => {
    notes.push({ code, metric: null, severity, message });
    blocking = true;
  };
  if (signal.aborted) note("CANCELLED", "the run was cancelled before its end");
  else if (state.ending?.kind === "failed" || state.ending?.kind === "cancelled") {
    note("SCRIPT_ERROR", state.ending.kind === "failed" ? state.ending.message : "k6 was ended by a signal before its time");
    broken = true;
  }
  const iterations = arms.baseline.iterationTimes.length + arms.canary.iterationTimes.length;
  if (state.exceptions > Math.max(1, MOST_EXCEPTIONS * iterations)) {
    note("SCRIPT_ERROR", `${state.exceptions} iterations of the script threw an exception; k6's log has the first ones`);
  }
  for (const fault of state.faults) note(fault.code, `k6's samples: ${fault.message}`);
  if (inputs.phase === "baseline") note("NO_DATA", "phase baseline measures the baseline alone: nothing is compared", "info");
  return { notes, blocking, broken };
}

function p95Of(recording: Recording): number | undefined {
  const latencies = recording.latencyMs.filter((_, i) => recording.ok[i]);
  return latencies.length === 0 ? undefined : quantile(latencies, 0.95);
}

function phaseEvidence(arms: Record<ArmName, Recording>): Evidence[] {
  return [...arms.canary.phases.keys()].sort().flatMap((name) => {
    const [baseline, canary] = [arms.baseline.phases.get(name), arms.canary.phases.get(name)];
    if (baseline === undefined || canary === undefined) return [];
    const [b, c] = [quantile(baseline, 0.95), quantile(canary, 0.95)];
    // Below half a millisecond there is nothing to explain.
    if (Math.max(b, c) < 0.5) return [];
    const message = `${name}, p95: canary ${c.toFixed(1)} ms, baseline ${b.toFixed(1)} ms`;
    return [{ source: "phases", name, unit: "ms", baseline: b, canary: c, message }];
  });
}

function generatorEvidence(share: number | null): Evidence[] {
  if (share === null) return [];
  const message = `k6 used ${(share * 100).toFixed(1)} % of the machine's CPU`;
  return [{ source: "generator", name: "cpu", unit: "ratio", baseline: share, canary: share, message }];
}
