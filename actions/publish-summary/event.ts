import { z } from "zod";

const repository = z.object({ full_name: z.string(), owner: z.object({ login: z.string() }) });

/** What is used of the payload of an event; everything else in it is ignored. */
const payloadSchema = z.object({
  pull_request: z.object({ number: z.int().positive(), base: z.object({ ref: z.string() }) }).optional(),
  /** Of `issue_comment`: an issue that is a pull request says so. */
  issue: z.object({ number: z.int().positive(), pull_request: z.object({}).optional() }).optional(),
  merge_group: z.object({ base_ref: z.string() }).optional(),
  deployment: z.object({ ref: z.string() }).optional(),
  workflow_run: z
    .object({
      id: z.int().positive(),
      run_attempt: z.int().positive().optional(),
      event: z.string(),
      conclusion: z.string().nullish(),
      head_branch: z.string().nullable(),
      head_sha: z.string(),
      head_repository: repository.nullable(),
      html_url: z.string().optional(),
    })
    .optional(),
  repository: z.object({ default_branch: z.string() }).optional(),
});

/** The run that triggered this one, when this one comments on behalf of it. */
export interface TriggeringRun {
  id: number;
  event: string;
  /** How it ended, in GitHub's word; undefined when the payload doesn't say. */
  conclusion: string | null | undefined;
  headBranch: string;
  headSha: string;
  headRepository: string;
  headOwner: string;
}

export interface EventFacts {
  name: string;
  /** The run whose reports are published. */
  runId: number | undefined;
  /** The attempt of that run; undefined when it isn't known. */
  attempt: number | undefined;
  /** Number from the event itself (a comment on a pull request has it too); undefined elsewhere, also on `workflow_run`. */
  pullRequest: number | undefined;
  triggeredBy: TriggeringRun | undefined;
  /** Branch whose history is shown. */
  baseBranch: string;
  /** Whether this run adds to the history of that branch: it runs the branch's own code. */
  addsToHistory: boolean;
}

/**
 * What the event says. On `workflow_run` the payload names the run whose reports are published; the number of its pull
 * request is found through the API, never taken from a file.
 *
 * @throws Error when the payload isn't GitHub's
 */
export function readEvent(payload: unknown, environment: Readonly<Record<string, string | undefined>>): EventFacts {
  const parsed = payloadSchema.safeParse(payload);
  if (!parsed.success) throw new Error(`GITHUB_EVENT_PATH: not the payload of an event: ${parsed.error.issues[0]?.message}`);
  const { pull_request: pull, issue, workflow_run: run } = parsed.data;
  const name = environment["GITHUB_EVENT_NAME"] ?? "";
  const triggeredBy =
    name === "workflow_run" && run !== undefined && run.head_repository !== null && run.head_branch !== null
      ? {
          id: run.id,
          event: run.event,
          conclusion: run.conclusion,
          headBranch: run.head_branch,
          headSha: run.head_sha,
          headRepository: run.head_repository.full_name,
          headOwner: run.head_repository.owner.login,
        }
      : undefined;
  return {
    name,
    runId: name === "workflow_run" ? run?.id : whole(environment["GITHUB_RUN_ID"]),
    attempt: name === "workflow_run" ? run?.run_attempt : whole(environment["GITHUB_RUN_ATTEMPT"]),
    pullRequest: pull?.number ?? (issue?.pull_request === undefined ? undefined : issue.number),
    triggeredBy,
    ...branchOf(name, parsed.data, environment),
  };
}

/** Events whose run measures other code than that of the branch that GITHUB_REF_NAME names. */
const ELSEWHERE = ["workflow_run", "issue_comment"];

/**
 * The branch whose history is shown, and whether the run is a point of it. A merge queue's branch is thrown away after its run,
 * a tag and a preview's deployment are no branch that a later run asks for: those show the history and add nothing to it.
 */
function branchOf(
  name: string,
  { pull_request: pull, merge_group: group, deployment, repository: repo }: z.infer<typeof payloadSchema>,
  environment: Readonly<Record<string, string | undefined>>,
): Pick<EventFacts, "baseBranch" | "addsToHistory"> {
  const main = repo?.default_branch ?? "main";
  if (group !== undefined) return { baseBranch: branchName(group.base_ref), addsToHistory: false };
  if (pull !== undefined) return { baseBranch: pull.base.ref, addsToHistory: false };
  if (name.startsWith("pull_request") || ELSEWHERE.includes(name)) return { baseBranch: main, addsToHistory: false };
  if (deployment !== undefined) return { baseBranch: main, addsToHistory: branchName(deployment.ref) === main };
  const own = environment["GITHUB_REF_TYPE"] === "tag" ? "" : environment["GITHUB_REF_NAME"];
  return own ? { baseBranch: own, addsToHistory: true } : { baseBranch: main, addsToHistory: false };
}

function branchName(ref: string): string {
  return ref.replace(/^refs\/heads\//, "");
}

/** A whole number from 1 up, as the runner writes ids; undefined for anything else. */
function whole(text: string | undefined): number | undefined {
  const value = Number(text || Number.NaN);
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
