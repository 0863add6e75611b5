import { HttpClient, type HttpClientResponse } from "@actions/http-client";
import { redact, splitUrlPassword } from "../runner/log.ts";
import { type FailureKind, PrometheusError } from "./failure.ts";
import { type NativeHistogram, type Point, parseMatrix, parseVector, type Sample, type Series } from "./results.ts";

export interface ClientOptions {
  /** Base URL, e.g. `https://prometheus.example.com` or `https://mimir.example.com/prometheus`. User and password in it become basic authentication. */
  url: string;
  /** Bearer token. It travels in the Authorization header and nowhere else. */
  token?: string | undefined;
  /** Headers of every query, such as `X-Scope-OrgID` for a tenant of Mimir. Their values are secrets. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds for one query with all of its retries. */
  timeoutMs: number;
  /** How often a query is tried when the server can't answer now (network error, 429, 502, 503, 504). */
  attempts?: number;
}

export interface InstantOptions {
  /** Unix seconds; the server's now when absent. */
  time?: number;
  /** Seconds that a sample may be old and still count; the server's own (usually 5 minutes) when absent. */
  lookbackSeconds?: number;
}

/** Larger answers are refused: a budget is one number, a canary's histograms some thousands. */
const LARGEST_ANSWER_BYTES = 32 * 1024 * 1024;
/** Longer queries are sent as a form, since servers limit the length of a URL. */
const LONGEST_URL = 4_000;
const RETRIED_STATUS = new Set([429, 502, 503, 504]);

/**
 * Queries of Prometheus' HTTP API, and of servers that speak it (Thanos, Mimir, VictoriaMetrics). Proxies of the
 * environment are honoured.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/
 */
export class PrometheusClient {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #secrets: string[];
  readonly #timeoutMs: number;
  readonly #attempts: number;

  constructor({ url, token, headers = {}, timeoutMs, attempts = 3 }: ClientOptions) {
    const parsed = new URL(url);
    const user = decodeURIComponent(parsed.username);
    const password = splitUrlPassword(url).password ?? "";
    parsed.username = "";
    parsed.password = "";
    this.#base = parsed.href.replace(/\/+$/, "");
    const authorization = token
      ? `Bearer ${token}`
      : user !== "" || password !== ""
        ? `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`
        : undefined;
    this.#headers = { ...headers, ...(authorization === undefined ? {} : { authorization }) };
    this.#secrets = [token ?? "", password, ...Object.values(headers)].filter((secret) => secret !== "");
    this.#timeoutMs = timeoutMs;
    this.#attempts = attempts;
  }

  /** Where queries go, without user and password. */
  get url(): string {
    return this.#base;
  }

