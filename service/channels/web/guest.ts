import { createHmac, randomBytes } from "node:crypto";
import type { Request } from "express";
import { sameSecret } from "../../http/signature.ts";

const COOKIE = "gatehouse_guest";
/** Hours after the last message for which a browser keeps its chat, where the hotel says nothing else. */
const LIFE_HOURS = 72;
const LONGEST_LIFE_HOURS = 30 * 24;
const FORM = /^(web-[\w-]{22})\.([\w-]{43})$/;

/** Who writes in a browser: a random id in a signed cookie, of one hotel. */
export interface WebGuests {
  /** @returns the guest of this request; undefined without a cookie, or with one that this service didn't sign for this hotel */
  read(request: Request, tenantId: string): string | undefined;
  /** @returns a new guest */
  make(): string;
  /** @returns a `Set-Cookie` header; the page's own script can't read the cookie, and other sites can't send it */
  cookie(guest: string, tenantId: string, hours?: number): string;
  /** @returns a `Set-Cookie` header that makes the browser forget its guest of this hotel */
  forget(tenantId: string): string;
}

/** @returns the hours of the setting `web_chat_hours`, from 1 to 720; 72 where it is absent or something else */
export function chatHours({ web_chat_hours: hours }: Record<string, unknown>): number {
  const fits = typeof hours === "number" && hours >= 1 && hours <= LONGEST_LIFE_HOURS;
  return fits ? Math.floor(hours) : LIFE_HOURS;
}

/** @param secrets keys of signatures: the first one signs, all are known; @param secure whether browsers may send the cookie over HTTPS only */
export function createWebGuests({ secrets, secure }: { secrets: readonly string[]; secure: boolean }): WebGuests {
  const sign = (guest: string, tenantId: string, secret = secrets[0]!) =>
    createHmac("sha256", secret).update(`web chat guest\n${tenantId}\n${guest}`).digest("base64url");
  const header = (value: string, tenantId: string, seconds: number) =>
    [
      `${COOKIE}=${value}`,
      `Path=/chat/${tenantId}`,
      `Max-Age=${seconds}`,
      "HttpOnly",
      "SameSite=Lax",
      ...(secure ? ["Secure"] : []),
    ].join("; ");
  return {
    read: (request, tenantId) => {
      for (const value of cookies(request.headers.cookie, COOKIE)) {
        const match = FORM.exec(value);
        if (match === null) continue;
        if (secrets.some((secret) => sameSecret(match[2]!, sign(match[1]!, tenantId, secret)))) return match[1]!;
      }
      return undefined;
    },
    make: () => `web-${randomBytes(16).toString("base64url")}`,
    cookie: (guest, tenantId, hours = LIFE_HOURS) => header(`${guest}.${sign(guest, tenantId)}`, tenantId, hours * 3600),
    forget: (tenantId) => header("", tenantId, 0),
  };
}

function cookies(header: string | undefined, name: string): string[] {
  return (header ?? "")
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}
