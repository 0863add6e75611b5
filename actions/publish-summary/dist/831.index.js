export const id = 831;
export const ids = [831];
export const modules = {

/***/ 99831:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {


// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  renderPage: () => (/* binding */ renderPage)
});

// EXTERNAL MODULE: ./actions/lib/report/collection.js
var report_collection = __webpack_require__(39212);
// EXTERNAL MODULE: ./actions/lib/report/numbers.js
var numbers = __webpack_require__(63188);
// EXTERNAL MODULE: ./actions/lib/prometheus/budget.js
var prometheus_budget = __webpack_require__(96575);
// EXTERNAL MODULE: ./actions/lib/report/html/markup.js
var markup = __webpack_require__(92780);
;// CONCATENATED MODULE: ./actions/lib/report/html/cards.js



const MARKS = { PASS: "✓", FAIL: "✗", INCONCLUSIVE: "?" };
/** The numbers that decide, one card each. */
function cards(smoke, canary, budget) {
    const all = [
        ...(canary ? canaryCards(canary) : []),
        ...(smoke ? smokeCards(smoke) : []),
        ...(budget ? [budgetCard(budget)] : []),
    ];
    return (0,markup/* html */.qy) `<section class="cards" aria-label="Figures">${all.map(card)}</section>`;
}
function card({ heading, verdict, value, unit, bar, colour, lines }) {
    const mark = verdict &&
        (0,markup/* html */.qy) `<span class="mark c-${verdict}" title="${verdict}">${MARKS[verdict]} ${verdict === "INCONCLUSIVE" ? "unclear" : verdict.toLowerCase()}</span>`;
    const drawn = bar &&
        (0,markup/* html */.qy) `<div class="bar"><i class="${colour ?? verdict ?? "PASS"}" style="width:${percent(bar.value)}"></i><b style="left:${percent(bar.limit)}"></b></div>`;
    const limit = (mark || unit) && (0,markup/* html */.qy) `<p class="limit">${mark}${unit}</p>`;
    return (0,markup/* html */.qy) `<article class="card"><h2>${heading}</h2><div class="value">${value}</div>${limit}${drawn}${lines.map((line) => (0,markup/* html */.qy) `<p>${line}</p>`)}</article>`;
}
function percent(share) {
    return `${(Math.min(1, Math.max(0, share)) * 100).toFixed(1)}%`;
}
/** A bar on which the limit stands at three quarters, so that values beyond it show as well. */
function againstLimit(value, limit) {
    if (value === null || limit === undefined || !(limit > 0))
        return undefined;
    return { value: (value / limit) * 0.75, limit: 0.75 };
}
function canaryCards(report) {
    const found = [];
    const p95 = report.metrics.find((metric) => metric.name === "p95");
    const errors = report.metrics.find((metric) => metric.name === "error_rate");
    if (p95 !== undefined) {
        const limit = p95.limits.find((one) => one.kind === "ratio")?.value;
        const judged = p95.typical_ratio ?? p95.ratio;
        const interval = p95.ratio_interval === null ? [] : [`95 % interval ${p95.ratio_interval.map((end) => (0,numbers/* formatRatio */.B0)(end)).join(" to ")}`];
        found.push({
            heading: "Canary p95 ÷ baseline",
            verdict: p95.status,
            value: (0,numbers/* formatRatio */.B0)(judged),
            unit: limit === undefined ? "" : `limit ${(0,numbers/* formatRatio */.B0)(limit)}`,
            ...withBar(againstLimit(judged, limit)),
            lines: [
                `${(0,numbers/* formatMs */._V)(p95.baseline.value)} → ${(0,numbers/* formatMs */._V)(p95.canary.value)} (${(0,numbers/* formatChange */.eD)(p95.delta_percent)})`,
                ...interval,
            ],
        });
    }
    if (errors !== undefined) {
        const limit = errors.limits.find((one) => one.kind === "absolute")?.value;
        found.push({
            heading: "Canary errors",
            verdict: errors.status,
            value: (0,numbers/* formatShare */.T1)(errors.canary.value),
            unit: limit === undefined ? "" : `limit ${(0,numbers/* formatShare */.T1)(limit)}`,
            ...withBar(againstLimit(errors.canary.value, limit)),
            lines: [
                `baseline ${(0,numbers/* formatShare */.T1)(errors.baseline.value)}`,
                `${(0,numbers/* formatCount */.B4)(errors.baseline.n)} + ${(0,numbers/* formatCount */.B4)(errors.canary.n)} requests`,
            ],
        });
    }
    return found;
}
function smokeCards(smoke) {
    const { p95_ms: p95Limit, error_rate: errorLimit, min_rps: minRps } = smoke.thresholds;
    const p95Over = smoke.p95_ms === null ? undefined : verdictOf(smoke.p95_ms <= p95Limit);
    const errorsOver = smoke.error_rate === null ? undefined : verdictOf(smoke.error_rate <= errorLimit);
    return [
        {
            heading: "Smoke p95",
            verdict: p95Over ?? "INCONCLUSIVE",
            value: (0,numbers/* formatMs */._V)(smoke.p95_ms),
            unit: `limit ${(0,numbers/* formatMs */._V)(p95Limit)}`,
            ...withBar(againstLimit(smoke.p95_ms, p95Limit)),
            lines: [`p50 ${(0,numbers/* formatMs */._V)(smoke.p50_ms)}, p99 ${(0,numbers/* formatMs */._V)(smoke.p99_ms)}`],
        },
        {
            heading: "Smoke errors",
            verdict: errorsOver ?? "INCONCLUSIVE",
            value: (0,numbers/* formatShare */.T1)(smoke.error_rate),
            unit: `limit ${(0,numbers/* formatShare */.T1)(errorLimit)}`,
            ...withBar(againstLimit(smoke.error_rate, errorLimit)),
            lines: [`${(0,numbers/* formatCount */.B4)(smoke.requests)} requests, ${(0,numbers/* formatRate */.CE)(smoke.rps)} (least ${(0,numbers/* formatRate */.CE)(minRps)})`],
        },
    ];
}
function verdictOf(passes) {
    return passes ? "PASS" : "FAIL";
}
function budgetCard(budget) {
    const left = budget.budget_remaining;
    const colour = left === null ? "INCONCLUSIVE" : left <= 0 ? "FAIL" : budget.tier.below === null ? "PASS" : "INCONCLUSIVE";
    const burn = budget.burn_rate === null ? [] : [burnLine(budget.burn_rate, budget.exhaustion_hours)];
    const bound = budget.tiers[1]?.below;
    return {
        heading: `Error budget, ${budget.window_days} days`,
        verdict: left === null ? "INCONCLUSIVE" : undefined,
        value: left === null ? "unknown" : (0,prometheus_budget/* formatPercent */.l9)(left),
        unit: left === null ? "" : "left",
        ...(left === null || bound === null || bound === undefined ? {} : { bar: { value: left, limit: bound } }),
        colour,
        lines: [`p95 limit ${(0,numbers/* formatMs */._V)(budget.p95_threshold_ms)} (tier ${budget.tier.name})`, ...burn],
    };
}
function burnLine(rate, hours) {
    const end = hours === null ? "" : hours === 0 ? ", exhausted" : `, exhausted in ${(0,prometheus_budget/* formatHours */.BG)(hours)}`;
    return `burns at ×${rate.toFixed(1)}${end}`;
}
function withBar(bar) {
    return bar === undefined ? {} : { bar };
}

