import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Browser, startChromium } from "../../../../test/chromium.ts";
import { exampleBudget, exampleCanary, exampleHistory, exampleSamples, exampleSmoke } from "../../../../test/report-examples.ts";
import type { Verdict } from "../../judge/verdict.ts";
import type { Collection, GateLine, ShownKind } from "../collection.ts";
import { mergeHistory, pointOf } from "../history.ts";
import { renderPage } from "./page.ts";
import type { Arms } from "./plots.ts";
import { roundScale } from "./svg.ts";

/** The parts of a browser that run inside of pages here. */
interface Styles {
  getComputedStyle(element: unknown): { getPropertyValue(name: string): string };
}
interface Drawn {
  getBBox(): { width: number };
}

const found = <Report>(report: Report) => ({ state: "found", report, path: "x.json" }) as const;
const missing = { state: "missing", message: "There is no such report." } as const;

const line = (kind: ShownKind, verdict: Verdict, sentence: string): GateLine => ({
  kind,
  state: "found",
  verdict,
  counts: true,
  path: `reports/${kind}.json`,
  about: "job gate",
  sentence,
});

function collection(arms: Arms, values: Partial<Collection> = {}): Collection {
  const canary = exampleCanary(arms);
  const smoke = exampleSmoke();
  return {
    title: "Performance",
    gates: [
      line("smoke-summary", smoke.verdict, "p95 is under its limit."),
      line("canary-report", canary.verdict, canary.summary),
      { ...line("error-budget", "PASS", "73 % is left."), counts: false },
    ],
    smoke: found(smoke),
    canary: found(canary),
    budget: found(exampleBudget()),
    history: mergeHistory([exampleHistory(), [pointOf(smoke, canary, canary.verdict)!]], 21),
    historyBranch: "main",
    runUrl: "https://github.com/octo/hotel/actions/runs/4242",
    notes: [],
    ...values,
  };
}

describe("in a browser", () => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-page-"));
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(
    html: string,
    width = 1100,
    colorScheme: "light" | "dark" = "light",
  ): Promise<{ page: Page; requests: string[] }> {
    const path = join(folder, "report.html");
    writeFileSync(path, html);
    const page = await browser.context.newPage();
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(`file://${path}`);
    return { page, requests };
  }

  const arms = exampleSamples(1500, { slower: 1.3, errorRate: 0.01 });

  test("every plot has its curves, axes with units and a legend, and nothing is loaded from anywhere", async () => {
    const { page, requests } = await open(renderPage(collection(arms), arms));
    expect(requests).toHaveLength(1);
    expect(await page.title()).toBe("Performance: FAIL");
    const plots: Record<string, { words: string[]; curves: number }> = {
      ecdf: { words: ["baseline", "canary", "latency (ms)", "share of requests (%)", "p95"], curves: 2 },
      histogram: { words: ["baseline", "canary", "latency (ms)", "share of requests (%)"], curves: 2 },
      rounds: { words: ["baseline", "canary", "limit", "time (s)", "p95 (ms)"], curves: 3 },
      errors: { words: ["baseline", "canary", "time (s)", "failed requests (%)"], curves: 2 },
      history: { words: ["p95", "limit", "p95 (ms)", "this run"], curves: 2 },
    };
    for (const [id, { words, curves }] of Object.entries(plots)) {
      const svg = page.locator(`#${id} .plot.full svg`);
      expect(await svg.isVisible(), id).toBe(true);
      const text = await svg.textContent();
      for (const word of words) expect(text, id).toContain(word);
      const box = await svg.boundingBox();
      expect(box!.width, id).toBeGreaterThan(300);
      // Curves are wide paths in a series' colour.
      const wide = await svg
        .locator("path[fill=none]")
        .evaluateAll(
          (paths) =>
            paths.filter(
              (path) =>
                (path as unknown as Drawn).getBBox().width > 150 &&
                /var\(--(baseline|canary|limit|faint)\)/.test(path.getAttribute("stroke") ?? ""),
            ).length,
        );
      expect(wide, id).toBeGreaterThanOrEqual(curves);
      expect(await svg.getAttribute("role")).toBe("img");
      expect((await svg.getAttribute("aria-label"))!.length, id).toBeGreaterThan(10);
    }
    // Twelve rounds of two arms: a bar with two ends for each interval.
    const intervals = await page
      .locator(
        "#rounds .plot.full svg path[stroke-opacity], #rounds .plot.full svg path[opacity], #rounds .plot.full svg [style*=opacity]",
      )
      .count();
    expect(intervals).toBeGreaterThanOrEqual(24);
    await page.close();
  });

  test("light and dark differ, and text keeps its contrast in both", async () => {
    const html = renderPage(collection(arms), arms);
    const luminance = (rgb: string) => {
      const [r, g, b] = rgb
        .match(/\d+/g)!
        .slice(0, 3)
        .map((part) => {
          const share = Number(part) / 255;
          return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        }) as [number, number, number];
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const backs: number[] = [];
    for (const scheme of ["light", "dark"] as const) {
      const { page } = await open(html, 1100, scheme);
      const color = (selector: string, property: string) =>
        page
          .locator(selector)
          .first()
          .evaluate(
            (element, name) => (globalThis as unknown as Styles).getComputedStyle(element).getPropertyValue(name),
            property,
          );
      const back = luminance(await color(".card", "background-color"));
      backs.push(back);
      for (const selector of [".card .value", ".card p", "#ecdf .plot.full svg text", ".c-FAIL", ".c-PASS", ".s-warning code"]) {
        const ink = luminance(await color(selector, selector.includes("svg") ? "fill" : "color"));
        const contrast = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
        expect(contrast, `${selector} in ${scheme}`).toBeGreaterThan(4.5);
      }
      await page.close();
    }
    expect(backs[0]! - backs[1]!).toBeGreaterThan(0.5);
  });

  test("on a phone nothing is wider than the screen, and the narrow drawings show", async () => {
    const { page } = await open(renderPage(collection(arms), arms), 400);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(400);
    expect(await page.locator("#rounds .plot.narrow svg").isVisible()).toBe(true);
    expect(await page.locator("#rounds .plot.full svg").isVisible()).toBe(false);
    const size = await page
      .locator("#rounds .plot.narrow svg text")
      .first()
      .evaluate((text) => text.getBoundingClientRect().height);
    expect(size).toBeGreaterThan(9);
    await page.close();
  });

  test("hostile text neither runs nor loads anything", async () => {
    const tricks =
      '</style></script><script>document.title="owned"</script><img src="https://evil.example/x" onerror="document.title=1"><svg onload=1>';
    const canary = { ...exampleCanary(arms), summary: tricks, verdict: "FAIL" as const };
    const smoke = exampleSmoke({ routes: [{ name: tricks, requests: 1, p95_ms: 1, error_rate: 0 }] });
    const history = exampleHistory(3).map((point) => ({ ...point, sha: tricks.slice(0, 200) }));
    const page1 = renderPage(
      collection(arms, {
        title: tricks,
        gates: [{ ...line("canary-report", "FAIL", tricks), path: tricks, about: tricks }, line("smoke-summary", "PASS", tricks)],
        canary: found({ ...canary, routes: [] }),
        smoke: found(smoke),
        history,
        historyBranch: tricks,
        notes: [tricks],
      }),
      arms,
    );
    const { page, requests } = await open(page1);
    expect(requests).toHaveLength(1);
    expect(await page.title()).toMatch(/^<\/style>/);
    expect(await page.locator("script, img, iframe, [onload], [onerror]").count()).toBe(0);
    expect(await page.locator("h1").textContent()).toContain("<script>");
    await page.close();
  });
});

