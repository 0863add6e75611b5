/**
 * What the end of a k6 process means for a gate:
 * `finished` the run is whole; `thresholds` it is whole and a threshold of the script itself was crossed;
 * `cancelled` it was interrupted; `failed` it can't be trusted.
 */
export interface K6Ending {
  kind: "finished" | "thresholds" | "cancelled" | "failed";
  /** One sentence, with the remedy when something went wrong. */
  message: string;
}

const FAILURES: Readonly<Record<number, string>> = {
  97: "k6 cloud reported a failed run (97). Run the script locally, without a cloud option.",
  98: "k6 cloud stopped reporting progress (98). Run the script locally, without a cloud option.",
  100: "setup() took longer than its time-out (100). Make it faster, or raise setupTimeout in the script's options.",
  101: "teardown() took longer than its time-out (101). Make it faster, or raise teardownTimeout in the script's options.",
  102: "k6 timed out (102). Raise the time-out that its log names.",
  103: "the run was stopped through k6's REST API (103). Run it again without that.",
  104: "k6 refused the script's options (104). Mend the option that its log names.",
  107: "the script threw an exception outside an iteration, or could not be parsed (107). Mend the line that k6's log names.",
  108: "the script ended the run with test.abort() (108). The reason is in k6's log.",
  109: "k6 itself crashed (109). Try another k6-version, and report it to k6 with its log.",
  110: "the script marked the run as failed with test.fail() (110). The reason is in k6's log.",
};

/**
 * Explains how k6 ended.
 *
 * @param exitCode null when a signal ended it
 * @param tail the last lines of its log; the first error in it is quoted
 * @see k6's source, errext/exitcodes
 */
export function explainEnding(exitCode: number | null, signal: string | null, cancelled: boolean, tail: string): K6Ending {
  if (cancelled || exitCode === 105) return { kind: "cancelled", message: "the run was cancelled before its end" };
  if (exitCode === 0) return { kind: "finished", message: "k6 ran to its end" };
  if (exitCode === 99) {
    const crossed = /thresholds on metrics '([^']*)' have been crossed/.exec(tail)?.[1];
    return {
      kind: "thresholds",
      message: `a threshold in the script itself was crossed${crossed === undefined ? "" : ` (${crossed})`}`,
    };
  }
  const quoted = firstError(tail);
  const quote = quoted === undefined ? "" : ` k6 said: ${quoted}`;
  if (exitCode === null)
    return {
      kind: "failed",
      message: `k6 was ended by ${signal ?? "a signal"}. Look for lack of memory or a time-out of the job.${quote}`,
    };
  return { kind: "failed", message: `${FAILURES[exitCode] ?? `k6 ended with code ${exitCode}. Its log says why.`}${quote}` };
}

/** The message of the first error line in k6's log, cut to a readable length. */
function firstError(tail: string): string | undefined {
  const message = /level=error msg="((?:[^"\\]|\\.)*)"/.exec(tail)?.[1];
  if (message === undefined) return undefined;
  const text = message
    .replace(/\\[nt]/g, " ")
    .replace(/\\(["\\])/g, "$1")
    .replace(/\s+/g, " ")
    .trim();
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
