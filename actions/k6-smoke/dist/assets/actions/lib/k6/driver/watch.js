// Sees each request that a script makes: that it was sent, whither, and what answered. k6's own rows tell of a request only when it has
// ended, and hold its name in place of its address when it has one.
import exec from "k6/execution";
import http from "k6/http";
import { Counter } from "k6/metrics";

const sent = new Counter("gatehouse_sent");
const answered = new Counter("gatehouse_answered");

/** Where the address and the parameters stand in the arguments of k6's functions, and which method they mean. */
const FUNCTIONS = {
  get: { address: 0, params: 1, method: "GET" },
  head: { address: 0, params: 1, method: "HEAD" },
  post: { address: 0, params: 2, method: "POST" },
  put: { address: 0, params: 2, method: "PUT" },
  patch: { address: 0, params: 2, method: "PATCH" },
  del: { address: 0, params: 2, method: "DELETE" },
  options: { address: 0, params: 2, method: "OPTIONS" },
  request: { address: 1, params: 3 },
  asyncRequest: { address: 1, params: 3 },
};

/** Text of an address, which may be text, what http.url makes, or a URL object. */
function textOf(address) {
  if (typeof address === "string") return address;
  return String((address && (address.url || address.href)) || address);
}

/** Host of an address without the port that its scheme means; undefined when it has none. */
function hostOf(address) {
  const match = /^(https?):\/\/(?:[^/?#@]*@)?([^/?#]+)/i.exec(address);
  if (match === null) return undefined;
  const host = match[2].toLowerCase();
  return match[1].toLowerCase() === "https" ? host.replace(/:443$/, "") : host.replace(/:80$/, "");
}

function pathOf(address) {
  return address.replace(/^https?:\/\/[^/?#]+/i, "").replace(/[?#].*$/, "");
}

function isUnder(path, folder) {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}

/** Tells whither an address leads: `own`, `other` (the other arm), a host, or `none`. */
function whitherOf({ url, otherUrl }) {
  const own = { host: hostOf(url), folder: pathOf(url).replace(/\/+$/, "") };
  const other = otherUrl
    ? { host: hostOf(otherUrl), folder: pathOf(otherUrl).replace(/\/+$/, "") }
    : { host: undefined, folder: "" };
  // Arms behind one host differ by the folder; the longer one is looked at first, since one may hold the other.
  const shared = own.host === other.host;
  const arms = [
    ["own", own],
    ["other", other],
  ].sort(([, a], [, b]) => b.folder.length - a.folder.length);
  return (address) => {
    const host = hostOf(address);
    if (host === undefined) return "none";
    for (const [name, arm] of arms) {
      if (arm.host === host && (!shared || isUnder(pathOf(address), arm.folder))) return name;
    }
    return host.replace(/[^\w.:[\]-]/g, "_").slice(0, 100);
  };
}

/** `X-Release-Version`, as Go writes the name of a header. */
function canonical(header) {
  return header.toLowerCase().replace(/(^|-)([a-z])/g, (_, dash, letter) => dash + letter.toUpperCase());
}

/**
 * Wraps k6's HTTP functions, before the script is loaded. Each request is numbered within its virtual user.
 *
 * @returns k6's own `get`, for requests that are none of the script's
 */
export function watchRequests(plan) {
  const whither = whitherOf(plan);
  const header = canonical(plan.versionHeader);
  const own = http.get;
  let number = 0;

  const send = (method, address, params) => {
    const text = textOf(address);
    const to = whither(text);
    // A tag of the virtual user goes onto every row of the request, also when the request has a name.
    exec.vu.metrics.tags.gatehouse_to = to;
    number += 1;
    const name = params?.tags?.name || address?.name || text;
    sent.add(number, { gatehouse_to: to, method, name: String(name) });
    return { number, to };
  };
  const answer = ({ number: id, to }, response) => {
    const tags = { gatehouse_to: to };
    const from = response?.url ? whither(response.url) : to;
    if (from !== to) tags.gatehouse_from = from;
    const version = response?.headers?.[header];
    if (version !== undefined) tags.version = encodeURIComponent(version);
    answered.add(id, tags);
    return response;
  };
  const failed = (request, error) => {
    answered.add(request.number);
    throw error;
  };

  for (const [name, { address, params, method }] of Object.entries(FUNCTIONS)) {
    const original = http[name];
    http[name] = (...args) => {
      const request = send(method || String(args[0]).toUpperCase(), args[address], args[params]);
      let response;
      try {
        response = original.apply(http, args);
      } catch (error) {
        return failed(request, error);
      }
      if (name !== "asyncRequest") return answer(request, response);
      return response.then(
        (value) => answer(request, value),
        (error) => failed(request, error),
      );
    };
  }

  const batch = http.batch;
  http.batch = (entries) => {
    const requests = {};
    const tagged = Array.isArray(entries) ? [] : {};
    for (const key of Object.keys(entries)) {
      const entry = parts(entries[key]);
      requests[key] = send(entry.method, entry.url, entry.params);
      const params = { ...entry.params, tags: { ...entry.params?.tags, gatehouse_to: requests[key].to } };
      tagged[key] = { ...entry, params };
    }
    let responses;
    try {
      responses = batch.call(http, tagged);
    } catch (error) {
      for (const request of Object.values(requests)) answered.add(request.number);
      throw error;
    }
    for (const key of Object.keys(requests)) answer(requests[key], responses[key]);
    return responses;
  };
  return own;
}

/** One request of a batch, which may be an address, a list or an object. */
function parts(entry) {
  if (Array.isArray(entry)) {
    const [method, url, body, params] = entry;
    return { method, url, body, params };
  }
  if (typeof entry === "object" && entry !== null && entry.method !== undefined) return { ...entry };
  return { method: "GET", url: entry };
}
