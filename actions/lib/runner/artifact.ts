import { randomBytes } from "node:crypto";
import type { Annotation } from "./log.ts";

export interface ArtifactRequest {
  /** Wanted name; "" means no upload. */
  name: string;
  /** Paths of the files. */
  files: readonly string[];
  /** Folder that the paths inside the artifact start from. */
  root: string;
  retentionDays?: number;
}

/** `id` is null when nothing was uploaded; then `notice` says why, unless no upload was asked for. */
export interface ArtifactResult {
  id: number | null;
  name: string | null;
  notice?: Annotation;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Uploads files as an artifact of the run. A failed upload never fails the gate: the files stay where they are and
 * the result carries a warning. A name that is taken (artifacts are immutable, their name unique in a run) gets
 * the job's name and the attempt added, then a number, and in the end letters that nobody else has.
 */
export async function uploadArtifact(request: ArtifactRequest, environment: Environment = process.env): Promise<ArtifactResult> {
  const { name, files, root } = request;
  if (name === "" || files.length === 0) return { id: null, name: null };
  const kept = `The files stay in ${files.join(", ")}.`;
  const refused = unavailable(environment);
  if (refused !== undefined) {
    return {
      id: null,
      name: null,
      notice: { level: refused.level, title: `Artifact "${name}" not uploaded`, message: `${refused.reason} ${kept}` },
    };
  }

  let lastError: unknown;
  for (const candidate of candidateNames(name, environment)) {
    try {
      // 3.7 MB and 60-80 ms of start: loaded only when there is something to upload.
      const { DefaultArtifactClient } = await import("@actions/artifact");
      const options = request.retentionDays === undefined ? {} : { retentionDays: request.retentionDays };
      const { id } = await new DefaultArtifactClient().uploadArtifact(candidate, [...files], root, options);
      if (id === undefined) throw new Error("the artifact service gave no id");
      return { id, name: candidate };
    } catch (error) {
      lastError = error;
      if (!isNameTaken(error)) break;
    }
  }
  const message = `${(lastError as Error).message}. ${kept}`;
  return { id: null, name: null, notice: { level: "warning", title: `Artifact "${name}" not uploaded`, message } };
}

/** The names to try, in order. The last one nobody else has: the legs of a matrix share the job's name and the attempt. */
export function candidateNames(name: string, environment: Environment): string[] {
  const job = (environment["GITHUB_JOB"] ?? "").replace(/["\s:<>|*?\\/]+/g, "-");
  const suffixed = [name, job, environment["GITHUB_RUN_ATTEMPT"] ?? ""].filter((part) => part !== "").join("-");
  const numbered = [2, 3, 4, 5].map((number) => `${suffixed}-${number}`);
  return [...new Set([name, suffixed, ...numbered, `${suffixed}-${randomBytes(8).toString("hex")}`])];
}

function unavailable(environment: Environment): { level: "notice" | "warning"; reason: string } | undefined {
  const server = environment["GITHUB_SERVER_URL"] || "https://github.com";
  const host = URL.canParse(server) ? new URL(server).hostname.toLowerCase() : server;
  if (host !== "github.com" && !host.endsWith(".ghe.com") && !host.endsWith(".localhost")) {
    return { level: "warning", reason: `${host} is a GitHub Enterprise Server, which has no artifact service of version 4.` };
  }
  if (!environment["ACTIONS_RUNTIME_TOKEN"] || !environment["ACTIONS_RESULTS_URL"]) {
    return {
      level: "notice",
      reason: "This run has no artifact service (ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL are not set).",
    };
  }
  return undefined;
}

function isNameTaken(error: unknown): boolean {
  return /\b409\b|already exists|conflict/i.test((error as Error).message);
}
