import type { IncomingMessage, ServerResponse } from "node:http";
import type { StoredArtifact } from "./artifact-service.ts";

export interface Comment {
  id: number;
  issue: number;
  body: string;
  user: { login: string; type: "Bot" | "User" };
}

export interface PullRequest {
  number: number;
  state: "open" | "closed";
  head: { ref: string; sha: string; repo: { full_name: string } };
  base: { ref: string; sha: string; repo: { full_name: string } };
}

export interface WorkflowRun {
  id: number;
  workflow: string;
  head_branch: string;
  head_sha: string;
  event: string;
  status: "completed" | "in_progress";
  conclusion: "success" | "failure" | null;
  created_at: string;
  /** Id of the repository that the run's commit came from; that of a fork is another. */
  head_repository_id?: number;
  artifacts: StoredArtifact[];
}

/** What a token may do, as a workflow's `permissions:` gives it. */
export type Permission = "none" | "read" | "write";

/** Id of the repository itself. */
export const REPOSITORY_ID = 1_296_269;
/** GitHub's longest comment, in characters. */
const COMMENT_LIMIT = 65_536;

interface Call {
  url: URL;
  params: string[];
  query: URLSearchParams;
  body: Record<string, unknown>;
}
interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/**
 * The part of GitHub's REST API that Gatehouse uses, with its pages, permissions and limits.
 *
 * @see https://docs.github.com/rest
 */
export class RestApi {
  readonly token = "ghs_standInForATokenOfGitHubActions00000";
  /** Login that the token's comments are written under. */
  readonly login = "github-actions[bot]";
  permissions: { issues: Permission; "pull-requests": Permission; actions: Permission } = {
    issues: "write",
    "pull-requests": "write",
    actions: "read",
  };
  readonly comments: Comment[] = [];
  readonly pulls: PullRequest[] = [];
  readonly runs: WorkflowRun[] = [];
  /** When the rate limit, used up, is filled again; undefined while there is some left. */
  rateLimitedUntil: Date | undefined;
  /** Every call as `METHOD /path`, in order. */
  readonly calls: string[] = [];
  readonly #repository: string;
  readonly #origin: () => string;

  constructor(repository: string, origin: () => string) {
    this.#repository = repository;
    this.#origin = origin;
  }

  handle(request: IncomingMessage, url: URL, body: Buffer, response: ServerResponse): void {
    this.calls.push(`${request.method} ${url.pathname}`);
    const { status, body: answer, headers } = this.#answer(request, url, body);
    response.writeHead(status, {
      "content-type": "application/json; charset=utf-8",
      "x-github-media-type": "github.v3",
      ...headers,
    });
    response.end(answer === undefined ? "" : JSON.stringify(answer));
  }

  #answer(request: IncomingMessage, url: URL, raw: Buffer): Answer {
    const authorization = request.headers.authorization ?? "";
    if (!["token", "bearer"].some((scheme) => authorization.toLowerCase() === `${scheme} ${this.token}`.toLowerCase())) {
      return { status: 401, body: { message: "Bad credentials" } };
    }
    if (!request.headers["user-agent"])
      return {
        status: 403,
        body: { message: "Request forbidden by administrative rules. Please make sure your request has a User-Agent header" },
      };
    let body: Record<string, unknown> = {};
    try {
      if (raw.length > 0) body = JSON.parse(raw.toString());
    } catch {
      return { status: 400, body: { message: "Problems parsing JSON" } };
    }
    if (this.rateLimitedUntil !== undefined) {
      const reset = String(Math.floor(this.rateLimitedUntil.getTime() / 1000));
      const headers = { "x-ratelimit-limit": "1000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset };
      return { status: 403, body: { message: "API rate limit exceeded for installation." }, headers };
    }
    if (url.pathname === "/graphql" && /^query \{ viewer \{ login \} \}$/.test(String(body.query)))
      return { status: 200, body: { data: { viewer: { login: this.login } } } };
    const prefix = `/repos/${this.#repository}`;
    const path = url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) : undefined;
    for (const [method, pattern, needs, handler] of path === undefined ? [] : this.#routes()) {
      const match = method === request.method ? pattern.exec(path!) : null;
      if (match === null) continue;
      if (!needs.some((need) => this.#allows(need)))
        return { status: 403, body: { message: "Resource not accessible by integration" } };
      return handler({ url, params: match.slice(1), query: url.searchParams, body });
    }
    return { status: 404, body: { message: "Not Found" } };
  }

  #allows(need: string): boolean {
    const [scope, level] = need.split(":") as [keyof RestApi["permissions"], Permission];
    const order: Permission[] = ["none", "read", "write"];
    return order.indexOf(this.permissions[scope]) >= order.indexOf(level);
  }

