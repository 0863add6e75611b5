import { expect, test } from "vitest";
import { NO_ROUTE } from "../../lib/judge/samples.ts";
import { Recording } from "./recording.ts";

test("samples carry their routes by number, and none where the source knows none", () => {
  const recording = new Recording();
  for (const route of ["GET /a", undefined, "GET /b", "GET /a"]) recording.add({ t: 1, latencyMs: 2, ok: true, route });
  const { routes } = recording.samples();
  expect(routes!.names).toEqual(["GET /a", "GET /b"]);
  expect([...routes!.of]).toEqual([0, NO_ROUTE, 1, 0]);
  const without = new Recording();
  without.add({ t: 1, latencyMs: 2, ok: true, route: undefined });
  expect(without.samples().routes).toBeUndefined();
});
