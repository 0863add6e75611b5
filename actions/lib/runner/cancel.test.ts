import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { cancellation } from "./cancel.ts";

test("the first signal aborts with its name; after dispose nobody listens", () => {
  const source = new EventEmitter();
  const { signal, dispose } = cancellation(source);
  expect(signal.aborted).toBe(false);
  source.emit("SIGINT", "SIGINT");
  source.emit("SIGTERM", "SIGTERM");
  expect(signal.reason).toBe("SIGINT");
  dispose();
  expect(source.listenerCount("SIGINT") + source.listenerCount("SIGTERM")).toBe(0);
});
