import type { PrometheusClient } from "../../lib/prometheus/client.ts";
import { formatDuration, InputMistakes } from "../../lib/runner/inputs.ts";
import { LEAST_STEPS, type PrometheusInputs } from "../prometheus-inputs.ts";
import { ARMS, type ArmName } from "../samples/recording.ts";

/** What is asked of the server, and when. */
export interface Plan {
  kind: HistogramKind;
  /** Unix seconds; whole steps before `end`. */
  start: number;
  end: number;
  /** Seconds of a window. */
  stepSeconds: number;
  /** Seconds between two readings of the counters: no longer than a scrape, and a whole number of them is a step. */
  cellSeconds: number;
  /** Seconds between two scrapes; undefined when neither arm has two samples. */
  scrapeSeconds: number | undefined;
}

/** Stretches before the end in which scrapes are counted: an arm that has just started has few in the long one. */
const SCRAPE_WINDOWS_SECONDS = [120, 600, 3600];
/** Scrapes that a window needs to hold a change of a counter. */
const SCRAPES_A_STEP = 2;
const DEFAULT_STEP_SECONDS = 30;
const DEFAULT_STEPS = 20;
/** Points of one series that Prometheus gives in one answer: 11,000. */
const MOST_POINTS = 10_000;

/** How the metric's histograms are kept: as series by bucket, or each as one sample. */
export type HistogramKind = "classic" | "native";

/** An arm's series that count requests, as a selector. */
export function countedBy({ metric }: PrometheusInputs, kind: HistogramKind, matchers: string): string {
  return `${metric}${kind === "classic" ? "_count" : ""}{${matchers}}`;
}

/**
 * Native where neither arm has a series of counts, but one of the metric itself.
 *
 * @throws PrometheusError
 */
export async function findKind(client: PrometheusClient, inputs: PrometheusInputs): Promise<HistogramKind> {
  const { endSeconds, startSeconds, durationSeconds } = inputs.range;
  const stretch = `${Math.ceil(durationSeconds ?? 3600)}s`;
  const end = endSeconds ?? (startSeconds === undefined ? undefined : startSeconds + durationSeconds!);
  const has = async (kind: HistogramKind) => {
    const found = await Promise.all(
      ARMS.map((arm) =>
        client.instant(
          `count(present_over_time(${countedBy(inputs, kind, selectorOf(inputs, arm))}[${stretch}]))`,
          end === undefined ? {} : { time: end },
        ),
      ),
    );
    return found.some((samples) => samples.length > 0);
  };
  return !(await has("classic")) && (await has("native")) ? "native" : "classic";
}

/** The label matchers of an arm. */
export function selectorOf(inputs: PrometheusInputs, arm: ArmName): string {
  return arm === "baseline" ? inputs.baselineSelector : inputs.canarySelector;
}

/** Seconds between the scrapes of some series, as close as their number tells; undefined with fewer than two samples. */
async function scrapeInterval(client: PrometheusClient, series: string, end: number): Promise<number | undefined> {
  const estimates = await Promise.all(
    SCRAPE_WINDOWS_SECONDS.map(async (seconds) => {
      const [most] = await client.instant(`max(count_over_time(${series}[${seconds}s]))`, { time: end });
      return most !== undefined && most.value >= 2 ? seconds / most.value : Number.POSITIVE_INFINITY;
    }),
  );
  const least = Math.min(...estimates);
  return Number.isFinite(least) ? least : undefined;
}

/** How late samples may come until the end of the stretch is no longer theirs but the server's now, in seconds. */
const LATEST_SECONDS = 180;

/**
 * Unix seconds of the newest sample of either arm, since a server may lag behind by some scrapes; its now when even that is old.
 */
async function newestSample(client: PrometheusClient, series: readonly string[]): Promise<number> {
  const now = (await client.instant("time()"))[0]?.value ?? Date.now() / 1000;
  const found = await Promise.all(series.map((one) => client.instant(`max(timestamp(${one}))`, { time: now })));
  const newest = Math.max(...found.map(([sample]) => sample?.value ?? Number.NEGATIVE_INFINITY));
  return Math.floor(now - newest <= LATEST_SECONDS ? Math.ceil(newest) : now);
}

/**
 * When to ask: windows of at least two scrapes, at least ten of them, by the server's clock, up to the newest sample or the time asked for.
 *
 * @throws InputMistakes when prometheus-step or the stretch is too short for how often the server scrapes; PrometheusError
 */
export async function planQueries(client: PrometheusClient, inputs: PrometheusInputs, kind: HistogramKind): Promise<Plan> {
  const counted = (selector: string) => countedBy(inputs, kind, selector);
  const { startSeconds, endSeconds, durationSeconds } = inputs.range;
  const given = startSeconds !== undefined && durationSeconds !== undefined ? startSeconds + durationSeconds : endSeconds;
  const end =
    given === undefined
      ? await newestSample(
          client,
          ARMS.map((arm) => counted(selectorOf(inputs, arm))),
        )
      : Math.floor(given);
  const intervals = await Promise.all(ARMS.map((arm) => scrapeInterval(client, counted(selectorOf(inputs, arm)), end)));
  const known = intervals.filter((interval) => interval !== undefined);
  // An arm that has just begun or ended has fewer samples than scrapes: the other one tells how often there are any.
  const scrapeSeconds = known.length === 0 ? undefined : Math.min(...known);
  const least = SCRAPES_A_STEP * (scrapeSeconds ?? 0);
  const mistakes: string[] = [];
  // Counting scrapes in a stretch can be off by one.
  if (inputs.stepSeconds !== undefined && inputs.stepSeconds < 0.9 * least) {
    mistakes.push(
      `prometheus-step: expected at least two scrapes, got "${formatDuration(inputs.stepSeconds)}", and a scrape comes every ${formatDuration(Math.round(scrapeSeconds!))}. Write "${formatDuration(Math.ceil(least))}" or leave it out.`,
    );
  }
  const stepSeconds = inputs.stepSeconds ?? Math.max(DEFAULT_STEP_SECONDS, Math.ceil(least / 10) * 10);
  const asked = durationSeconds ?? DEFAULT_STEPS * stepSeconds;
  if (mistakes.length === 0 && asked < LEAST_STEPS * stepSeconds) {
    mistakes.push(
      `duration: expected at least ${LEAST_STEPS} steps of ${formatDuration(stepSeconds)}, which is two scrapes, got "${formatDuration(asked)}". Compare ${formatDuration(LEAST_STEPS * stepSeconds)} or more.`,
    );
  }
  if (mistakes.length > 0) throw new InputMistakes(mistakes);
  const steps = Math.floor(asked / stepSeconds + 1e-9);
  const start = end - steps * stepSeconds;
  return {
    kind,
    start,
    end,
    stepSeconds,
    cellSeconds: chooseCell(stepSeconds, scrapeSeconds ?? stepSeconds, steps),
    scrapeSeconds,
  };
}

/** The longest part of a step in whole milliseconds that is no longer than a scrape, unless that gave too many points. */
export function chooseCell(stepSeconds: number, scrapeSeconds: number, steps: number): number {
  const stepMs = Math.round(stepSeconds * 1000);
  const most = Math.max(1, Math.floor(MOST_POINTS / steps));
  for (let parts = Math.max(1, Math.ceil(stepSeconds / scrapeSeconds - 1e-9)); parts <= most; parts += 1) {
    if (stepMs % parts === 0) return stepMs / parts / 1000;
  }
  return stepSeconds;
}