;// CONCATENATED MODULE: ./actions/lib/judge/quantiles.js
/**
 * Quantile of values already sorted ascending, by linear interpolation at position `q·(n − 1)` ("type 7").
 *
 * @param sorted ascending, at least one value
 * @param q 0–1
 * @throws RangeError when there is no value or q is outside 0–1
 * @see Hyndman & Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50 (1996). R, NumPy and k6 use the same.
 */
function quantileSorted(sorted, q) {
    const n = sorted.length;
    if (n === 0)
        throw new RangeError("quantile: expected at least one value, got none");
    if (!(q >= 0 && q <= 1))
        throw new RangeError(`quantile: expected q from 0 to 1, got ${q}`);
    const position = q * (n - 1);
    const below = Math.floor(position);
    const low = sorted[below];
    const high = sorted[Math.min(below + 1, n - 1)];
    return low + (position - below) * (high - low);
}
/**
 * Quantile ("type 7") of values in any order; the input is left as it is.
 *
 * @throws RangeError when there is no value or q is outside 0–1
 */
function quantile(values, q) {
    return quantileSorted(Float64Array.from(values).sort(), q);
}
/**
 * Median of values in any order: `quantile(values, 0.5)`.
 *
 * @throws RangeError when there is no value
 */
function median(values) {
    return quantile(values, 0.5);
}

;// CONCATENATED MODULE: ./actions/lib/report/distribution.js

/** Latencies of the successes in milliseconds, ascending. */
function successLatencies(arm) {
    return Float64Array.from(arm.latencyMs.filter((_, index) => arm.ok[index])).sort();
}
/**
 * Points of the empirical distribution function, `[latency in ms, share of requests at or below it]`, evenly spaced in
 * share and finer towards the tail, so that few points draw thousands of requests truly.
 *
 * @param sorted ascending, at least one value
 */
function ecdfPoints(sorted) {
    const shares = [...Array.from({ length: 180 }, (_, i) => i / 200), ...Array.from({ length: 101 }, (_, i) => 0.9 + i / 1000)];
    return shares.map((share) => [quantileSorted(sorted, share), share]);
}
/**
 * Shares of requests in `bins` equal bins from `from` to `to` milliseconds.
 *
 * @param sorted ascending
 */
function histogram(sorted, from, to, bins) {
    const width = (to - from) / bins;
    const counts = new Array(bins).fill(0);
    for (const value of sorted) {
        const bin = value === to ? bins - 1 : Math.floor((value - from) / width);
        if (bin >= 0 && bin < bins)
            counts[bin]++;
    }
    const n = Math.max(1, sorted.length);
    return {
        edges: Array.from({ length: bins + 1 }, (_, index) => from + index * width),
        shares: counts.map((count) => count / n),
    };
}
const FEWEST_FOR_P95 = 20;
/**
 * Cuts a run into `count` stretches of equal time.
 *
 * @param start seconds, start of the run on the samples' clock
 * @param end   seconds
 */
