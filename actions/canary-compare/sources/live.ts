import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { endGroup, startGroup } from "@actions/core";
import { onlyLook, planLooks } from "../../lib/judge/looks.ts";
import { findK6 } from "../../lib/k6/install.ts";
import { scriptDigest } from "../../lib/k6/run.ts";
import { prepareScript, secretsOf } from "../../lib/k6/traffic.ts";
import { temporaryFolder } from "../../lib/runner/context.ts";
import { redactAll, say, splitUrlPassword } from "../../lib/runner/log.ts";
import { type Inputs, type LiveSource, workspace } from "../inputs.ts";
import type { Observed } from "../report/facts.ts";
import { verdictSoFar } from "../report/judge-facts.ts";
import { ARMS, type ArmName } from "../samples/recording.ts";
import { readBefore } from "./before.ts";
import { type DrivePlan, writeDriver } from "./driver.ts";
import { startGate } from "./gate.ts";
import { describe, type Setting, withSummaries } from "./live-facts.ts";
import { readArmSummary, runLive } from "./live-run.ts";
import { metricEvidence, type ScrapePair, scrape } from "./scrape.ts";

/**
 * Drives both arms, each by a k6 of its own, and looks at the samples as judge and plan of looks say; ends the traffic as soon as a
 * verdict is known, and goes on to the end of the extension while none is.
 */
export async function observeLive(source: LiveSource, inputs: Inputs, signal: AbortSignal): Promise<Observed> {
  const before = inputs.before === undefined ? undefined : await readBefore(inputs.before);
  const k6 = await findK6({ version: inputs.k6Version, path: inputs.k6Path, signal, log: say });
  const folder = await mkdtemp(join(temporaryFolder(), "canary-compare-"));
  try {
    const script = await prepareScript(inputs.traffic, folder);
    const scriptSha256 = await scriptDigest(script);
    const { plan, looks, paired } = planRun(source, inputs, script);
    const { urls } = plan;
    const driven = ARMS.filter((arm) => urls[arm] !== undefined);
    const scrapes: Partial<Record<ArmName, ScrapePair>> = {};
    for (const arm of driven) scrapes[arm] = { before: undefined, after: undefined };
    const scrapeArms = async (when: "before" | "after") => {
      const found = await Promise.all(driven.map(async (arm) => [arm, await scrape(urls[arm]!)] as const));
      for (const [arm, metrics] of found) scrapes[arm]![when] = metrics;
    };
    await using gate = await startGate(driven);
    const drivers: Partial<Record<ArmName, string>> = {};
    for (const arm of driven) drivers[arm] = await writeDriver(plan, arm, folder, gate.url);
    const setting: Setting = { inputs, source, plan, looks, before, k6Version: k6.version, scriptSha256, paired, gate };
    say(
      `k6 v${k6.version} (${k6.source}): ${inputs.rps} iterations/s per arm, ${plan.rounds ? `${plan.rounds} rounds` : "interleaved"}, ${inputs.durationSeconds} s and up to ${plan.seconds - inputs.durationSeconds} s more`,
    );
    startGroup("k6");
    const run = {
      k6: k6.path,
      drivers,
      folder,
      gate,
      flags: inputs.flags,
      secrets: [...secretsOf(inputs), ...Object.values(urls).flatMap((url) => splitUrlPassword(url).password ?? [])],
      cwd: workspace(),
      warmUpSeconds: plan.warmUpSeconds,
      signal,
    };
    const times = looks.map(({ seconds }, i) => ({ seconds, last: i === looks.length - 1 }));
    let observed: Observed | undefined;
    await runLive(
      run,
      times,
      () => scrapeArms("before"),
      async (state, index) => {
        await scrapeArms("after");
        const seconds = looks[index]!.seconds;
        observed = describe(setting, state, index, metricEvidence(scrapes, seconds), signal);
        if (observed.facts.observations.blocking) return true;
        const verdict = verdictSoFar(inputs, observed);
        return verdict === "FAIL" || (verdict === "PASS" && seconds >= inputs.minDurationSeconds);
      },
    );
    endGroup();
    const summaries = await Promise.all(driven.map(async (arm) => [arm, await readArmSummary(folder, arm)] as const));
    const { arms, facts } = withSummaries(observed!, Object.fromEntries(summaries), inputs.insecure);
    return { arms, facts: redactAll(facts, run.secrets) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
    env: inputs.env,
  };
  const looks = extensible ? planLooks(inputs.durationSeconds, extension) : [onlyLook(inputs.durationSeconds)];
  return { plan, looks, paired };
}

function urlsOf({ baselineUrl, canaryUrl }: LiveSource, inputs: Inputs): DrivePlan["urls"] {
  if (inputs.selfCheck) return { baseline: baselineUrl!, canary: baselineUrl! };
  if (inputs.phase === "baseline") return { baseline: baselineUrl! };
  return { ...(baselineUrl === undefined ? {} : { baseline: baselineUrl }), canary: canaryUrl! };
}
