import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseCsvLine } from "./csv.ts";
import { parseTimestamp, type RequestSample, readSamples, routeName } from "./samples.ts";

const HEADER =
  "metric_name,timestamp,metric_value,check,error,error_code,expected_response,group,method,name,proto,scenario,service,status,subproto,tls_version,url,extra_tags,metadata";

function row(
  metric: string,
  value: number | string,
  tags: Partial<Record<"expected" | "name" | "scenario" | "status" | "time", string>> = {},
): string {
  const { expected = "true", name = "http://h/a", scenario = "s", status = "200", time = "1795265989368" } = tags;
  return [
    metric,
    time,
    value,
    "",
    "",
    "",
    expected,
    "",
    "GET",
    name,
    "HTTP/1.1",
    scenario,
    "",
    status,
    "",
    "",
    name,
    "",
    "",
  ].join(",");
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gatehouse-samples-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function read(content: string | Uint8Array, name = "s.csv") {
  const path = join(folder, name);
  await writeFile(path, content);
  const requests: RequestSample[] = [];
  const totals = await readSamples(path, (sample) => requests.push(sample));
  return { requests, totals };
}

const FILE = [
  HEADER,
  row("http_reqs", 1),
  row("http_req_duration", 8.5),
  row("http_req_failed", 0),
  row("http_req_duration", 2, { expected: "false", status: "500", scenario: "canary" }),
  row("http_req_duration", 3, { name: '"named, ""q"""', scenario: "" }),
  row("checks", 1),
  row("checks", 0),
  row("dropped_iterations", 4),
  row("iterations", 1),
  "",
].join("\n");

test("requests, checks and dropped iterations are read, plain or gzipped", async () => {
  for (const result of [await read(FILE), await read(gzipSync(FILE), "s.csv.gz")]) {
    expect(result.totals).toEqual({
      requests: 3,
      checksPassed: 1,
      checksFailed: 1,
      checks: new Map([["", { passed: 1, failed: 1 }]]),
      unanswered: new Map(),
      droppedIterations: 4,
      iterations: 1,
    });
    expect(result.requests).toEqual([
      { startMs: 1795265989359.5, latencyMs: 8.5, ok: true, scenario: "s", route: "GET /a", status: 200, error: "" },
      { startMs: 1795265989366, latencyMs: 2, ok: false, scenario: "canary", route: "GET /a", status: 500, error: "" },
      { startMs: 1795265989365, latencyMs: 3, ok: true, scenario: "", route: 'named, "q"', status: 200, error: "" },
    ]);
  }
});

test("columns are found by the header, in any order after the first", async () => {
  const { requests } = await read("metric_name,status,metric_value,timestamp\nhttp_req_duration,503,5,1795265989\n");
  expect(requests).toEqual([
    { startMs: 1795265988995, latencyMs: 5, ok: false, scenario: "", route: "(no name)", status: 503, error: "" },
  ]);
});

test.each([
  ["half a gzip file", gzipSync(FILE.repeat(50)).subarray(0, 200), "s.csv.gz", /the gzip file is cut off or damaged/],
  ["a gzip file that isn't one", Buffer.from(FILE), "s.csv.gz", /cut off or damaged/],
  ["half a plain file", FILE.slice(0, -20), "s.csv", /isn't whole, so the file is cut off/],
  ["an empty file", "", "s.csv", /the file is empty/],
  ["another CSV file", "a,b\n1,2\n", "s.csv", /isn't a CSV file of k6/],
  ["a missing column", "metric_name,timestamp,metric_value\n", "s.csv", /column expected_response or status is missing/],
  ["a value that is no number", `${HEADER}\n${row("http_req_duration", "NaN")}\n`, "s.csv", /line 2 has no number/],
  ["an empty value", `${HEADER}\n${row("http_req_duration", "")}\n`, "s.csv", /line 2 has no number/],
  [
    "a time that is none",
    `${HEADER}\n${row("http_req_duration", 1, { time: "soon" })}\n`,
    "s.csv",
    /line 2 has the timestamp "soon"/,
  ],
  ["a short line", `${HEADER}\nhttp_req_duration,1795265989368,1\n`, "s.csv", /line 2 has 3 columns/],
  ["a line without end", "x".repeat(3 << 20), "s.csv", /longer than 1 MiB/],
])("%s is an error that names the file", async (_, content, name, message) => {
  const error = await read(content, name).catch((thrown: Error) => thrown);
  expect(error).toBeInstanceOf(Error);
  expect((error as Error).message).toMatch(message);
  expect((error as Error).message).toContain(join(folder, name));
});

test("a missing file is named", async () => {
  await expect(readSamples(join(folder, "no.csv"), () => undefined)).rejects.toThrow(/no\.csv: could not be read: no such file/);
});

test("a 200 MB file is read in bounded memory", async () => {
  const path = join(folder, "big.csv");
  const file = createWriteStream(path);
  const block = `${`${[row("http_req_duration", 8.5), row("http_req_blocked", 0.1), row("http_req_waiting", 8.1), row("data_sent", 100)].join("\n")}\n`.repeat(2_000)}`;
  file.write(`${HEADER}\n`);
  let bytes = 0;
  while (bytes < 200 * 1024 * 1024) {
    bytes += block.length;
    if (!file.write(block)) await once(file, "drain");
  }
  await new Promise((resolve) => file.end(resolve));
  const before = process.memoryUsage().rss;
  let peak = before;
  let count = 0;
  const { requests } = await readSamples(path, () => {
    if (++count % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().rss);
  });
  expect(requests).toBe((bytes / block.length) * 2_000);
  expect(peak - before).toBeLessThan(120 * 1024 * 1024);
});

test("timestamps in s, ms, µs, ns and RFC 3339 are one time", () => {
  const times = ["1795265989", "1795265989000", "1795265989000000", "1795265989000000000", new Date(1795265989000).toISOString()];
  expect(new Set(times.map(parseTimestamp))).toEqual(new Set([1795265989000]));
  expect(["", "soon", "-5", "12"].map(parseTimestamp)).toEqual([undefined, undefined, undefined, undefined]);
});

test("a URL becomes method and path without the query, a name stays", () => {
  expect(routeName("GET", "https://h:1/a/b?token=x#y")).toBe("GET /a/b");
  expect(routeName("GET", "checkout")).toBe("checkout");
});

test("any cells survive being written as CSV", () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (cells) => {
      const line = cells.map((cell) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",");
      expect(parseCsvLine(line)).toEqual(cells);
    }),
  );
});
