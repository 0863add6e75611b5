import { SignJWT } from "jose";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DEVELOPMENT_SECRETS } from "../service/config.ts";
import { type Browser, startChromium } from "./chromium.ts";
import { until } from "./servers.ts";
import { type RunningService, spawnService } from "./service.ts";

const PICTURES = "reports/web-chat";
let service: RunningService;
let browser: Browser;

beforeAll(async () => {
  [service, browser] = await Promise.all([spawnService(), startChromium()]);
});
afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await service?.stop();
});

const DAY_MS = 24 * 3600 * 1000;
/** A stay of three nights, some weeks from now. */
const arrival = new Date(Date.now() + 45 * DAY_MS);
const departure = new Date(arrival.getTime() + 3 * DAY_MS);
const isoDay = (date: Date) => date.toISOString().slice(0, 10);
const day = (date: Date, locale: string) =>
  new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", timeZone: "UTC" }).format(date);

const open = async (path: string): Promise<Page> => {
  await browser.context.clearCookies();
  const page = await browser.context.newPage();
  page.setDefaultTimeout(15_000);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${service.url}${path}`);
  return page;
};
/** Says something, or presses a button, and waits for what the agent answers to it. */
const turn = async (page: Page, act: (page: Page) => Promise<void>): Promise<string> => {
  const answers = page.locator("li:not(.mine) .bubble");
  const before = await answers.count();
  await act(page);
  await until(async () => expect(await answers.count()).toBeGreaterThan(before));
  return (await answers.last().textContent()) ?? "";
};
const say = (text: string) => async (page: Page) => {
  await page.getByRole("textbox").fill(text);
  await page.keyboard.press("Enter");
};
const press = (name: string | RegExp) => (page: Page) => page.getByRole("button", { name, disabled: false }).last().click();

const guestOf = async () => {
  const cookie = (await browser.context.cookies()).find(({ name }) => name === "gatehouse_guest");
  return cookie!.value.split(".")[0]!;
};
const admin = async (path: string, body?: unknown) => {
  const token = await new SignJWT({ role: "admin" })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("reception")
    .setExpirationTime("5m")
    .sign(new TextEncoder().encode(DEVELOPMENT_SECRETS.ADMIN_JWT_SECRET));
  const response = await fetch(`${service.url}${path}`, {
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
  expect(response.ok, `${path}: ${response.status}`).toBe(true);
  return (await response.json()) as Record<string, unknown>[];
};

test("a guest asks, picks a room, books and cancels on a phone, and reception sees the same", async () => {
  const page = await open("/chat?lang=es");
  expect(
    await turn(page, say(`Hola, ¿tienen lugar del ${day(arrival, "es")} al ${day(departure, "es")} para 2 adultos?`)),
  ).toMatch(/3 noches/);
  expect(await turn(page, press(/^Doble$/))).toMatch(/contacto/);
  expect(await turn(page, say("ana@ejemplo.com"))).toMatch(/Doble.*2 adultos/s);
  await page.screenshot({ path: `${PICTURES}/7-hold.png` });
  const confirmed = await turn(page, press("Confirmar"));
  await page.screenshot({ path: `${PICTURES}/8-booked.png` });
  const code = /GH-\w+/.exec(confirmed)?.[0];
  expect(code, confirmed).toBeDefined();
  const guest = await guestOf();
  const reservation = async () => (await admin(`/admin/reservations?user_id=${guest}`))[0];
  expect(await reservation()).toMatchObject({
    code,
    room_type: "double",
    check_in: isoDay(arrival),
    check_out: isoDay(departure),
    adults: 2,
    status: "confirmed",
  });
  const [conversation] = await admin(`/admin/conversations?user_id=${guest}`);
  expect(conversation).toMatchObject({ channel: "web", language: "es" });

  let answer = await turn(page, say("quiero cancelar mi reserva"));
  for (let step = 0; step < 3 && (await reservation())!.status !== "cancelled"; step += 1) answer = await turn(page, say("sí"));
  expect(await reservation(), answer).toMatchObject({ code, status: "cancelled" });

  await turn(page, async () => {
    await admin(`/admin/conversations/${conversation!.id}/reply`, { text: "Soy Marta, de recepción. ¡Esperamos verle pronto!" });
  });
  await page.getByText("👤 Soy Marta, de recepción").waitFor();
  await page.close();
});

test.each([
  ["en", `Do you have a room from ${day(arrival, "en-GB")} to ${day(departure, "en-GB")} for two adults?`, /3 nights/],
  ["pt", `Tem quarto de ${day(arrival, "pt")} a ${day(departure, "pt")} para dois adultos?`, /3 (noites|diárias)/],
])("a quote in %s", async (language, question, quote) => {
  const page = await open(`/chat?lang=${language}`);
  expect(await turn(page, say(question))).toMatch(quote);
  expect(await page.locator("html").getAttribute("lang")).toBe(language);
  await page.close();
});
