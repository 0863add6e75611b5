import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** An artifact as GitHub keeps it: immutable, its name unique in a run. */
export interface StoredArtifact {
  id: number;
  name: string;
  /** The zip that was uploaded. */
  content: Buffer;
  digest: string;
  createdAt: string;
}

interface Upload {
  name: string;
  signature: string;
  blocks: Map<string, Buffer>;
  content: Buffer | undefined;
  finalized: boolean;
}

const SERVICE = "/twirp/github.actions.results.api.v1.ArtifactService/";
/** Ids of the run and the job in GitHub's own database; the runtime token carries them. */
const RUN_BACKEND_ID = "ce7f54c7-61c7-4aae-887f-30da475f5f1a";
const JOB_BACKEND_ID = "ca395085-040a-526b-2ce8-bdc85f692774";

/**
 * GitHub's artifact service, version 4: Twirp calls in JSON and a blob store behind signed addresses. It refuses
 * what the real one refuses: a wrong token, ids of another run, forbidden names, names that are taken, a size or a
 * hash that isn't the blob's.
 */
export class ArtifactService {
  readonly artifacts: StoredArtifact[] = [];
  /** Set to answer every call with this status. */
  failWith: number | undefined;
  readonly runtimeToken: string;
  readonly #uploads = new Map<string, Upload>();
  readonly #origin: () => string;

  constructor(origin: () => string) {
    this.#origin = origin;
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    this.runtimeToken = `${part({ alg: "HS256" })}.${part({ scp: `Actions.Results:${RUN_BACKEND_ID}:${JOB_BACKEND_ID}` })}.${randomBytes(16).toString("base64url")}`;
  }

  /** Answers when the request is one of this service's. */
  async handle(request: IncomingMessage, url: URL, body: Buffer, response: ServerResponse): Promise<boolean> {
    if (url.pathname.startsWith(SERVICE)) {
      const { status, answer } = this.#call(url.pathname.slice(SERVICE.length), request, body);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
      return true;
    }
    if (url.pathname.startsWith("/blobs/")) {
      this.#blob(request, url, body, response);
      return true;
    }
    return false;
  }

