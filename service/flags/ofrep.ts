import { createHash } from "node:crypto";
import { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from "express";
import { principalOf, type Role } from "../auth/auth.ts";
import { readJsonBody } from "../http/json-body.ts";
import { Problem } from "../http/problem.ts";
import { ContextError, checkContext } from "./context.ts";
import type { Evaluation, Flags } from "./flags.ts";
import type { FlagValue, Registry } from "./registry.ts";

export interface OfrepRoutesOptions {
  flags: Flags<Registry>;
  auth: (role: Role) => RequestHandler;
}

const ROOT = "/ofrep/v1";
const MAXIMUM_BODY = "64kb";
const POLLING_MS = 30_000;

/**
 * The OpenFeature Remote Evaluation Protocol: any OpenFeature client can ask for these flags, with the bearer token of an
 * evaluator, which reads nothing else. A token of one tenant gets that tenant in its context, and no other.
 *
 * @see https://github.com/open-feature/protocol/blob/main/service/openapi.yaml
 */
export function ofrepRoutes({ flags, auth }: OfrepRoutesOptions): Router {
  const router = Router();
  const body = [readJsonBody(MAXIMUM_BODY), unreadable];

  router.post(`${ROOT}/evaluate/flags/:key`, auth("evaluator"), ...body, (request: Request, response: Response) => {
    const key = String(request.params.key);
    const context = contextOf(request, response, key);
    if (context === undefined) return;
    const evaluation = flags.evaluateAny(key, context);
    const status = evaluation.errorCode === undefined ? 200 : evaluation.errorCode === "FLAG_NOT_FOUND" ? 404 : 400;
    response.status(status).json(toAnswer(flags, key, evaluation));
  });

  router.post(`${ROOT}/evaluate/flags`, auth("evaluator"), ...body, (request: Request, response: Response) => {
    const context = contextOf(request, response, undefined);
    if (context === undefined) return;
    const evaluations = Object.keys(flags.registry).map((key) => toAnswer(flags, key, flags.evaluateAny(key, context)));
    sendWithTag(request, response, { flags: evaluations, metadata: { version: flags.version } });
  });

  router.get(`${ROOT}/configuration`, auth("evaluator"), (request, response) => {
    sendWithTag(request, response, {
      name: "gatehouse",
      capabilities: {
        cacheInvalidation: { polling: { enabled: true, minPollingIntervalMs: POLLING_MS } },
        flagEvaluation: { supportedTypes: [] },
        caching: { enabled: false, ttl: 0 },
      },
    });
  });

  return router;
}

/** The caller's context, or `undefined` after the answer that it can't be used. */
function contextOf(request: Request, response: Response, key: string | undefined): Record<string, unknown> | undefined {
  const body: unknown = request.body ?? {};
  try {
    if (typeof body !== "object" || Array.isArray(body)) throw new ContextError("body", 'expected {"context": {…}}.');
    return checkContext((body as Record<string, unknown>).context, principalOf(response).tenant);
  } catch (error) {
    if (!(error instanceof ContextError)) throw error;
    fail(response, 400, key, "INVALID_CONTEXT", error.message);
    return undefined;
  }
}

/** A value that the definition leaves to the caller isn't sent: the client's own default holds (OFREP, ADR 6). */
function toAnswer(flags: Flags<Registry>, key: string, evaluation: Evaluation<FlagValue | undefined>) {
  const { value, variant, reason, errorCode, errorMessage, usesDefault } = evaluation;
  if (errorCode !== undefined) return { key, errorCode, errorDetails: errorMessage ?? errorCode };
  const { metadata } = flags.entry(key).compiled.definition;
  return {
    key,
    reason,
    ...(usesDefault ? {} : { value, ...(variant === undefined ? {} : { variant }) }),
    metadata: { ...metadata, ...(errorMessage === undefined ? {} : { detail: errorMessage }) },
  };
}

/** Sends JSON with a strong ETag, or 304 when the caller has it (RFC 9110, section 13.1.2). */
function sendWithTag(request: Request, response: Response, json: unknown): void {
  const text = JSON.stringify(json);
  const tag = `"${createHash("sha256").update(text).digest("base64url").slice(0, 27)}"`;
  response.set("ETag", tag).set("Cache-Control", "private, no-cache");
  const known = (request.get("if-none-match") ?? "").split(",").map((one) => one.trim().replace(/^W\//, ""));
  if (known.includes(tag) || known.includes("*")) response.status(304).end();
  else response.type("application/json").send(text);
}

const unreadable: ErrorRequestHandler = (error, request, response, next) => {
  if (typeof error?.status !== "number" || error.status >= 500) {
    next(error);
    return;
  }
  const mistakes = error instanceof Problem ? error.errors.map(({ field, message }) => ` ${field}: ${message}.`).join("") : "";
  fail(response, error.status, request.params.key as string | undefined, "PARSE_ERROR", `${error.message}${mistakes}`);
};

function fail(response: Response, status: number, key: string | undefined, errorCode: string, errorDetails: string): void {
  response.status(status).json({ ...(key === undefined ? {} : { key }), errorCode, errorDetails });
}
