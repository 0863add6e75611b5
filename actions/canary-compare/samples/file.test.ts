import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { throwAwayFolder } from "../../../test/canary-action.ts";
import { readSamplesFile } from "./file.ts";
import { armOfScenario, parseTime } from "./lines.ts";
import { findClockFault, Recording, spreadWholeSeconds } from "./recording.ts";
import { findRouteMismatch } from "./routes.ts";
import { readStoredSamples, samplesDigest, samplesText, writeSamples } from "./stored.ts";

const place = throwAwayFolder();
afterAll(() => place[Symbol.dispose]());
let files = 0;

async function read(content: string | Uint8Array, name = "samples.ndjson") {
  const path = join(place.folder, `${files++}-${name}`);
  writeFileSync(path, content);
  const canary = new Recording();
  const reading = await readSamplesFile(path, { canary });
  return {
    ...reading,
    canary,
    codes: reading.faults.map((fault) => fault.code),
    text: reading.faults.map((fault) => fault.message).join("\n"),
  };
}

const row = (i: number, more: object = {}) => JSON.stringify({ t: i / 50, latency_ms: 100 + (i % 7), ok: true, ...more });
const rows = (n: number, change: (i: number) => object = () => ({})) => Array.from({ length: n }, (_, i) => row(i, change(i)));

describe("NDJSON", () => {
  test("a clean file has no faults, with or without a last newline, plain or gzipped", async () => {
    const text = rows(100).join("\n");
    for (const [content, name] of [
      [text, "a.ndjson"],
      [`${text}\r\n`, "a.ndjson"],
      [gzipSync(text), "a.ndjson.gz"],
    ] as const) {
      const { canary, faults } = await read(content, name);
      expect(faults).toEqual([]);
      expect(canary.length).toBe(100);
    }
  });

  test.each([
    ["NaN", '{"t":1,"latency_ms":NaN,"ok":true}', "NON_FINITE", "line 3: "],
    ["Infinity", '{"t":1,"latency_ms":Infinity,"ok":true}', "NON_FINITE", "holds NaN or Infinity"],
    ["a null latency of a success", '{"t":1,"latency_ms":null,"ok":true}', "NON_FINITE", "latency_ms is null though ok is true"],
    ["a negative latency", '{"t":1,"latency_ms":-3,"ok":true}', "NON_FINITE", "latency_ms is -3"],
    ["a null time", '{"t":null,"latency_ms":3,"ok":true}', "NON_FINITE", "t is null"],
    ["no time", '{"latency_ms":3,"ok":true}', "QUERY_ERROR", "has t undefined"],
    ["a latency as text", '{"t":1,"latency_ms":"3","ok":true}', "QUERY_ERROR", 'has latency_ms "3"'],
    ["no ok", '{"t":1,"latency_ms":3}', "QUERY_ERROR", "has ok undefined"],
    ["half a line", '{"t":1,"late', "QUERY_ERROR", "isn't JSON"],
    ["a list", "[1]", "QUERY_ERROR", "isn't an object"],
    ["a strange arm", '{"arm":"blue","t":1,"latency_ms":3,"ok":true}', "QUERY_ERROR", 'has arm "blue"'],
  ])("%s", async (_, line, code, message) => {
    const { codes, text } = await read([...rows(2), line, ...rows(2)].join("\n"));
    expect(codes).toEqual([code]);
    expect(text).toContain(message);
  });

  test("a failure may have no latency, and many faults are counted, not listed", async () => {
    const { faults, canary } = await read(rows(10, (i) => (i === 4 ? { latency_ms: null, ok: false } : {})).join("\n"));
    expect(faults).toEqual([]);
    expect(canary.latencyMs[4]).toBeNaN();
    const { text } = await read(rows(10, () => ({ latency_ms: -1 })).join("\n"));
    expect(text).toContain("; and 7 more");
  });

  test("a file of both arms must say the arm; a file of one arm may, and lines of the other are left out", async () => {
    const path = join(place.folder, "both.ndjson");
    writeFileSync(path, [row(0, { arm: "canary" }), row(1, { arm: "baseline" }), row(2)].join("\n"));
    const arms = { baseline: new Recording(), canary: new Recording() };
    const both = await readSamplesFile(path, arms);
    expect([arms.baseline.length, arms.canary.length]).toEqual([1, 1]);
    expect(both.faults[0]).toMatchObject({ code: "QUERY_ERROR" });
    const canary = new Recording();
    expect((await readSamplesFile(path, { canary })).faults).toEqual([]);
    expect(canary.length).toBe(2);
  });
});

