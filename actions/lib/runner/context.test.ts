import { expect, test } from "vitest";
import { eventPayload, runContext } from "./context.ts";
import { harmless, redact, splitUrlPassword } from "./log.ts";

test("outside GitHub Actions every field of the run is null", () => {
  expect(new Set(Object.values(runContext({})))).toEqual(new Set([null]));
  expect(eventPayload({})).toEqual({});
});

test("inside, they come from the runner", () => {
  const run = runContext({ GITHUB_REPOSITORY: "o/r", GITHUB_RUN_ID: "12", GITHUB_RUN_ATTEMPT: "x", GITHUB_EVENT_NAME: "push" });
  expect(run).toMatchObject({ repository: "o/r", run_id: 12, run_attempt: null, event: "push", sha: null });
});

test("an event file that can't be read is named", () => {
  expect(() => eventPayload({ GITHUB_EVENT_PATH: "/nowhere.json" })).toThrow(/GITHUB_EVENT_PATH: \/nowhere.json/);
});

test("text from elsewhere can't be a workflow command", () => {
  expect(harmless("::error::x\n  ::set-env::y\n##[add-path]z")).not.toMatch(/^\s*::|##\[/m);
});

test("secrets are cut out of text and a URL's password is hidden", () => {
  expect(redact("a hunter2 b", ["hunter2", ""])).toBe("a *** b");
  expect(splitUrlPassword("http://me:hunter2@h/x")).toEqual({ shown: "http://me:***@h/x", password: "hunter2" });
  expect(splitUrlPassword("http://h/x")).toEqual({ shown: "http://h/x", password: undefined });
});