function roundsOf(arm, start, end, count) {
    const width = (end - start) / count || 1;
    const latencies = Array.from({ length: count }, () => []);
    const requests = new Array(count).fill(0);
    const failures = new Array(count).fill(0);
    for (const [index, t] of arm.t.entries()) {
        const round = Math.min(count - 1, Math.max(0, Math.floor((t - start) / width)));
        requests[round]++;
        if (arm.ok[index])
            latencies[round].push(arm.latencyMs[index]);
        else
            failures[round]++;
    }
    return latencies.map((list, index) => {
        const sorted = Float64Array.from(list).sort();
        return {
            second: (index + 0.5) * width,
            requests: requests[index],
            failures: failures[index],
            p95Ms: sorted.length < FEWEST_FOR_P95 ? null : quantileSorted(sorted, 0.95),
            interval: quantileInterval(sorted, 0.95),
        };
    });
}
/**
 * 95 % interval of a quantile from order statistics, by the normal approximation of the binomial.
 *
 * @param sorted ascending
 * @returns null when an end lies outside the sample
 * @see Conover, Practical Nonparametric Statistics, 3rd ed., §3.2
 */
function quantileInterval(sorted, q) {
    const n = sorted.length;
    const half = 1.96 * Math.sqrt(n * q * (1 - q));
    const low = Math.floor(n * q - half);
    const high = Math.ceil(n * q + half);
    if (n < FEWEST_FOR_P95 || low < 1 || high > n)
        return null;
    return [sorted[low - 1], sorted[high - 1]];
}

// EXTERNAL MODULE: ../../../node_modules/echarts/lib/chart/custom.js + 13 modules
var custom = __webpack_require__(79291);
// EXTERNAL MODULE: ../../../node_modules/echarts/lib/chart/line.js + 13 modules
var line = __webpack_require__(98023);
// EXTERNAL MODULE: ../../../node_modules/echarts/lib/component/gridSimple.js + 25 modules
var gridSimple = __webpack_require__(70826);
// EXTERNAL MODULE: ../../../node_modules/echarts/lib/component/legendPlain.js + 6 modules
var legendPlain = __webpack_require__(43128);
// EXTERNAL MODULE: ../../../node_modules/echarts/lib/component/markLine.js + 10 modules
var markLine = __webpack_require__(71637);
// EXTERNAL MODULE: ../../../node_modules/echarts/lib/extension.js
var extension = __webpack_require__(56452);
// EXTERNAL MODULE: ../../../node_modules/echarts/lib/core/echarts.js + 18 modules
var echarts = __webpack_require__(79483);
// EXTERNAL MODULE: ../../../node_modules/echarts/lib/renderer/installSVGRenderer.js + 10 modules
var installSVGRenderer = __webpack_require__(13159);
// EXTERNAL MODULE: ./actions/lib/runner/summary.js
var summary = __webpack_require__(3954);
;// CONCATENATED MODULE: ./actions/lib/report/html/svg.js
// Charts and parts register themselves. Named one by one, since ncc keeps the whole of "echarts/charts".








(0,extension/* use */.Y)([installSVGRenderer/* install */.a]);
/**
 * Colours of the plots. ECharts computes with colours, so it gets these stand-ins, and the finished SVG gets the page's
 * CSS variables: one drawing serves the light and the dark page.
 */
const INK = {
    baseline: "#010101",
    canary: "#020202",
    limit: "#030303",
    text: "#040404",
    faint: "#050505",
    grid: "#060606",
    pass: "#070707",
    fail: "#080808",
    inconclusive: "#090909",
};
/** Sizes of plots. On a phone the page shows the narrow drawing, elsewhere the other one. */
const SIZES = {
    wide: { width: 960, height: 330, fontSize: 13 },
    half: { width: 470, height: 310, fontSize: 12 },
    narrow: { width: 360, height: 290, fontSize: 11 },
};
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
/**
 * Draws a plot for the page and once more for a phone.
 *
 * @param id    of the plot on the page
 * @param label what a screen reader says; may hold foreign text
 */