describe("files that are no whole measurement", () => {
  test("half a gzip file", async () => {
    const packed = gzipSync(rows(5000, (i) => ({ latency_ms: (i * 7919) % 1013 })).join("\n"));
    const { codes, text, canary } = await read(packed.subarray(0, packed.length / 2), "half.ndjson.gz");
    expect(codes).toContain("QUERY_ERROR");
    expect(text).toContain("cut off or damaged");
    expect(canary.length).toBeGreaterThan(0);
  });

  test("an empty file, a missing one, one of another kind, a folder", async () => {
    expect((await read("")).codes).toEqual(["NO_DATA"]);
    expect(await readSamplesFile(join(place.folder, "none"), {})).toMatchObject({ missing: true, faults: [{ code: "NO_DATA" }] });
    expect((await read("time,latency\n1,2\n", "x.csv")).text).toContain("is no header of k6's CSV");
    expect((await readSamplesFile(place.folder, {})).faults[0]).toMatchObject({ code: "QUERY_ERROR" });
  });

  test("a clock that goes back, once or all along; shuffled lines are sorted and harm nobody", async () => {
    const back = await read(rows(1000, (i) => (i >= 500 ? { t: i / 50 - 8 } : {})).join("\n"));
    expect(back.codes).toEqual(["STALE_DATA"]);
    expect(back.text).toContain("goes back by 8.0 s after 500 of 1000 requests");
    expect((await read(rows(1000).reverse().join("\n"))).codes).toEqual(["STALE_DATA"]);
    const shuffled = rows(1000).map((line, i) => ({ line, key: Math.sin(i * i) }));
    expect(
      (
        await read(
          shuffled
            .sort((a, b) => a.key - b.key)
            .map(({ line }) => line)
            .join("\n"),
        )
      ).codes,
    ).toEqual([]);
  });

  test("lines out of order by a latency are in order", () => {
    const recording = new Recording();
    for (let i = 0; i < 100; i++)
      recording.add({ t: i / 10 - (i % 9 === 0 ? 3 : 0), latencyMs: i % 9 === 0 ? 3000 : 10, ok: true, route: undefined });
    expect(findClockFault(recording)).toBeUndefined();
  });
});

describe("times", () => {
  test.each([
    [12.5, 12.5],
    [1_795_267_728, 1_795_267_728],
    [1_795_267_728_366, 1_795_267_728.366],
    [1_795_267_728_366_000, 1_795_267_728.366],
    [1_795_267_728_366_000_000, 1_795_267_728.366],
    ["2026-11-21T13:00:00.5Z", Date.parse("2026-11-21T13:00:00.5Z") / 1000],
    ["soon", undefined],
    [Number.NaN, undefined],
    [true, undefined],
  ])("%s", (value, seconds) => {
    const parsed = parseTime(value);
    if (seconds === undefined) expect(parsed).toBeUndefined();
    else expect(parsed).toBeCloseTo(seconds, 4);
  });

  test("whole seconds are spread over their second, finer ones are left alone", () => {
    const recording = new Recording();
    for (let i = 0; i < 100; i++) recording.add({ t: 5 + Math.floor(i / 50), latencyMs: 1, ok: true, route: undefined });
    expect(spreadWholeSeconds(recording)).toBe(true);
    expect(recording.t.slice(0, 3)).toEqual([5.01, 5.03, 5.05]);
    expect(recording.t[50]).toBe(6.01);
    expect(spreadWholeSeconds(recording)).toBe(false);
  });
});