  #routes(): [string, RegExp, string[], (call: Call) => Answer][] {
    const commentNeeds = (level: Permission) => [`issues:${level}`, `pull-requests:${level}`];
    return [
      [
        "GET",
        /^\/issues\/(\d+)\/comments$/,
        commentNeeds("read"),
        (call) =>
          this.#page(
            this.comments.filter((one) => one.issue === Number(call.params[0])),
            call,
          ),
      ],
      [
        "POST",
        /^\/issues\/(\d+)\/comments$/,
        commentNeeds("write"),
        ({ params, body }) => this.#createComment(Number(params[0]), body),
      ],
      [
        "PATCH",
        /^\/issues\/comments\/(\d+)$/,
        commentNeeds("write"),
        ({ params, body }) => this.#updateComment(Number(params[0]), body),
      ],
      [
        "GET",
        /^\/pulls\/(\d+)$/,
        ["pull-requests:read"],
        ({ params }) => one(this.pulls.find((pull) => pull.number === Number(params[0]))),
      ],
      ["GET", /^\/pulls$/, ["pull-requests:read"], (call) => this.#page(this.#findPulls(call.query), call)],
      [
        "GET",
        /^\/commits\/([0-9a-f]{40})\/pulls$/,
        ["pull-requests:read"],
        (call) =>
          this.#page(
            this.pulls.filter((pull) => pull.head.sha === call.params[0]),
            call,
          ),
      ],
      ["GET", /^\/actions\/(?:workflows\/([^/]+)\/)?runs$/, ["actions:read"], (call) => this.#listRuns(call)],
      ["GET", /^\/actions\/runs\/(\d+)$/, ["actions:read"], ({ params }) => one(this.#run(params[0]))],
      [
        "GET",
        /^\/actions\/runs\/(\d+)\/artifacts$/,
        ["actions:read"],
        (call) => this.#listArtifacts(this.#run(call.params[0])?.artifacts, call),
      ],
      [
        "GET",
        /^\/actions\/artifacts$/,
        ["actions:read"],
        (call) =>
          this.#listArtifacts(
            this.runs.flatMap((run) => run.artifacts),
            call,
          ),
      ],
      ["GET", /^\/actions\/artifacts\/(\d+)\/zip$/, ["actions:read"], ({ params }) => this.#download(Number(params[0]))],
    ];
  }

  #createComment(issue: number, { body }: Record<string, unknown>): Answer {
    const invalid = invalidBody(body);
    if (invalid !== undefined) return invalid;
    const comment: Comment = {
      id: 5000 + this.comments.length,
      issue,
      body: String(body),
      user: { login: this.login, type: "Bot" },
    };
    this.comments.push(comment);
    return { status: 201, body: comment };
  }

