import type { Reason, ReasonCode } from "../../lib/judge/verdict.ts";
import type { PrometheusClient } from "../../lib/prometheus/client.ts";
import { doubtUnit, LATENCY_UNITS } from "../../lib/prometheus/histogram.ts";
import { asksForNumbers, formatMatcher, matchesAnyValue } from "../../lib/prometheus/matchers.ts";
import { describeAge } from "../../lib/prometheus/reading.ts";
import type { PrometheusInputs } from "../prometheus-inputs.ts";
import { ARMS, type ArmName } from "../samples/recording.ts";
import type { ArmSeries } from "./prometheus-arm.ts";
import { countedBy, type HistogramKind, type Plan, selectorOf } from "./prometheus-plan.ts";

/** A note of what could not be seen. */
export function note(code: ReasonCode, message: string): Reason {
  return { code, metric: null, severity: "warning", message };
}

/** Seconds that a sample may come later than it should. */
const SLACK_SECONDS = 5;
/** A new series that holds this many times the requests of the arm's busiest cell brings a past along that isn't in the stretch. */
const MOST_BORN = 10;
/** So few requests change nothing, whatever past they are from. */
const LEAST_BORN = 100;
/** Labels in which exporters write how a request ended. */
const STATUS_LABELS = [
  "status_code",
  "code",
  "status",
  "response_code",
  "http_status_code",
  "http_response_status_code",
  "grpc_code",
];

/**
 * What keeps the series from being compared: none, old ones, series that belong to both arms, or failures that can't be told.
 *
 * @throws PrometheusError
 */
export async function findFaults(client: PrometheusClient, inputs: PrometheusInputs, plan: Plan): Promise<Reason[]> {
  const found = await Promise.all([
    ...ARMS.map((arm) => armFaults(client, inputs, arm, plan)),
    sharedSeries(client, inputs, plan),
  ]);
  return found.flat();
}

/** Series of one arm within the stretch, as an expression. */
function seen(inputs: PrometheusInputs, selector: string, { kind, start, end }: Plan): string {
  return `present_over_time(${countedBy(inputs, kind, selector)}[${Math.round((end - start) * 1000)}ms])`;
}

async function armFaults(client: PrometheusClient, inputs: PrometheusInputs, arm: ArmName, plan: Plan): Promise<Reason[]> {
  const selector = selectorOf(inputs, arm);
  const series = countedBy(inputs, plan.kind, selector);
  const { label } = inputs.errorMatcher;
  const [[newest], values] = await Promise.all([
    client.instant(`max(timestamp(${series}))`, { time: plan.end }),
    client.instant(`count by (${label}) (${seen(inputs, selector, plan)})`, { time: plan.end }),
  ]);
  if (values.length === 0) {
    const looked = `${describeAge(plan.end - plan.start)} to ${new Date(plan.end * 1000).toISOString()}`;
    return [note("NO_DATA", `${arm}: no series ${series} in the ${looked}. Check the selector, and the name of the histogram.`)];
  }
  const faults: Reason[] = [];
  const age = newest === undefined ? undefined : plan.end - newest.value;
  const oldest = Math.max(plan.stepSeconds, 2 * (plan.scrapeSeconds ?? 0)) + SLACK_SECONDS;
  if (age === undefined || age > oldest) {
    const since = age === undefined ? "ended before the end" : `have their last sample ${describeAge(age)} before the end`;
    const message = `${arm}: the series ${since} of the stretch (at most ${describeAge(oldest)}). Is it still up and scraped?`;
    faults.push(note("STALE_DATA", message));
  }
  const blind = await labelFault(
    client,
    inputs,
    arm,
    values.map(({ labels, value }) => ({ value: labels[label] ?? "", series: value })),
    plan,
  );
  return blind === undefined ? faults : [...faults, blind];
}

