import type { RequestHandler, Response } from "express";
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import { Problem } from "../http/problem.ts";

/** What of a token tells whether it was revoked. */
export interface TokenFacts {
  jti?: string | undefined;
  sub?: string | undefined;
  /** Seconds since 1970. */
  iat?: number | undefined;
}

/** Each role may do what the ones before it may. An evaluator asks for flags over OFREP and reads nothing of any guest. */
export const ROLES = ["evaluator", "viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** In place of a tenant's id: the token is for all tenants. */
export const ALL_TENANTS = "*";

/** Who asks. */
export interface Principal {
  subject: string;
  role: Role;
  /** The only tenant that this caller may see and change; absent: all. */
  tenant: string | undefined;
}

export interface AuthOptions {
  /** HS256 keys; two while it is being changed. */
  secret?: string | readonly string[] | undefined;
  /** Keys of an identity provider, in place of `secret`. It signs tokens of other programs too, so `issuer` and `audience` say which are ours. */
  jwksUrl?: string | undefined;
  issuer?: string | undefined;
  audience?: string | undefined;
  isRevoked?: (token: TokenFacts) => boolean;
}

/**
 * @returns a function of a role that makes a handler which lets callers of at least this role through:
 *   401 without a valid token, 403 without the right. `principalOf(response)` then tells who asks.
 */
export function createAuth({
  secret,
  jwksUrl,
  issuer,
  audience,
  isRevoked = () => false,
}: AuthOptions): (role: Role) => RequestHandler {
  const jwks = jwksUrl === undefined ? undefined : createRemoteJWKSet(new URL(jwksUrl));
  const keys = [secret ?? []].flat().map((text) => new TextEncoder().encode(text));
  const options = {
    requiredClaims: ["sub", "exp", "role"],
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };

  const verify = async (token: string): Promise<JWTPayload> => {
    if (jwks !== undefined) {
      return (await jwtVerify(token, jwks, { ...options, algorithms: ["RS256", "PS256", "ES256", "EdDSA"] })).payload;
    }
    let failure: unknown = new errors.JWTInvalid("no key is configured");
    for (const key of keys) {
      try {
        return (await jwtVerify(token, key, { ...options, algorithms: ["HS256"] })).payload;
      } catch (error) {
        failure = error;
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) break;
      }
    }
    throw failure;
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
    if (isRevoked(payload)) throw unauthorized("The token was revoked. Get a new one.");
    const principal = toPrincipal(payload, jwks !== undefined);
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

/**
 * Refuses a caller whose token is for one tenant.
 *
 * @param what what hotels don't do by themselves
 * @throws Problem 403
 */
export function requireAllTenants(principal: Principal, what: string): void {
  if (principal.tenant !== undefined) throw new Problem(403, "Forbidden", `A token of one tenant can't ${what}.`);
}

/** @param isExplicit whether the claim has to be there: a provider that forgets it must not make an administrator of all hotels */
function toPrincipal(payload: JWTPayload, isExplicit: boolean): Principal {
  const { sub, role, tenant } = payload;
  if (!ROLES.includes(role as Role)) throw unauthorized(`The token's role must be one of ${ROLES.join(", ")}.`);
  if (tenant !== undefined && (typeof tenant !== "string" || tenant === ""))
    throw unauthorized("The token's tenant must be a text that isn't empty.");
  if (tenant === undefined && isExplicit) {
    throw unauthorized(`The token names no tenant. Give it the claim tenant: a hotel's id, or "${ALL_TENANTS}" for all.`);
  }
  return { subject: sub!, role: role as Role, tenant: tenant === ALL_TENANTS ? undefined : tenant };
}

function unauthorized(detail: string): Problem {
  return new Problem(401, "Unauthorized", detail, [], { "WWW-Authenticate": "Bearer" });
}
