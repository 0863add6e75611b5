import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, freePort, type Server, stopProcess, until } from "./servers.ts";

export interface PrometheusOptions {
  /** Targets to scrape, `host:port`, all in job `gatehouse`. */
  targets?: string[];
  /** Pushgateways to scrape, `host:port`; the labels of what was pushed are kept. */
  pushgateways?: string[];
  /** Paths of rule files. */
  ruleFiles?: string[];
  /** Series to hold from the start. */
  series?: BackfilledSeries[];
  /** Seconds between scrapes and between evaluations of rules without an interval of their own. */
  intervalSeconds?: number;
  /** Further command-line flags. */
  flags?: string[];
}

/** Samples of one series, e.g. `{ name: "up", labels: { job: "a" }, samples: [[1700000000, 1]] }`; times are Unix seconds. */
export interface BackfilledSeries {
  name: string;
  labels?: Record<string, string>;
  samples: [seconds: number, value: number][];
}

/** Samples of a constant value every `stepSeconds` over the last `overSeconds`, ending `endAgoSeconds` before now. */
export function constantSamples(value: number, overSeconds = 900, stepSeconds = 30, endAgoSeconds = 5): [number, number][] {
  const end = Math.floor(Date.now() / 1000) - endAgoSeconds;
  const count = Math.floor(overSeconds / stepSeconds);
  return Array.from({ length: count + 1 }, (_, index) => [end - (count - index) * stepSeconds, value]);
}

/** Starts a real Prometheus with throw-away data on a free loopback port and waits until it is ready. */
export async function startPrometheus(options: PrometheusOptions = {}): Promise<Server> {
  const program = findProgram("prometheus", "prometheus");
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-prometheus-"));
  const data = join(folder, "data");
  mkdirSync(data);
  backfill(folder, data, options.series ?? []);

  const interval = `${options.intervalSeconds ?? 1}s`;
  writeFileSync(
    join(folder, "prometheus.yml"),
    // JSON is YAML.
    JSON.stringify({
      global: { scrape_interval: interval, evaluation_interval: interval },
      rule_files: options.ruleFiles ?? [],
      scrape_configs: [
        { job_name: "gatehouse", static_configs: [{ targets: options.targets ?? [] }] },
        { job_name: "pushgateway", honor_labels: true, static_configs: [{ targets: options.pushgateways ?? [] }] },
      ],
    }),
  );

  const port = await freePort();
  const child = spawn(
    program,
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${data}`,
      "--storage.tsdb.retention.time=60d",
      `--web.listen-address=127.0.0.1:${port}`,
      ...(options.flags ?? []),
    ],
    { cwd: folder, stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  child.stderr.on("data", (chunk) => {
    log = (log + chunk).slice(-20_000);
  });
  const url = `http://127.0.0.1:${port}`;
  await until(
    async () => {
      const response = await fetch(`${url}/-/ready`);
      if (!response.ok) throw new Error(`not ready: ${response.status}`);
    },
    20_000,
    () => child.exitCode === null,
  ).catch((error) => {
    throw new Error(`Prometheus didn't start: ${error.message}\n${log}`);
  });
  return {
    url,
    port,
    process: child,
    stop: async () => {
      await stopProcess(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a real Pushgateway that keeps nothing on disk. */
export async function startPushgateway(): Promise<Server> {
  const port = await freePort();
  const child = spawn(
    findProgram("prometheus-pushgateway", "prometheus-pushgateway"),
    // Debian's build keeps groups in /var/lib unless told otherwise: one test would see another's.
    [`--web.listen-address=127.0.0.1:${port}`, "--persistence.file="],
    {
      stdio: "ignore",
    },
  );
  const url = `http://127.0.0.1:${port}`;
  await until(
    async () => {
      const response = await fetch(`${url}/-/ready`);
      if (!response.ok) throw new Error(`not ready: ${response.status}`);
    },
    20_000,
    () => child.exitCode === null,
  );
  return { url, port, process: child, stop: () => stopProcess(child) };
}

function backfill(folder: string, data: string, series: BackfilledSeries[]): void {
  if (series.length === 0) return;
  const lines: string[] = [];
  const names = [...new Set(series.map(({ name }) => name))];
  for (const name of names) {
    lines.push(`# TYPE ${name} gauge`);
    for (const { labels = {}, samples } of series.filter((one) => one.name === name)) {
      const set = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
      for (const [seconds, value] of samples) lines.push(`${name}{${set.join(",")}} ${formatValue(value)} ${seconds}`);
    }
  }
  const file = join(folder, "series.txt");
  writeFileSync(file, `${lines.join("\n")}\n# EOF\n`);
  execFileSync(findProgram("promtool", "prometheus"), ["tsdb", "create-blocks-from", "openmetrics", file, data], {
    stdio: "pipe",
  });
}

function formatValue(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value);
}
