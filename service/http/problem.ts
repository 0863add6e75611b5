import type { ErrorRequestHandler, Response } from "express";
import type { Logger } from "../telemetry/log.ts";

/** An answer that isn't a success, as RFC 9457 describes it. Throw it from any route. */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly errors: { field: string; message: string }[];
  readonly headers: Record<string, string>;

  /**
   * @param detail what was wrong and what to do; sent to the caller, so it holds nothing secret
   * @param errors one entry a wrong field
   */
  constructor(
    status: number,
    title: string,
    detail: string,
    errors: { field: string; message: string }[] = [],
    headers: Record<string, string> = {},
  ) {
    super(detail);
    this.status = status;
    this.title = title;
    this.errors = errors;
    this.headers = headers;
  }
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

/** The last handler: problems as they are, everything else as a 500 that tells the caller only the request's id. */
export function problemHandler(logger: Logger): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    if (error instanceof Problem) {
      sendProblem(response, error);
      return;
    }
    const status =
      typeof error?.status === "number" && error.status >= 400 && error.status < 500 && error.expose === true
        ? error.status
        : 500;
    if (status === 500) logger.error({ err: error, request_id: response.locals.requestId }, "request failed");
    const detail =
      status === 500
        ? "The request could not be handled. Try again; if it goes on, report the request_id."
        : String(error.message);
    sendProblem(response, new Problem(status, status === 500 ? "Internal Server Error" : "Bad Request", detail));
  };
}
