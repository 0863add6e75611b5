import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { SignJWT } from "jose";
import { loadConfig } from "../config.ts";
import { ROLES, type Role } from "./auth.ts";

/** `npm run token -- --role admin [--tenant ID] [--subject NAME] [--hours 12]`: prints an admin token for development. */
const { values } = parseArgs({
  options: {
    role: { type: "string", default: "viewer" },
    tenant: { type: "string" },
    subject: { type: "string", default: "developer" },
    hours: { type: "string", default: "12" },
  },
});
const hours = Number(values.hours);
const problems = [
  ...(ROLES.includes(values.role as Role) ? [] : [`--role: expected one of ${ROLES.join(", ")}, got "${values.role}".`]),
  ...(hours > 0 && hours <= 24 * 365 ? [] : [`--hours: expected a number from 0 to ${24 * 365}, got "${values.hours}".`]),
  ...(process.env.NODE_ENV === "production"
    ? ["NODE_ENV: in production tokens come from your identity provider (ADMIN_JWKS_URL)."]
    : []),
];
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exitCode = 1;
} else {
  const { ADMIN_JWT_SECRET, ADMIN_JWT_ISSUER, ADMIN_JWT_AUDIENCE } = process.env;
  const config = loadConfig({ ADMIN_JWT_SECRET, ADMIN_JWT_ISSUER, ADMIN_JWT_AUDIENCE });
  const unsigned = new SignJWT({ role: values.role, ...(values.tenant === undefined ? {} : { tenant: values.tenant }) })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(values.subject)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + hours * 3_600_000));
  if (config.ADMIN_JWT_ISSUER !== undefined) unsigned.setIssuer(config.ADMIN_JWT_ISSUER);
  if (config.ADMIN_JWT_AUDIENCE !== undefined) unsigned.setAudience(config.ADMIN_JWT_AUDIENCE);
  console.log(await unsigned.sign(new TextEncoder().encode(config.ADMIN_JWT_SECRET!)));
}