function drawPlot(id, label, size, option) {
    return [size, "narrow"]
        .map((name) => `<div class="plot ${name === "narrow" ? "narrow" : "full"}">${draw(`${id}-${name}`, label, option(name), name)}</div>`)
        .join("");
}
function draw(id, label, option, size) {
    const { width, height, fontSize } = SIZES[size];
    const chart = (0,echarts/* init */.Ts)(null, null, { renderer: "svg", ssr: true, width, height });
    try {
        chart.setOption({ animation: false, textStyle: { fontFamily: FONT, fontSize, color: INK.text }, ...option });
        return finish(chart.renderToSVGString(), id, label);
    }
    finally {
        chart.dispose();
    }
}
function finish(svg, id, label) {
    let text = svg;
    for (const [name, stand] of Object.entries(INK))
        text = text.replaceAll(stand, `var(--${name})`);
    return (text
        // What only matters under a pointer.
        .replace(/<style\s*>[\s\S]*?<\/style>/, "")
        .replace(/ (?:class="zr[^"]*"|ecmeta_\w+="[^"]*"|pointer-events="visible")/g, "")
        // ECharts counts its drawings; the same report must give the same bytes.
        .replace(/\bzr\d+-/g, `${id}-`)
        .replace(/^<\?xml[^>]*>\s*/, "")
        // Its width is the page's; its own sizes only give the shape.
        .replace(/^<svg width="\d+" height="\d+"/, "<svg")
        .replace(/^<svg/, `<svg role="img" aria-label="${(0,summary/* escapeHtml */.ZD)(label)}"`));
}
/** An axis with its name and unit, in the plots' common look. */
function axis(size, name, side) {
    const { fontSize } = SIZES[size];
    return {
        type: "value",
        name,
        nameLocation: side === "x" ? "middle" : "end",
        nameGap: side === "x" ? fontSize * 2.2 : fontSize,
        nameTextStyle: {
            color: INK.faint,
            fontSize,
            align: side === "x" ? "center" : "left",
            padding: side === "y" ? [0, 0, 0, -40] : 0,
        },
        axisLabel: { color: INK.faint, fontSize },
        axisLine: { show: side === "x", lineStyle: { color: INK.grid } },
        axisTick: { show: false },
        splitLine: { show: side === "y", lineStyle: { color: INK.grid } },
    };
}
/** Room around the drawing for axes, names and the legend. */
function grid(size) {
    return size === "narrow" ? { left: 40, right: 14, top: 60, bottom: 44 } : { left: 48, right: 20, top: 60, bottom: 52 };
}
/** The legend above the drawing, on the left. */
function legend(size, names) {
    return {
        data: names.map((name) => ({ name, icon: "roundRect" })),
        left: 0,
        top: 0,
        itemWidth: 14,
        itemHeight: 4,
        itemGap: 18,
        textStyle: { color: INK.text, fontSize: SIZES[size].fontSize },
        selectedMode: false,
    };
}
/**
 * A scale from 0 that ends at a round number above a value, with a round distance between its marks.
 *
 * @param marks how many marks are wanted, about
 */
function roundScale(value, marks) {
    if (!(value > 0))
        return { min: 0, max: 1, interval: 1 };
    const raw = value / marks;
    const power = 10 ** Math.floor(Math.log10(raw));
    const interval = [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= raw * 0.999) ?? 10 * power;
    return { min: 0, max: Number((Math.ceil((value / interval) * 1.0001) * interval).toPrecision(12)), interval };
}

;// CONCATENATED MODULE: ./actions/lib/report/html/plots.js