test("without errors, samples or history a sentence or nothing stands in the plot's place", () => {
  const clean = exampleSamples(600, { errorRate: 0 });
  const html = renderPage(collection(clean, { history: [] }), clean);
  expect(html).toContain("No request failed: 0 of 600 on the baseline, 0 of 600 on the canary.");
  expect(html).not.toContain('id="history"');
  const notes = [missing.message];
  const bare = renderPage(collection(clean, { canary: missing, budget: missing, history: [], notes }), undefined);
  expect(bare).not.toContain("<figure");
  expect(bare).toContain("There is no such report.");
  const none = { gates: [], canary: missing, smoke: missing, budget: missing, history: [] };
  expect(renderPage(collection(clean, none), undefined)).toContain("INCONCLUSIVE");
});

test("each of several reports has a row with its verdict and its reason, the worst first", () => {
  const arms = exampleSamples(600);
  const gates = [line("smoke-summary", "PASS", "rooms is fine"), line("smoke-summary", "FAIL", "billing is slow")];
  const rows = renderPage(collection(arms, { gates }), arms).split("<h2>Reports</h2>")[1]!.split("</table>")[0]!;
  expect(rows.indexOf("billing is slow")).toBeLessThan(rows.indexOf("rooms is fine"));
  expect(rows).toContain('<span class="c-FAIL">FAIL</span>');
});

test("arms without a success, or with one request, are drawn as far as they can be", () => {
  const empty = { t: [], latencyMs: [], ok: [] };
  const failed = { t: [0, 1, 2], latencyMs: [Number.NaN, Number.NaN, Number.NaN], ok: [false, false, false] };
  const one = { t: [5], latencyMs: [20], ok: [true] };
  for (const [baseline, canary] of [
    [empty, empty],
    [failed, one],
    [one, one],
  ] as const) {
    const html = renderPage(collection(exampleSamples(600)), { baseline, canary });
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
  }
});

test("the page is the same for the same reports", () => {
  const arms = exampleSamples(600);
  expect(renderPage(collection(arms), arms)).toBe(renderPage(collection(arms), arms));
});

test.each([
  [600, 5, 200, 600],
  [573, 5, 200, 600],
  [0.8, 5, 0.2, 0.8],
  [1234, 5, 250, 1250],
  [0, 5, 1, 1],
])("a scale for %d with about %d marks has steps of %d up to %d", (value, marks, interval, max) => {
  const scale = roundScale(value, marks);
  expect(scale.interval).toBeCloseTo(interval, 9);
  expect(scale.max).toBeGreaterThanOrEqual(value);
  expect(scale.max - value).toBeLessThanOrEqual(interval * 1.001);
  expect(max).toBeGreaterThanOrEqual(value);
});
