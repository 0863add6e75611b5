import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { realK6 } from "../../test/k6.ts";
import { startTarget } from "../../test/target.ts";
import { runK6 } from "../lib/k6/run.ts";
import { readK6Summary } from "../lib/k6/summary.ts";
import { measure, OTHER_ROUTES } from "./measure.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-measure-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("our numbers agree with k6's own summary of the same run", async () => {
  await using target = await startTarget((_, number) => ({ status: number % 7 === 3 ? 503 : 200, delayMs: (number * 13) % 40 }));
  const script = join(folder, "script.js");
  await writeFile(
    script,
    `import http from "k6/http";
     export const options = { scenarios: { s: { executor: "constant-arrival-rate", rate: 100, timeUnit: "1s", duration: "3s", preAllocatedVUs: 20 } } };
     export function setup() { http.get(__ENV.BASE_URL + "/setup"); return { token: "hunter2" }; }
     export default function () { http.get(__ENV.BASE_URL + "/a"); }`,
  );
  const run = await runK6({ k6: (await realK6()).path, script, env: { BASE_URL: target.url }, folder, output: "quiet" });
  const [ours, own] = await Promise.all([measure(run.samplesPath, { unanswered: true }), readK6Summary(run.summaryPath)]);
  expect(run.ending.kind).toBe("finished");
  expect(ours.requests).toBe(own.requests);
  expect(ours.requests).toBe(target.count);
  expect(ours.errorRate).toBeCloseTo(own.errorRate!, 9);
  // k6 keeps nanoseconds, its CSV six digits of a millisecond.
  expect(ours.p95Ms).toBeCloseTo(own.p95Ms!, 5);
  expect(ours.rps).toBeGreaterThan(90);
  expect(ours.rps).toBeLessThan(110);
  expect(ours.durationS).toBeCloseTo(3, 0);
});

test("addresses with ids don't make a route each without end", async () => {
  const header = "metric_name,timestamp,metric_value,expected_response,status,method,name,scenario";
  const rows = Array.from(
    { length: 500 },
    (_, id) => `http_req_duration,${1795265989000 + id * 20},5,true,200,GET,http://h/users/${id},s`,
  );
  const path = join(folder, "samples.csv");
  await writeFile(path, `${[header, ...rows].join("\n")}\n`);
  const { routes, requests, rps, durationS } = await measure(path, { unanswered: true });
  expect(routes).toHaveLength(101);
  expect(routes[0]).toEqual({ name: OTHER_ROUTES, requests: 400, p95Ms: 5, errorRate: 0 });
  expect(requests).toBe(500);
  expect(rps).toBe(50);
  expect(durationS).toBe(10);
});
