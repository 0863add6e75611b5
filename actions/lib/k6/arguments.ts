export interface K6RunArguments {
  /** Path of the script. */
  script: string;
  /** Where the raw samples go: `.csv`, or `.csv.gz` to have them packed. */
  samplesPath: string;
  /** Where k6's own end-of-test summary goes; none is written when it is absent. */
  summaryPath?: string;
  /** Whether rows say which virtual user and iteration they belong to, in the column `metadata`. */
  iterations?: boolean;
  /** Options of k6 besides, such as `--insecure-skip-tls-verify`. */
  flags?: readonly string[];
}

/**
 * Tags without which a row can't be judged. A script's own `systemTags` may leave some out; the command line wins over them.
 */
const SYSTEM_TAGS = [
  ...["proto", "subproto", "status", "method", "url", "name", "group", "check", "error", "error_code", "tls_version"],
  ...["scenario", "service", "expected_response"],
];

/**
 * Arguments and environment of one `k6 run`.
 *
 * Variables of the script go neither way, see `entry.ts`. The samples' path goes as environment, since a comma in it would break
 * `--out csv=…`.
 */
export function k6RunArguments(options: K6RunArguments): { args: string[]; env: Record<string, string> } {
  return {
    args: [
      "run",
      "--no-color",
      "--quiet",
      "--no-usage-report",
      "--include-system-env-vars=false",
      // A second k6 on the machine would want the same port for its REST API.
      "--address=",
      `--system-tags=${[...SYSTEM_TAGS, ...(options.iterations ? ["vu", "iter"] : [])].join(",")}`,
      "--out=csv",
      ...(options.summaryPath === undefined ? [] : [`--summary-export=${options.summaryPath}`]),
      ...(options.flags ?? []),
      options.script,
    ],
    env: {
      K6_CSV_FILENAME: options.samplesPath,
      K6_CSV_TIME_FORMAT: "unix_milli",
      K6_CSV_SAVE_INTERVAL: "250ms",
      // k6 v1 would otherwise fetch extensions that a script imports, unasked.
      K6_AUTO_EXTENSION_RESOLUTION: "false",
    },
  };
}
