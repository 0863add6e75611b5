import type { RequestHandler, Response } from "express";
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import { Problem } from "../http/problem.ts";

/** Each role may do what the ones before it may. */
export const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Who asks. */
export interface Principal {
  subject: string;
  role: Role;
  /** The only tenant that this caller may see and change; absent: all. */
  tenant: string | undefined;
}

export interface AuthOptions {
  secret?: string | undefined;
  jwksUrl?: string | undefined;
}

/**
 * @returns a function of a role that makes a handler which lets callers of at least this role through:
 *   401 without a valid token, 403 without the right. `principalOf(response)` then tells who asks.
 */
export function createAuth({ secret, jwksUrl }: AuthOptions): (role: Role) => RequestHandler {
  const jwks = jwksUrl === undefined ? undefined : createRemoteJWKSet(new URL(jwksUrl));
  const key = secret === undefined ? undefined : new TextEncoder().encode(secret);

  const verify = async (token: string): Promise<JWTPayload> => {
    const required = { requiredClaims: ["sub", "exp", "role"] };
    if (jwks !== undefined)
      return (await jwtVerify(token, jwks, { ...required, algorithms: ["RS256", "PS256", "ES256", "EdDSA"] })).payload;
    if (key === undefined) throw new errors.JWTInvalid("no key is configured");
    return (await jwtVerify(token, key, { ...required, algorithms: ["HS256"] })).payload;
  };

  return (role) => async (request, response, next) => {
    const token = /^Bearer ([\w.~+/=-]+)$/i.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined) throw unauthorized("Send a token: Authorization: Bearer <JWT>.");
    let payload: JWTPayload;
    try {
      payload = await verify(token);
    } catch (error) {
      if (error instanceof errors.JOSEError) throw unauthorized(`The token isn't valid: ${error.message}.`);
      throw error;
    }
    const principal = toPrincipal(payload);
    if (ROLES.indexOf(principal.role) < ROLES.indexOf(role)) {
      throw new Problem(403, "Forbidden", `This needs the role "${role}" or above; the token's role is "${principal.role}".`);
    }
    response.locals.principal = principal;
    next();
  };
}

/** @returns who asks; call it behind a handler of `createAuth` */
export function principalOf(response: Response): Principal {
  const { principal } = response.locals;
  if (principal === undefined) throw new Error("principalOf: this route isn't behind createAuth");
  return principal as Principal;
}

/**
 * Refuses a caller whose token is for another tenant.
 *
 * @throws Problem 403
 */
export function requireTenant(principal: Principal, tenantId: string): void {
  if (principal.tenant !== undefined && principal.tenant !== tenantId) {
    throw new Problem(403, "Forbidden", "The token is for another tenant.");
  }
}

function toPrincipal(payload: JWTPayload): Principal {
  const { sub, role, tenant } = payload;
  if (!ROLES.includes(role as Role)) throw unauthorized(`The token's role must be one of ${ROLES.join(", ")}.`);
  if (tenant !== undefined && (typeof tenant !== "string" || tenant === ""))
    throw unauthorized("The token's tenant must be a text that isn't empty.");
  return { subject: sub!, role: role as Role, tenant };
}

function unauthorized(detail: string): Problem {
  return new Problem(401, "Unauthorized", detail, [], { "WWW-Authenticate": "Bearer" });
}
