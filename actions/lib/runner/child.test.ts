import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { runChild, scrubbedEnvironment } from "./child.ts";

const run = promisify(execFile);
const node = process.execPath;
const env = scrubbedEnvironment();

test("exit code and the last output come back", async () => {
  const lines: string[] = [];
  const result = await runChild({
    command: node,
    args: ["-e", "console.log('out'); process.stderr.write('err without newline'); process.exitCode = 7"],
    env,
    output: (line) => lines.push(line),
  });
  expect(result).toMatchObject({ exitCode: 7, signal: null, cancelled: false });
  expect(lines.sort()).toEqual(["err without newline", "out"]);
  expect(result.tail).toContain("err without newline");
});

test("the tail is bounded, also without newlines", async () => {
  const result = await runChild({
    command: node,
    args: ["-e", "process.stdout.write('x'.repeat(3_000_000))"],
    env,
    output: "quiet",
  });
  expect(result.tail.length).toBeLessThanOrEqual(32_768);
});

test("commands in the child's output stand between stop-commands, on stdout and on lines of their own", async () => {
  const script = `
    import { runChild } from ${JSON.stringify(new URL("./child.ts", import.meta.url).href)};
    await runChild({ command: process.execPath, args: ["-e", "console.log('::add-path::/evil'); process.stderr.write('::error::fake')"], env: {} });
    console.log("after");`;
  const { stdout, stderr } = await run(node, ["--input-type=module", "-e", script]);
  const lines = stdout.trimEnd().split("\n");
  const guard = /^::stop-commands::([0-9a-f]{32})$/.exec(lines[0] ?? "")?.[1];
  expect(guard).toBeDefined();
  expect(lines.slice(1, 3).sort()).toEqual(["::add-path::/evil", "::error::fake"]);
  expect(lines.slice(3)).toEqual([`::${guard}::`, "after"]);
  expect(stderr).toBe("");
});

test("an abort sends SIGINT, and the child may end in its own way", async () => {
  const controller = new AbortController();
  const result = await runChild({
    command: node,
    args: [
      "-e",
      "process.on('SIGINT', () => { console.log('bye'); process.exit(105) }); setInterval(() => {}, 1000); console.log('ready')",
    ],
    env,
    signal: controller.signal,
    output: (line) => line === "ready" && controller.abort("SIGINT"),
  });
  expect(result).toMatchObject({ exitCode: 105, cancelled: true });
  expect(result.tail).toContain("bye");
});

test("a child that ignores SIGINT and SIGTERM is killed", async () => {
  const controller = new AbortController();
  const result = await runChild({
    command: node,
    args: [
      "-e",
      "for (const s of ['SIGINT','SIGTERM']) process.on(s, () => {}); setInterval(() => {}, 1000); console.log('ready')",
    ],
    env,
    signal: controller.signal,
    graceMs: 100,
    output: (line) => line === "ready" && controller.abort(),
  });
  expect(result).toMatchObject({ exitCode: null, signal: "SIGKILL", cancelled: true });
});

test("a command that doesn't exist is named", async () => {
  await expect(runChild({ command: "/nowhere/k6", args: [], env, output: "quiet" })).rejects.toThrow(
    /^\/nowhere\/k6: could not be started/,
  );
});

test("the child's environment holds no input, token or secret", () => {
  const child = scrubbedEnvironment(
    { EXTRA: "1" },
    {
      PATH: "/bin",
      ACTIONS_RUNTIME_TOKEN: "t",
      "INPUT_GITHUB-TOKEN": "t",
      GITHUB_TOKEN: "t",
      AWS_SECRET_ACCESS_KEY: "t",
      K6_DURATION: "5s",
    },
  );
  expect(child).toEqual({ PATH: "/bin", EXTRA: "1" });
});
