import type { CustomSeriesRenderItem } from "echarts";
import { quantileSorted } from "../../judge/quantiles.ts";
import { ecdfPoints, histogram, type Round, roundsOf, successLatencies } from "../distribution.ts";
import type { HistoryPoint } from "../history.ts";
import { formatMs, threeDigits } from "../numbers.ts";
import type { ArmSamples } from "../samples.ts";
import { axis, drawPlot, grid, INK, legend, roundScale, type SizeName } from "./svg.ts";

export interface Arms {
  baseline: ArmSamples;
  canary: ArmSamples;
}

/** A finished plot, or the sentence that stands in its place. */
export interface Plot {
  id: string;
  heading: string;
  caption: string;
  /** Whether two of its kind stand side by side. */
  half: boolean;
  /** SVG markup of ours; undefined when there is nothing to draw. */
  svg: string | undefined;
}

const ARMS = ["baseline", "canary"] as const;
type ArmName = (typeof ARMS)[number];
type Latencies = Record<ArmName, Float64Array>;

/** Every plot of a comparison, in the order of the page. */
export function comparisonPlots(arms: Arms, limitMs: number | null): Plot[] {
  const sorted = { baseline: successLatencies(arms.baseline), canary: successLatencies(arms.canary) };
  const rounds = armRounds(arms);
  return [roundsPlot(rounds, limitMs), ecdfPlot(sorted), histogramPlot(sorted), errorsPlot(rounds)];
}

/** Share of requests at or below each latency, both arms, with each p95. */
function ecdfPlot(sorted: Latencies): Plot {
  const plot = {
    id: "ecdf",
    heading: "Share of requests at or below a latency",
    caption: "The further right a curve lies, the slower the arm; equal steps are equal ratios. Dashed: the p95 of each.",
    half: true,
  };
  if (ARMS.some((arm) => sorted[arm].length === 0)) return { ...plot, svg: undefined };
  const p95 = { baseline: quantileSorted(sorted.baseline, 0.95), canary: quantileSorted(sorted.canary, 0.95) };
  const label = `Distribution of latency: p95 baseline ${formatMs(p95.baseline)}, canary ${formatMs(p95.canary)}`;
  const svg = drawPlot(plot.id, label, "half", (size) => ({
    grid: grid(size),
    legend: legend(size, ARMS),
    xAxis: { ...axis(size, "latency (ms)", "x"), ...logScale(sorted) },
    yAxis: { ...axis(size, "share of requests (%)", "y"), min: 0, max: 100, interval: 20 },
    series: ARMS.map((arm) => ({
      type: "line",
      name: arm,
      data: ecdfPoints(sorted[arm]).map(([ms, share]) => [Math.max(ms, LEAST_DRAWN_MS), share * 100]),
      showSymbol: false,
      color: INK[arm],
      lineStyle: { width: 2, color: INK[arm] },
      markLine: p95Mark(size, arm, p95),
    })),
  }));
  return { ...plot, svg };
}

/** A line down from the curve to the axis, its text away from the other arm's. */
function p95Mark(size: SizeName, arm: ArmName, p95: Record<ArmName, number>): Record<string, unknown> {
  const other = arm === "baseline" ? "canary" : "baseline";
  const left = p95[arm] < p95[other] || (p95[arm] === p95[other] && arm === "baseline");
  const label = {
    show: true,
    position: "start",
    formatter: `p95 ${formatMs(p95[arm])}`,
    color: INK[arm],
    fontSize: size === "narrow" ? 10 : 12,
    align: left ? "right" : "left",
    // Above the axis and its numbers, the arms at heights of their own.
    offset: [left ? -6 : 6, arm === "baseline" ? -20 : -38],
  };
  const lineStyle = { color: INK[arm], type: [3, 3], width: 1.5 };
  const drawn = Math.max(p95[arm], LEAST_DRAWN_MS);
  return { symbol: "none", silent: true, data: [[{ coord: [drawn, 0], lineStyle, label }, { coord: [drawn, 95] }]] };
}

/** Where the requests of both arms lie, in the same bins, each as many times wider than the one before. */
function histogramPlot(sorted: Latencies): Plot {
  const bins = 40;
  const scale = logScale(sorted);
  const [from, to] = [Math.log(scale.min), Math.log(scale.max)];
  const plot = {
    id: "histogram",
    heading: "Where the requests lie",
    caption: `Each bin ends at ×${Math.exp((to - from) / bins).toFixed(2)} of its beginning. The slowest half percent may lie beyond the axis.`,
    half: true,
  };
  if (ARMS.some((arm) => sorted[arm].length === 0)) return { ...plot, svg: undefined };
  const svg = drawPlot(plot.id, "Histogram of the latency of both arms", "half", (size) => ({
    grid: grid(size),
    legend: legend(size, ARMS),
    xAxis: { ...axis(size, "latency (ms)", "x"), ...scale },
    yAxis: { ...axis(size, "share of requests (%)", "y"), min: 0 },
    series: ARMS.map((arm) => {
      const logs = sorted[arm].map((ms) => Math.log(Math.max(ms, scale.min)));
      const { edges, shares } = histogram(logs, from, to, bins);
      return {
        type: "line",
        name: arm,
        step: "end",
        data: [...edges.slice(0, -1).map((edge, bin) => [Math.exp(edge), shares[bin]! * 100]), [scale.max, shares.at(-1)! * 100]],
        showSymbol: false,
        color: INK[arm],
        lineStyle: { width: 1.5, color: INK[arm] },
        areaStyle: { color: INK[arm], opacity: 0.16 },
      };
    }),
  }));
  return { ...plot, svg };
}

