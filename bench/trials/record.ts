import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { readStoredSamples } from "../../actions/canary-compare/samples/stored.ts";
import { runCanary, throwAwayFolder } from "../../test/canary-action.ts";
import { realK6 } from "../../test/k6.ts";
import { createDatabase, startPostgres, startRedis } from "../../test/servers.ts";
import { spawnService } from "../../test/service.ts";
import { packArm, RECORDED_PLACES, type Recorded, recordedFile, recordedSchema } from "./recorded.ts";

// node bench/trials/record.ts <place: crowded or overloaded, or the path of a file> [seconds]
//
// Two instances of one build on one Postgres and one Redis, driven by canary-compare itself with the guest agent's journey, interleaved. What k6
// measured is packed into the file from which trials are made.

const [, , where, length] = process.argv;
if (where === undefined) throw new Error("record: expected a place (crowded or overloaded) or the path of a file.");
const place = RECORDED_PLACES.find((name) => name === where);
const file = place === undefined ? where : fileURLToPath(recordedFile(place));
const seconds = Number(length ?? 300);
if (!(seconds >= 30 && seconds <= 3_600)) throw new Error(`record: expected 30 to 3600 seconds, got ${length}.`);
const RPS = 50;

const k6 = await realK6();
using temporary = throwAwayFolder();
const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
const started: (() => Promise<unknown>)[] = [postgres.stop, redis.stop];
try {
  const { url } = await createDatabase(postgres.url);
  const env = { DATABASE_URL: url, REDIS_URL: redis.url, RELEASE_VERSION: "1.0.0", LOG_LEVEL: "info" };
  const first = await spawnService(env);
  started.unshift(first.stop);
  const second = await spawnService(env);
  started.unshift(second.stop);
  console.log(`recording ${seconds} s at ${RPS} requests/s an instance`);
  const run = await runCanary(temporary.folder, {
    "baseline-url": first.url,
    "canary-url": second.url,
    "k6-path": k6.path,
    script: fileURLToPath(new URL("../../k6/canary.js", import.meta.url)),
    "same-release": "allow",
    rps: String(RPS),
    duration: `${seconds}s`,
    "warm-up": "15s",
    // One look at the end: the traffic isn't cut short by a verdict.
    mode: "strict",
    "fail-on": "never",
  });
  if (run.report?.inputs.samples_path == null) throw new Error(`record: nothing was measured:\n${run.log}`);
  const { report } = run;
  // A queue that grows, or a service that is broken, says nothing of a canary.
  const held = report.reasons.filter(({ code }) => ["LOAD_NOT_DELIVERED", "SCRIPT_ERROR", "SPLIT_MISMATCH"].includes(code));
  if (held.length > 0) throw new Error(`record: ${held.map(({ message }) => message).join("; ")}. Record on a calmer machine.`);
  const samples = join(dirname(run.outputs["report-path"]!), report.inputs.samples_path!);
  const arms = await readStoredSamples(samples, report.inputs.digest);
  const start = report.observations.clock?.start ?? Math.min(...arms.baseline.t, ...arms.canary.t);
  const pack = (arm: "baseline" | "canary") => {
    const { t, latencyMs, ok } = arms[arm].samples();
    const order = Array.from(t.keys()).sort((a, b) => t[a]! - t[b]!);
    return packArm({
      t: Float64Array.from(order, (i) => t[i]! - start),
      latencyMs: Float64Array.from(order, (i) => latencyMs[i]!),
      ok: Uint8Array.from(order, (i) => ok[i]!),
    });
  };
  const recorded: Recorded = recordedSchema.parse({
    recorded_at: report.generated_at,
    source: `two instances of the service on one machine of ${report.environment.cpus} CPUs with Postgres, Redis and k6 ${report.environment.k6_version}`,
    rps: RPS,
    seconds,
    arms: { baseline: pack("baseline"), canary: pack("canary") },
  });
  const packed = gzipSync(JSON.stringify(recorded), { level: 9 });
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, packed);
  const [baseline, canary] = [report.metrics[0]!.baseline, report.metrics[0]!.canary];
  console.log(
    `${file}: ${Math.round(packed.length / 1024)} KB; p95 ${baseline.value} and ${canary.value} ms of ${baseline.n} and ${canary.n} requests, errors ${report.metrics[1]!.baseline.value} and ${report.metrics[1]!.canary.value}, dropped ${report.traffic.dropped_iterations}, stolen CPU ${report.environment.stolen_cpu}`,
  );
} finally {
  for (const stop of started) await stop();
}
