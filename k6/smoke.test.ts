import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runK6 } from "../actions/lib/k6/run.ts";
import { realK6 } from "../test/k6.ts";
import { startTarget, type TargetRequest } from "../test/target.ts";

const script = new URL("smoke.js", import.meta.url).pathname;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-journey-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function journey(env: Record<string, string> = {}) {
  const requests: TargetRequest[] = [];
  await using target = await startTarget((request) => {
    requests.push(request);
    return {};
  });
  const { path } = await realK6();
  const run = await runK6({
    k6: path,
    script,
    env: { BASE_URL: target.url, K6_RPS: "40", K6_DURATION: "2s", ...env },
    folder: await mkdtemp(join(folder, "run-")),
    output: "quiet",
  });
  const messages = requests
    .filter(({ path: asked }) => asked === "/webhooks/messages")
    .map((request) => ({ ...request, json: JSON.parse(request.body) }));
  return { run, requests, messages };
}

test("readiness first, then messages signed over their very bytes, waiting for the answer", async () => {
  const { run, requests, messages } = await journey();
  expect(run.ending.kind).toBe("finished");
  expect(requests[0]).toMatchObject({ method: "GET", path: "/health/ready" });
  expect(messages.length).toBe(requests.length - 1);
  expect(messages.length).toBeGreaterThanOrEqual(80);
  expect(messages.length).toBeLessThanOrEqual(82);
  for (const { headers, body, method } of messages) {
    const signature = createHmac("sha256", "development-messages-secret").update(body).digest("hex");
    expect([method, headers["x-signature-256"], headers.prefer, headers["content-type"]]).toEqual([
      "POST",
      `sha256=${signature}`,
      "wait=5",
      "application/json",
    ]);
  }
  expect(new Set(messages.map(({ json }) => json.message_id)).size).toBe(messages.length);
  expect(new Set(messages.map(({ json }) => json.language))).toEqual(new Set(["es", "en", "pt"]));
  expect(new Set(messages.map(({ json }) => json.user_id)).size).toBeGreaterThan(50);
});

test("two runs send the same texts in the same order from new guests under new ids, another seed sends others", async () => {
  // Virtual users overtake each other: compare by the number of the message.
  const said = ({ messages }: Awaited<ReturnType<typeof journey>>) =>
    messages
      .map(({ json }) => [Number(json.message_id.split("-").at(-1)), json.user_id.slice(-5), json.text] as const)
      .sort(([a], [b]) => a - b)
      .slice(0, 80);
  const [first, second, third] = await Promise.all([journey(), journey(), journey({ SMOKE_SEED: "2" })]);
  expect(said(first)).toEqual(said(second));
  expect(said(first)).not.toEqual(said(third));
  const ids = (of: typeof first) => of.messages.map(({ json }) => json.message_id as string);
  expect(ids(first).filter((id) => ids(second).includes(id))).toEqual([]);
  const guests = (of: typeof first) => of.messages.map(({ json }) => json.user_id as string);
  expect(guests(first).filter((id) => guests(second).includes(id))).toEqual([]);
});

test("the secret of the environment signs", async () => {
  const { messages } = await journey({ MESSAGES_SECRET: "another-secret" });
  const { body, headers } = messages[0]!;
  expect(headers["x-signature-256"]).toBe(`sha256=${createHmac("sha256", "another-secret").update(body).digest("hex")}`);
});

test("a service that isn't ready is told with its answer, and gets no message", async () => {
  let messages = 0;
  await using target = await startTarget(({ path }) => {
    if (path === "/webhooks/messages") messages++;
    return { status: 503 };
  });
  const { path } = await realK6();
  const { ending } = await runK6({ k6: path, script, env: { BASE_URL: target.url, K6_DURATION: "1s" }, folder, output: "quiet" });
  expect(ending).toMatchObject({ kind: "failed", message: expect.stringContaining("/health/ready answered 503, expected 200") });
  expect(messages).toBe(0);
});