/** p95 of both arms over the run, each with its interval. */
function roundsPlot(rounds: ArmRounds, limitMs: number | null): Plot {
  const plot = {
    id: "rounds",
    heading: "p95 over the run",
    caption: `Each point is the p95 of ${threeDigits(rounds.seconds)} s with its 95 % interval. Both arms see the same weather: what rises in both is the environment.`,
    half: false,
  };
  const known = ARMS.flatMap((arm) => rounds[arm].filter((round) => round.p95Ms !== null));
  if (known.length === 0) return { ...plot, svg: undefined };
  const top = Math.max(limitMs ?? 0, ...known.map((round) => round.interval?.[1] ?? round.p95Ms!));
  const svg = drawPlot(plot.id, "p95 of both arms over the run, with 95 % intervals", "wide", (size) => ({
    grid: grid(size),
    legend: legend(size, limitMs === null ? ARMS : [...ARMS, LIMIT]),
    xAxis: { ...axis(size, "time (s)", "x"), ...timeScale(rounds, size) },
    yAxis: { ...axis(size, "p95 (ms)", "y"), ...roundScale(top, 5) },
    series: [
      ...ARMS.flatMap((arm, index) => {
        // Side by side, so that neither interval hides the other.
        const shift = (index - 0.5) * rounds.seconds * 0.2;
        const points = rounds[arm].filter((round) => round.p95Ms !== null);
        return [
          {
            type: "line",
            name: arm,
            data: points.map((round) => [round.second + shift, round.p95Ms]),
            symbol: "circle",
            symbolSize: size === "wide" ? 7 : 5,
            color: INK[arm],
            lineStyle: { width: 1.5, color: INK[arm] },
          },
          {
            type: "custom",
            renderItem: intervalBar(arm),
            encode: { x: 0, y: [1, 2] },
            data: points.flatMap((round) => (round.interval === null ? [] : [[round.second + shift, ...round.interval]])),
            z: 1,
          },
        ];
      }),
      ...(limitMs === null
        ? []
        : [
            limitSeries([
              [0, limitMs],
              [rounds.duration, limitMs],
            ]),
          ]),
    ],
  }));
  const limit = limitMs === null ? "" : ` The limit, ${formatMs(limitMs)}, is the baseline's p95 times the allowed ratio.`;
  return { ...plot, caption: plot.caption + limit, svg };
}

function intervalBar(arm: ArmName): CustomSeriesRenderItem {
  return (_, api) => {
    const [x, low] = api.coord([api.value(0), api.value(1)]) as [number, number];
    const [, high] = api.coord([api.value(0), api.value(2)]) as [number, number];
    const style = { stroke: INK[arm], lineWidth: 1.5, opacity: 0.55 };
    const line = (x1: number, y1: number, x2: number, y2: number) => ({
      type: "line" as const,
      shape: { x1, y1, x2, y2 },
      style,
    });
    return { type: "group", children: [line(x, low, x, high), line(x - 3, low, x + 3, low), line(x - 3, high, x + 3, high)] };
  };
}

const LIMIT = "limit";

function limitSeries(data: readonly (readonly (number | null)[])[], step?: "middle"): Record<string, unknown> {
  return {
    type: "line",
    name: LIMIT,
    data,
    ...(step === undefined ? {} : { step }),
    showSymbol: false,
    connectNulls: false,
    color: INK.limit,
    lineStyle: { color: INK.limit, width: 1.5, type: [6, 4] },
  };
}

/** Failed requests over the run. */
function errorsPlot(rounds: ArmRounds): Plot {
  const count = (of: "failures" | "requests") => ARMS.map((arm) => rounds[arm].reduce((sum, round) => sum + round[of], 0));
  const failures = count("failures");
  const requests = count("requests");
  const plot = { id: "errors", heading: "Failed requests over the run", half: false };
  const totals = ARMS.map((arm, index) => `${failures[index]} of ${requests[index]} on the ${arm}`).join(", ");
  if (failures.every((failed) => failed === 0)) return { ...plot, caption: `No request failed: ${totals}.`, svg: undefined };
  const share = (round: Round) => (round.requests === 0 ? 0 : (100 * round.failures) / round.requests);
  const svg = drawPlot(plot.id, `Failed requests over the run: ${totals}`, "wide", (size) => ({
    grid: grid(size),
    legend: legend(size, ARMS),
    xAxis: { ...axis(size, "time (s)", "x"), ...timeScale(rounds, size) },
    yAxis: {
      ...axis(size, "failed requests (%)", "y"),
      ...roundScale(Math.max(...ARMS.flatMap((arm) => rounds[arm].map(share))), 5),
    },
    series: ARMS.map((arm) => ({
      type: "line",
      name: arm,
      step: "end",
      data: [
        ...rounds[arm].map((round) => [round.second - rounds.seconds / 2, share(round)]),
        [rounds.duration, share(rounds[arm].at(-1)!)],
      ],
      showSymbol: false,
      color: INK[arm],
      lineStyle: { width: 1.5, color: INK[arm] },
      areaStyle: { color: INK[arm], opacity: 0.14 },
    })),
  }));
  return { ...plot, caption: `Share of failed requests in ${threeDigits(rounds.seconds)} s: ${totals}.`, svg };
}

