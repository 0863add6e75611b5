/**
 * Why a query gave no result: no answer in time, no connection, an HTTP error, a query that Prometheus refuses, a
 * result of another type than asked for, an answer that isn't Prometheus'.
 */
export type FailureKind = "timeout" | "network" | "http" | "query" | "type" | "format";

/** A query that gave no result. Its message names the server and holds no secret. */
export class PrometheusError extends Error {
  override readonly name = "PrometheusError";
  readonly kind: FailureKind;
  readonly status: number | undefined;
  readonly retryable: boolean;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    details: { status?: number; retryable?: boolean; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.kind = kind;
    this.status = details.status;
    this.retryable = details.retryable ?? false;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}
