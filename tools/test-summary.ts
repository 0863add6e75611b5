import { readFileSync } from "node:fs";

/** Prints `N passed, N failed` (and skipped ones) of a Vitest JSON report; files that could not run count as failed. */
const path = process.argv[2] ?? "";
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: unknown[] }[];
}

try {
  const report = JSON.parse(readFileSync(path, "utf8")) as Report;
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  ).length;
  const skipped = report.numPendingTests + report.numTodoTests;
  console.log(
    `${report.numPassedTests} passed, ${report.numFailedTests + brokenFiles} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`,
  );
} catch (error) {
  console.error(`test-summary: no report in "${path}": ${(error as Error).message}`);
  process.exitCode = 1;
}