describe("k6's CSV", () => {
  const header = "metric_name,timestamp,metric_value,expected_response,method,name,scenario,status,extra_tags";
  const k6 = (...lines: string[]) => [header, ...lines].join("\n");

  test("requests are put at their start; phases and the arm come from the rows", async () => {
    const path = join(place.folder, "k6.csv.gz");
    const content = k6(
      "http_req_duration,1795267728366,20.5,true,GET,http://h/rooms?x=1,baseline,200,",
      "http_req_waiting,1795267728366,18,true,GET,http://h/rooms?x=1,baseline,200,",
      "http_req_duration,1795267728400,7,false,GET,rooms,canary_2,503,",
      "iterations,1795267728401,1,,,,canary_2,,",
      "http_req_duration,1795267728000,99,true,GET,rooms,canary_0,200,",
      "http_req_duration,1795267728000,99,true,GET,ready,,200,",
      "vus,1795267728000,99,,,,,,",
    );
    writeFileSync(path, gzipSync(content));
    const arms = { baseline: new Recording(), canary: new Recording() };
    expect((await readSamplesFile(path, arms)).faults).toEqual([]);
    expect(arms.baseline).toMatchObject({ t: [1795267728.3455], latencyMs: [20.5], ok: [true], route: ["GET /rooms"] });
    expect(arms.baseline.phases).toEqual(new Map([["waiting", [18]]]));
    expect(arms.canary).toMatchObject({ latencyMs: [7], ok: [false], route: ["rooms"] });
  });

  test("what a request waited for its connection is part of its time", async () => {
    const rows = (end: string, blocked: string) => [
      `http_req_duration,${end},20.5,true,GET,rooms,canary,200,`,
      `http_req_blocked,${end},${blocked},true,GET,rooms,canary,200,`,
      `http_req_tls_handshaking,${end},250,true,GET,rooms,canary,200,`,
    ];
    const { canary, faults } = await read(k6(...rows("1795267728366", "300"), ...rows("1795267728400", "0")), "waits.csv");
    expect(faults).toEqual([]);
    expect(canary).toMatchObject({ t: [1795267728.0455, 1795267728.3795], latencyMs: [320.5, 20.5] });
  });

  test("a value that is NaN or missing, a row that is cut off", async () => {
    const good = "http_req_duration,1795267728366,20.5,true,GET,rooms,canary,200,";
    expect((await read(k6(good, good.replace("20.5", "NaN")), "a.csv")).codes).toEqual(["NON_FINITE"]);
    expect((await read(k6(good, good.replace("20.5", "")), "a.csv")).codes).toEqual(["NON_FINITE"]);
    expect((await read(k6(good, good.slice(0, 40)), "a.csv")).codes).toEqual(["QUERY_ERROR"]);
    expect((await read(k6(good.replace("1795267728366", "yesterday")), "a.csv")).text).toContain("which is no time");
  });

  test("a name of several lines with quotes and commas is one route, plain or gzipped", async () => {
    const name = '"query ""Rooms"" {\r\n  rooms(first: 10, city: ""Salto"")\n}"';
    const content = k6(
      ...Array.from({ length: 5 }, (_, i) => `http_req_duration,179526772${i}366,20.5,true,POST,${name},canary,200,`),
    );
    for (const [bytes, file] of [
      [content, "names.csv"],
      [gzipSync(`${content}\n`), "names.csv.gz"],
    ] as const) {
      const { canary, faults } = await read(bytes, file);
      expect(faults).toEqual([]);
      expect(canary.route).toEqual(Array(5).fill('query "Rooms" {\r\n  rooms(first: 10, city: "Salto")\n}'));
    }
  });

  test("scenarios name arms", () => {
    expect(["baseline", "canary_3", "canary_0", "smoke", "baseline2"].map(armOfScenario)).toEqual([
      "baseline",
      "canary",
      null,
      undefined,
      undefined,
    ]);
  });
});

test("k6's CSV without a column that tells failures is refused by name", async () => {
  const { codes, text } = await read("metric_name,timestamp,metric_value,name\nhttp_req_duration,1795267728,12,http://h/");
  expect(codes).toContain("QUERY_ERROR");
  expect(text).toContain("expected_response or status missing");
});

test("arms that were asked for different routes don't compare; the same mix does", () => {
  const arm = (route: (i: number) => string) => {
    const recording = new Recording();
    for (let i = 0; i < 1000; i++) recording.add({ t: i, latencyMs: 1, ok: true, route: route(i) });
    return recording;
  };
  const mixed = (i: number) => (i % 4 === 0 ? "POST /book" : "GET /rooms");
  expect(findRouteMismatch({ baseline: arm(mixed), canary: arm(mixed) })).toBeUndefined();
  expect(findRouteMismatch({ baseline: arm(mixed), canary: arm(() => "GET /rooms") })).toMatchObject({ code: "SPLIT_MISMATCH" });
  expect(findRouteMismatch({ baseline: arm(() => "GET /a"), canary: arm(() => "GET /b") })!.message).toContain("100.0 %");
  expect(findRouteMismatch({ baseline: arm((i) => `/room/${i}`), canary: arm((i) => `/room/${i + 5000}`) })).toBeUndefined();
});

test("stored samples come back as they were, and others don't pass for them", async () => {
  const arms = { baseline: new Recording(), canary: new Recording() };
  arms.baseline.add({ t: 1.234567, latencyMs: 10.1, ok: true, route: "GET /a" });
  arms.canary.add({ t: 2, latencyMs: Number.NaN, ok: false, route: undefined });
  const text = samplesText(arms);
  const path = join(place.folder, "stored.ndjson.gz");
  await writeSamples(path, text);
  const back = await readStoredSamples(path, samplesDigest(text));
  expect(samplesText(back)).toBe(text);
  await expect(readStoredSamples(path, samplesDigest("other"))).rejects.toThrow(/is not what the report was made from/);
});
