/** Sparse counts of a native histogram since its process began, standard schema. */
export interface NativeHistogram {
  /** 0 doubles a bound from bucket to bucket, 3 takes eight buckets for that. */
  schema: number;
  /** Counts by bucket index: index i ends at 2^(i · 2^−schema). */
  buckets: ReadonlyMap<number, number>;
  sum: number;
}

/** One series of native histograms, oldest first; times are Unix seconds. */
export interface NativeSeries {
  name: string;
  labels: Record<string, string>;
  samples: [seconds: number, histogram: NativeHistogram][];
}

/**
 * Writes native histograms of the past into a Prometheus that was started with `--web.enable-remote-write-receiver` and
 * `--enable-feature=native-histograms`; promtool can't backfill them.
 *
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec/
 * @see https://github.com/prometheus/prometheus/blob/main/prompb/types.proto
 */
export async function writeNativeHistograms(url: string, list: readonly NativeSeries[]): Promise<void> {
  const body = snappy(Buffer.concat(list.map((series) => field(1, timeSeries(series)))));
  const headers = {
    "content-encoding": "snappy",
    "content-type": "application/x-protobuf",
    "x-prometheus-remote-write-version": "0.1.0",
  };
  const response = await fetch(`${url}/api/v1/write`, { method: "POST", headers, body: new Uint8Array(body) });
  if (!response.ok) throw new Error(`remote write answered ${response.status}: ${await response.text()}`);
}

function timeSeries({ name, labels, samples }: NativeSeries): Buffer {
  const all = Object.entries({ __name__: name, ...labels }).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat([
    ...all.map(([label, value]) => field(1, Buffer.concat([text(1, label), text(2, value)]))),
    ...samples.map(([seconds, histogram]) => field(4, histogramMessage(seconds, histogram))),
  ]);
}

/** Message prometheus.Histogram with integer counts: spans of neighbouring buckets, and their counts as differences. */
function histogramMessage(seconds: number, { schema, buckets, sum }: NativeHistogram): Buffer {
  const indices = [...buckets.keys()].sort((a, b) => a - b);
  const spans: Buffer[] = [];
  const deltas: number[] = [];
  let end = 0;
  let former = 0;
  for (let i = 0; i < indices.length; ) {
    let length = 1;
    while (indices[i + length] === indices[i]! + length) length += 1;
    spans.push(field(11, Buffer.concat([number(1, zigzag(indices[i]! - end)), number(2, BigInt(length))])));
    for (const index of indices.slice(i, i + length)) {
      deltas.push(buckets.get(index)! - former);
      former = buckets.get(index)!;
    }
    end = indices[i]! + length;
    i += length;
  }
  const total = [...buckets.values()].reduce((all, count) => all + count, 0);
  return Buffer.concat([
    number(1, BigInt(total)),
    double(3, sum),
    number(4, zigzag(schema)),
    double(5, 1e-9),
    number(6, 0n),
    ...spans,
    field(12, Buffer.concat(deltas.map((delta) => varint(zigzag(delta))))),
    number(15, BigInt(Math.round(seconds * 1000))),
  ]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 128);
  } while (rest !== 0n);
  return Buffer.from(bytes);
}

function zigzag(value: number): bigint {
  return value >= 0 ? BigInt(value) * 2n : BigInt(-value) * 2n - 1n;
}

function tag(id: number, type: number): Buffer {
  return varint(BigInt(id * 8 + type));
}

function number(id: number, value: bigint): Buffer {
  return Buffer.concat([tag(id, 0), varint(value)]);
}

function double(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([tag(id, 1), bytes]);
}

function field(id: number, content: Buffer): Buffer {
  return Buffer.concat([tag(id, 2), varint(BigInt(content.length)), content]);
}

function text(id: number, value: string): Buffer {
  return field(id, Buffer.from(value));
}

/** Snappy's block format with literals only: valid, and not smaller. */
function snappy(content: Buffer): Buffer {
  const parts = [varint(BigInt(content.length))];
  const most = 65_536;
  for (let at = 0; at < content.length; at += most) {
    const literal = content.subarray(at, at + most);
    const head = Buffer.alloc(3);
    head[0] = 61 << 2;
    head.writeUInt16LE(literal.length - 1, 1);
    parts.push(head, literal);
  }
  return Buffer.concat(parts);
}
