import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { actionNames, compareFolders, isStale, joinLicenses, listFiles, ROOT } from "./bundle.ts";

const names = await actionNames();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-bundle-"));
});
afterAll(() => rm(folder, { recursive: true }));

// Byte for byte is CI's part (npm run dist -- --check): it compiles and bundles, which takes long.
test.each(names)("the bundle of %s was built from its present sources", async (name) => {
  expect(await isStale(name)).toBe("fresh");
});

test.each(names)("the bundle of %s runs in an empty folder, with nothing but Node 24", async (name) => {
  const place = join(folder, name);
  await mkdir(place);
  await cp(join(ROOT, "actions", name, "dist"), join(place, "dist"), { recursive: true });
  const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
    // A value that no input takes: each action must get as far as telling so.
    const env = {
      PATH: "/usr/bin:/bin",
      "INPUT_FAIL-ON": "sometimes",
      "INPUT_REPORT-DIRECTORY": "reports",
      INPUT_TIMEOUT: "x",
      INPUT_HTML: "maybe",
    };
    execFile(process.execPath, [join(place, "dist", "index.js")], { cwd: place, env }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, output: stdout + stderr });
    });
  });
  expect(output).toMatch(/::error::.*(is|are) wrong:/);
  expect(output).not.toContain("Cannot find");
  expect(code).toBe(1);
});

test.each(names)("what %s loads only when needed is in its bundle", async (name) => {
  const place = join(folder, `${name}-lazy`);
  await cp(join(ROOT, "actions", name, "dist"), join(place, "dist"), { recursive: true });
  // Every chunk of the bundle can be loaded by itself.
  const script = `
    import { readdirSync } from "node:fs";
    const chunks = readdirSync("dist").filter((file) => /^\\d+\\.index\\.js$/.test(file));
    for (const chunk of chunks) await import(new URL("dist/" + chunk, "file://" + process.cwd() + "/").href);
    console.log(chunks.length);`;
  const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
    execFile(process.execPath, ["--input-type=module", "-e", script], { cwd: place, env: {} }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, output: stdout + stderr });
    });
  });
  expect(output).toMatch(/^\d+\n$/);
  expect(code).toBe(0);
});

test("all bundles together stay under 9 MB, which everyone who uses one of them downloads", async () => {
  let bytes = 0;
  for (const name of names) {
    const dist = join(ROOT, "actions", name, "dist");
    for (const file of await listFiles(dist)) bytes += (await stat(join(dist, file))).size;
  }
  expect(bytes).toBeLessThan(9_000_000);
});

test("a licence that several packages have stands once, under all of their names, and none is lost", () => {
  const mit = "MIT License\n\nPermission is hereby granted";
  const text = `a\nMIT\n${mit}\n\n@b/c\nApache-2.0\nApache License\n\nd.js\nMIT\n${mit}\n`;
  const joined = joinLicenses(text);
  expect(joined).toBe(`a (MIT)\nd.js (MIT)\n\n${mit}\n\n${"-".repeat(80)}\n\n@b/c (Apache-2.0)\n\nApache License\n`);
});

test("folders are compared by names and bytes", async () => {
  const [a, b] = [join(folder, "a"), join(folder, "b")];
  await mkdir(join(a, "in"), { recursive: true });
  await mkdir(b);
  await writeFile(join(a, "same"), "x");
  await writeFile(join(b, "same"), "x");
  await writeFile(join(a, "in", "lost"), "x");
  await writeFile(join(a, "other"), "x");
  await writeFile(join(b, "other"), "y");
  await writeFile(join(b, "extra"), "x");
  expect(await compareFolders(a, b)).toEqual(["extra shouldn't be there", "in/lost is missing", "other differs"]);
});
