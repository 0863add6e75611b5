import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeDatabase, type TestDatabase } from "../../../test/database.ts";
import { type Served, serve } from "../../../test/http.ts";
import { findProgram } from "../../../test/servers.ts";
import { createAnswers } from "../../mail/answers.ts";
import { honestFallback } from "../../mail/honest-fallback.ts";
import { createInbox } from "../../mail/inbox.ts";
import type { HandleMessage, Reply } from "../../mail/message.ts";
import { createWorker, type Worker } from "../../mail/worker.ts";
import { createLogger } from "../../telemetry/log.ts";
import { createMetrics } from "../../telemetry/metrics.ts";
import { createWebChat, type WebChat } from "./chat.ts";
import { PAGE_TEXTS } from "./texts.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PICTURES = "reports/web-chat";
const HOSTILE = `<img src=x onerror="document.title='broken'"><script>document.title='broken'</script>`;
const logger = createLogger("silent", "test");

/** What the agent says is the orchestrator's matter; here every kind of reply comes by its name. */
const REPLIES: Record<string, Reply[]> = {
  habitaciones: [
    {
      text: "Del 12 al 15 de abril tenemos estas habitaciones para 2 personas:",
      list: {
        button: "Ver",
        rows: [
          { id: "double", title: "Doble", description: "USD 120 por noche, desayuno incluido" },
          { id: "suite", title: "Suite", description: "USD 210 por noche, vista al mar" },
        ],
      },
    },
  ],
  Doble: [
    {
      text: "Doble, 3 noches: USD 360 en total.\n¿La reservo?",
      buttons: [
        { id: "confirm", title: "Sí, reservar" },
        { id: "cancel", title: "No, gracias" },
      ],
    },
  ],
  lugar: [
    { text: "Estamos aquí:", location: { latitude: -34.9, longitude: -56.15, name: "Hotel Rambla", address: "Rambla 1234" } },
  ],
  despacio: [{ text: "Lo pienso.", typingMs: 2_500 }, { text: "Y lo digo." }],
  web: [{ text: "Más en https://example.com/fotos?a=1." }],
  largo: [{ text: "palabra".repeat(60) }, { text: Array.from({ length: 60 }, (_, line) => `Línea ${line}`).join("\n") }],
};
const handle: HandleMessage = async ({ message }) => ({
  state: {},
  language: message.language ?? "es",
  handedOver: false,
  replies: REPLIES[message.text] ?? [{ text: `eco ${message.language ?? "-"} ${message.buttonId ?? "-"}: ${message.text}` }],
  intent: "greeting",
  confidence: 0.9,
  band: "high",
});

let db: TestDatabase;
let worker: Worker;
let chat: WebChat;
let served: Served;
let base: string;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  db = await makeDatabase("postgres");
  const metrics = createMetrics({ collectDefaults: false });
  worker = createWorker({
    isPulled: () => true,
    giveUp: async ({ conversation, message }) => honestFallback(conversation, message),
    database: db.database,
    answers: createAnswers({ database: db.database }),
    metrics,
    logger,
    concurrency: 4,
    handle,
  });
  await worker.start();
  chat = createWebChat({
    database: db.database,
    inbox: createInbox({ database: db.database, metrics }),
    logger,
    secrets: ["the-secret-of-the-cookies"],
    secureCookies: false,
    tenant: async (id) => ({ id, name: "Hotel Rambla", active: true, languages: ["es", "en", "pt"], settings: {} }),
    limit: async () => undefined,
    limitClient: async () => undefined,
  });
  await chat.start();
  served = await serve(chat.router);
  base = served.url;
  browser = await chromium.launch({ executablePath: findProgram("chromium", "chromium"), args: ["--no-sandbox"] });
});
afterAll(async () => {
  await browser?.close();
  await chat.close();
  await served.close();
  await worker.stop();
  await db.close();
});

const open = async (options: BrowserContextOptions = {}, path = "/chat") => {
  const context = await browser.newContext({ locale: "es-UY", viewport: { width: 900, height: 700 }, ...options });
  page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(base + path);
  await page.getByRole("listitem").first().waitFor();
};
const say = async (text: string) => {
  await page.getByRole("textbox").fill(text);
  await page.keyboard.press("Enter");
};
const hears = (text: string | RegExp) => page.locator("li:not(.mine) .bubble").filter({ hasText: text }).last().waitFor();
const picture = (name: string) => page.screenshot({ path: `${PICTURES}/${name}.png` });
const accessible = async () => {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
};

