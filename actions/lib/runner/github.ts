import { getOctokit } from "@actions/github";

/** GitHub's REST API for one repository. */
export interface GitHub {
  octokit: ReturnType<typeof getOctokit>;
  owner: string;
  repo: string;
}

/**
 * A client for the repository of this run. It talks to `GITHUB_API_URL`, so also to a GitHub Enterprise Server, and
 * honours the proxies of the environment.
 *
 * @returns undefined without a token or outside of a repository
 */
export function connectGitHub(token: string, environment: Readonly<Record<string, string | undefined>>): GitHub | undefined {
  const [owner, repo] = (environment["GITHUB_REPOSITORY"] ?? "").split("/");
  if (token === "" || !owner || !repo) return undefined;
  const baseUrl = environment["GITHUB_API_URL"] || "https://api.github.com";
  return { octokit: getOctokit(token, { baseUrl, request: { timeout: 20_000 } }), owner, repo };
}

interface ApiError {
  status?: number;
  message: string;
  response?: { headers?: Record<string, string | number | undefined> };
}

/** What an error of the API means and what to do about it. `needs` is the permission that the call needs, e.g. `pull-requests: write`. */
export function explainApiError(error: unknown, needs: string): string {
  const { status, message, response } = error as ApiError;
  const headers = response?.headers ?? {};
  if (status === 401) return "the token was not accepted (401). Give github-token a valid token.";
  if ((status === 403 || status === 429) && (headers["x-ratelimit-remaining"] === "0" || headers["retry-after"] !== undefined)) {
    const reset = Number(headers["x-ratelimit-reset"]);
    const until = Number.isFinite(reset) && reset > 0 ? ` until ${new Date(reset * 1000).toISOString()}` : "";
    return `GitHub's rate limit is used up${until} (${status}). Run again later.`;
  }
  if (status === 403)
    return `the token may not do this (403). Add "permissions: ${needs}"; on pull requests from forks and of Dependabot the token is read-only, and a second workflow has to comment.`;
  if (status === 404) return `not found (404). The token may lack "permissions: ${needs}".`;
  return `${message}${status === undefined ? "" : ` (${status})`}`;
}
