import { expect, test } from "vitest";
import { readEvent } from "./event.ts";

const repository = { default_branch: "main" };
const sha = "3f1c9a7be2d04c5f8a6b7c8d9e0f1a2b3c4d5e6f";

test.each([
  ["a push", "push", {}, { GITHUB_REF_NAME: "release/2.4" }, "release/2.4", true],
  ["a schedule", "schedule", {}, { GITHUB_REF_NAME: "main" }, "main", true],
  ["a run by hand", "workflow_dispatch", {}, { GITHUB_REF_NAME: "feature" }, "feature", true],
  ["a tag", "push", {}, { GITHUB_REF_NAME: "v1.2.3", GITHUB_REF_TYPE: "tag" }, "main", false],
  ["a pull request", "pull_request", { pull_request: { number: 3, base: { ref: "next" } } }, {}, "next", false],
  ["a review", "pull_request_review", { pull_request: { number: 3, base: { ref: "next" } } }, {}, "next", false],
  [
    "a merge queue",
    "merge_group",
    { merge_group: { base_ref: "refs/heads/release/2.4", head_ref: "refs/heads/gh-readonly-queue/release/2.4/pr-104-x" } },
    { GITHUB_REF_NAME: "gh-readonly-queue/release/2.4/pr-104-x" },
    "release/2.4",
    false,
  ],
  // It runs on the default branch, and measures the code of the pull request that was commented on.
  ["a comment", "issue_comment", { issue: { number: 3, pull_request: {} } }, { GITHUB_REF_NAME: "main" }, "main", false],
  ["a preview's deployment", "deployment_status", { deployment: { ref: "feature" } }, { GITHUB_REF_NAME: "" }, "main", false],
  ["a deployment of main", "deployment", { deployment: { ref: "refs/heads/main" } }, { GITHUB_REF_NAME: "main" }, "main", true],
  ["a deployment of a commit", "deployment_status", { deployment: { ref: sha } }, {}, "main", false],
  ["another workflow's run", "workflow_run", {}, { GITHUB_REF_NAME: "main" }, "main", false],
])("%s shows the history of the branch that it goes into", (_, name, payload, environment, baseBranch, addsToHistory) => {
  const event = readEvent({ repository, ...payload }, { GITHUB_EVENT_NAME: name, GITHUB_REF_TYPE: "branch", ...environment });
  expect(event).toMatchObject({ baseBranch, addsToHistory });
});

test("a comment on a pull request knows its number, one on an issue has none", () => {
  const event = (issue: unknown) => readEvent({ repository, issue }, { GITHUB_EVENT_NAME: "issue_comment" });
  expect(event({ number: 3, pull_request: { url: "x" } }).pullRequest).toBe(3);
  expect(event({ number: 3 }).pullRequest).toBeUndefined();
});

test("run and attempt are those of this run, or of the run that triggered it", () => {
  const own = { GITHUB_RUN_ID: "77", GITHUB_RUN_ATTEMPT: "2" };
  expect(readEvent({}, { GITHUB_EVENT_NAME: "push", ...own })).toMatchObject({ runId: 77, attempt: 2 });
  const run = { id: 5, run_attempt: 3, event: "push", head_branch: "main", head_sha: sha, head_repository: null };
  expect(readEvent({ workflow_run: run }, { GITHUB_EVENT_NAME: "workflow_run", ...own })).toMatchObject({ runId: 5, attempt: 3 });
  expect(readEvent({}, {})).toMatchObject({ runId: undefined, attempt: undefined });
});
