import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Verdict } from "../lib/judge/verdict.ts";
import { type Collection, type GateLine, overallVerdict, reportOf } from "../lib/report/collection.ts";
import { type HistoryPoint, LONGEST_HISTORY, mergeHistory, pointOf } from "../lib/report/history.ts";
import type { Arms } from "../lib/report/html/plots.ts";
import { summarySections } from "../lib/report/markdown.ts";
import { uploadArtifact } from "../lib/runner/artifact.ts";
import { eventPayload, runContext } from "../lib/runner/context.ts";
import { writeFileAtomically, writeJsonAtomically } from "../lib/runner/files.ts";
import { connectGitHub, type GitHub } from "../lib/runner/github.ts";
import { annotate, maskSecrets, say } from "../lib/runner/log.ts";
import { setOutputs } from "../lib/runner/outputs.ts";
import { fitSections, SUMMARY_LIMIT_BYTES, writeJobSummary } from "../lib/runner/summary.ts";
import { publishComment } from "./comment.ts";
import { type Copied, copyReports } from "./copies.ts";
import { type Earlier, earlierPoints, HISTORY_FILE } from "./earlier.ts";
import { type EventFacts, readEvent } from "./event.ts";
import { type Inputs, loadInputs } from "./inputs.ts";
import { gatesOfJob } from "./job-gates.ts";
import { findReports, type Reports } from "./reports.ts";
import { samplesOf, samplesPath } from "./samples.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Runs the action once. The step fails for wrong inputs, and when a report is missing that must be there; a verdict has made its own
 * gate's step red already.
 */
export async function main(environment: Environment = process.env): Promise<0 | 1> {
  maskSecrets([environment["INPUT_GITHUB-TOKEN"]]);
  const inputs = loadInputs(environment);
  const event = readEvent(eventPayload(environment), environment);
  const github = connectGitHub(inputs.githubToken, environment);

  const reports = await findReports(inputs, {
    run: event.runId,
    attempt: event.attempt,
    job: runContext(environment).job,
    // On workflow_run the gates were another run's.
    gates: event.triggeredBy === undefined ? await gatesOfJob(environment) : [],
  });
  const samples = await samplesOf(reports.canary);
  const verdict = overallVerdict(reports);
  const own = pointOf(reportOf(reports.smoke), reportOf(reports.canary), verdict);
  const earlier = await readEarlier(inputs, event, github);

  const folder = join(inputs.reportDirectory, "report");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const copies = await copyReports(withSamples(reports), folder);
  const collection: Collection = {
    title: inputs.title,
    gates: [...reports.gates, ...unexplained(event, verdict)],
    smoke: reports.smoke,
    canary: reports.canary,
    budget: reports.budget,
    history: mergeHistory([earlier.points, own === undefined ? [] : [own]], inputs.history + 1),
    historyBranch: event.baseBranch,
    runUrl: runUrl(event.runId, environment),
    notes: [
      ...reports.notes,
      ...looserLimit(reports),
      ...(samples?.ok === false ? [`No distribution is drawn: ${samples.message.replaceAll(`${inputs.workspace}/`, "")}`] : []),
      ...copies.notes,
      ...earlier.notes,
    ],
  };
  const files = [...copies.files];
  if (event.addsToHistory && own !== undefined) files.push(await writeHistory(earlier.points, own, folder));
  return publish(
    { inputs, event, github, collection, reports, arms: samples?.ok === true ? samples : undefined, folder, files },
    environment,
  );
}

interface Publishing {
  inputs: Inputs;
  event: EventFacts;
  github: GitHub | undefined;
  collection: Collection;
  reports: Reports;
  /** Samples to draw. */
  arms: Arms | undefined;
  /** Folder that gets summary and page. */
  folder: string;
  /** What is in it already. */
  files: readonly string[];
}

/** Writes summary and page, uploads, comments, sets the outputs. */
async function publish(publishing: Publishing, environment: Environment): Promise<0 | 1> {
  const { inputs, event, github, collection, reports, arms, folder } = publishing;
  const verdict = overallVerdict(collection);
  const sections = summarySections(collection);
  const summaryPath = join(folder, "summary.md");
  await writeFileAtomically(summaryPath, fitSections(sections, SUMMARY_LIMIT_BYTES));
  await writeJobSummary(sections, environment);
  const htmlPath = inputs.html ? await writeHtml(collection, arms, folder) : undefined;
  const files = [summaryPath, ...(htmlPath === undefined ? [] : [htmlPath]), ...publishing.files];

  // The run that triggered this one has uploaded its own report.
  const artifactName = event.triggeredBy === undefined ? inputs.artifactName : "";
  const artifact = await uploadArtifact({ name: artifactName, files, root: folder }, environment);
  if (artifact.notice !== undefined) annotate(artifact.notice);
  if (artifact.name !== null && artifact.name !== artifactName) say(anotherName(artifactName, artifact.name));
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
  for (const { sentence } of reports.gates.filter(({ state }) => state === "lost").slice(0, MOST_ANNOTATIONS)) {
    annotate({ level: "error", title: "Missing report", message: sentence });
  }
  return reports.incomplete ? 1 : 0;
}

function anotherName(wanted: string, got: string): string {
  return `The artifact's name "${wanted}" was taken in this run, so this one is "${got}" and later runs won't find its history. Give each summary of a run its own artifact-name and comment-marker.`;
}

/** GitHub shows about ten of a kind. */
const MOST_ANNOTATIONS = 10;

/**
 * On `workflow_run`: GitHub's own word on the run. When it ended badly though every report says PASS, something is missing
 * among them, such as a gate that died.
 */
function unexplained({ triggeredBy }: EventFacts, verdict: Verdict): GateLine[] {
  const conclusion = triggeredBy?.conclusion;
  if (verdict !== "PASS" || conclusion === undefined || conclusion === null || conclusion === "success") return [];
  const sentence = `The run ended with "${conclusion}", though each report that it left says PASS: a gate or another job has failed.`;
  return [{ kind: "run", state: "lost", verdict: "INCONCLUSIVE", counts: true, path: "", about: "", sentence }];
}

/** Each report, the canaries' with the samples beside them. */
function withSamples({ usable, canaries }: Reports): Copied[] {
  const samples = new Map(canaries.map(({ path, report }) => [path, samplesPath({ path, report })]));
  return usable.map((one) => ({ ...one, samples: samples.get(one.path) }));
}

/** A smoke run that didn't get the budget's limit: a step that isn't wired to the other. */
function looserLimit({ smokes, budgets }: Reports): string[] {
  // With several budgets it isn't known which one is whose.
  const asked = budgets.length === 1 ? budgets[0]!.report.p95_threshold_ms : Number.POSITIVE_INFINITY;
  const judged = Math.max(...smokes.map(({ report }) => report.thresholds.p95_ms));
  if (judged <= asked || smokes.length === 0) return [];
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
