import { z } from "zod";

const repository = z.object({ full_name: z.string(), owner: z.object({ login: z.string() }) });

/** What is used of the payload of an event; everything else in it is ignored. */
const payloadSchema = z.object({
  pull_request: z.object({ number: z.int().positive(), base: z.object({ ref: z.string() }) }).optional(),
  workflow_run: z
    .object({
      id: z.int().positive(),
      event: z.string(),
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
  headBranch: string;
  headSha: string;
  headRepository: string;
  headOwner: string;
}

export interface EventFacts {
  name: string;
  /** The run whose reports are published. */
  runId: number | undefined;
  /** Number from the event itself; undefined elsewhere, also on `workflow_run`. */
  pullRequest: number | undefined;
  triggeredBy: TriggeringRun | undefined;
  /** Branch whose history is shown. */
  baseBranch: string;
  /** Whether this run adds to the history of its branch: it runs the branch's own code. */
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
  const { pull_request: pull, workflow_run: run, repository: repo } = parsed.data;
  const name = environment["GITHUB_EVENT_NAME"] ?? "";
  const ownRun = Number(environment["GITHUB_RUN_ID"] || Number.NaN);
  const triggeredBy =
    name === "workflow_run" && run !== undefined && run.head_repository !== null && run.head_branch !== null
      ? {
          id: run.id,
          event: run.event,
          headBranch: run.head_branch,
          headSha: run.head_sha,
          headRepository: run.head_repository.full_name,
          headOwner: run.head_repository.owner.login,
        }
      : undefined;
  const fallbackBranch = repo?.default_branch ?? "main";
  const ownBranch = environment["GITHUB_REF_TYPE"] === "tag" ? undefined : environment["GITHUB_REF_NAME"];
  const ofPullRequest = ["pull_request", "pull_request_target", "workflow_run"].includes(name);
  return {
    name,
    runId: name === "workflow_run" ? run?.id : Number.isSafeInteger(ownRun) ? ownRun : undefined,
    pullRequest: pull?.number,
    triggeredBy,
    baseBranch: pull?.base.ref ?? (ofPullRequest ? fallbackBranch : ownBranch || fallbackBranch),
    addsToHistory: !ofPullRequest,
  };
}