  #call(method: string, request: IncomingMessage, body: Buffer): { status: number; answer: unknown } {
    if (this.failWith !== undefined) return twirpError(this.failWith, "unavailable", "the service is down");
    if (request.method !== "POST") return twirpError(405, "bad_route", `unsupported method ${request.method}`);
    if (request.headers.authorization !== `Bearer ${this.runtimeToken}`)
      return twirpError(401, "unauthenticated", "invalid token");
    if (!request.headers["content-type"]?.startsWith("application/json"))
      return twirpError(415, "bad_route", "unexpected content type");
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(body.toString());
    } catch {
      return twirpError(400, "malformed", "the body isn't JSON");
    }
    if (message["workflow_run_backend_id"] !== RUN_BACKEND_ID || message["workflow_job_run_backend_id"] !== JOB_BACKEND_ID) {
      return twirpError(403, "permission_denied", "the token isn't for this run");
    }
    switch (method) {
      case "CreateArtifact":
        return this.#create(message);
      case "FinalizeArtifact":
        return this.#finalize(message);
      case "ListArtifacts":
        return { status: 200, answer: { artifacts: this.#list(message) } };
      case "GetSignedArtifactURL": {
        const found = this.artifacts.find((artifact) => artifact.name === message["name"]);
        if (found === undefined) return twirpError(404, "not_found", "artifact not found");
        return { status: 200, answer: { signed_url: `${this.#origin()}/blobs/${found.id}?sig=download` } };
      }
      default:
        return twirpError(404, "bad_route", `no handler for ${method}`);
    }
  }

  #create({ name, version }: Record<string, unknown>): { status: number; answer: unknown } {
    if (typeof name !== "string" || name === "" || /["\r\n:<>|*?\\/]/.test(name))
      return twirpError(400, "invalid_argument", `invalid artifact name ${String(name)}`);
    if (typeof version !== "number" || version < 4) return twirpError(400, "invalid_argument", "version must be at least 4");
    if (this.#uploads.has(name))
      return twirpError(409, "already_exists", "an artifact with this name already exists on the workflow run");
    const signature = randomBytes(12).toString("hex");
    this.#uploads.set(name, { name, signature, blocks: new Map(), content: undefined, finalized: false });
    return {
      status: 200,
      answer: { ok: true, signed_upload_url: `${this.#origin()}/blobs/${encodeURIComponent(name)}?sig=${signature}` },
    };
  }

  #finalize({ name, size, hash }: Record<string, unknown>): { status: number; answer: unknown } {
    const upload = this.#uploads.get(String(name));
    if (upload?.content === undefined || upload.finalized) return twirpError(404, "not_found", "there is no upload to finalize");
    if (Number(size) !== upload.content.length)
      return twirpError(400, "invalid_argument", `size ${String(size)} isn't ${upload.content.length}`);
    const digest = `sha256:${createHash("sha256").update(upload.content).digest("hex")}`;
    if (hash !== undefined && hash !== digest) return twirpError(400, "invalid_argument", "the hash isn't the content's");
    upload.finalized = true;
    const id = 1000 + this.artifacts.length;
    this.artifacts.push({ id, name: upload.name, content: upload.content, digest, createdAt: new Date().toISOString() });
    return { status: 200, answer: { ok: true, artifact_id: String(id) } };
  }

  #list(filter: Record<string, unknown>): unknown[] {
    return this.artifacts
      .filter(({ name, id }) => (filter["name_filter"] ?? name) === name && Number(filter["id_filter"] ?? id) === id)
      .map(({ id, name, content, digest, createdAt }) => ({
        workflow_run_backend_id: RUN_BACKEND_ID,
        workflow_job_run_backend_id: JOB_BACKEND_ID,
        database_id: String(id),
        name,
        size: String(content.length),
        created_at: createdAt,
        digest,
      }));
  }

  /** Azure's block blobs: blocks, then the list that puts them together; or one plain PUT. */
  #blob(request: IncomingMessage, url: URL, body: Buffer, response: ServerResponse): void {
    const name = decodeURIComponent(url.pathname.slice("/blobs/".length));
    if (request.method === "GET") {
      const found = this.artifacts.find(({ id }) => String(id) === name);
      if (found === undefined) response.writeHead(404).end();
      else response.writeHead(200, { "content-type": "application/zip" }).end(found.content);
      return;
    }
    const upload = this.#uploads.get(name);
    if (
      request.method !== "PUT" ||
      upload === undefined ||
      url.searchParams.get("sig") !== upload.signature ||
      upload.finalized
    ) {
      response.writeHead(403).end();
      return;
    }
    const operation = url.searchParams.get("comp");
    if (operation === "block") {
      upload.blocks.set(url.searchParams.get("blockid") ?? "", body);
    } else if (operation === "blocklist") {
      const ids = [...body.toString().matchAll(/<(?:Latest|Uncommitted)>([^<]+)</g)].map(([, id]) => id!);
      if (ids.some((id) => !upload.blocks.has(id))) {
        response.writeHead(400, { "x-ms-error-code": "InvalidBlockList" }).end();
        return;
      }
      upload.content = Buffer.concat(ids.map((id) => upload.blocks.get(id)!));
    } else if (operation === null && request.headers["x-ms-blob-type"] === "BlockBlob") {
      upload.content = body;
    } else {
      response.writeHead(400).end();
      return;
    }
    response
      .writeHead(201, {
        etag: `"${randomBytes(4).toString("hex")}"`,
        "last-modified": new Date().toUTCString(),
        "x-ms-request-id": randomBytes(8).toString("hex"),
      })
      .end();
  }
}

function twirpError(status: number, code: string, msg: string): { status: number; answer: unknown } {
  return { status, answer: { code, msg } };
}
