import { MOST_BODY_BYTES, type PlannedRequest } from "./requests.ts";

/** Headers of a recorded request that mean the same when it is sent again. Cookies and tokens of the recording don't. */
const KEPT_HEADERS = ["accept", "accept-language", "content-type", "x-requested-with"];
const MOST_REQUESTS = 500;

interface HarRequest {
  method?: unknown;
  url?: unknown;
  headers?: { name?: unknown; value?: unknown }[];
  postData?: { text?: unknown };
}

/**
 * Requests of a recorded session, for the URL under test: those to the host of the first one, with these methods. What was asked for
 * several times weighs as much.
 *
 * @throws Error when the text is no HAR, or holds no such request
 * @see http://www.softwareishard.com/blog/har-12-spec/
 */
export function parseHar(text: string, methods: readonly string[]): PlannedRequest[] {
  let entries: { request?: HarRequest }[];
  try {
    entries = (JSON.parse(text) as { log: { entries: { request?: HarRequest }[] } }).log.entries;
  } catch (error) {
    throw new Error(`isn't a HAR file (${(error as Error).message}). Save the session as HAR with a browser's network tab.`);
  }
  if (!Array.isArray(entries)) throw new Error("isn't a HAR file: log.entries is no list. Save the session as HAR again.");
  const found = new Map<string, PlannedRequest>();
  let host: string | undefined;
  for (const { request = {} } of entries) {
    const { method, url } = request;
    if (typeof method !== "string" || typeof url !== "string" || !/^https?:/.test(url) || !URL.canParse(url)) continue;
    const parsed = new URL(url);
    host ??= parsed.host;
    if (parsed.host !== host || !methods.includes(method.toUpperCase())) continue;
    const planned = planOf(request, method.toUpperCase(), parsed);
    const key = JSON.stringify([planned.method, planned.path, planned.body, planned.headers]);
    const known = found.get(key);
    if (known) known.weight += 1;
    else if (found.size < MOST_REQUESTS) found.set(key, planned);
  }
  if (found.size === 0) throw new Error(`holds no request with ${methods.join(" or ")}. Name other methods in har-methods.`);
  return [...found.values()];
}

function planOf({ headers = [], postData }: HarRequest, method: string, url: URL): PlannedRequest {
  const kept = headers.flatMap(({ name, value }) =>
    typeof name === "string" && typeof value === "string" && KEPT_HEADERS.includes(name.toLowerCase()) ? [[name, value]] : [],
  );
  const body = typeof postData?.text === "string" && method !== "GET" && method !== "HEAD" ? postData.text : undefined;
  if (body !== undefined && body.length > MOST_BODY_BYTES)
    throw new Error(`${method} ${url.pathname} has a body of ${body.length} characters, more than ${MOST_BODY_BYTES}.`);
  return {
    method,
    path: `${url.pathname}${url.search}`,
    weight: 1,
    headers: Object.fromEntries(kept) as Record<string, string>,
    ...(body === undefined ? {} : { body }),
  };
}
