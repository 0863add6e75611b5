import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Folder that holds what k6 runs (the driver, in `actions/lib/k6/driver`) and `tools/` (the pinned Go module): `assets` beside a bundle,
 * the root of the repository when the sources run.
 *
 * @throws Error when neither is found, which means an incomplete bundle
 */
export function assetFolder(from: string = dirname(fileURLToPath(import.meta.url))): string {
  if (existsSync(join(from, "assets", "tools", "go.mod"))) return join(from, "assets");
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "tools", "go.mod")) && existsSync(join(folder, "actions"))) return folder;
    if (folder === dirname(folder)) break;
  }
  throw new Error(
    `${from}: the assets folder with the k6 driver and tools/go.mod is missing. Build the bundle with "npm run dist".`,
  );
}