const ARMS = ["baseline", "canary"];
/** Every plot of a comparison, in the order of the page. */
function comparisonPlots(arms, limitMs) {
    const sorted = { baseline: successLatencies(arms.baseline), canary: successLatencies(arms.canary) };
    const rounds = armRounds(arms);
    return [roundsPlot(rounds, limitMs), ecdfPlot(sorted), histogramPlot(sorted), errorsPlot(rounds)];
}
/** Share of requests at or below each latency, both arms, with each p95. */
function ecdfPlot(sorted) {
    const plot = {
        id: "ecdf",
        heading: "Share of requests at or below a latency",
        caption: "The further right a curve lies, the slower the arm. Dashed: the p95 of each.",
        half: true,
    };
    if (ARMS.some((arm) => sorted[arm].length === 0))
        return { ...plot, svg: undefined };
    const p95 = { baseline: quantileSorted(sorted.baseline, 0.95), canary: quantileSorted(sorted.canary, 0.95) };
    const label = `Distribution of latency: p95 baseline ${(0,numbers/* formatMs */._V)(p95.baseline)}, canary ${(0,numbers/* formatMs */._V)(p95.canary)}`;
    const svg = drawPlot(plot.id, label, "half", (size) => ({
        grid: grid(size),
        legend: legend(size, ARMS),
        xAxis: { ...axis(size, "latency (ms)", "x"), ...latencyScale(sorted) },
        yAxis: { ...axis(size, "share of requests (%)", "y"), min: 0, max: 100, interval: 20 },
        series: ARMS.map((arm) => ({
            type: "line",
            name: arm,
            data: ecdfPoints(sorted[arm]).map(([ms, share]) => [ms, share * 100]),
            showSymbol: false,
            color: INK[arm],
            lineStyle: { width: 2, color: INK[arm] },
            markLine: p95Mark(size, arm, p95),
        })),
    }));
    return { ...plot, svg };
}
/** A line down from the curve to the axis, its text away from the other arm's. */
function p95Mark(size, arm, p95) {
    const other = arm === "baseline" ? "canary" : "baseline";
    const left = p95[arm] < p95[other] || (p95[arm] === p95[other] && arm === "baseline");
    const label = {
        show: true,
        position: "start",
        formatter: `p95 ${(0,numbers/* formatMs */._V)(p95[arm])}`,
        color: INK[arm],
        fontSize: size === "narrow" ? 10 : 12,
        align: left ? "right" : "left",
        offset: [left ? -6 : 6, -20],
    };
    const lineStyle = { color: INK[arm], type: [3, 3], width: 1.5 };
    return { symbol: "none", silent: true, data: [[{ coord: [p95[arm], 0], lineStyle, label }, { coord: [p95[arm], 95] }]] };
}
/** Where the requests of both arms lie, in the same bins. */
function histogramPlot(sorted) {
    const bins = 40;
    const scale = latencyScale(sorted);
    const plot = {
        id: "histogram",
        heading: "Where the requests lie",
        caption: `Bins of ${(0,numbers/* threeDigits */.Xr)(scale.max / bins)} ms. The slowest half percent may lie beyond the axis.`,
        half: true,
    };
    if (ARMS.some((arm) => sorted[arm].length === 0))
        return { ...plot, svg: undefined };
    const svg = drawPlot(plot.id, "Histogram of the latency of both arms", "half", (size) => ({
        grid: grid(size),
        legend: legend(size, ARMS),
        xAxis: { ...axis(size, "latency (ms)", "x"), ...scale },
        yAxis: { ...axis(size, "share of requests (%)", "y"), min: 0 },
        series: ARMS.map((arm) => {
            const { edges, shares } = histogram(sorted[arm], 0, scale.max, bins);
            return {
                type: "line",
                name: arm,
                step: "end",
                data: [...edges.slice(0, -1).map((edge, bin) => [edge, shares[bin] * 100]), [scale.max, shares.at(-1) * 100]],
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
function roundsPlot(rounds, limitMs) {
    const plot = {
        id: "rounds",
        heading: "p95 over the run",
        caption: `Each point is the p95 of ${(0,numbers/* threeDigits */.Xr)(rounds.seconds)} s with its 95 % interval. Both arms see the same weather: what rises in both is the environment.`,
        half: false,
    };
    const known = ARMS.flatMap((arm) => rounds[arm].filter((round) => round.p95Ms !== null));
    if (known.length === 0)
        return { ...plot, svg: undefined };
    const top = Math.max(limitMs ?? 0, ...known.map((round) => round.interval?.[1] ?? round.p95Ms));
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
    const limit = limitMs === null ? "" : ` The limit, ${(0,numbers/* formatMs */._V)(limitMs)}, is the baseline's p95 times the allowed ratio.`;
    return { ...plot, caption: plot.caption + limit, svg };
}
function intervalBar(arm) {
    return (_, api) => {
        const [x, low] = api.coord([api.value(0), api.value(1)]);
        const [, high] = api.coord([api.value(0), api.value(2)]);
        const style = { stroke: INK[arm], lineWidth: 1.5, opacity: 0.55 };
        const line = (x1, y1, x2, y2) => ({
            type: "line",
            shape: { x1, y1, x2, y2 },
            style,
        });
        return { type: "group", children: [line(x, low, x, high), line(x - 3, low, x + 3, low), line(x - 3, high, x + 3, high)] };
    };
}
const LIMIT = "limit";
function limitSeries(data, step) {
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
function errorsPlot(rounds) {
    const count = (of) => ARMS.map((arm) => rounds[arm].reduce((sum, round) => sum + round[of], 0));
    const failures = count("failures");
    const requests = count("requests");
    const plot = { id: "errors", heading: "Failed requests over the run", half: false };
    const totals = ARMS.map((arm, index) => `${failures[index]} of ${requests[index]} on the ${arm}`).join(", ");
    if (failures.every((failed) => failed === 0))
        return { ...plot, caption: `No request failed: ${totals}.`, svg: undefined };
    const share = (round) => (round.requests === 0 ? 0 : (100 * round.failures) / round.requests);
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
                [rounds.duration, share(rounds[arm].at(-1))],
            ],
            showSymbol: false,
            color: INK[arm],
            lineStyle: { width: 1.5, color: INK[arm] },
            areaStyle: { color: INK[arm], opacity: 0.14 },
        })),
    }));
    return { ...plot, caption: `Share of failed requests in ${(0,numbers/* threeDigits */.Xr)(rounds.seconds)} s: ${totals}.`, svg };
}
/** p95 of the last runs of the base branch and of this one. */
function historyPlot(points, branch) {
    const plot = {
        id: "history",
        heading: "p95 of the last runs",
        caption: `Runs of ${branch}, oldest first, this one last. Colours are verdicts; dashed is the limit that held.`,
        half: false,
    };
    const measured = points.flatMap((point, index) => (point.p95_ms === null ? [] : [{ index, ms: point.p95_ms, point }]));
    if (measured.length < 2)
        return { ...plot, svg: undefined };
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
            limitSeries(points.map((point, index) => [index, point.p95_limit_ms]), "middle"),
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
function runName({ sha }, index) {
    return sha !== null && /^[0-9a-f]{7,64}$/.test(sha) ? sha.slice(0, 7) : String(index + 1);
}
function verdictInk({ verdict }) {
    return verdict === "PASS" ? "pass" : verdict === "FAIL" ? "fail" : "inconclusive";
}
function armRounds(arms) {
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
function timeScale({ duration }, size) {
    return { ...roundScale(duration, size === "wide" ? 12 : 6), max: Math.ceil(duration) };
}
/** Both arms up to the 99.5th percentile: a few stragglers must not squeeze the rest. */
function latencyScale(sorted) {
    const lengths = ARMS.map((arm) => (sorted[arm].length === 0 ? 0 : quantileSorted(sorted[arm], 0.995)));
    return roundScale(Math.max(...lengths), 5);
}

;// CONCATENATED MODULE: ./actions/lib/report/html/style.js
/** The page's one style sheet: light and dark by the reader's setting, one column on a phone. */
const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1c2330; --faint: #5d6778; --grid: #e2e6ec; --edge: #dfe3ea;
  --baseline: #2563a8; --canary: #c2570c; --limit: #6b4fb3;
  --pass: #17803d; --fail: #c62828; --inconclusive: #9a6700;
  --pass-back: #e3f4e8; --fail-back: #fdeaea; --inconclusive-back: #fdf3d8;
  --shadow: 0 1px 2px rgb(20 30 50 / .06), 0 4px 16px rgb(20 30 50 / .05);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10141b; --card: #181e28; --text: #e7ebf2; --faint: #98a3b5; --grid: #2a3240; --edge: #2a3240;
    --baseline: #6cb0f5; --canary: #f59f4c; --limit: #b49cf0;
    --pass: #5fd38a; --fail: #ff8080; --inconclusive: #e8c05a;
    --pass-back: #14301f; --fail-back: #3a191b; --inconclusive-back: #352b12;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1, h2, h3, p { margin: 0; }
h2 { font-size: 1.05rem; font-weight: 650; }
a { color: var(--baseline); }
code { font: .86em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
header { margin-bottom: 24px; }
.title { color: var(--faint); font-size: .9rem; font-weight: 600; }
.verdict { display: flex; flex-wrap: wrap; align-items: baseline; gap: 6px 14px; margin: 10px 0 8px; }
h1 { font-size: clamp(1.25rem, 3.2vw, 1.65rem); line-height: 1.3; font-weight: 650; overflow-wrap: anywhere; flex: 1 1 20ch; }
.pill { display: inline-block; padding: 3px 12px; border-radius: 999px; font-size: .84rem; font-weight: 700; letter-spacing: .03em; white-space: nowrap; }
.pill.PASS { color: var(--pass); background: var(--pass-back); }
.pill.FAIL { color: var(--fail); background: var(--fail-back); }
.pill.INCONCLUSIVE { color: var(--inconclusive); background: var(--inconclusive-back); }
.meta { color: var(--faint); font-size: .88rem; display: flex; flex-wrap: wrap; gap: 2px 16px; }
.cards { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(178px, 1fr)); margin-bottom: 14px; }
.card, figure, .panel { background: var(--card); border: 1px solid var(--edge); border-radius: 12px; box-shadow: var(--shadow); }
.card { padding: 16px 18px; display: flex; flex-direction: column; }
.card h2 { color: var(--faint); font-size: .84rem; font-weight: 600; }
.card .mark { font-weight: 700; margin-right: 8px; white-space: nowrap; }
.card .value { font-size: 1.65rem; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; margin-top: 4px; white-space: nowrap; }
.card .limit { color: var(--text); font-size: .88rem; }
.card p { color: var(--faint); font-size: .86rem; }
.bar { position: relative; height: 8px; border-radius: 4px; background: var(--grid); margin: 10px 0 8px; }
.bar i { position: absolute; inset: 0 auto 0 0; border-radius: 4px; }
.bar b { position: absolute; top: -4px; bottom: -4px; width: 2px; margin-left: -1px; background: var(--text); }
.PASS i, i.PASS { background: var(--pass); } i.FAIL { background: var(--fail); } i.INCONCLUSIVE { background: var(--inconclusive); }
.c-PASS { color: var(--pass); } .c-FAIL { color: var(--fail); } .c-INCONCLUSIVE { color: var(--inconclusive); }
figure { margin: 0 0 14px; padding: 18px 18px 10px; }
figcaption p { color: var(--faint); font-size: .88rem; margin: 2px 0 10px; max-width: 78ch; }
.plot svg { display: block; width: 100%; height: auto; }
.plot.narrow { display: none; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 14px; }
.panel { padding: 18px; margin-bottom: 14px; }
.panel > h2 { margin-bottom: 8px; }
.panel > p { color: var(--faint); font-size: .88rem; }
ul.reasons { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; }
ul.reasons li { display: flex; flex-wrap: wrap; gap: 2px 10px; overflow-wrap: anywhere; }
ul.reasons li span { flex: 1 1 30ch; }
ul.reasons code { font-weight: 600; }
.s-error code { color: var(--fail); } .s-warning code { color: var(--inconclusive); } .s-info code { color: var(--faint); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th { color: var(--faint); font-weight: 600; font-size: .82rem; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--grid); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: normal; overflow-wrap: anywhere; min-width: 14ch; }
tr:last-child td { border-bottom: 0; }
dl { display: grid; grid-template-columns: minmax(11ch, max-content) 1fr; gap: 4px 18px; margin: 0; font-size: .9rem; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
footer { color: var(--faint); font-size: .84rem; margin-top: 24px; }
@media (max-width: 640px) {
  main { padding: 20px 12px 40px; }
  .cards { grid-template-columns: 1fr 1fr; gap: 10px; }
  .card:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .card { padding: 12px 14px; } .card .value { font-size: 1.35rem; }
  .plot.full { display: none; } .plot.narrow { display: block; }
  .pair { grid-template-columns: 1fr; }
  figure, .panel { padding: 14px 12px 8px; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; }
}
@media print { body { background: none; } .card, figure, .panel { box-shadow: none; break-inside: avoid; } }
`;

;// CONCATENATED MODULE: ./actions/lib/report/html/page.js






/** Rows of a table that are drawn; a hostile report may hold thousands. */
const MOST_ROWS = 100;
/**
 * The whole report as one HTML file: no script, no network, light and dark, wide and narrow.
 * Everything in it that isn't a number of ours is escaped; a content security policy forbids the rest.
 *
 * @param arms samples of the canary comparison, undefined when there are none to draw
 */
function renderPage(collection, arms) {
    const canary = (0,report_collection/* reportOf */.EI)(collection.canary);
    const smoke = (0,report_collection/* reportOf */.EI)(collection.smoke);
    const budget = (0,report_collection/* reportOf */.EI)(collection.budget);
    const verdict = (0,report_collection/* overallVerdict */.Bn)(collection);
    const plots = arms === undefined ? [] : comparisonPlots(arms, ratioLimitMs(canary));
    const body = (0,markup/* html */.qy) `<main>
${header(collection, verdict)}
${cards(smoke, canary, budget)}
${reasonsPanel(collection)}
${figures(plots)}
${routesPanel(smoke, canary)}
${historyPanel(collection)}
${canary && detailsPanel(canary)}
${notesPanel(collection)}
<footer>Made by Gatehouse from the reports of this run. Percentiles are type 7; latency is of successful requests, errors are of all.</footer>
</main>`;
    return (0,markup/* html */.qy) `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>${collection.title}: ${verdict}</title>
<style>${(0,markup/* trusted */.IZ)(STYLE)}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}
function header(collection, verdict) {
    const run = ((0,report_collection/* reportOf */.EI)(collection.smoke) ?? (0,report_collection/* reportOf */.EI)(collection.canary) ?? (0,report_collection/* reportOf */.EI)(collection.budget))?.run;
    const generated = (0,report_collection/* reportOf */.EI)(collection.canary)?.generated_at ?? (0,report_collection/* reportOf */.EI)(collection.smoke)?.ended_at;
    return (0,markup/* html */.qy) `<header>
<p class="title">${collection.title}</p>
<div class="verdict"><span class="pill ${verdict}">${verdict}</span><h1>${(0,report_collection/* headline */.Pl)(collection)}</h1></div>
<div class="meta">${run?.repository && (0,markup/* html */.qy) `<span>${run.repository}</span>`}${run?.ref && (0,markup/* html */.qy) `<span>${run.ref}</span>`}${run?.sha && (0,markup/* html */.qy) `<span><code>${run.sha.slice(0, 10)}</code></span>`}${collection.runUrl && (0,markup/* html */.qy) `<span><a href="${collection.runUrl}">Run ${run?.run_id ?? ""}</a></span>`}${generated && (0,markup/* html */.qy) `<span>${generated.replace("T", " ").slice(0, 16)} UTC</span>`}</div>
</header>`;
}
function reasonsPanel({ smoke, canary, budget }) {
    const groups = [
        ["Canary", (0,report_collection/* reportOf */.EI)(canary)?.reasons ?? []],
        ["Smoke", (0,report_collection/* reportOf */.EI)(smoke)?.reasons ?? []],
        ["Error budget", (0,report_collection/* reportOf */.EI)(budget)?.reasons ?? []],
    ];
    const items = groups.flatMap(([name, reasons]) => reasons.slice(0, MOST_ROWS).map((reason) => ({ name, reason })));
    if (items.length === 0)
        return undefined;
    return (0,markup/* html */.qy) `<section class="panel"><h2>Why</h2><ul class="reasons">${items.map(({ name, reason }) => (0,markup/* html */.qy) `<li class="s-${reason.severity}"><code>${reason.code}</code><span>${name}: ${reason.message}</span></li>`)}</ul></section>`;
}
/** Plots one below the other, two halves side by side. */
function figures(plots) {
    const wide = plots.filter((plot) => !plot.half).map(figure);
    const halves = plots.filter((plot) => plot.half).map(figure);
    return (0,markup/* html */.qy) `${wide[0]}${halves.length > 0 && (0,markup/* html */.qy) `<div class="pair">${halves}</div>`}${wide.slice(1)}`;
}
function figure({ id, heading, caption, svg }) {
    return (0,markup/* html */.qy) `<figure id="${id}"><figcaption><h2>${heading}</h2><p>${caption}</p></figcaption>${svg === undefined ? undefined : (0,markup/* trusted */.IZ)(svg)}</figure>`;
}
function routesPanel(smoke, canary) {
    if (canary !== undefined && canary.routes.length > 0) {
        const rows = canary.routes
            .slice(0, MOST_ROWS)
            .map((route) => [
            (0,markup/* html */.qy) `<code>${route.name}</code>`,
            (0,numbers/* formatCount */.B4)(route.baseline.requests + route.canary.requests),
            (0,numbers/* formatMs */._V)(route.baseline.p95_ms),
            (0,numbers/* formatMs */._V)(route.canary.p95_ms),
            (0,numbers/* formatChange */.eD)(route.delta_percent),
            (0,numbers/* formatShare */.T1)(route.baseline.error_rate),
            (0,numbers/* formatShare */.T1)(route.canary.error_rate),
        ]);
        const head = ["Route", "Requests", "p95 baseline", "p95 canary", "Change", "Errors baseline", "Errors canary"];
        return panel("Routes", table(head, rows), leftOut(canary.routes.length));
    }
    if (smoke === undefined || smoke.routes.length === 0)
        return undefined;
    const rows = smoke.routes
        .slice(0, MOST_ROWS)
        .map((route) => [
        (0,markup/* html */.qy) `<code>${route.name}</code>`,
        (0,numbers/* formatCount */.B4)(route.requests),
        (0,numbers/* formatMs */._V)(route.p95_ms),
        (0,numbers/* formatShare */.T1)(route.error_rate),
    ]);
    return panel("Routes", table(["Route", "Requests", "p95", "Errors"], rows), leftOut(smoke.routes.length));
}
function historyPanel({ history, historyBranch }) {
    if (history.length < 2)
        return undefined;
    const rows = history
        .toReversed()
        .map((point, index) => [
        (0,markup/* html */.qy) `<code>${point.sha?.slice(0, 10) ?? "–"}</code>${index === 0 && " (this run)"}`,
        point.at.replace("T", " ").slice(0, 16),
        (0,numbers/* formatMs */._V)(point.p95_ms),
        (0,numbers/* formatMs */._V)(point.p95_limit_ms),
        (0,numbers/* formatShare */.T1)(point.error_rate),
        (0,numbers/* formatRatio */.B0)(point.p95_ratio),
        (0,markup/* html */.qy) `<span class="c-${point.verdict}">${point.verdict}</span>`,
    ]);
    const head = ["Commit", "Time (UTC)", "p95", "Limit", "Errors", "Canary ratio", "Verdict"];
    return (0,markup/* html */.qy) `${figure(historyPlot(history, historyBranch))}${panel("Last runs", table(head, rows))}`;
}
function detailsPanel(canary) {
    const p95 = canary.metrics.find((metric) => metric.name === "p95");
    const { traffic, policy } = canary;
    const facts = [
        ["Baseline", arm(canary.baseline)],
        ["Canary", arm(canary.canary)],
        [
            "Traffic",
            `${traffic.source}, ${traffic.pattern}, ${(0,numbers/* threeDigits */.Xr)(traffic.duration_s)} s judged, target ${traffic.target_rps ?? "–"} requests/s an arm`,
        ],
        ["Decision", `${canary.decision} (${policy.mode}, on inconclusive ${policy.on_inconclusive})`],
        ["Cause", [canary.cause.class, ...canary.cause.evidence.slice(0, 3).map((one) => one.message)].join(": ")],
        ["Least detectable ratio", (0,numbers/* formatRatio */.B0)(p95?.min_detectable_ratio)],
        ["Samples", canary.inputs.digest],
    ];
    return panel("How it was measured", (0,markup/* html */.qy) `<dl>${facts.map(([name, value]) => (0,markup/* html */.qy) `<dt>${name}</dt><dd>${value}</dd>`)}</dl>`);
}
function arm({ version, url, kind }) {
    return [version, url, kind].filter((part) => part !== null).join(", ");
}
function notesPanel({ smoke, canary, budget, notes }) {
    const absent = [smoke, canary, budget].flatMap((found) => (found.state === "found" ? [] : [found.message]));
    const all = [...absent, ...notes];
    if (all.length === 0)
        return undefined;
    return panel("Notes", (0,markup/* html */.qy) `<ul>${all.map((note) => (0,markup/* html */.qy) `<li>${note}</li>`)}</ul>`);
}
function panel(heading, content, note) {
    return (0,markup/* html */.qy) `<section class="panel"><h2>${heading}</h2>${content}${note && (0,markup/* html */.qy) `<p>${note}</p>`}</section>`;
}
function table(head, rows) {
    return (0,markup/* html */.qy) `<div class="scroll"><table><thead><tr>${head.map((name) => (0,markup/* html */.qy) `<th scope="col">${name}</th>`)}</tr></thead><tbody>${rows.map((cells) => (0,markup/* html */.qy) `<tr>${cells.map((cell) => (0,markup/* html */.qy) `<td>${cell}</td>`)}</tr>`)}</tbody></table></div>`;
}
function leftOut(count) {
    return count > MOST_ROWS ? `${count - MOST_ROWS} more routes are in the JSON report.` : undefined;
}
/** The ratio limit as a latency of this run: baseline p95 × ratio. */
function ratioLimitMs(canary) {
    const p95 = canary?.metrics.find((metric) => metric.name === "p95");
    const ratio = p95?.limits.find((limit) => limit.kind === "ratio")?.value;
    const baseline = p95?.baseline.value;
    return ratio === undefined || baseline === null || baseline === undefined ? null : baseline * ratio;
}


/***/ })

};
