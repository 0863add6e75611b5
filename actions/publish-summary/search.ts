import { glob, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { z } from "zod";
import { type GateLine, KIND_NAMES, type ShownKind } from "../lib/report/collection.ts";
import { readUntrusted } from "../lib/report/untrusted.ts";
import type { RunContext } from "../lib/runner/context.ts";

/** A kind has at most this many files read; a hostile artifact may hold any number. */
export const MOST_REPORTS = 200;

/** What every report says of itself. */
interface AnyReport {
  run: RunContext;
}

/** A report that can be used. */
export interface Usable<Report> {
  report: Report;
  /** Absolute. */
  path: string;
  /** As it was read: what is passed on is this, never the file read again. */
  text: string;
}

/** The run that the reports must come from; a field is undefined when it isn't known. */
export interface Origin {
  run: number | undefined;
  attempt: number | undefined;
  /** This job, when it makes such reports itself: then those of others are left-overs. */
  job: string | undefined;
}

/** What is looked for. */
export interface Search<Report> {
  kind: ShownKind;
  schema: z.ZodType<Report>;
  workspace: string;
  /** Paths or globs. */
  patterns: readonly string[];
  /** Paths that gates of this job say they wrote, absolute. */
  written: readonly string[];
  origin: Origin;
}

/** What was found of one kind. */
export interface SearchResult<Report> {
  usable: Usable<Report>[];
  /** What is there and can't be used. */
  refused: GateLine[];
  /** What is there and belongs to something else, one sentence a file. */
  leftOver: string[];
}

/** All reports of one kind. What is there but not usable is refused with its reason, never half used. */
export async function searchReports<Report extends AnyReport>(search: Search<Report>): Promise<SearchResult<Report>> {
  const { kind, schema, workspace, written, origin } = search;
  const paths = await matches(search);
  const result: SearchResult<Report> = { usable: [], refused: [], leftOver: [] };
  const refuse = (path: string, message: string) =>
    result.refused.push({
      kind,
      state: "refused",
      verdict: "INCONCLUSIVE",
      counts: true,
      path: shown(workspace, path),
      about: "",
      sentence: `${KIND_NAMES[kind]}: ${message.replaceAll(`${workspace}${sep}`, "")}`,
    });
  const strangers: { path: string; stranger: Stranger }[] = [];
  const seen = new Set<string>();
  for (const path of paths.slice(0, MOST_REPORTS)) {
    if (!written.includes(path) && (await behindLink(workspace, path))) {
      refuse(path, `${path}: it lies behind a symbolic link, which isn't followed.`);
      continue;
    }
    const read = await readUntrusted(path, schema);
    if (!read.ok) {
      if (!read.missing) refuse(path, read.message);
      continue;
    }
    // The same report twice, such as one and its copy in an artifact, is one report.
    if (seen.has(read.text)) continue;
    seen.add(read.text);
    const stranger = strangerTo(origin, read.report.run);
    if (stranger === undefined) result.usable.push({ report: read.report, path, text: read.text });
    else strangers.push({ path, stranger });
  }
  for (const { path, stranger } of strangers) {
    const message = `${shown(workspace, path)} ${stranger.message}`;
    // Beside the right report a left-over harms nobody; another attempt's may be the only one of its service.
    const harmless = result.usable.length > 0 && (stranger.of !== "attempt" || written.length > 0);
    if (harmless) result.leftOver.push(`Left aside: ${KIND_NAMES[kind]} ${message}`);
    else refuse(path, message);
  }
  if (paths.length > MOST_REPORTS) {
    refuse(paths[MOST_REPORTS]!, `${paths.length} files match, only ${MOST_REPORTS} were read. Narrow the input ${kind}.`);
  }
  return result;
}

/** Path as a reader of the workspace knows it. */
export function shown(workspace: string, path: string): string {
  const inside = relative(workspace, path);
  return inside.startsWith("..") || isAbsolute(inside) ? path : inside;
}

async function matches({ patterns, workspace, written }: Search<AnyReport>): Promise<string[]> {
  const found = new Set<string>(written);
  for (const pattern of patterns) {
    const whole = resolve(workspace, pattern);
    // A name may hold the characters of a glob.
    if (await isThere(whole)) found.add(whole);
    else for await (const path of glob(pattern, { cwd: workspace })) found.add(resolve(workspace, path));
  }
  return [...found].sort();
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Whether a folder on the way from the workspace to the file is a symbolic link. */
async function behindLink(workspace: string, path: string): Promise<boolean> {
  const way = relative(workspace, dirname(path));
  if (way.startsWith("..") || isAbsolute(way)) return false;
  const [base, real] = await Promise.all([realpath(workspace), realpath(dirname(path))]);
  return real !== join(base, way);
}

interface Stranger {
  of: "run" | "attempt" | "job";
  message: string;
}

/** Why a report isn't of the wanted run, attempt and job; undefined when it is. */
function strangerTo(origin: Origin, { run_id, run_attempt, job }: RunContext): Stranger | undefined {
  if (origin.run === undefined) return undefined;
  if (run_id === null) {
    return {
      of: "run",
      message: "was made outside of GitHub Actions, not by this run. A file of another machine was left there.",
    };
  }
  if (run_id !== origin.run) {
    return { of: "run", message: `was made by run ${run_id}, not by run ${origin.run}. A file of another run was left there.` };
  }
  if (origin.attempt !== undefined && run_attempt !== null && run_attempt !== origin.attempt) {
    const message = `was made by attempt ${run_attempt}, not by attempt ${origin.attempt} of this run. Run all of its jobs again.`;
    return { of: "attempt", message };
  }
  if (origin.job !== undefined && job !== null && job !== origin.job) {
    return { of: "job", message: `was made by job ${job}, not by job ${origin.job}. Give its path to publish it.` };
  }
  return undefined;
}
