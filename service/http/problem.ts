import { STATUS_CODES } from "node:http";
import type { ErrorRequestHandler, Response } from "express";
import type { z } from "zod";

/** What is wrong with one field of a request. */
export interface FieldMistake {
  field: string;
  message: string;
}

/** An answer that isn't a success, as RFC 9457 describes it. Throw it from any route. */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly errors: FieldMistake[];
  readonly headers: Record<string, string>;

  /**
   * @param detail what was wrong and what to do; sent to the caller, so it holds nothing secret
   * @param errors one entry per wrong field
   */
  constructor(status: number, title: string, detail: string, errors: FieldMistake[] = [], headers: Record<string, string> = {}) {
    super(detail);
    this.status = status;
    this.title = title;
    this.errors = errors;
    this.headers = headers;
  }
}

export interface InvalidOptions {
  /** What was read, when a mistake shall say which value stood in its field. */
  given?: unknown;
  /** Names of all fields, told to whoever sends one that doesn't exist. */
  known?: readonly string[];
}

/**
 * Makes the 400 that all routes answer to a wrong body or query: it lists every mistake by its field.
 *
 * @param found what zod found, or mistakes that were found otherwise
 * @param what  what was read, such as "The body" or "The query"
 */
export function invalid(found: z.ZodError | readonly FieldMistake[], what = "The body", options: InvalidOptions = {}): Problem {
  const errors = "issues" in found ? mistakesOf(found, options) : [...found];
  const fields = [...new Set(errors.map(({ field }) => field))].join(", ");
  return new Problem(400, "Bad Request", `${what} has mistakes in: ${fields}.`, errors);
}

function mistakesOf({ issues }: z.ZodError, { given, known = [] }: InvalidOptions): FieldMistake[] {
  return issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      const hint = issue.path.length === 0 && known.length > 0 ? ` There are: ${known.join(", ")}.` : "";
      return issue.keys.map((key) => ({ field: [...issue.path, key].join("."), message: `isn't a field here.${hint}` }));
    }
    const field = issue.path.join(".") || "body";
    if (given === undefined) return [{ field, message: issue.message }];
    const value = issue.path.reduce<unknown>((inside, key) => (inside as Record<PropertyKey, unknown> | undefined)?.[key], given);
    return [{ field, message: value === undefined ? "is missing" : `${issue.message}; got ${shown(value)}` }];
  });
}

/** @returns a value as JSON, cut to 80 characters */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`;
}

/** Sends a problem as `application/problem+json` with the request's id. */
export function sendProblem(response: Response, problem: Problem): void {
  response
    .status(problem.status)
    .set(problem.headers)
    .type("application/problem+json")
    .send(
      JSON.stringify({
        type: "about:blank",
        title: problem.title,
        status: problem.status,
        detail: problem.message,
        request_id: response.locals.requestId,
        ...(problem.errors.length > 0 ? { errors: problem.errors } : {}),
      }),
    );
}

/**
 * The last handler: problems as they are, an error with `status` 503 and `retryAfterSeconds` as one that passes, everything else
 * as a 500 that tells the caller only the request's id.
 */
export function problemHandler(logger: { error(fields: object, message: string): void }): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    if (error instanceof Problem) {
      sendProblem(response, error);
      return;
    }
    if (error?.status === 503 && typeof error.retryAfterSeconds === "number") {
      logger.error({ err: error, request_id: response.locals.requestId }, "request failed for now");
      const headers = { "Retry-After": String(error.retryAfterSeconds) };
      sendProblem(response, new Problem(503, "Service Unavailable", String(error.message), [], headers));
      return;
    }
    const status: number =
      typeof error?.status === "number" && error.status >= 400 && error.status < 500 && error.expose === true
        ? error.status
        : 500;
    if (status === 500) logger.error({ err: error, request_id: response.locals.requestId }, "request failed");
    const detail =
      status === 500
        ? "The request could not be handled. Try again; if it goes on, report the request_id."
        : String(error.message);
    sendProblem(response, new Problem(status, STATUS_CODES[status] ?? "Bad Request", detail));
  };
}
