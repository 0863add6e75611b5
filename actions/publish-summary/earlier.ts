import { strFromU8, unzipSync } from "fflate";
import { type HistoryPoint, historySchema, LONGEST_HISTORY, mergeHistory } from "../lib/report/history.ts";
import { explainApiError, type GitHub } from "../lib/runner/github.ts";

export const HISTORY_FILE = "history.json";

/** Each artifact holds the history up to its run; a few of them mend what parallel runs overwrote. */
const MOST_DOWNLOADS = 3;
const LARGEST_ARTIFACT_BYTES = 50 * 1024 * 1024;
const LARGEST_HISTORY_BYTES = 1024 * 1024;

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
    const { data } = await octokit.rest.actions.listArtifactsForRepo({ owner, repo, name: artifactName, per_page: 100 });
    const usable = data.artifacts.filter(
      ({ expired, size_in_bytes: size, workflow_run: run }) =>
        !expired &&
        size <= LARGEST_ARTIFACT_BYTES &&
        run?.head_branch === branch &&
        run.head_repository_id === run.repository_id &&
        run.id !== ownRun,
    );
    const newest = usable.toSorted((a, b) => (b.created_at ?? "").localeCompare(a.created_at ?? ""));
    for (const artifact of newest.slice(0, MOST_DOWNLOADS)) {
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
