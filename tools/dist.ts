import { join } from "node:path";
import { actionNames, compareFolders, ROOT, replaceBundle, withBundles } from "./bundle.ts";

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

let stale = 0;
try {
  await withBundles(names, async (folder) => {
    for (const name of names) {
      const differences = await compareFolders(join(folder, name), join(ROOT, "actions", name, "dist"));
      if (!check) {
        await replaceBundle(name, join(folder, name));
        console.log(`actions/${name}/dist: ${differences.length === 0 ? "unchanged" : "built"}`);
      } else if (differences.length > 0) {
        stale++;
        console.error(`actions/${name}/dist isn't what its sources give:\n  ${differences.join("\n  ")}`);
      } else {
        console.log(`actions/${name}/dist: fresh`);
      }
    }
  });
} catch (error) {
  console.error(`dist: ${(error as Error).message}`);
  process.exitCode = 1;
}
if (stale > 0) {
  console.error('Run "npm run dist" and commit the result.');
  process.exitCode = 1;
}
