import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { actionNames, buildBundles, compareFolders, ROOT } from "./bundle.ts";

// npm run dist [-- <action>…]           builds the bundles that are committed
// npm run dist -- --check [<action>…]   proves that the committed ones are what the sources give, byte for byte

const check = process.argv.includes("--check");
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const all = await actionNames();
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`dist: no action named ${unknown.join(", ")}. There are: ${all.join(", ")}.`);
  process.exit(1);
}
const names = wanted.length > 0 ? wanted : all;

await mkdir(join(ROOT, "build"), { recursive: true });
const folder = await mkdtemp(join(ROOT, "build", "dist-"));
let stale = 0;
try {
  await buildBundles(names, folder);
  for (const name of names) {
    const committed = join(ROOT, "actions", name, "dist");
    const differences = await compareFolders(join(folder, name), committed);
    if (!check) {
      await rm(committed, { recursive: true, force: true });
      await rename(join(folder, name), committed);
      console.log(`actions/${name}/dist: ${differences.length === 0 ? "unchanged" : "built"}`);
    } else if (differences.length > 0) {
      stale++;
      console.error(`actions/${name}/dist isn't what its sources give:\n  ${differences.join("\n  ")}`);
    } else {
      console.log(`actions/${name}/dist: fresh`);
    }
  }
} catch (error) {
  console.error(`dist: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
if (stale > 0) {
  console.error('Run "npm run dist" and commit the result.');
  process.exitCode = 1;
}
