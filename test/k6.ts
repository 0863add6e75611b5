import { findK6, type K6 } from "../actions/lib/k6/install.ts";

let found: Promise<K6> | undefined;

/**
 * The real k6, found or installed by the project's own code (PATH, cache folder, release, build). The first time on a
 * machine this can take two minutes; `make` does it before the tests.
 */
export function realK6(): Promise<K6> {
  found ??= findK6({ log: (line) => console.log(line) });
  return found;
}

if (import.meta.main) {
  const { path, version, source } = await realK6();
  console.log(`k6 v${version} (${source}): ${path}`);
}
