import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, createServer as createSocketServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** How a service that nobody here wrote behaves. Everything that is left out is as it should be. */
export interface Manners {
  /** What X-Release-Version says; no header when absent. */
  release?: string;
  /** Each answer takes so many times as long. */
  slow?: number;
  /** Share of the requests, 0–1, that get 500 with a page of HTML. */
  failing?: number;
  /** Share of the requests that never get an answer. */
  hanging?: number;
  /** Status 200, but the body says that something is wrong. */
  errorInBody?: boolean;
  /** Where every request is sent on to; the path follows. */
  redirectTo?: string;
  /** For so long it answers nobody, so often, from the first request on. */
  standsStill?: { everyMs: number; forMs: number };
  /** It speaks TLS, each handshake takes so long, and no connection is kept. */
  handshakeMs?: number;
}

interface LastRequest {
  method: string;
  headers: IncomingMessage["headers"];
  body: string;
}

/** A running service of a stranger. */
export interface Stranger extends AsyncDisposable {
  url: string;
  /** Paths that were asked for, with how often. */
  asked: Map<string, number>;
  /** The last request for each path. */
  last: Map<string, LastRequest>;
  /** All requests so far. */
  count: number;
}

/** The share's requests, spread evenly: with 0.1 every tenth. */
function isOneOf(share: number, number: number): boolean {
  return Math.floor((number + 1) * share) > Math.floor(number * share);
}

/** Starts a service that behaves so, on a free loopback port. It answers JSON within 8 to 14 ms. */
export async function startStranger(manners: Manners = {}): Promise<Stranger> {
  const stranger = { url: "", asked: new Map<string, number>(), last: new Map<string, LastRequest>(), count: 0 };
  /** Of the first request. */
  let since: number | undefined;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await text(request);
    const path = request.url ?? "/";
    if (path.endsWith("/metrics")) return void response.writeHead(404).end();
    since ??= Date.now();
    const number = stranger.count;
    stranger.count += 1;
    stranger.last.set(path, { method: request.method ?? "", headers: request.headers, body });
    stranger.asked.set(path, (stranger.asked.get(path) ?? 0) + 1);
    const { release, slow = 1, failing = 0, hanging = 0, errorInBody = false, redirectTo, standsStill } = manners;
    if (isOneOf(hanging, number)) return;
    await sleep((8 + 6 * ((number * 0.618) % 1)) * slow);
    if (standsStill) {
      const into = (Date.now() - since) % standsStill.everyMs;
      if (into < standsStill.forMs) await sleep(standsStill.forMs - into);
    }
    const headers = release === undefined ? {} : { "X-Release-Version": release };
    if (redirectTo !== undefined) return void response.writeHead(302, { ...headers, location: redirectTo + path }).end();
    if (isOneOf(failing, number)) {
      response.writeHead(500, { ...headers, "content-type": "text/html" });
      return void response.end("<html><body>Internal Server Error</body></html>");
    }
    if (manners.handshakeMs !== undefined) response.shouldKeepAlive = false;
    response.writeHead(200, { ...headers, "content-type": "application/json" });
    response.end(JSON.stringify(errorInBody ? { error: "database down" } : { rooms: [{ id: 1 }, { id: 2 }] }));
  };
  const servers: Server[] = [];
  const listen = async (server: Server): Promise<number> => {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  };
  const handle = (request: IncomingMessage, response: ServerResponse) => void answer(request, response);
  const { handshakeMs } = manners;
  const web = handshakeMs === undefined ? createServer(handle) : createTlsServer(certificate(), handle);
  const port = await listen(web);
  stranger.url = `http://127.0.0.1:${port}`;
  const sockets = new Set<Socket>();
  if (handshakeMs !== undefined) {
    const slowly = createSocketServer((socket) => {
      sockets.add(socket.on("close", () => sockets.delete(socket)));
      const behind = connect(port, "127.0.0.1");
      behind.pipe(socket);
      socket.on("error", () => behind.destroy());
      behind.on("error", () => socket.destroy());
      setTimeout(() => socket.pipe(behind), handshakeMs);
    });
    stranger.url = `https://127.0.0.1:${await listen(slowly)}`;
  }
  return Object.assign(stranger, {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      web.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  });
}

/** A certificate that nobody trusts, for 127.0.0.1. */
function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-tls-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const names = ["-subj", "/CN=stranger", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert, ...names],
      {
        stdio: "ignore",
      },
    );
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
