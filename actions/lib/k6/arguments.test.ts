import { expect, test } from "vitest";
import { k6RunArguments } from "./arguments.ts";

const options = {
  script: "/w/smoke.js",
  env: { BASE_URL: "http://h", A: "x=y,z" },
  samplesPath: "/t/a,b.csv.gz",
  summaryPath: "/t/s.json",
};

test("the script's variables are flags, nothing of the environment is passed, and the script comes last", () => {
  const { args, env } = k6RunArguments(options);
  expect(args).toEqual([
    "run",
    "--no-color",
    "--quiet",
    "--no-usage-report",
    "--include-system-env-vars=false",
    "--out=csv",
    "--summary-export=/t/s.json",
    "-e",
    "BASE_URL=http://h",
    "-e",
    "A=x=y,z",
    "/w/smoke.js",
  ]);
  expect(env).toEqual({
    K6_CSV_FILENAME: "/t/a,b.csv.gz",
    K6_CSV_TIME_FORMAT: "unix_milli",
    K6_AUTO_EXTENSION_RESOLUTION: "false",
  });
});
