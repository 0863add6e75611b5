/**
 * Why a query gave no result: no answer in time, no connection, an HTTP error, a query that Prometheus refuses, a
 * result of another type than asked for, an answer that isn't Prometheus', an answer that its server calls incomplete.
 */
export type FailureKind = "timeout" | "network" | "http" | "query" | "type" | "format" | "partial";

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

  /** The reason code of a report: data that are missing are another fault than a query that can't be asked. */
  get code(): "PARTIAL_DATA" | "QUERY_ERROR" {
    return this.kind === "partial" ? "PARTIAL_DATA" : "QUERY_ERROR";
  }
}
