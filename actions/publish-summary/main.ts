import { copyFile, mkdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Collection, overallVerdict, reportOf } from "../lib/report/collection.ts";
import { type HistoryPoint, LONGEST_HISTORY, mergeHistory, pointOf } from "../lib/report/history.ts";
import type { Arms } from "../lib/report/html/plots.ts";
import { summarySections } from "../lib/report/markdown.ts";
import { uploadArtifact } from "../lib/runner/artifact.ts";
import { eventPayload } from "../lib/runner/context.ts";
import { writeFileAtomically, writeJsonAtomically } from "../lib/runner/files.ts";
import { connectGitHub, type GitHub } from "../lib/runner/github.ts";
import { annotate, maskSecrets, say } from "../lib/runner/log.ts";
import { setOutputs } from "../lib/runner/outputs.ts";
import { fitSections, SUMMARY_LIMIT_BYTES, writeJobSummary } from "../lib/runner/summary.ts";
import { publishComment } from "./comment.ts";
import { type Earlier, earlierPoints, HISTORY_FILE } from "./earlier.ts";
import { type EventFacts, readEvent } from "./event.ts";
import { type Inputs, loadInputs } from "./inputs.ts";
import { findReports, type Reports, samplesOf } from "./reports.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs the action once. Only wrong inputs fail the step: what is published has been judged already. */
export async function main(environment: Environment = process.env): Promise<0 | 1> {
  maskSecrets([environment["INPUT_GITHUB-TOKEN"]]);
  const inputs = loadInputs(environment);
  const event = readEvent(eventPayload(environment), environment);
  const github = connectGitHub(inputs.githubToken, environment);

  const reports = await findReports(inputs, event.runId);
  const samples = await samplesOf(reports.canary);
  const notes =
    samples?.ok === false ? [`No distribution is drawn: ${samples.message.replaceAll(`${inputs.workspace}/`, "")}`] : [];
  const verdict = overallVerdict(reports);
  const own = pointOf(reportOf(reports.smoke), reportOf(reports.canary), verdict);
  const earlier = await readEarlier(inputs, event, github);
  const collection: Collection = {
    title: inputs.title,
    ...reports,
    history: mergeHistory([earlier.points, own === undefined ? [] : [own]], inputs.history + 1),
    historyBranch: event.baseBranch,
    runUrl: runUrl(event.runId, environment),
    notes: [...looserLimit(reports), ...notes, ...earlier.notes],
  };

  const folder = join(inputs.reportDirectory, "report");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const sections = summarySections(collection);
  const summaryPath = join(folder, "summary.md");
  await writeFileAtomically(summaryPath, fitSections(sections, SUMMARY_LIMIT_BYTES));
  await writeJobSummary(sections, environment);
  const htmlPath = inputs.html ? await writeHtml(collection, samples?.ok === true ? samples : undefined, folder) : undefined;
  const files = [
    summaryPath,
    ...(htmlPath === undefined ? [] : [htmlPath]),
    ...(await copyReports(reports, samples?.path, folder)),
  ];
  if (event.addsToHistory && own !== undefined) files.push(await writeHistory(earlier.points, own, folder));

  // The run that triggered this one has uploaded its own report.
  const artifactName = event.triggeredBy === undefined ? inputs.artifactName : "";
  const artifact = await uploadArtifact({ name: artifactName, files, root: folder }, environment);
  if (artifact.notice !== undefined) annotate(artifact.notice);
  const comment =
    inputs.comment === "false" || github === undefined
      ? { id: null }
      : await publishComment({ github, event, marker: inputs.commentMarker, sections: [...sections, linkSection(collection)] });
  if (comment.notice !== undefined) annotate({ level: "notice", title: "Performance comment", message: comment.notice });

  setOutputs({
    "summary-path": summaryPath,
    "html-path": htmlPath,
    "comment-id": comment.id,
    "artifact-id": artifact.id,
    verdict,
  });
  say(`${inputs.title}: ${verdict}`);
  return 0;
}

/** A smoke run that didn't get the budget's limit: a step that isn't wired to the other. */
function looserLimit({ smoke, budget }: Reports): string[] {
  const judged = reportOf(smoke)?.thresholds.p95_ms;
  const asked = reportOf(budget)?.p95_threshold_ms;
  if (judged === undefined || asked === undefined || judged <= asked) return [];
  return [
    `The smoke run was judged with a p95 limit of ${judged} ms, the error budget asks for ${asked} ms: give k6-smoke the output p95-threshold-ms.`,
  ];
}

async function readEarlier(inputs: Inputs, event: EventFacts, github: GitHub | undefined): Promise<Earlier> {
  // Without an artifact of its own name there is nothing to find again.
  if (inputs.history === 0 || github === undefined || inputs.artifactName === "") return { points: [], notes: [] };
  return earlierPoints(github, inputs.artifactName, event.baseBranch, inputs.history, event.runId);
}

/** A report that can't be drawn is a warning: the summary says the same in words. */
async function writeHtml(collection: Collection, arms: Arms | undefined, folder: string): Promise<string | undefined> {
  try {
    // The plots are most of the bundle: loaded only when they are drawn.
    const { renderPage } = await import("../lib/report/html/page.ts");
    const path = join(folder, "report.html");
    await writeFileAtomically(path, renderPage(collection, arms));
    return path;
  } catch (error) {
    annotate({ level: "warning", title: "HTML report not made", message: (error as Error).message });
    return undefined;
  }
}

/** The reports that were used, beside what was made of them. */
async function copyReports({ smoke, canary, budget }: Reports, samples: string | undefined, folder: string): Promise<string[]> {
  const paths = [smoke, canary, budget].flatMap((found) => (found.state === "found" ? [found.path] : []));
  const copies: string[] = [];
  for (const path of samples === undefined ? paths : [...paths, samples]) {
    const copy = join(folder, basename(path));
    await copyFile(path, copy);
    copies.push(copy);
  }
  return copies;
}

async function writeHistory(earlier: readonly HistoryPoint[], own: HistoryPoint, folder: string): Promise<string> {
  const path = join(folder, HISTORY_FILE);
  const points = mergeHistory([earlier, [own]], LONGEST_HISTORY);
  await writeJsonAtomically(path, { schema_version: 1, kind: "performance-history", points });
  return path;
}

function runUrl(runId: number | undefined, environment: Environment): string | undefined {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = environment;
  if (runId === undefined || !repository) return undefined;
  return `${server || "https://github.com"}/${repository}/actions/runs/${runId}`;
}

function linkSection({ runUrl: url }: Collection): { name: string; markdown: string } {
  return { name: "link", markdown: url === undefined ? "" : `[Run and artifacts](${url})` };
}
