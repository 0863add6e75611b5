import { strFromU8, unzipSync } from "fflate";
import { type HistoryPoint, historySchema, LONGEST_HISTORY, mergeHistory } from "../lib/report/history.ts";
import { explainApiError, type GitHub } from "../lib/runner/github.ts";

export const HISTORY_FILE = "history.json";

/** Each artifact holds the history up to its run; a few of them mend what parallel runs overwrote. */
const MOST_DOWNLOADS = 3;
const LARGEST_ARTIFACT_BYTES = 50 * 1024 * 1024;
const LARGEST_HISTORY_BYTES = 1024 * 1024;
/** Artifacts of pull requests stand between those of a branch: up to 2,000 are looked through, 100 a page. */
const MOST_PAGES = 20;

export interface Earlier {
  points: HistoryPoint[];
  /** What kept the history from being whole. */
  notes: string[];
}

/**
 * The history of a branch, out of the artifacts of its earlier runs. Runs of forks that call a branch the same don't
 * count. A history that can't be read costs the history, nothing else.
 *
 * @param length points wanted
 * @param ownRun this run, whose own earlier attempts are left out
 */
export async function earlierPoints(
  github: GitHub,
  artifactName: string,
  branch: string,
  length: number,
  ownRun: number | undefined,
): Promise<Earlier> {
  const { octokit, owner, repo } = github;
  const notes: string[] = [];
  const lists: HistoryPoint[][] = [];
  try {
    const { newest, whole } = await artifactsOfBranch(github, artifactName, branch, ownRun);
    if (newest.length === 0 && !whole) {
      notes.push(
        `None of the newest ${MOST_PAGES * 100} artifacts named ${artifactName} is of ${branch}, so there is no history.`,
      );
    }
    for (const artifact of newest) {
      const download = await octokit.rest.actions.downloadArtifact({
        owner,
        repo,
        artifact_id: artifact.id,
        archive_format: "zip",
      });
      const read = readHistory(new Uint8Array(download.data as ArrayBuffer));
      if (typeof read === "string") notes.push(`The history in artifact ${artifact.id} can't be used: ${read}`);
      else lists.push(read);
      if (mergeHistory(lists, LONGEST_HISTORY).length >= length) break;
    }
  } catch (error) {
    notes.push(`The history could not be read: ${explainApiError(error, "actions: read")}`);
  }
  return { points: mergeHistory(lists, length), notes };
}

interface Artifact {
  id: number;
  expired: boolean;
  size_in_bytes: number;
  created_at: string | null;
  workflow_run?: { id?: number; head_branch?: string | null; head_repository_id?: number; repository_id?: number } | null;
}

/**
 * The newest artifacts of a branch's own runs, at most as many as are downloaded.
 *
 * @returns `whole`: whether all artifacts of the name were seen
 */
async function artifactsOfBranch(
  { octokit, owner, repo }: GitHub,
  name: string,
  branch: string,
  ownRun: number | undefined,
): Promise<{ newest: Artifact[]; whole: boolean }> {
  const usable: Artifact[] = [];
  const isUsable = ({ expired, size_in_bytes: size, workflow_run: run }: Artifact) =>
    !expired &&
    size <= LARGEST_ARTIFACT_BYTES &&
    run?.head_branch === branch &&
    run.head_repository_id === run.repository_id &&
    run.id !== ownRun;
  let pages = 0;
  let last = "";
  let newestFirst = true;
  let whole = true;
  for await (const { data } of octokit.paginate.iterator(octokit.rest.actions.listArtifactsForRepo, {
    owner,
    repo,
    name,
    per_page: 100,
  })) {
    for (const artifact of data as Artifact[]) {
      // GitHub lists the newest first, which it doesn't promise: without that order every page is needed.
      if (last !== "" && (artifact.created_at ?? "") > last) newestFirst = false;
      last = artifact.created_at ?? "";
      if (isUsable(artifact)) usable.push(artifact);
    }
    pages += 1;
    if (newestFirst && usable.length >= MOST_DOWNLOADS) break;
    if (pages === MOST_PAGES) {
      whole = false;
      break;
    }
  }
  const byAge = usable.toSorted((a, b) => (b.created_at ?? "").localeCompare(a.created_at ?? ""));
  return { newest: byAge.slice(0, MOST_DOWNLOADS), whole };
}

/** The points of an artifact, or the reason why there are none. */
function readHistory(zip: Uint8Array): HistoryPoint[] | string {
  let text: string;
  try {
    const files = unzipSync(zip, { filter: (file) => file.name === HISTORY_FILE && file.originalSize <= LARGEST_HISTORY_BYTES });
    const content = files[HISTORY_FILE];
    if (content === undefined) return `it holds no ${HISTORY_FILE} of at most 1 MB.`;
    text = strFromU8(content);
  } catch (error) {
    return `it isn't a zip file (${(error as Error).message}).`;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `${HISTORY_FILE} isn't JSON (${(error as Error).message.slice(0, 100)}).`;
  }
  const parsed = historySchema.safeParse(value);
  if (!parsed.success) return `${HISTORY_FILE} isn't valid (${parsed.error.issues[0]?.message}).`;
  return parsed.data.points;
}
