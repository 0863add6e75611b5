export interface K6RunArguments {
  /** Path of the script. */
  script: string;
  /** What the script sees in `__ENV`, and nothing else. */
  env: Readonly<Record<string, string>>;
  /** Where the raw samples go: `.csv`, or `.csv.gz` to have them packed. */
  samplesPath: string;
  /** Where k6's own end-of-test summary goes. */
  summaryPath: string;
}

/**
 * Arguments and environment of one `k6 run`.
 *
 * The script's variables go as `-e` flags, never as environment: k6 would read `K6_DURATION` and `K6_RPS` there as
 * options of its own and put the script's scenarios aside. The samples' path goes as environment, since a comma in
 * it would break `--out csv=…`.
 */
export function k6RunArguments(options: K6RunArguments): { args: string[]; env: Record<string, string> } {
  const variables = Object.entries(options.env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  return {
    args: [
      "run",
      "--no-color",
      "--quiet",
      "--no-usage-report",
      "--include-system-env-vars=false",
      "--out=csv",
      `--summary-export=${options.summaryPath}`,
      ...variables,
      options.script,
    ],
    env: {
      K6_CSV_FILENAME: options.samplesPath,
      K6_CSV_TIME_FORMAT: "unix_milli",
      // k6 v1 would otherwise fetch extensions that a script imports, unasked.
      K6_AUTO_EXTENSION_RESOLUTION: "false",
    },
  };
}
