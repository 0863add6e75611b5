// Charts and parts register themselves. Named one by one, since ncc keeps the whole of "echarts/charts".
import "echarts/lib/chart/custom";
import "echarts/lib/chart/line";
import "echarts/lib/component/gridSimple";
import "echarts/lib/component/legendPlain";
import "echarts/lib/component/markLine";
import { type EChartsCoreOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { escapeHtml } from "../../runner/summary.ts";

use([SVGRenderer]);

/**
 * Colours of the plots. ECharts computes with colours, so it gets these stand-ins, and the finished SVG gets the page's
 * CSS variables: one drawing serves the light and the dark page.
 */
export const INK = {
  baseline: "#010101",
  canary: "#020202",
  limit: "#030303",
  text: "#040404",
  faint: "#050505",
  grid: "#060606",
  pass: "#070707",
  fail: "#080808",
  inconclusive: "#090909",
} as const;

/** Sizes of plots. On a phone the page shows the narrow drawing, elsewhere the other one. */
export const SIZES = {
  wide: { width: 960, height: 330, fontSize: 13 },
  half: { width: 470, height: 310, fontSize: 12 },
  narrow: { width: 360, height: 290, fontSize: 11 },
} as const;
export type SizeName = keyof typeof SIZES;

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/**
 * Draws a plot for the page and once more for a phone.
 *
 * @param id    of the plot on the page
 * @param label what a screen reader says; may hold foreign text
 */
export function drawPlot(
  id: string,
  label: string,
  size: "wide" | "half",
  option: (size: SizeName) => EChartsCoreOption,
): string {
  return ([size, "narrow"] as const)
    .map(
      (name) =>
        `<div class="plot ${name === "narrow" ? "narrow" : "full"}">${draw(`${id}-${name}`, label, option(name), name)}</div>`,
    )
    .join("");
}

function draw(id: string, label: string, option: EChartsCoreOption, size: SizeName): string {
  const { width, height, fontSize } = SIZES[size];
  const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: { fontFamily: FONT, fontSize, color: INK.text }, ...option });
    return finish(chart.renderToSVGString(), id, label);
  } finally {
    chart.dispose();
  }
}

function finish(svg: string, id: string, label: string): string {
  let text = svg;
  for (const [name, stand] of Object.entries(INK)) text = text.replaceAll(stand, `var(--${name})`);
  return (
    text
      // What only matters under a pointer.
      .replace(/<style\s*>[\s\S]*?<\/style>/, "")
      .replace(/ (?:class="zr[^"]*"|ecmeta_\w+="[^"]*"|pointer-events="visible")/g, "")
      // ECharts counts its drawings; the same report must give the same bytes.
      .replace(/\bzr\d+-/g, `${id}-`)
      .replace(/^<\?xml[^>]*>\s*/, "")
      // Its width is the page's; its own sizes only give the shape.
      .replace(/^<svg width="\d+" height="\d+"/, "<svg")
      .replace(/^<svg/, `<svg role="img" aria-label="${escapeHtml(label)}"`)
  );
}

/** An axis with its name and unit, in the plots' common look. */
export function axis(size: SizeName, name: string, side: "x" | "y"): Record<string, unknown> {
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
export function grid(size: SizeName): Record<string, unknown> {
  return size === "narrow" ? { left: 40, right: 14, top: 60, bottom: 44 } : { left: 48, right: 20, top: 60, bottom: 52 };
}

/** The legend above the drawing, on the left. */
export function legend(size: SizeName, names: readonly string[]): Record<string, unknown> {
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
export function roundScale(value: number, marks: number): { min: 0; max: number; interval: number } {
  if (!(value > 0)) return { min: 0, max: 1, interval: 1 };
  const raw = value / marks;
  const power = 10 ** Math.floor(Math.log10(raw));
  const interval = [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= raw * 0.999) ?? 10 * power;
  return { min: 0, max: Number((Math.ceil((value / interval) * 1.0001) * interval).toPrecision(12)), interval };
}