/** p95 of the last runs of the base branch and of this one. */
export function historyPlot(points: readonly HistoryPoint[], branch: string): Plot {
  const plot = {
    id: "history",
    heading: "p95 of the last runs",
    caption: `Runs of ${branch}, oldest first, this one last. Colours are verdicts; dashed is the limit that held.`,
    half: false,
  };
  const measured = points.flatMap((point, index) => (point.p95_ms === null ? [] : [{ index, ms: point.p95_ms, point }]));
  if (measured.length < 2) return { ...plot, svg: undefined };
  const top = Math.max(...measured.map(({ ms }) => ms), ...points.map((point) => point.p95_limit_ms ?? 0));
  const svg = drawPlot(plot.id, `p95 of the last ${points.length} runs of ${branch}`, "wide", (size) => ({
    grid: { ...grid(size), bottom: 76 },
    legend: legend(size, ["p95", LIMIT]),
    xAxis: {
      ...axis(size, "", "x"),
      type: "category",
      data: points.map((point, index) => (index === points.length - 1 ? "this run" : runName(point, index))),
      axisLabel: { color: INK.faint, fontSize: 11, interval: size === "wide" || points.length <= 10 ? 0 : 1, rotate: 45 },
    },
    yAxis: { ...axis(size, "p95 (ms)", "y"), ...roundScale(top, 5) },
    series: [
      limitSeries(
        points.map((point, index) => [index, point.p95_limit_ms]),
        "middle",
      ),
      {
        type: "line",
        name: "p95",
        color: INK.faint,
        lineStyle: { color: INK.faint, width: 1.5 },
        symbol: "circle",
        symbolSize: size === "wide" ? 9 : 7,
        data: measured.map(({ index, ms, point }) => ({ value: [index, ms], itemStyle: { color: INK[verdictInk(point)] } })),
      },
    ],
  }));
  return { ...plot, svg };
}

/** Only a commit's hash goes into a drawing; other text of a foreign file doesn't. */
function runName({ sha }: HistoryPoint, index: number): string {
  return sha !== null && /^[0-9a-f]{7,64}$/.test(sha) ? sha.slice(0, 7) : String(index + 1);
}

function verdictInk({ verdict }: HistoryPoint): "pass" | "fail" | "inconclusive" {
  return verdict === "PASS" ? "pass" : verdict === "FAIL" ? "fail" : "inconclusive";
}

interface ArmRounds extends Record<ArmName, Round[]> {
  /** Seconds of one round. */
  seconds: number;
  /** Seconds of the run. */
  duration: number;
}

function armRounds(arms: Arms): ArmRounds {
  let start = Infinity;
  let end = -Infinity;
  for (const t of [...arms.baseline.t, ...arms.canary.t]) {
    start = Math.min(start, t);
    end = Math.max(end, t);
  }
  const duration = end > start ? end - start : 1;
  const count = Math.max(1, Math.min(24, Math.round(duration / 5)));
  return {
    baseline: roundsOf(arms.baseline, start, start + duration, count),
    canary: roundsOf(arms.canary, start, start + duration, count),
    seconds: duration / count,
    duration,
  };
}

function timeScale({ duration }: ArmRounds, size: SizeName): { min: 0; max: number; interval: number } {
  return { ...roundScale(duration, size === "wide" ? 12 : 6), max: Math.ceil(duration) };
}

/** A latency of 0, which a coarse clock gives, has no place on an axis of ratios: it is drawn here. */
const LEAST_DRAWN_MS = 0.01;

/**
 * An axis of ratios from 1-2-5 to 1-2-5 around both arms, from their fastest hundredth to the 99.5th percentile: a few stragglers must not
 * squeeze the rest.
 */
function logScale(sorted: Latencies): { type: "log"; min: number; max: number } {
  const at = (q: number) =>
    ARMS.flatMap((arm) => (sorted[arm].length === 0 ? [] : [Math.max(LEAST_DRAWN_MS, quantileSorted(sorted[arm], q))]));
  const [low, high] = [Math.min(...at(0.01), 1e9), Math.max(...at(0.995), LEAST_DRAWN_MS)];
  const round = (ms: number, up: boolean) => {
    const power = 10 ** Math.floor(Math.log10(ms));
    const steps = [1, 2, 5, 10].map((step) => step * power);
    return Number((up ? steps.find((step) => step >= ms)! : steps.findLast((step) => step <= ms)!).toPrecision(6));
  };
  const min = round(Math.min(low, high), false);
  return { type: "log", min, max: Math.max(round(high, true), 2 * min) };
}
