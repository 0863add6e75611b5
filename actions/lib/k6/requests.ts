/** One request that is sent again and again. */
export interface PlannedRequest {
  method: string;
  /** Behind the URL under test: `/rooms?guests=2`; empty for the URL itself. */
  path: string;
  /** How often it is sent, against the others. */
  weight: number;
  body?: string;
  headers: Readonly<Record<string, string>>;
  /** Status codes that are a success, as ranges; undefined is 200 to 399. */
  expect?: readonly (readonly [number, number])[];
}

/** Largest body of a request. */
export const MOST_BODY_BYTES = 1 << 20;
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const MOST_WEIGHT = 1_000;

/**
 * Parses lines `METHOD /path`, each with what may follow: `weight=3`, `body='…'` or `body=@file`, `expect=200-399` (ranges and single
 * codes, with commas between). Blank lines and lines that start with `#` are skipped.
 *
 * @param readBody gives the text of a file that a body names
 * @returns the requests, and what is wrong with lines, each with its number
 */
export function parseRequests(
  text: string,
  readBody: (path: string) => string,
): { requests: PlannedRequest[]; mistakes: string[] } {
  const requests: PlannedRequest[] = [];
  const mistakes: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.trim().startsWith("#")) continue;
    try {
      requests.push(parseLine(line.trim(), readBody));
    } catch (error) {
      mistakes.push(`line ${index + 1}: ${(error as Error).message}`);
    }
  }
  if (requests.length === 0 && mistakes.length === 0) mistakes.push('expected lines such as "GET /rooms weight=3", got none.');
  return { requests, mistakes };
}

/** Words of a line; a value in quotes may hold blanks. */
const WORDS = /(?:[^\s'"]|'[^']*'|"(?:\\.|[^"\\])*")+/g;

function parseLine(line: string, readBody: (path: string) => string): PlannedRequest {
  const [method = "", path = "", ...options] = line.match(WORDS) ?? [];
  if (!METHODS.includes(method.toUpperCase()))
    throw new Error(`expected one of ${METHODS.join(", ")}, got ${JSON.stringify(method)}. Write for example "GET /rooms".`);
  if (!/^[/?]/.test(path))
    throw new Error(`expected a path that starts with "/", got ${JSON.stringify(path)}. The host is that of the URL under test.`);
  const request: PlannedRequest = { method: method.toUpperCase(), path, weight: 1, headers: {} };
  for (const option of options) {
    const separator = option.indexOf("=");
    const [name, value] = [option.slice(0, separator), option.slice(separator + 1)];
    if (name === "weight") request.weight = parseWeight(value);
    else if (name === "body") request.body = parseBody(value, readBody);
    else if (name === "expect") request.expect = parseExpected(value);
    else
      throw new Error(`expected weight=, body= or expect=, got ${JSON.stringify(option)}. Put quotes around a body with blanks.`);
  }
  if (request.body !== undefined && (request.method === "GET" || request.method === "HEAD"))
    throw new Error(`expected no body with ${request.method}. Write POST, or leave the body out.`);
  return request;
}

function parseWeight(text: string): number {
  const weight = Number(text);
  if (!/^\d+$/.test(text) || weight < 1 || weight > MOST_WEIGHT)
    throw new Error(`expected weight to be a whole number from 1 to ${MOST_WEIGHT}, got ${JSON.stringify(text)}.`);
  return weight;
}

function parseBody(text: string, readBody: (path: string) => string): string {
  if (text.startsWith("@")) {
    const path = text.slice(1).replace(/^(['"])(.*)\1$/, "$2");
    try {
      return readBody(path);
    } catch (error) {
      throw new Error(`expected body to name a file that can be read, got ${JSON.stringify(text)}: ${(error as Error).message}.`);
    }
  }
  if (/^'.*'$/.test(text)) return text.slice(1, -1);
  if (/^".*"$/.test(text)) return text.slice(1, -1).replace(/\\(["\\])/g, "$1");
  return text;
}

/** Ranges of status codes: `200-399`, `201,204`, `200-299,404`. */
function parseExpected(text: string): [number, number][] {
  return text.split(",").map((part) => {
    const match = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(part.trim());
    const [low, high] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || high < low)
      throw new Error(`expected status codes such as expect=200-399 or expect=200,404, got ${JSON.stringify(text)}.`);
    return [low, high];
  });
}

/** What a request carries besides: the content type of a JSON body, where none is given. */
function headersOf(request: PlannedRequest, common: Readonly<Record<string, string>>): Record<string, string> {
  const headers = { ...request.headers, ...common };
  const named = Object.keys(headers).some((name) => name.toLowerCase() === "content-type");
  if (request.body !== undefined && !named && isJson(request.body)) headers["Content-Type"] = "application/json";
  return headers;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * A k6 script that sends these requests in their shares, in the same order on every run. By itself it keeps `K6_RPS` requests per second
 * for `K6_DURATION`.
 *
 * @param headers sent with each of them
 */
export function requestsScript(requests: readonly PlannedRequest[], headers: Readonly<Record<string, string>>): string {
  const plan = requests.map((request) => ({
    method: request.method,
    path: request.path,
    body: request.body ?? null,
    headers: headersOf(request, headers),
    expect: request.expect ?? [[200, 399]],
    // A redirect that is wanted is not followed.
    redirects: request.expect?.every(([low, high]) => low >= 300 && high <= 399) ? 0 : 10,
  }));
  return `import exec from "k6/execution";
import http from "k6/http";

const BASE_URL = __ENV.BASE_URL;
const rate = Number(__ENV.K6_RPS || 50);
const requests = ${JSON.stringify(plan)};
const order = ${JSON.stringify(orderOf(requests.map(({ weight }) => weight)))};

export const options = {
  discardResponseBodies: true,
  scenarios: {
    requests: {
      executor: "constant-arrival-rate",
      rate: Math.max(1, Math.round(rate * 100)),
      timeUnit: "100s",
      duration: __ENV.K6_DURATION || "60s",
      preAllocatedVUs: Math.max(8, Math.ceil(rate * 2)),
      maxVUs: Math.max(24, Math.ceil(rate * 6)),
    },
  },
};

const callbacks = requests.map(({ expect }) =>
  http.expectedStatuses(...expect.map(([min, max]) => ({ min, max }))),
);

export default function () {
  const index = order[exec.scenario.iterationInTest % order.length];
  const { method, path, body, headers, redirects } = requests[index];
  const url = path === "" ? BASE_URL : BASE_URL.replace(/\\/+$/, "") + path;
  http.request(method, url, body, { headers, redirects, responseCallback: callbacks[index] });
}
`;
}

/**
 * Indices in which each comes as often as its weight says, spread evenly.
 *
 * @see smooth weighted round-robin, nginx, ngx_http_upstream_round_robin.c
 */
export function orderOf(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const current = weights.map(() => 0);
  return Array.from({ length: total }, () => {
    weights.forEach((weight, i) => {
      current[i] = current[i]! + weight;
    });
    const next = current.indexOf(Math.max(...current));
    current[next] = current[next]! - total;
    return next;
  });
}