beforeEach(() => {
  complaints = [];
});
afterEach(async () => {
  await page.context().close();
});

describe("a guest in a browser", () => {
  test("ends the chat, and whoever sits down next finds nothing of it", async () => {
    await open();
    await say("mi secreto");
    await hears("eco - -: mi secreto");
    await page.getByRole("button", { name: PAGE_TEXTS.es.end }).click();
    await page.getByText("mi secreto").first().waitFor({ state: "detached" });
    await hears(PAGE_TEXTS.es.welcome.replaceAll("{hotel}", "Hotel Rambla"));
    expect(await page.context().cookies()).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("asks, picks from a list, presses a button, and finds it all again after a reload", async () => {
    await open();
    await hears(PAGE_TEXTS.es.welcome.replaceAll("{hotel}", "Hotel Rambla"));
    await picture("1-welcome");
    await page.getByRole("button", { name: PAGE_TEXTS.es.suggestions[0]! }).click();
    await hears(`eco - -: ${PAGE_TEXTS.es.suggestions[0]}`);
    await say("habitaciones");
    await page.getByRole("button", { name: "Doble USD 120 por noche, desayuno incluido" }).click();
    await hears("¿La reservo?");
    expect(await page.getByRole("button", { name: /Suite/ }).isDisabled()).toBe(true);
    await picture("2-choices");
    await page.getByRole("button", { name: "Sí, reservar" }).click();
    await hears("eco - confirm: Sí, reservar");
    expect(await page.evaluate("document.activeElement?.id")).toBe("text");
    const before = await page.locator(".bubble").allTextContents();
    await page.reload();
    await hears("eco - confirm: Sí, reservar");
    expect(await page.locator(".bubble").allTextContents()).toEqual(before);
    await say("sigo aquí");
    await hears("eco - -: sigo aquí");
    expect(complaints).toEqual([]);
  });

  test("on a phone nothing is cut off, everything can be touched, and the newest message is seen", async () => {
    await open({ viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true, locale: "pt-BR" });
    await hears(PAGE_TEXTS.pt.welcome.replaceAll("{hotel}", "Hotel Rambla"));
    await say("largo");
    await hears("Línea 59");
    const last = page.locator("li .bubble").last();
    await expect
      .poll(() =>
        last.evaluate((node) =>
          Math.round(node.getBoundingClientRect().bottom - node.ownerDocument.querySelector("form")!.getBoundingClientRect().top),
        ),
      )
      .toBeLessThanOrEqual(0);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    await say("habitaciones");
    await hears(/Del 12 al 15/);
    for (const button of await page.getByRole("button").all()) {
      const box = (await button.boundingBox())!;
      expect(Math.min(box.height, box.width)).toBeGreaterThanOrEqual(44);
      expect(box.x + box.width).toBeLessThanOrEqual(360);
    }
    await picture("3-phone");
    expect(complaints).toEqual([]);
  });

  test("chooses a language, and answers come in it", async () => {
    await open({}, "/chat/default");
    await page.getByLabel(PAGE_TEXTS.es.language).selectOption("en");
    await page.getByPlaceholder(PAGE_TEXTS.en.placeholder).waitFor();
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    await say("hello");
    await hears("eco en -: hello");
    await say("lugar");
    await hears("Hotel Rambla\nRambla 1234");
    expect(await page.getByRole("link", { name: PAGE_TEXTS.en.map }).getAttribute("href")).toContain("mlat=-34.9&mlon=-56.15");
    await say("web");
    expect(await page.getByRole("link", { name: "https://example.com/fotos?a=1" }).getAttribute("rel")).toBe(
      "noopener noreferrer",
    );
    await picture("4-english");
  });

  test.each([
    ["by events", false],
    ["by asking", true],
  ])("sees that a reply is being typed for as long as it says, and what follows after it (%s)", async (_name, asking) => {
    const context = await browser.newContext({ locale: "es-UY" });
    page = await context.newPage();
    page.setDefaultTimeout(10_000);
    if (asking) await page.route("**/events", (route) => route.fulfill({ status: 503 }));
    await page.goto(`${base}/chat`);
    await page.getByRole("listitem").first().waitFor();
    // What the page shows at each change, and when.
    await page.evaluate(() => {
      const { document, performance } = globalThis as unknown as {
        document: { body: unknown; getElementById(id: string): { hidden: boolean; innerText: string } };
        performance: { now(): number };
      };
      const { MutationObserver: Observer } = globalThis as unknown as {
        MutationObserver: new (seen: () => void) => { observe(node: unknown, options: object): void };
      };
      const seen: { at: number; typing: boolean; text: string }[] = [];
      Object.assign(globalThis, { seen });
      new Observer(() =>
        seen.push({
          at: performance.now(),
          typing: !document.getElementById("typing").hidden,
          text: document.getElementById("messages").innerText,
        }),
      ).observe(document.body, { subtree: true, childList: true, attributes: true });
    });
    await say("despacio");
    await hears("Y lo digo.");
    await expect.poll(() => page.getByText(PAGE_TEXTS.es.typing).isVisible()).toBe(false);
    const seen = await page.evaluate(
      () => (globalThis as unknown as { seen: { at: number; typing: boolean; text: string }[] }).seen,
    );
    const written = seen.find(({ text }) => text.includes("despacio"))!;
    const shown = seen.findIndex(({ text }) => text.includes("Lo pienso."));
    expect(seen[shown]!.at - written.at).toBeGreaterThanOrEqual(2_300);
    expect(seen[shown - 1]).toMatchObject({ typing: true });
    expect(seen.findIndex(({ text }) => text.includes("Y lo digo."))).toBeGreaterThanOrEqual(shown);
    // What has been typed once isn't typed again.
    await page.reload();
    await hears("Y lo digo.");
    const { messages } = (await (await page.request.get(`${base}/chat/default/messages`)).json()) as { messages: object[] };
    expect(messages).toHaveLength(3);
    for (const message of messages) expect(message).not.toHaveProperty("typing_ms");
  });

  test("loses the connection while writing: the message goes when it is back, once", async () => {
    await open();
    await say("uno");
    await hears("eco - -: uno");
    await page.context().setOffline(true);
    await say("dos");
    await page.getByText(PAGE_TEXTS.es.offline).waitFor();
    await picture("5-offline");
    await page.context().setOffline(false);
    await hears("eco - -: dos");
    expect(await page.getByText(PAGE_TEXTS.es.offline).isVisible()).toBe(false);
    expect(await page.locator(".mine .bubble").allTextContents()).toEqual(["uno", "dos"]);
    const { rows } = await db.pool.query("select count(*)::int as n from inbox where payload ->> 'text' = 'dos'");
    expect(rows).toEqual([{ n: 1 }]);
  });

  test("without events the page asks for its messages", async () => {
    const context = await browser.newContext({ locale: "es" });
    page = await context.newPage();
    await page.route("**/events", (route) => route.fulfill({ status: 503 }));
    await page.goto(`${base}/chat`);
    await page.getByRole("listitem").first().waitFor();
    await say("uno");
    await hears("eco - -: uno");
  });

  test("what looks like HTML is text", async () => {
    await open();
    await say(HOSTILE);
    await hears(`eco - -: ${HOSTILE}`);
    await page.reload();
    await hears(`eco - -: ${HOSTILE}`);
    expect(await page.title()).toBe("Chat con Hotel Rambla");
    expect(await page.locator("li img, li script").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test.each(["light", "dark"] as const)(
    "with a screen reader, a keyboard or weak eyes finds no obstacle (%s)",
    async (colorScheme) => {
      await open({ colorScheme, reducedMotion: "reduce" });
      await say("habitaciones");
      await hears(/Del 12 al 15/);
      expect(await accessible()).toEqual([]);
      await page.getByRole("textbox").focus();
      await page.keyboard.press("Shift+Tab");
      await page.keyboard.press("Enter");
      await hears("eco - suite: Suite");
      expect(await page.getByRole("log").getAttribute("aria-live")).toBe("polite");
      await picture(`6-${colorScheme}`);
    },
  );
});
