import { expect, test } from "vitest";
import { formatDuration, InputMistakes, type InputReader, parseDuration, parseNumber, readInputs } from "./inputs.ts";

function read<T>(values: Record<string, string>, build: (read: InputReader) => T): T {
  const environment = Object.fromEntries(Object.entries(values).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]));
  return readInputs(build, environment);
}

function mistakesOf(values: Record<string, string>, build: (read: InputReader) => unknown): readonly string[] {
  try {
    read(values, build);
  } catch (error) {
    if (error instanceof InputMistakes) return error.mistakes;
    throw error;
  }
  return [];
}

test("an empty or absent input means its default", () => {
  const build = (from: InputReader) => [
    from.text("a", "x"),
    from.number("b", { fallback: 450 }),
    from.duration("c", "60s"),
    from.choice("d", ["fail", "never"]),
    from.boolean("e", true),
    from.url("f"),
  ];
  const expected = ["x", 450, 60, "fail", true, ""];
  expect(read({}, build)).toEqual(expected);
  expect(read({ a: "", b: " ", c: "", d: "", e: "", f: "" }, build)).toEqual(expected);
});

test("all mistakes come in one error, each with name, value and remedy", () => {
  const mistakes = mistakesOf(
    {
      "base-url": "localhost:8000",
      "p95-threshold-ms": "450ms",
      duration: "1 minute",
      "fail-on": "sometimes",
      "artifact-name": "a/b:c",
    },
    (from) => ({
      url: from.url("base-url", { required: true }),
      p95: from.number("p95-threshold-ms", { fallback: 450, above: 0 }),
      duration: from.duration("duration", "60s"),
      failOn: from.choice("fail-on", ["fail", "fail-or-inconclusive", "never"]),
      script: from.requiredText("script", "Write a path."),
      artifact: from.artifactName("artifact-name", "smoke-summary"),
    }),
  );
  expect(mistakes).toEqual([
    'base-url: expected an http(s) URL, got "localhost:8000". Write "http://localhost:8000".',
    'p95-threshold-ms: expected a number above 0, got "450ms". Write a plain number such as "450".',
    'duration: expected a duration from 1s to 24h, got "1 minute". Write "60s", "2m" or "1m30s".',
    'fail-on: expected one of fail, fail-or-inconclusive, never, got "sometimes". Write "fail" or leave it empty.',
    "script: expected a value, got nothing. Write a path.",
    'artifact-name: expected a name without " : < > | * ? \\ /, got "a/b:c". Write "a-b-c".',
  ]);
});

test("numbers are strict", () => {
  for (const text of [
    "450ms",
    "1e3",
    "0x10",
    "NaN",
    "Infinity",
    "-Infinity",
    "1,5",
    "",
    "4 5",
    "١٢",
    "--1",
    ".",
    "9".repeat(400),
  ]) {
    expect(parseNumber(text), text).toBeUndefined();
  }
  expect(["450", "-5", "+5", "0.01", ".5", "5."].map(parseNumber)).toEqual([450, -5, 5, 0.01, 0.5, 5]);
});

test("a number outside its range or not whole is a mistake that tells the range", () => {
  const rule = { fallback: 50, min: 1, max: 100, integer: true };
  expect(mistakesOf({ rps: "0" }, (from) => from.number("rps", rule))).toEqual([
    'rps: expected a whole number of at least 1 and at most 100, got "0". Write a plain number such as "50".',
  ]);
  expect(mistakesOf({ rps: "1.5" }, (from) => from.number("rps", rule))).toHaveLength(1);
  expect(mistakesOf({ rps: "100" }, (from) => from.number("rps", rule))).toEqual([]);
});

test("durations are read as Go and k6 write them", () => {
  expect(["60s", "2m", "1m30s", "1h", "500ms", "1d", "1.5s"].map(parseDuration)).toEqual([60, 120, 90, 3600, 0.5, 86_400, 1.5]);
  for (const text of ["60", "s", "1m30", "30s1m", "-1s", "1 s", ""]) expect(parseDuration(text), text).toBeUndefined();
  expect([0.5, 1, 90, 3600, 3661, 86_400].map(formatDuration)).toEqual(["500ms", "1s", "1m30s", "1h", "1h1m1s", "24h"]);
});

test("an empty artifact name is no upload, an absent one is the default", () => {
  const build = (from: InputReader) => from.artifactName("artifact-name", "smoke-summary");
  expect(read({ "artifact-name": "" }, build)).toBe("");
  expect(read({}, build)).toBe("smoke-summary");
});

test("environment lines keep everything after the first =, and mistakes don't show values", () => {
  const build = (from: InputReader) => from.environmentLines("env");
  expect(read({ env: "A=1\n\n# note\nB_2=x=y z\r\nC=" }, build)).toEqual({ A: "1", B_2: "x=y z", C: "" });
  const mistakes = mistakesOf({ env: "A=1\nhunter2\n9X=hunter2\nA=2" }, build);
  expect(mistakes).toHaveLength(3);
  expect(mistakes.join()).not.toContain("hunter2");
  expect(mistakes[0]).toContain("line 2");
});

test("header lines are names with values, and mistakes don't show values", () => {
  const build = (from: InputReader) => from.headerLines("headers");
  expect(read({ headers: "X-Scope-OrgID: team\n# note\n\nX-Key:a:b" }, build)).toEqual({
    "X-Scope-OrgID": "team",
    "X-Key": "a:b",
  });
  const mistakes = mistakesOf({ headers: "X-A: 1\nhunter2\nX B: hunter2\nX-C:\nx-a: hunter2\nX-D: hünter2" }, build);
  expect(mistakes).toHaveLength(5);
  expect(mistakes.join()).not.toMatch(/h[uü]nter2/);
  expect(mistakes[0]).toContain("line 2");
});

test("a URL loses its trailing slash and may not carry a query", () => {
  expect(read({ u: "https://example.test/base/" }, (from) => from.url("u"))).toBe("https://example.test/base");
  expect(mistakesOf({ u: "https://example.test/a?b=1" }, (from) => from.url("u"))).toEqual([
    'u: expected a base URL without ? or #, got "https://example.test/a?b=1". Write "https://example.test/a".',
  ]);
  for (const text of ["ftp://x", "http://", "http:///x", "http://a b", "javascript:alert(1)"]) {
    expect(
      mistakesOf({ u: text }, (from) => from.url("u")),
      text,
    ).toHaveLength(1);
  }
});
