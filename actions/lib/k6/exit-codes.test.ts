import { expect, test } from "vitest";
import { explainEnding } from "./exit-codes.ts";

test("only 0 and 99 are whole runs", () => {
  expect(explainEnding(0, null, false, "").kind).toBe("finished");
  expect(explainEnding(99, null, false, "").kind).toBe("thresholds");
  for (const code of [1, 97, 98, 100, 101, 102, 103, 104, 107, 108, 109, 110, 255]) {
    const { kind, message } = explainEnding(code, null, false, "");
    expect(kind).toBe("failed");
    expect(message).toContain(String(code));
  }
  expect(explainEnding(null, "SIGKILL", false, "")).toMatchObject({
    kind: "failed",
    message: expect.stringContaining("SIGKILL"),
  });
});

test("a cancel is a cancel, whatever the code", () => {
  expect(explainEnding(105, null, false, "").kind).toBe("cancelled");
  expect(explainEnding(0, null, true, "").kind).toBe("cancelled");
});

test("the crossed thresholds and the first error are quoted", () => {
  const crossed = `time="t" level=error msg="thresholds on metrics 'http_req_duration' have been crossed"`;
  expect(explainEnding(99, null, false, crossed).message).toContain("(http_req_duration)");
  const error = String.raw`time="t" level=error msg="SyntaxError: \"x\" at\n\tfile:1"`;
  expect(explainEnding(107, null, false, error).message).toContain('k6 said: SyntaxError: "x" at file:1');
});
