import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { realK6 } from "../test/k6.ts";
import { startTarget } from "../test/target.ts";
import { assignments } from "./action.ts";

const tool = new URL("action.ts", import.meta.url).pathname;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-command-"));
});
afterEach(() => rm(folder, { recursive: true }));

function command(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [tool, ...args], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test("the last line is the outputs as JSON, the exit code the action's, the summary a file", async () => {
  await using target = await startTarget();
  const { path } = await realK6();
  const withs = [`base-url=${target.url}`, "duration=1s", "min-requests=10", `k6-path=${path}`].flatMap((text) => [
    "--with",
    text,
  ]);
  const good = await command("k6-smoke", ...withs);
  expect(good.code, good.stdout + good.stderr).toBe(0);
  expect(JSON.parse(good.stdout.trimEnd().split("\n").at(-1)!)).toMatchObject({ verdict: "PASS" });
  expect(await readFile(join(folder, "reports", "k6-smoke-summary.md"), "utf8")).toContain("Smoke: PASS");
  const bad = await command("k6-smoke", ...withs, "--with", "p95-threshold-ms=0.001");
  expect(bad.code).toBe(1);
  expect(JSON.parse(bad.stdout.trimEnd().split("\n").at(-1)!)).toMatchObject({ verdict: "FAIL" });
});

test("Ctrl-C reaches k6 through the action; the report is written and nothing stays behind", async () => {
  await using target = await startTarget();
  const { path } = await realK6();
  const withs = [`base-url=${target.url}`, "duration=60s", `k6-path=${path}`].flatMap((text) => ["--with", text]);
  const child = spawn(process.execPath, [tool, "k6-smoke", ...withs], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  createInterface(child.stdout).on("line", (line) => lines.push(line));
  await expect.poll(() => target.count, { timeout: 20_000 }).toBeGreaterThan(50);
  child.kill("SIGINT");
  const [code] = await once(child, "close");
  expect(code).toBe(1);
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ verdict: "INCONCLUSIVE" });
  expect(await readFile(join(folder, "reports", "performance", "smoke-summary.json"), "utf8")).toContain('"CANCELLED"');
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "args="]);
  expect(stdout.split("\n").filter((line) => line.includes(target.url))).toEqual([]);
});

test("a gate that died before its report is missed by the summary; run again well, it isn't", async () => {
  await using target = await startTarget();
  const { path } = await realK6();
  const publish = ["publish-summary", "--with", "comment=false", "--with", "artifact-name=", "--with", "html=false"];
  const dead = await command("k6-smoke", "--with", "base-url=nowhere");
  expect(dead.code).toBe(1);
  const missed = await command(...publish);
  expect(missed.code, missed.stdout).toBe(1);
  expect(JSON.parse(missed.stdout.trimEnd().split("\n").at(-1)!)).toMatchObject({ verdict: "INCONCLUSIVE" });
  expect(missed.stdout).toMatch(/left no smoke summary: .*base-url: expected an http\(s\) URL/);
  const withs = [`base-url=${target.url}`, "duration=1s", "min-requests=10", `k6-path=${path}`];
  const good = await command("k6-smoke", ...withs.flatMap((text) => ["--with", text]));
  expect(good.code, good.stdout).toBe(0);
  const shown = await command(...publish);
  expect(shown.code, shown.stdout).toBe(0);
  expect(JSON.parse(shown.stdout.trimEnd().split("\n").at(-1)!)).toMatchObject({ verdict: "PASS" });
});

test("wrong use is explained", async () => {
  expect(await command("nothing")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no action named "nothing". There are: .*k6-smoke/),
  });
  expect(await command()).toMatchObject({ code: 1, stdout: expect.stringContaining("npm run action --") });
  expect(await command("k6-smoke", "--with", "rps")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--with: expected name=value, got "rps"'),
  });
  await writeFile(join(folder, "event.json"), "{");
  expect(await command("k6-smoke", "--event", join(folder, "event.json"))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("--event: "),
  });
});

test("a value may hold =", () => {
  expect(assignments("with", ["env=A=1", "x="])).toEqual({ env: "A=1", x: "" });
});
