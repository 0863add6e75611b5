import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

const SERVICE = "/twirp/github.actions.results.api.v1.CacheService/";

interface Entry {
  key: string;
  version: string;
  blocks: Map<string, Buffer>;
  content: Buffer | undefined;
  finalized: boolean;
}

/** A small server that stands in for GitHub's cache service, version 2: keys are written once, and the newest with a prefix is found. */
export interface CacheStandIn extends AsyncDisposable {
  entries: Entry[];
  /** Set to answer every call with this status. */
  failWith: number | undefined;
  /** What a step needs in its environment to talk to it. */
  env: Record<string, string>;
}

/** Starts the stand-in on a free port; close it with `await using`. */
export async function startCacheService(): Promise<CacheStandIn> {
  const token = randomBytes(16).toString("hex");
  let origin = "";
  const service: CacheStandIn = {
    entries: [],
    failWith: undefined,
    env: {},
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function call(method: string, { key, version, restore_keys: prefixes = [] }: Record<string, unknown>): unknown {
    const same = service.entries.filter((entry) => entry.version === version);
    const entry = same.find((one) => one.key === key);
    switch (method) {
      case "CreateCacheEntry": {
        if (entry !== undefined) return { ok: false, signed_upload_url: "" };
        service.entries.push({
          key: String(key),
          version: String(version),
          blocks: new Map(),
          content: undefined,
          finalized: false,
        });
        return { ok: true, signed_upload_url: `${origin}/caches/${service.entries.length - 1}?sig=upload` };
      }
      case "FinalizeCacheEntryUpload": {
        if (entry?.content === undefined) return { ok: false, entry_id: "0" };
        entry.finalized = true;
        return { ok: true, entry_id: String(service.entries.indexOf(entry) + 1) };
      }
      case "GetCacheEntryDownloadURL": {
        const found = [key, ...(prefixes as string[])]
          .map((prefix) => same.findLast((one) => one.finalized && one.key.startsWith(String(prefix))))
          .find((one) => one !== undefined);
        if (found === undefined) return { ok: false, signed_download_url: "", matched_key: "" };
        const url = `${origin}/caches/${service.entries.indexOf(found)}?sig=download`;
        return { ok: true, signed_download_url: url, matched_key: found.key };
      }
      default:
        return undefined;
    }
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", origin);
    const body = await buffer(request);
    if (url.pathname.startsWith(SERVICE)) {
      const allowed = request.headers.authorization === `Bearer ${token}`;
      const answer = allowed ? call(url.pathname.slice(SERVICE.length), JSON.parse(body.toString())) : undefined;
      const status = service.failWith ?? (allowed ? (answer === undefined ? 404 : 200) : 401);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(status === 200 ? answer : { code: "invalid_argument", msg: "refused" }));
      return;
    }
    const entry = service.entries[Number(/^\/caches\/(\d+)$/.exec(url.pathname)?.[1])];
    if (entry === undefined) {
      response.writeHead(404).end();
    } else if (request.method === "PUT") {
      const block = url.searchParams.get("blockid");
      if (url.searchParams.get("comp") === "block" && block !== null) entry.blocks.set(block, body);
      else if (url.searchParams.get("comp") === "blocklist")
        entry.content = Buffer.concat([...body.toString().matchAll(/<Latest>([^<]+)</g)].map(([, id]) => entry.blocks.get(id!)!));
      else entry.content = body;
      response.writeHead(201, { etag: '"1"', "last-modified": new Date().toUTCString() }).end();
    } else {
      const content = entry.content ?? Buffer.alloc(0);
      const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? request.headers["x-ms-range"]?.toString() ?? "");
      const from = Number(range?.[1] ?? 0);
      const part = content.subarray(from, range?.[2] ? Number(range[2]) + 1 : undefined);
      const headers = {
        "content-length": part.length,
        etag: '"1"',
        "last-modified": new Date().toUTCString(),
        "accept-ranges": "bytes",
      };
      const contentRange = range ? { "content-range": `bytes ${from}-${from + part.length - 1}/${content.length}` } : {};
      response.writeHead(range ? 206 : 200, { ...headers, ...contentRange }).end(request.method === "HEAD" ? undefined : part);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  service.env = {
    GITHUB_ACTIONS: "true",
    GITHUB_SERVER_URL: "https://github.com",
    ACTIONS_CACHE_SERVICE_V2: "true",
    ACTIONS_RUNTIME_TOKEN: token,
    ACTIONS_RESULTS_URL: `${origin}/`,
  };
  return service;
}
