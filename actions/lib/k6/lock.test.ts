import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { withLock } from "./lock.ts";

const folder = mkdtempSync(join(tmpdir(), "gatehouse-lock-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const longAgo = new Date(Date.now() - 60_000);

test.each([
  ["an empty lock, of a process that crashed while it wrote it", ""],
  ["a lock of a process whose id another one has now", "1"],
  ["a lock of this very process' id, of before a restart", String(process.pid)],
  ["a lock of a process that is gone", "999999999"],
])("%s ends by itself, with a message", async (_, content) => {
  const path = join(folder, "stale.lock");
  writeFileSync(path, content);
  utimesSync(path, longAgo, longAgo);
  const lines: string[] = [];
  expect(await withLock(path, { log: (line) => lines.push(line) }, async () => 7)).toBe(7);
  expect(lines).toEqual([`The lock ${path} was left behind by a process that is gone, and is taken over`]);
  expect(readdirSync(folder)).toEqual([]);
});

test("a lock whose owner lives is waited for, and of many who find it abandoned one at a time works", async () => {
  const path = join(folder, "many.lock");
  writeFileSync(path, "");
  utimesSync(path, longAgo, longAgo);
  let [working, most, done] = [0, 0, 0];
  const work = async () => {
    working += 1;
    most = Math.max(most, working);
    await new Promise((resolve) => setImmediate(resolve));
    working -= 1;
    done += 1;
  };
  await Promise.all(Array.from({ length: 8 }, () => withLock(path, {}, work)));
  expect([most, done]).toEqual([1, 8]);
});

test("a wait ends when it is cancelled", async () => {
  const path = join(folder, "held.lock");
  const cancel = new AbortController();
  await withLock(path, {}, async () => {
    const waiting = withLock(path, { signal: cancel.signal }, async () => 1);
    cancel.abort();
    await expect(waiting).rejects.toThrow(/abort/);
  });
});
