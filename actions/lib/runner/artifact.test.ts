import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type GitHubStandIn, startGitHub } from "../../../test/github/server.ts";
import { candidateNames, uploadArtifact } from "./artifact.ts";

let folder: string;
let file: string;
let github: GitHubStandIn;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-artifact-"));
  file = join(folder, "report.json");
  await writeFile(file, '{"kind":"x"}');
  github = await startGitHub();
  // The client tells each step of its work in the log.
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  for (const [name, value] of Object.entries({ ...github.env, GITHUB_JOB: "smoke", GITHUB_RUN_ATTEMPT: "2" }))
    vi.stubEnv(name, value);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await github[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test("files are uploaded and the id comes back", async () => {
  const result = await uploadArtifact({ name: "report", files: [file], root: folder });
  expect(result).toEqual({ id: 1000, name: "report" });
  const [artifact] = github.artifacts.artifacts;
  expect(artifact?.content.subarray(0, 2).toString()).toBe("PK");
  expect(artifact?.content.includes("report.json")).toBe(true);
});

test("a taken name gets job and attempt added, then a number", async () => {
  const upload = () => uploadArtifact({ name: "report", files: [file], root: folder });
  expect([(await upload()).name, (await upload()).name, (await upload()).name]).toEqual([
    "report",
    "report-smoke-2",
    "report-smoke-2-2",
  ]);
  expect(new Set(github.artifacts.artifacts.map(({ name }) => name)).size).toBe(3);
});

test("any number of steps that share one name find a free one, also at the same time", async () => {
  const upload = () => uploadArtifact({ name: "report", files: [file], root: folder });
  const results = await Promise.all(Array.from({ length: 9 }, upload));
  expect(results.map(({ notice }) => notice)).toEqual(Array.from({ length: 9 }, () => undefined));
  expect(new Set(github.artifacts.artifacts.map(({ name }) => name)).size).toBe(9);
});

test("names to try", () => {
  expect(candidateNames("a", {}).slice(0, 2)).toEqual(["a", "a-2"]);
  expect(candidateNames("a", { GITHUB_JOB: "x / y", GITHUB_RUN_ATTEMPT: "1" })[1]).toBe("a-x-y-1");
});

test("an empty name is no upload and no notice", async () => {
  expect(await uploadArtifact({ name: "", files: [file], root: folder })).toEqual({ id: null, name: null });
});

test("on GitHub Enterprise Server it warns and tells where the files are", async () => {
  const result = await uploadArtifact(
    { name: "report", files: [file], root: folder },
    { ...process.env, GITHUB_SERVER_URL: "https://git.corp.example" },
  );
  expect(result).toMatchObject({ id: null, notice: { level: "warning" } });
  expect(result.notice?.message).toContain("git.corp.example");
  expect(result.notice?.message).toContain(file);
});

test("without an artifact service it is a notice", async () => {
  const result = await uploadArtifact({ name: "report", files: [file], root: folder }, {});
  expect(result).toMatchObject({ id: null, notice: { level: "notice" } });
});

test("a service that refuses is a warning, never an exception", async () => {
  github.artifacts.failWith = 403;
  const result = await uploadArtifact({ name: "report", files: [file], root: folder });
  expect(result).toMatchObject({ id: null, notice: { level: "warning" } });
  expect(result.notice?.message).toContain(file);
});
