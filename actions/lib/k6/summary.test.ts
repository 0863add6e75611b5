import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readK6Summary } from "./summary.ts";

test("numbers are read, what setup returned is not", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-summary-"));
  try {
    const path = join(folder, "s.json");
    const metrics = {
      http_reqs: { count: 3, rate: 1 },
      http_req_failed: { value: 0.5 },
      "http_req_duration{expected_response:true}": { "p(95)": 7 },
    };
    await writeFile(path, JSON.stringify({ metrics, setup_data: { token: "hunter2" } }));
    expect(await readK6Summary(path)).toEqual({ requests: 3, errorRate: 0.5, p95Ms: 7, judgesChecks: false });
    await writeFile(path, JSON.stringify({ metrics: {} }));
    expect(await readK6Summary(path)).toEqual({ requests: 0, errorRate: null, p95Ms: null, judgesChecks: false });
    await writeFile(path, '{"metrics": {');
    await expect(readK6Summary(path)).rejects.toThrow(/k6's own summary .* isn't JSON/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a missing summary is an error, not an empty one", async () => {
  await expect(readK6Summary("/nowhere/k6-summary.json")).rejects.toThrow(/k6's own summary .* no such file/);
});
