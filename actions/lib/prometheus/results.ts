import { PrometheusError } from "./failure.ts";

/** Unix seconds and the value then, which may be NaN or infinite. */
export type Point = readonly [seconds: number, value: number];

/** One series of an instant query. */
export interface Sample {
  labels: Readonly<Record<string, string>>;
  /** Unix seconds of the evaluation, not of the sample underneath. */
  time: number;
  value: number;
}

/** One series of a range query, oldest point first. */
export interface Series {
  labels: Readonly<Record<string, string>>;
  points: readonly Point[];
  /** Unix seconds and the native histogram then, of a series that holds such. */
  histograms: readonly (readonly [seconds: number, histogram: NativeHistogram])[];
}

/** A native histogram, as the API gives it: the buckets that hold something. */
export interface NativeHistogram {
  count: number;
  buckets: readonly { lower: number; upper: number; count: number }[];
}

interface Data {
  resultType: string;
  result: unknown;
}

/**
 * Samples of the `data` member of an instant query's answer.
 *
 * @throws PrometheusError of kind `type` when the expression gives a range vector or a string, `format` when the answer is malformed
 */
export function parseVector(data: unknown): Sample[] {
  const { resultType, result } = checkData(data);
  if (resultType === "scalar") {
    const [time, value] = parsePoint(result);
    return [{ labels: {}, time, value }];
  }
  if (resultType !== "vector") {
    const remedy = resultType === "matrix" ? 'Take the range "[…]" away or put a function around it.' : "";
    throw new PrometheusError("type", `The query gives a ${resultType}, not numbers at one time. ${remedy}`.trim());
  }
  return checkList(result).map((item) => {
    const [time, value] = parsePoint(member(item, "value"));
    return { labels: parseLabels(item), time, value };
  });
}

/** Series of the `data` member of a range query's answer. Throws as `parseVector`. */
export function parseMatrix(data: unknown): Series[] {
  const { resultType, result } = checkData(data);
  if (resultType !== "matrix") throw new PrometheusError("type", `The range query gives a ${resultType}, not series.`);
  return checkList(result).map((item) => ({
    labels: parseLabels(item),
    points: optionalList(member(item, "values")).map(parsePoint),
    histograms: optionalList(member(item, "histograms")).map(parseHistogram),
  }));
}

/** A series has values, native histograms, or both where it changed. */
function optionalList(value: unknown): unknown[] {
  return value === undefined ? [] : checkList(value);
}

/** `[1700000000, {count: "9", sum: "1.2", buckets: [[rule, "0.1", "0.2", "9"]]}]`. */
function parseHistogram(value: unknown): [number, NativeHistogram] {
  if (!Array.isArray(value) || value.length !== 2) throw malformed("a histogram that isn't [time, histogram]");
  const count = parsePoint([value[0], member(value[1], "count")])[1];
  const buckets = optionalList(member(value[1], "buckets")).map((bucket) => {
    if (!Array.isArray(bucket) || bucket.length !== 4) throw malformed("a bucket that isn't [rule, low, high, count]");
    const [lower, upper, own] = bucket.slice(1).map((text) => parsePoint([value[0], text])[1]);
    return { lower: lower!, upper: upper!, count: own! };
  });
  return [parsePoint([value[0], "0"])[0], { count, buckets }];
}

/** Labels as PromQL writes them, `name{a="b"}`. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.entries(rest).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return `${name}{${pairs.join(", ")}}`;
}

function malformed(what: string): PrometheusError {
  return new PrometheusError("format", `The answer isn't what Prometheus' API promises: ${what}.`);
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) throw malformed(`an item without "${name}"`);
  return (value as Record<string, unknown>)[name];
}

function checkData(data: unknown): Data {
  const resultType = member(data, "resultType");
  if (typeof resultType !== "string") throw malformed('no "resultType"');
  return { resultType, result: member(data, "result") };
}

function checkList(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw malformed("no list of results");
  return value;
}

function parseLabels(item: unknown): Record<string, string> {
  const metric = member(item, "metric");
  if (typeof metric !== "object" || metric === null) throw malformed('a series without "metric"');
  return Object.fromEntries(Object.entries(metric).map(([label, value]) => [label, String(value)]));
}

/** `[1700000000.1, "0.5"]`; the value is text so that it can be NaN, +Inf or -Inf. */
function parsePoint(value: unknown): Point {
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== "number" || typeof value[1] !== "string")
    throw malformed("a point that isn't [time, text]");
  const text = value[1];
  const special: Record<string, number> = { NaN: Number.NaN, "+Inf": Infinity, Inf: Infinity, "-Inf": -Infinity };
  const number = special[text] ?? Number(text);
  if (text.trim() === "" || (Number.isNaN(number) && text !== "NaN")) throw malformed(`the value ${JSON.stringify(text)}`);
  return [value[0], number];
}
