import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findProgram, freePort, stopProcess, until } from "./servers.ts";
import { type RunningService, spawnService } from "./service.ts";

/** The address that guests' browsers know; nginx passes another `Host` on, since `proxy_pass` alone sends its own. */
const PUBLIC = "https://chat.hotel.example";
const TOKEN = "a-token-of-the-metrics";
let folder: string;
let told: RunningService;
let untold: RunningService;
let nginx: ReturnType<typeof spawn>;
/** The same two services, through nginx. */
let urls: { told: string; untold: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nginx-"));
  [told, untold] = await Promise.all([
    spawnService({ PUBLIC_URL: PUBLIC, METRICS_TOKEN: TOKEN, TRUST_PROXY: "loopback" }),
    spawnService(),
  ]);
  const [first, second] = [await freePort(), await freePort()];
  urls = { told: `http://127.0.0.1:${first}`, untold: `http://127.0.0.1:${second}` };
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`);
  const site = (port: number, to: string, more = "") =>
    `server { listen 127.0.0.1:${port}; location / { proxy_pass ${to}; ${more} } }`;
  await writeFile(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log stderr;
     events {}
     http {
       access_log off; ${places.join(" ")}
       ${site(first, told.url, "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")}
       ${site(second, untold.url)}
     }`,
  );
  nginx = spawn(findProgram("nginx", "nginx-light"), ["-c", join(folder, "nginx.conf"), "-p", folder], { stdio: "ignore" });
  for (const url of Object.values(urls)) {
    await until(async () => expect((await fetch(`${url}/health/live`)).status).toBe(200));
  }
});
afterAll(async () => {
  if (nginx !== undefined) await stopProcess(nginx);
  await Promise.all([told?.stop(), untold?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

const write = (url: string, headers: Record<string, string>) =>
  fetch(`${url}/chat/default/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ message_id: crypto.randomUUID(), text: "hola" }),
  });

test("a guest writes in the web chat behind a proxy that changes the host", async () => {
  const modern = { origin: PUBLIC, "sec-fetch-site": "same-origin" };
  expect((await write(urls.untold, modern)).status).toBe(202);
  expect((await write(urls.told, modern)).status).toBe(202);
  expect((await write(urls.told, { origin: PUBLIC })).status).toBe(202);
  expect((await write(urls.told, { origin: "https://evil.example" })).status).toBe(403);
});

test("where nobody said which address is the service's, an older browser's refusal stands in the log with the remedy", async () => {
  expect((await write(urls.untold, { origin: PUBLIC })).status).toBe(403);
  await until(async () => expect(untold.log()).toMatch(/chat\.hotel\.example.*PUBLIC_URL/));
});

test("the metrics are no stranger's, with a token or without", async () => {
  for (const url of [urls.told, urls.untold]) expect((await fetch(`${url}/metrics`)).status).toBe(401);
  expect((await fetch(`${untold.url}/metrics`)).status).toBe(200); // from the same machine, and not through a proxy
  expect((await fetch(`${told.url}/metrics`)).status).toBe(401);
  expect((await fetch(`${urls.told}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
});

test("each client behind the proxy has limits of its own", async () => {
  // nginx runs on this machine, so it and its client are both trusted, and what stands before them is the client.
  const statuses = async (address: string, times: number) => {
    const headers = { "sec-fetch-site": "same-origin", "x-forwarded-for": address };
    return (await Promise.all(Array.from({ length: times }, () => write(urls.told, headers)))).map(({ status }) => status);
  };
  expect(await statuses("203.0.113.1", 40)).toContain(429);
  expect(await statuses("203.0.113.2", 1)).toEqual([202]);
});
