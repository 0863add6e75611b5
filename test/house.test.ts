import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/**
 * Rooms from the ground up: a room stands on those below it, never on one above or beside it. Rooms on one line stand side by side and
 * don't know each other. Whoever needs an arrow upwards gives the lower room an interface, and hands the thing in from above.
 */
const SERVICE = [
  ["vocabulary.ts", "calendar.ts"],
  ["http"],
  ["config.ts"],
  ["telemetry", "storage"],
  ["auth"],
  ["tenancy", "nlp", "flags", "pms", "mail"],
  ["channels", "conversation", "reception"],
  ["app.ts"],
  ["service.ts"],
  ["main.ts"],
];
const ACTIONS = [["lib/judge", "lib/runner"], ["lib/k6", "lib/prometheus"], ["lib/report"], ["*"]];

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "service", "actions"], {
  cwd: ROOT,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.includes("/dist/"));
const known = new Set(files);
const importsOf = (file: string): string[] => {
  const text = readFileSync(join(ROOT, file), "utf8");
  const found = [...text.matchAll(/(?:\bfrom |\bimport\()"(\.[^"]+)"/g)].map(([, path]) => normalize(join(dirname(file), path!)));
  return [...new Set(found)].filter((path) => known.has(path));
};
const graph = new Map(files.map((file) => [file, importsOf(file)]));

test("no file imports itself by way of others", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file);
    if (at >= 0) circles.push([...way.slice(at), file].join(" → "));
    if (at >= 0 || done.has(file)) return;
    for (const next of graph.get(file) ?? []) walk(next, [...way, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
  expect(circles).toEqual([]);
});

function arrowsUp(folder: string, floors: readonly string[][], roomOf: (file: string) => string): string[] {
  const floorOf = (room: string) => floors.findIndex((rooms) => rooms.includes(room) || rooms.includes("*"));
  const wrong: string[] = [];
  for (const [file, imports] of graph) {
    if (!file.startsWith(`${folder}/`)) continue;
    const room = roomOf(file);
    if (floorOf(room) < 0) wrong.push(`${file}: the room ${room} has no floor; give it one in this test`);
    for (const other of imports) {
      const to = roomOf(other);
      const fine = room === to || floorOf(to) < floorOf(room);
      if (!fine) wrong.push(`${file} (${room}) → ${other} (${to})`);
    }
  }
  return wrong;
}

test("in the service no arrow leads upwards, or to a neighbour", () => {
  expect(arrowsUp("service", SERVICE, (file) => file.split("/")[1]!)).toEqual([]);
});

test("in the gates no arrow leads upwards, the judge knows nobody, and no action knows another", () => {
  const roomOf = (file: string) =>
    file.startsWith("actions/lib/") ? file.split("/").slice(1, 3).join("/") : file.split("/")[1]!;
  expect(arrowsUp("actions", ACTIONS, roomOf)).toEqual([]);
});
