import { type ChildProcess, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import { DEVELOPMENT_SECRETS } from "../service/config.ts";
import { signatureOf } from "../service/http/signature.ts";
import { stopProcess } from "./servers.ts";

/** The real service in a process of its own. */
export interface RunningService {
  url: string;
  process: ChildProcess;
  /** Everything it has written so far. */
  log(): string;
  /** Asks it to stop and waits. @returns its exit code */
  stop(): Promise<number | null>;
  /** `kill -9`. */
  kill(): Promise<void>;
}

/** With the flag of `npm start`. */
const MAIN = fileURLToPath(new URL("../service/main.ts", import.meta.url));
export const MESSAGES_SECRET = "development-messages-secret";

/**
 * Starts `service/main.ts` on a free port, with nothing of this environment but PATH, and waits until it listens. Hotels without rooms
 * are the demo hotel, also in a database of Postgres.
 */
export async function spawnService(env: Record<string, string | undefined> = {}): Promise<RunningService> {
  const demo = env.NODE_ENV === "production" ? {} : { DEMO_HOTEL: "true" };
  const child = spawn(process.execPath, ["--max-semi-space-size=4", MAIN], {
    env: { PATH: process.env.PATH, PORT: "0", HOST: "127.0.0.1", LOG_LEVEL: "info", ...demo, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const url = await new Promise<string>((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      text += chunk;
      const found = /"url":"(http:[^"]+)".*"listening"/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the service ended with ${code} before it listened:\n${text}`)));
  });
  return {
    url,
    process: child,
    log: () => text,
    stop: async () => {
      await stopProcess(child);
      return child.exitCode;
    },
    kill: async () => {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** Sends a signed message to the generic JSON channel. */
export function sendMessage(
  url: string,
  body: Record<string, unknown> | string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const raw = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(`${url}/webhooks/messages`, {
    method: "POST",
    body: raw,
    headers: {
      "Content-Type": "application/json",
      "X-Signature-256": `sha256=${createHmac("sha256", MESSAGES_SECRET).update(raw).digest("hex")}`,
      ...headers,
    },
  });
}

/** Posts a notification as Meta does, signed. */
export function sendNotification(url: string, body: unknown): Promise<Response> {
  const raw = JSON.stringify(body);
  return fetch(`${url}/webhooks/whatsapp`, {
    method: "POST",
    body: raw,
    headers: {
      "content-type": "application/json",
      "x-hub-signature-256": signatureOf(raw, DEVELOPMENT_SECRETS.WHATSAPP_APP_SECRET),
    },
  });
}

/** Calls an administrator's route with a token of all hotels. */
export async function callAdmin(url: string, method: string, path: string, body?: unknown): Promise<Response> {
  const token = await new SignJWT({ role: "admin" })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("ana")
    .setExpirationTime("5m")
    .sign(new TextEncoder().encode(DEVELOPMENT_SECRETS.ADMIN_JWT_SECRET));
  return fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** @returns the sum of a metric's series whose labels hold `labels`; undefined when there is none */
export async function readMetric(url: string, name: string, labels: Record<string, string> = {}): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const series = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const found = series.filter((line) => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)));
  return found.length === 0 ? undefined : found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
