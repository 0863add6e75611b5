import { expect, test } from "vitest";
import { readK6Summary, withoutSecrets } from "./summary.ts";

test("what setup returned and the script's source are taken out", () => {
  const summary = { metrics: {}, setup_data: { token: "hunter2" }, metadata: { script: "const token = 'hunter2'", version: 1 } };
  expect(withoutSecrets(summary)).toEqual({ metrics: {}, metadata: { version: 1 } });
});

test("a missing summary is an error, not an empty one", async () => {
  await expect(readK6Summary("/nowhere/k6-summary.json")).rejects.toThrow(/k6's own summary .* no such file/);
});
