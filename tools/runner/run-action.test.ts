import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ActionRun, runAction } from "./run-action.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-action-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** A small action of plain JavaScript: what it writes is what the runner must read. */
async function run(main: string, options: Omit<ActionRun, "folder"> & { post?: string; inputs?: Record<string, string> } = {}) {
  const { post, ...rest } = options;
  const action = join(folder, "action");
  await mkdir(action, { recursive: true });
  await writeFile(
    join(action, "action.yml"),
    `name: Probe
inputs:
  plain: { default: "450" }
  two words: { default: yes }
  needed: { required: true }
  repository: { default: "\${{ github.repository }}" }
runs: { using: node24, main: main.mjs${post === undefined ? "" : ", post: post.mjs"} }
`,
  );
  const head = `import { appendFileSync } from "node:fs"; const put = (name, text) => appendFileSync(process.env[name], text + "\\n");`;
  await writeFile(join(action, "main.mjs"), `${head}${main}`);
  if (post !== undefined) await writeFile(join(action, "post.mjs"), `${head}${post}`);
  return runAction({ workspace: folder, ...rest, folder: action });
}

test("inputs arrive as the runner hands them over: defaults, empty values kept, nothing enforced", async () => {
  const show = `put("GITHUB_OUTPUT", "all=" + JSON.stringify(Object.fromEntries(Object.entries(process.env).filter(([n]) => n.startsWith("INPUT_")))));`;
  const { outputs } = await run(show, { inputs: { Plain: "" } });
  expect(JSON.parse(outputs["all"]!)).toEqual({
    INPUT_PLAIN: "",
    INPUT_TWO_WORDS: "yes",
    INPUT_NEEDED: "",
    INPUT_REPOSITORY: "local/local",
  });
});

test("an unexpected input is a warning", async () => {
  const { annotations } = await run("", { inputs: { plian: "1" } });
  expect(annotations).toEqual([
    {
      level: "warning",
      title: undefined,
      message: expect.stringMatching(/^Unexpected input\(s\) 'plian', valid inputs are \['plain', 'two words'/),
    },
  ]);
});

test("outputs, variables, path, summary and state are read, and post gets the state", async () => {
  const result = await run(
    `put("GITHUB_OUTPUT", "a<<E\\n1\\n2\\nE"); put("GITHUB_ENV", "V=1"); put("GITHUB_PATH", "/bin/x"); put("GITHUB_STEP_SUMMARY", "# main"); put("GITHUB_STATE", "kept=7"); process.exitCode = 3;`,
    { post: `put("GITHUB_OUTPUT", "state=" + process.env.STATE_kept); put("GITHUB_STEP_SUMMARY", "post");` },
  );
  expect(result).toMatchObject({
    exitCode: 3,
    outputs: { a: "1\n2", state: "7" },
    exported: { V: "1" },
    path: ["/bin/x"],
    summary: "# main\npost\n",
  });
});

test("the event, the workspace and the folders of the runner are there; what surrounds this process isn't", async () => {
  const result = await run(
    `import { readFileSync, existsSync } from "node:fs";
     const { env } = process;
     put("GITHUB_OUTPUT", "r=" + JSON.stringify([JSON.parse(readFileSync(env.GITHUB_EVENT_PATH)).number, env.GITHUB_EVENT_NAME, process.cwd() === env.GITHUB_WORKSPACE,
       existsSync(env.RUNNER_TEMP), existsSync(env.RUNNER_TOOL_CACHE), env.VITEST ?? null, process.version.split(".")[0]]));`,
    { event: { name: "pull_request", payload: { number: 12 } } },
  );
  expect(JSON.parse(result.outputs["r"]!)).toEqual([12, "pull_request", true, true, true, null, "v24"]);
});

test("a cancel reaches the action as SIGINT, and post still runs", async () => {
  const controller = new AbortController();
  const result = await run(
    `process.on("SIGINT", () => { put("GITHUB_OUTPUT", "got=SIGINT"); process.exit(1); }); setInterval(() => {}, 1000); console.log("ready");`,
    {
      post: `put("GITHUB_OUTPUT", "post=ran");`,
      signal: controller.signal,
      show: (line) => line === "ready" && controller.abort(),
    },
  );
  expect(result).toMatchObject({ exitCode: 1, outputs: { got: "SIGINT", post: "ran" } });
});

test("a malformed output file is an error, as it is on the runner", async () => {
  await expect(run(`put("GITHUB_OUTPUT", "nonsense")`)).rejects.toThrow("GITHUB_OUTPUT: Invalid format 'nonsense'");
});
