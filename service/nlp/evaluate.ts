import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type Classifier, classify, type Example, train } from "./classifier.ts";
import { measure, type Quality } from "./evaluation.ts";

const USAGE = "npm run nlp:evaluate -- --train train.jsonl --test test.jsonl [--calibrate val.jsonl]";

/** What one evaluation gives; ratios 0–1, null where the test set holds nothing to measure it on. */
export interface Evaluation extends Quality {
  build_seconds: number;
  microseconds_per_message: { median: number; p99: number };
}

/**
 * Trains on `training`, calibrates on `calibration` (out of fold without it) and measures on `test`.
 *
 * @throws RangeError when the training set holds fewer than two intents or the test set is empty
 */
export function evaluate(training: readonly Example[], test: readonly Example[], calibration?: readonly Example[]): Evaluation {
  if (test.length === 0) throw new RangeError("The test set is empty: give at least one message.");
  const started = performance.now();
  const { classifier } = train(training, undefined, calibration);
  const buildSeconds = (performance.now() - started) / 1_000;
  const judged = test.map(({ text, intent }) => ({ expected: intent, ...judge(classifier, text) }));
  return { ...measure(judged), build_seconds: buildSeconds, microseconds_per_message: time(classifier, test) };
}

function judge(classifier: Classifier, text: string): { intent: string; confidence: number } {
  const { intent, confidence } = classify(classifier, text);
  return { intent, confidence };
}

/** Microseconds of each message, over a second pass, so that the code is warm. */
function time(classifier: Classifier, test: readonly Example[]): { median: number; p99: number } {
  const micros = test.map(({ text }) => {
    const started = performance.now();
    classify(classifier, text);
    return (performance.now() - started) * 1_000;
  });
  micros.sort((a, b) => a - b);
  return { median: micros[micros.length >> 1]!, p99: micros[Math.floor(micros.length * 0.99)]! };
}

/**
 * Reads `{text, intent}` lines; `intent: null` is out of scope.
 *
 * @throws Error naming every bad line at once
 */
export function parseLines(content: string, name: string): Example[] {
  const examples: Example[] = [];
  const problems: string[] = [];
  content.split("\n").forEach((line, at) => {
    if (line.trim() === "") return;
    const example = exampleOf(line);
    if (typeof example === "string") problems.push(`${name}:${at + 1}: ${example}`);
    else examples.push(example);
  });
  if (examples.length === 0 && problems.length === 0) problems.push(`${name}: no line. Write one {"text", "intent"} a line.`);
  if (problems.length > 20) problems.splice(20, problems.length, `${name}: and ${problems.length - 20} bad lines more.`);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return examples;
}

function exampleOf(line: string): Example | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return `not JSON (${error instanceof Error ? error.message : String(error)}).`;
  }
  if (typeof value !== "object" || value === null) return `expected an object {"text", "intent"}, got ${line.slice(0, 60)}.`;
  const { text, intent } = value as Record<string, unknown>;
  if (typeof text !== "string") return `"text" must be a string, got ${JSON.stringify(text)}.`;
  if (intent !== null && (typeof intent !== "string" || intent === "")) {
    return `"intent" must be a name, or null for out of scope, got ${JSON.stringify(intent)}.`;
  }
  return { text, intent };
}

/**
 * The command: reads the files, evaluates, prints for people and then one line of JSON.
 *
 * @returns exit code
 */
export async function main(
  argv: readonly string[],
  print: (line: string) => void,
  complain: (line: string) => void,
): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { train: { type: "string" }, test: { type: "string" }, calibrate: { type: "string" } },
    });
    const missing = (["train", "test"] as const).filter((name) => !values[name]);
    if (missing.length > 0) throw new Error(`Missing ${missing.map((name) => `--${name}`).join(" and ")}.\nUsage: ${USAGE}`);
    const names = [values.train!, values.test!, ...(values.calibrate ? [values.calibrate] : [])];
    const read = await Promise.allSettled(names.map(async (name) => parseLines(await readFile(name, "utf8"), name)));
    const failures = read.flatMap((result) =>
      result.status === "rejected" ? [String(result.reason?.message ?? result.reason)] : [],
    );
    if (failures.length > 0) throw new Error(failures.join("\n"));
    const [training, test, calibration] = read.map((result) => (result.status === "fulfilled" ? result.value : []));
    const evaluation = evaluate(training!, test!, calibration);
    for (const line of describe(evaluation)) print(line);
    print(JSON.stringify(evaluation));
    return 0;
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

function describe(evaluation: Evaluation): string[] {
  const percent = (value: number | null) => (value === null ? "no messages to measure it on" : `${(value * 100).toFixed(2)} %`);
  const { microseconds_per_message: micros } = evaluation;
  return [
    `messages                     ${evaluation.in_scope} in scope, ${evaluation.out_of_scope} out of scope`,
    `accuracy in scope            ${percent(evaluation.accuracy)}`,
    `AUROC out of scope           ${evaluation.auroc?.toFixed(4) ?? percent(null)}`,
    `ECE                          ${evaluation.ece?.toFixed(4) ?? percent(null)}`,
    `precision above 0.75         ${percent(evaluation.precision_above_075)} (${evaluation.wrong_above_075} wrong)`,
    `out-of-scope recall at 0.45  ${percent(evaluation.out_of_scope_recall_at_045)}`,
    `right and at least 0.45      ${percent(evaluation.right_at_045)}`,
    `build                        ${evaluation.build_seconds.toFixed(2)} s`,
    `one message                  ${micros.median.toFixed(1)} µs median, ${micros.p99.toFixed(1)} µs p99`,
  ];
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2), console.log, console.error);
}