  #updateComment(id: number, { body }: Record<string, unknown>): Answer {
    const comment = this.comments.find((candidate) => candidate.id === id);
    if (comment === undefined) return { status: 404, body: { message: "Not Found" } };
    const invalid = invalidBody(body);
    if (invalid !== undefined) return invalid;
    if (comment.user.login !== this.login) return { status: 403, body: { message: "Resource not accessible by integration" } };
    comment.body = String(body);
    return { status: 200, body: comment };
  }

  #findPulls(query: URLSearchParams): PullRequest[] {
    const state = query.get("state") ?? "open";
    const head = query.get("head");
    return this.pulls.filter(
      (pull) =>
        (state === "all" || pull.state === state) &&
        (head === null || head === `${pull.head.repo.full_name.split("/")[0]}:${pull.head.ref}`),
    );
  }

  #run(id: string | undefined): WorkflowRun | undefined {
    return this.runs.find((run) => run.id === Number(id));
  }

  #listRuns(call: Call): Answer {
    const { query, params } = call;
    const wanted = this.runs.filter(
      (run) =>
        (params[0] === undefined || run.workflow === params[0]) &&
        (query.get("branch") ?? run.head_branch) === run.head_branch &&
        (query.get("event") ?? run.event) === run.event &&
        [run.status, run.conclusion].includes((query.get("status") ?? run.status) as "completed"),
    );
    const newestFirst = wanted.toSorted((a, b) => b.created_at.localeCompare(a.created_at));
    return this.#page(newestFirst, call, (runs) => ({
      total_count: wanted.length,
      workflow_runs: runs.map(({ artifacts: _, ...run }) => run),
    }));
  }

  #listArtifacts(artifacts: readonly StoredArtifact[] | undefined, call: Call): Answer {
    if (artifacts === undefined) return { status: 404, body: { message: "Not Found" } };
    const name = call.query.get("name");
    const wanted = artifacts.filter((artifact) => name === null || artifact.name === name);
    return this.#page(wanted, call, (page) => ({
      total_count: wanted.length,
      artifacts: page.map(({ id, name: artifactName, content, digest, createdAt }) => ({
        id,
        name: artifactName,
        size_in_bytes: content.length,
        digest,
        expired: false,
        created_at: createdAt,
        archive_download_url: `${this.#origin()}/repos/${this.#repository}/actions/artifacts/${id}/zip`,
        workflow_run: this.#runOf(id),
      })),
    }));
  }

  #runOf(artifact: number): Record<string, unknown> | null {
    const run = this.runs.find((candidate) => candidate.artifacts.some(({ id }) => id === artifact));
    if (run === undefined) return null;
    const { id, head_branch, head_sha, head_repository_id = REPOSITORY_ID } = run;
    return { id, head_branch, head_sha, repository_id: REPOSITORY_ID, head_repository_id };
  }

  #download(id: number): Answer {
    const found = this.runs.flatMap((run) => run.artifacts).find((artifact) => artifact.id === id);
    if (found === undefined) return { status: 404, body: { message: "Not Found" } };
    return { status: 302, headers: { location: `${this.#origin()}/downloads/${id}` } };
  }

  #page<Item>(items: readonly Item[], { url, query }: Call, wrap: (page: readonly Item[]) => unknown = (page) => page): Answer {
    const size = Math.min(100, Math.max(1, Number(query.get("per_page") ?? 30)));
    const page = Math.max(1, Number(query.get("page") ?? 1));
    const last = Math.max(1, Math.ceil(items.length / size));
    const link = (number: number, rel: string) => {
      const address = new URL(url);
      address.searchParams.set("page", String(number));
      return `<${address.href}>; rel="${rel}"`;
    };
    const links = page < last ? [link(page + 1, "next"), link(last, "last")] : [];
    return {
      status: 200,
      body: wrap(items.slice((page - 1) * size, page * size)),
      ...(links.length > 0 ? { headers: { link: links.join(", ") } } : {}),
    };
  }
}

function one(found: unknown): Answer {
  return found === undefined ? { status: 404, body: { message: "Not Found" } } : { status: 200, body: found };
}

function invalidBody(body: unknown): Answer | undefined {
  if (typeof body !== "string" || body.trim() === "")
    return { status: 422, body: { message: "Validation Failed", errors: ["body cannot be blank"] } };
  if (body.length > COMMENT_LIMIT)
    return { status: 422, body: { message: "Validation Failed", errors: ["body is too long (maximum is 65536 characters)"] } };
  return undefined;
}
