import { expect, test } from "vitest";
import { k6RunArguments } from "./arguments.ts";

const options = { script: "/w/smoke.js", samplesPath: "/t/a,b.csv.gz", summaryPath: "/t/s.json" };
const TAGS = "proto,subproto,status,method,url,name,group,check,error,error_code,tls_version,scenario,service,expected_response";

test("nothing of the environment is passed, the tags that rows need are asked for, and the script comes last", () => {
  const { args, env } = k6RunArguments(options);
  expect(args).toEqual([
    "run",
    "--no-color",
    "--quiet",
    "--no-usage-report",
    "--include-system-env-vars=false",
    "--address=",
    `--system-tags=${TAGS}`,
    "--out=csv",
    "--summary-export=/t/s.json",
    "/w/smoke.js",
  ]);
  expect(env).toEqual({
    K6_CSV_FILENAME: "/t/a,b.csv.gz",
    K6_CSV_TIME_FORMAT: "unix_milli",
    K6_CSV_SAVE_INTERVAL: "250ms",
    K6_AUTO_EXTENSION_RESOLUTION: "false",
  });
});

test("rows say their iteration where that is asked for, and further options of k6 stand before the script", () => {
  const { args } = k6RunArguments({
    script: "/w/a.js",
    samplesPath: "/t/s.csv",
    iterations: true,
    flags: ["--insecure-skip-tls-verify"],
  });
  expect(args).toContain(`--system-tags=${TAGS},vu,iter`);
  expect(args.slice(-2)).toEqual(["--insecure-skip-tls-verify", "/w/a.js"]);
  expect(args.join(" ")).not.toContain("summary-export");
});
