import { describe, expect, test } from "vitest";
import { addHistograms, doubtUnit, histogramQuantile, monotonous, unitOfName } from "./histogram.ts";

const bounds = [0.1, 0.5, 1, Number.POSITIVE_INFINITY];

describe("a quantile of a histogram", () => {
  test("lies in its bucket, by interpolation", () => {
    const histogram = { bounds, counts: [50, 90, 100, 100] };
    expect(histogramQuantile(histogram, 0.95)).toEqual({ value: 0.75, saturated: false, width: 0.5 });
    expect(histogramQuantile(histogram, 0.25)).toEqual({ value: 0.05, saturated: false, width: 0.1 });
    expect(histogramQuantile(histogram, 1)).toEqual({ value: 1, saturated: false, width: 0.5 });
  });

  test("above the largest finite bound is a lower bound, and says so; at it, it is known", () => {
    expect(histogramQuantile({ bounds, counts: [0, 0, 94, 100] }, 0.95)).toEqual({ value: 1, saturated: true, width: 0 });
    expect(histogramQuantile({ bounds, counts: [0, 0, 95, 100] }, 0.95)).toEqual({ value: 1, saturated: false, width: 0.5 });
  });

  test("of nothing, and without a finite bound, is not known", () => {
    expect(histogramQuantile({ bounds, counts: [0, 0, 0, 0] }, 0.95)).toBeUndefined();
    expect(histogramQuantile({ bounds: [Number.POSITIVE_INFINITY], counts: [9] }, 0.95)).toBeUndefined();
    expect(histogramQuantile(addHistograms([], []), 0.95)).toBeUndefined();
  });
});

test("histograms of the same bounds add up, and counts never fall", () => {
  const one = { bounds, counts: [1, 2, 3, 4] };
  expect(addHistograms(bounds, [one, one])).toEqual({ bounds, counts: [2, 4, 6, 8] });
  expect(monotonous([1, 3, 2, 4])).toEqual([1, 3, 3, 4]);
});

test.each([
  ["http_request_duration_seconds", "seconds"],
  ["istio_request_duration_milliseconds", "milliseconds"],
  ["gateway_latency_ms", "milliseconds"],
  ["lookup_time_us", "microseconds"],
  ["lookup_nanoseconds", "nanoseconds"],
  ["envoy_cluster_upstream_rq_time", undefined],
  ["http_requests", undefined],
  ["status", undefined],
])("the unit of %s is %s", (name, unit) => expect(unitOfName(name)).toBe(unit));

test("bounds of another unit than the name's, and latencies of hours, are doubted", () => {
  expect(doubtUnit("seconds", [0.005, 0.1, 10], 80)).toBeUndefined();
  expect(doubtUnit("seconds", [1, 5, 60], 8_000)).toBeUndefined();
  expect(doubtUnit("seconds", [5, 100, 10_000], 80_000)).toMatch(/looks like milliseconds/);
  expect(doubtUnit("milliseconds", [0.005, 0.1, 10], 0.08)).toMatch(/looks like seconds/);
  expect(doubtUnit("milliseconds", [0.5, 1, 25], 3.5)).toBeUndefined();
  expect(doubtUnit("milliseconds", [5, 100, 10_000], 80)).toBeUndefined();
  expect(doubtUnit("seconds", [0.5, 5_000, 10_000], 4e6)).toMatch(/1\.1 hours/);
});
