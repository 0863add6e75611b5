import { explainApiError, type GitHub } from "../lib/runner/github.ts";
import { fitSections, type Section } from "../lib/runner/summary.ts";
import type { EventFacts, TriggeringRun } from "./event.ts";

/** GitHub's limit is 65,536 characters; bytes are never fewer. */
const COMMENT_LIMIT_BYTES = 65_000;
/** Comments of a pull request that are searched, newest pages included: 50 pages of 100. */
const MOST_PAGES = 50;
const NEEDS = "pull-requests: write";

/** `id` is null when there is no comment; then `notice` says why, unless there was nothing to comment on. */
export interface CommentResult {
  id: number | null;
  notice?: string;
}

export interface CommentRequest {
  github: GitHub;
  event: EventFacts;
  marker: string;
  sections: readonly Section[];
}

/**
 * Writes the one comment of a pull request: updates it when there is one, found by its marker and its author.
 * Whatever keeps it from being written is a notice: the summary is still there, and the verdict is the gates' business.
 */
export async function publishComment(request: CommentRequest): Promise<CommentResult> {
  try {
    const number = await pullRequestNumber(request.github, request.event);
    if (typeof number !== "number") return number;
    return await upsert(request, number);
  } catch (error) {
    return { id: null, notice: `No comment was written: ${explainApiError(error, NEEDS)}` };
  }
}

async function pullRequestNumber(github: GitHub, { pullRequest, triggeredBy }: EventFacts): Promise<number | CommentResult> {
  if (pullRequest !== undefined) return pullRequest;
  if (triggeredBy === undefined || !triggeredBy.event.startsWith("pull_request")) return { id: null };
  return findPullRequest(github, triggeredBy);
}

/** The open pull request of a run: same head repository, branch and commit. A file of the run can't choose another one. */
async function findPullRequest({ octokit, owner, repo }: GitHub, run: TriggeringRun): Promise<number | CommentResult> {
  const head = `${run.headOwner}:${run.headBranch}`;
  const { data } = await octokit.rest.pulls.list({ owner, repo, state: "open", head, per_page: 100 });
  const same = data.filter((pull) => pull.head.repo?.full_name === run.headRepository && pull.head.ref === run.headBranch);
  const current = same.find((pull) => pull.head.sha === run.headSha);
  if (current !== undefined) return current.number;
  const reason =
    same.length === 0
      ? `no open pull request from ${head}`
      : `pull request ${same[0]!.number} has moved on from ${run.headSha.slice(0, 10)}; its newer run comments`;
  return { id: null, notice: `No comment was written: ${reason}.` };
}

async function upsert({ github, event, marker, sections }: CommentRequest, number: number): Promise<CommentResult> {
  const { octokit, owner, repo } = github;
  const [author, run] = [await ownLogin(github), event.runId ?? 0];
  const markerLine = `<!-- gatehouse:${marker} run=${run} -->`;
  const body = `${markerLine}\n${fitSections(sections, COMMENT_LIMIT_BYTES - Buffer.byteLength(markerLine) - 1)}`;
  const existing = await findComment(github, number, marker, author);
  if (existing === undefined) {
    const { data } = await octokit.rest.issues.createComment({ owner, repo, issue_number: number, body });
    return { id: data.id };
  }
  if (existing.run > run) {
    return {
      id: existing.id,
      notice: `The comment is of run ${existing.run}, which is newer than run ${run}; it was left as it is.`,
    };
  }
  await octokit.rest.issues.updateComment({ owner, repo, comment_id: existing.id, body });
  return { id: existing.id };
}

async function findComment(
  { octokit, owner, repo }: GitHub,
  number: number,
  marker: string,
  author: string,
): Promise<{ id: number; run: number } | undefined> {
  const start = `<!-- gatehouse:${marker} run=`;
  let pages = 0;
  const comments = octokit.paginate.iterator(octokit.rest.issues.listComments, {
    owner,
    repo,
    issue_number: number,
    per_page: 100,
  });
  for await (const { data } of comments) {
    // The marker alone proves nothing: anybody can quote it.
    const found = data.find((comment) => comment.body?.startsWith(start) && sameLogin(comment.user?.login, author));
    if (found !== undefined) return { id: found.id, run: Number(/run=(\d+)/.exec(found.body ?? "")?.[1] ?? 0) };
    if (++pages >= MOST_PAGES) return undefined;
  }
  return undefined;
}

/** The login that the token writes under; a token of GitHub Actions can't ask REST, so GraphQL is asked. */
async function ownLogin({ octokit }: GitHub): Promise<string> {
  try {
    const { viewer } = await octokit.graphql<{ viewer: { login: string } }>("query { viewer { login } }");
    return viewer.login;
  } catch {
    // No GraphQL (an old GHES, a proxy): the token of the run itself is by far the likeliest.
    return "github-actions[bot]";
  }
}

/** GraphQL names an app's account `name`, REST `name[bot]`. */
function sameLogin(login: string | undefined, author: string): boolean {
  const plain = (name: string) => name.replace(/\[bot\]$/, "").toLowerCase();
  return login !== undefined && plain(login) === plain(author) && (login.endsWith("[bot]") || !author.endsWith("[bot]"));
}