/** A selector of failures that can never match proves nothing by matching nothing: what isn't there is not zero. */
async function labelFault(
  client: PrometheusClient,
  inputs: PrometheusInputs,
  arm: ArmName,
  values: readonly { value: string; series: number }[],
  plan: Plan,
): Promise<Reason | undefined> {
  const { errorMatcher, metric } = inputs;
  const { label } = errorMatcher;
  const shown = formatMatcher(errorMatcher);
  const total = values.reduce((sum, { series }) => sum + series, 0);
  const without = values.find(({ value }) => value === "")?.series ?? 0;
  if (matchesAnyValue(errorMatcher)) {
    // Some exporters put the label on failures alone: then any series of the metric that has it shows that it is the right one.
    if (without < total) return undefined;
    const [known] = await client.instant(`count(present_over_time(${countedBy(inputs, plan.kind, shown)}[1d]))`, {
      time: plan.end,
    });
    if (known !== undefined && known.value > 0) return undefined;
    return note(
      "LABEL_ABSENT",
      `${arm}: no series of ${metric} had the label ${label} within a day, so nothing shows that ${shown} tells failures`,
    );
  }
  if (without > 0) {
    const [one] = await client.instant(`topk(1, ${seen(inputs, selectorOf(inputs, arm), plan)})`, { time: plan.end });
    const others = STATUS_LABELS.filter((name) => one?.labels[name] !== undefined && name !== label);
    const remedy = others.length > 0 ? ` They have ${others.join(", ")}: is it that one?` : "";
    const message = `${arm}: ${without} of ${total} series have no label ${label}, so ${shown} (prometheus-error-matcher) can't tell failures.${remedy}`;
    return note("LABEL_ABSENT", message);
  }
  if (asksForNumbers(errorMatcher) && !values.some(({ value }) => /^\d{3}$|^\dxx$/i.test(value))) {
    const examples = values
      .slice(0, 3)
      .map(({ value }) => JSON.stringify(value))
      .join(", ");
    const message = `${arm}: ${label} is ${examples}, never a status number, so ${shown} (prometheus-error-matcher) can't tell failures`;
    return note("LABEL_ABSENT", message);
  }
  return undefined;
}

async function sharedSeries(client: PrometheusClient, inputs: PrometheusInputs, plan: Plan): Promise<Reason[]> {
  const [baseline, canary] = ARMS.map((arm) => seen(inputs, selectorOf(inputs, arm), plan));
  const [shared] = await client.instant(`count(${baseline} and ${canary})`, { time: plan.end });
  if (shared === undefined || shared.value === 0) return [];
  return [
    note(
      "MULTIPLE_SERIES",
      `${shared.value} series match both baseline-selector and canary-selector: the arms must not share series`,
    ),
  ];
}

/** Bounds that both arms have; the counts up to them can be compared whatever else an arm has. */
export function sharedBounds(arms: Record<ArmName, ArmSeries>): number[] {
  return arms.baseline.bounds.filter((bound) => arms.canary.bounds.includes(bound));
}

/**
 * What keeps counters that were read from being compared: no buckets, buckets that don't fit each other, a unit that can't be right, a past
 * that isn't of the stretch.
 *
 * @param p95 of the arms, in the metric's unit
 */
export function findReadingFaults(
  arms: Record<ArmName, ArmSeries>,
  inputs: PrometheusInputs,
  kind: HistogramKind,
  p95: Record<ArmName, number | undefined>,
): Reason[] {
  const faults: Reason[] = [];
  for (const arm of ARMS) {
    const { bounds, cells } = arms[arm];
    if (bounds.length < 2) {
      const message = `${arm}: ${inputs.metric} has no bucket with a finite bound, so there is no p95. Is it a histogram?`;
      faults.push(note("NO_DATA", message));
    }
    const finite = kind === "native" ? [] : bounds.filter(Number.isFinite);
    const value = p95[arm];
    const p95Ms = value === undefined ? undefined : value * LATENCY_UNITS[inputs.unit];
    const doubt = inputs.unitGiven ? undefined : doubtUnit(inputs.unit, finite, p95Ms);
    if (doubt !== undefined) {
      const message = `${arm}: ${inputs.metric} is read in ${inputs.unit}, but ${doubt}. Say the unit in prometheus-unit.`;
      faults.push(note("NON_FINITE", message));
    }
    const busiest = Math.max(0, ...cells.map(({ requests, born }) => requests - born));
    const jump = cells.find(({ born }) => born > Math.max(LEAST_BORN, MOST_BORN * busiest));
    if (jump !== undefined) {
      const at = new Date(jump.end * 1000).toISOString();
      const message = `${arm}: series appear at ${at} that hold ${Math.round(jump.born)} requests already, and no other scrape brought more than ${Math.round(busiest)}: they bring a past along that isn't in the stretch. Compare from a later start.`;
      faults.push(note("PARTIAL_DATA", message));
    }
  }
  const [b, c] = [arms.baseline.bounds, arms.canary.bounds];
  if (b.length >= 2 && c.length >= 2 && sharedBounds(arms).length < 2) {
    const range = (bounds: readonly number[]) => `${bounds[0]} to ${bounds.at(-2)}`;
    const message = `the arms' buckets share no bound (baseline ${range(b)}, canary ${range(c)}): seconds against milliseconds?`;
    faults.push(note("NON_FINITE", message));
  }
  return faults;
}