  /**
   * The value of an expression at one time: a sample for each series, a scalar as one sample without labels.
   * Values may be NaN or infinite; their meaning is the caller's business.
   *
   * @throws PrometheusError
   */
  async instant(query: string, { time, lookbackSeconds }: InstantOptions = {}): Promise<Sample[]> {
    const parameters: Record<string, string> = { query };
    if (time !== undefined) parameters.time = String(time);
    if (lookbackSeconds !== undefined) parameters.lookback_delta = String(lookbackSeconds);
    return parseVector(await this.#ask("/api/v1/query", parameters));
  }

  /**
   * The values of an expression from `start` to `end` (Unix seconds, both included), every `stepSeconds`.
   *
   * @throws PrometheusError
   */
  async range(
    query: string,
    { start, end, stepSeconds }: { start: number; end: number; stepSeconds: number },
  ): Promise<Series[]> {
    return parseMatrix(
      await this.#ask("/api/v1/query_range", { query, start: String(start), end: String(end), step: String(stepSeconds) }),
    );
  }

  /** Asks within the total time-out, trying again what may pass. */
  async #ask(path: string, parameters: Record<string, string>): Promise<unknown> {
    const deadline = performance.now() + this.#timeoutMs;
    let earlier: PrometheusError | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#askOnce(path, { ...parameters, timeout: `${this.#timeoutMs}ms` }, deadline);
      } catch (error) {
        // Why there was another try says more than that the time for it ran out.
        if (earlier !== undefined && error instanceof PrometheusError && error.kind === "timeout") throw earlier;
        if (!(error instanceof PrometheusError) || !error.retryable || attempt >= this.#attempts) throw error;
        const backoff = 200 * 2 ** (attempt - 1) * (0.5 + Math.random());
        const pause = Math.max(backoff, (error.retryAfterSeconds ?? 0) * 1000);
        // No time for another try: the reason of this one says more than "timed out".
        if (performance.now() + pause >= deadline) throw error;
        earlier = error;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  async #askOnce(path: string, parameters: Record<string, string>, deadline: number): Promise<unknown> {
    const remaining = Math.max(1, deadline - performance.now());
    const http = new HttpClient("gatehouse", [], {
      // An agent that `dispose` can tear down, so that nothing keeps the process alive after a time-out.
      keepAlive: true,
      socketTimeout: Math.ceil(remaining) + 1_000,
      maxRedirects: 5,
      headers: { accept: "application/json", ...this.#headers },
    });
    const cancel = new AbortController();
    const timer = setTimeout(() => cancel.abort(), remaining);
    try {
      const timedOut = new Promise<never>((_, reject) => {
        cancel.signal.addEventListener("abort", () =>
          reject(this.#fail("timeout", `no answer within ${this.#timeoutMs / 1000} s`)),
        );
      });
      return await Promise.race([this.#exchange(http, path, parameters), timedOut]);
    } finally {
      clearTimeout(timer);
      http.dispose();
    }
  }

  async #exchange(http: HttpClient, path: string, parameters: Record<string, string>): Promise<unknown> {
    const form = new URLSearchParams(parameters).toString();
    let response: HttpClientResponse;
    let text: string;
    try {
      const url = `${this.#base}${path}`;
      response =
        url.length + form.length < LONGEST_URL
          ? await http.get(`${url}?${form}`)
          : await http.post(url, form, { "content-type": "application/x-www-form-urlencoded" });
      text = await readCapped(response.message);
    } catch (error) {
      if (error instanceof AnswerTooLarge) throw this.#fail("format", error.message);
      throw this.#fail("network", explainNetworkError(error), { retryable: true, cause: error });
    }
    const status = response.message.statusCode ?? 0;
    const body = parseJson(text);
    if (status !== 200 || body?.status !== "success") throw this.#refusal(status, body, text, response);
    const missing = whatIsMissing(body);
    if (missing !== undefined) throw this.#fail("partial", `answered with a part of the data only: ${missing}`);
    return body.data;
  }

  /** What an answer that isn't a result means. */
  #refusal(
    status: number,
    body: Record<string, unknown> | undefined,
    text: string,
    response: HttpClientResponse,
  ): PrometheusError {
    const retryAfter = Number(response.message.headers["retry-after"]);
    const details = {
      status,
      retryable: RETRIED_STATUS.has(status),
      ...(Number.isFinite(retryAfter) ? { retryAfterSeconds: retryAfter } : {}),
    };
    if (typeof body?.error === "string") {
      const remedy = status === 400 || status === 422 ? ". Check the query" : "";
      return this.#fail("query", `answered ${status}, ${String(body.errorType)}: ${body.error}${remedy}`, details);
    }
    if (status === 401 || status === 403)
      return this.#fail("http", `answered ${status}: give a token that may query (prometheus-token)`, details);
    if (status === 404)
      return this.#fail(
        "http",
        "answered 404: /api/v1/query isn't there. Is prometheus-url the base URL of a Prometheus?",
        details,
      );
    if (status === 200)
      return this.#fail(
        "format",
        `answered 200 with something that isn't Prometheus' JSON (${describeText(text)}). Is prometheus-url right?`,
        details,
      );
    return this.#fail("http", `answered ${status} (${describeText(text)})`, details);
  }

  #fail(kind: FailureKind, message: string, details: ConstructorParameters<typeof PrometheusError>[2] = {}): PrometheusError {
    return new PrometheusError(kind, redact(`${this.#base} ${message}`, this.#secrets), details);
  }
}

class AnswerTooLarge extends Error {
  override readonly name = "AnswerTooLarge";
}

async function readCapped(message: HttpClientResponse["message"]): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_ANSWER_BYTES) {
      message.destroy();
      throw new AnswerTooLarge(`answered with more than ${LARGEST_ANSWER_BYTES / 1024 / 1024} MB. Ask for fewer series.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Not JSON: the caller says what came instead.
    return undefined;
  }
}

/** Warnings quoted in a message, and how much of each. */
const MOST_WARNINGS = 3;
const LONGEST_WARNING = 300;

/**
 * What an answer says that it lacks; undefined for a whole one. Thanos, Mimir and Cortex answer `success` without the stores that are
 * away and say so in `warnings`; VictoriaMetrics says `isPartial`. Prometheus' engine puts notes about the query in the same place:
 * `PromQL info` leaves the result whole, `PromQL warning` means that series were left out of it.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
 * @see https://docs.victoriametrics.com/victoriametrics/cluster-victoriametrics/#cluster-availability
 */
function whatIsMissing({ warnings, isPartial }: Record<string, unknown>): string | undefined {
  const told = (Array.isArray(warnings) ? warnings : []).map(String).filter((warning) => !/^\s*PromQL info\b/i.test(warning));
  const quoted = told.slice(0, MOST_WARNINGS).map((warning) => JSON.stringify(warning.slice(0, LONGEST_WARNING)));
  if (told.length > MOST_WARNINGS) quoted.push(`and ${told.length - MOST_WARNINGS} more warnings`);
  if (isPartial === true) quoted.unshift("isPartial is true");
  return quoted.length === 0 ? undefined : quoted.join(", ");
}

function describeText(text: string): string {
  const start = text.trim().replace(/\s+/g, " ").slice(0, 80);
  if (start === "") return "an empty body";
  return /^<(!doctype|html)/i.test(start) ? "an HTML page" : JSON.stringify(start);
}

function explainNetworkError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ECONNREFUSED":
      return "refused the connection. Is it running, and is the port right?";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "has a host name that can't be resolved.";
    case "ECONNRESET":
      return "closed the connection without an answer.";
    default:
      return `can't be reached: ${message}`;
  }
}

export type { NativeHistogram, Point, Sample, Series };
