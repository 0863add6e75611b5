import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";

/** A real server with throw-away data on a free loopback port. */
export interface Server {
  url: string;
  port: number;
  process: ChildProcess | undefined;
  stop(): Promise<void>;
}

/** Postgres, whose data outlives it. */
export interface PostgresServer extends Server {
  /** Ends it, `SIGQUIT` as in a crash, and leaves the data. */
  halt(signal: "SIGINT" | "SIGQUIT"): Promise<void>;
  /** Starts it again on the same port and data. */
  resume(): Promise<void>;
}

/** @returns a port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/**
 * Finds a program on PATH or in further folders.
 *
 * @throws an error that says what to install
 */
export function findProgram(name: string, debianPackage: string, folders: string[] = []): string {
  for (const folder of [...folders, ...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here: the next folder.
    }
  }
  throw new Error(`"${name}" isn't installed. Run "make setup", or on Debian and Ubuntu: apt-get install ${debianPackage}`);
}

/** Waits until `check` fulfils; rejects with its last error after `timeoutMs`, or at once when `alive` says the server died. */
export async function until<Result>(
  check: () => Promise<Result>,
  timeoutMs = 20_000,
  alive: () => boolean = () => true,
): Promise<Result> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline || !alive()) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Ends a process: asks first, kills after 5 s. */
export async function stopProcess(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  const killer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await gone;
  clearTimeout(killer);
}

/**
 * Starts Postgres. As root it runs as the user `postgres`, since it refuses to run as root.
 *
 * @param settings further `name=value` settings of the server
 */
export async function startPostgres(settings: string[] = []): Promise<PostgresServer> {
  const versions = existsSync("/usr/lib/postgresql")
    ? readdirSync("/usr/lib/postgresql").sort((a, b) => Number(b) - Number(a))
    : [];
  const folders = versions.map((version) => `/usr/lib/postgresql/${version}/bin`);
  const initdb = findProgram("initdb", "postgresql", folders);
  const postgres = findProgram("postgres", "postgresql", folders);
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-postgres-"));
  const root = process.getuid?.() === 0;
  let identity: { uid?: number; gid?: number } = {};
  if (root) {
    const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
    identity = { uid: id("-u"), gid: id("-g") };
    chownSync(folder, identity.uid!, identity.gid!);
  }
  execFileSync(initdb, ["-D", folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"], {
    ...identity,
    cwd: folder,
    stdio: "pipe",
  });

  const port = await freePort();
  const values = [
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${folder}`,
    "fsync=off",
    "max_connections=300",
    ...settings,
  ];
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const run = async (): Promise<ChildProcess> => {
    const child = spawn(postgres, ["-D", folder, "-p", String(port), ...values.flatMap((value) => ["-c", value])], {
      ...identity,
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const log = collect(child);
    await until(
      () => statement(url, "SELECT 1"),
      20_000,
      () => child.exitCode === null,
    ).catch((error) => {
      throw new Error(`Postgres didn't start: ${error.message}\n${log()}`);
    });
    return child;
  };
  let child = await run();
  return {
    url,
    port,
    get process() {
      return child;
    },
    halt: (signal) => stopProcess(child, signal),
    resume: async () => {
      child = await run();
    },
    stop: async () => {
      await stopProcess(child, "SIGINT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts Redis without persistence. */
export async function startRedis(port?: number, settings: string[] = []): Promise<Server> {
  const program = findProgram("redis-server", "redis-server");
  const chosen = port ?? (await freePort());
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-redis-"));
  const child = spawn(
    program,
    ["--port", String(chosen), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder, ...settings],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const log = collect(child);
  await until(
    async () => {
      if (!/Ready to accept connections/.test(log())) throw new Error("not ready");
    },
    10_000,
    () => child.exitCode === null,
  ).catch(() => {
    throw new Error(`Redis didn't start:\n${log()}`);
  });
  return {
    url: `redis://127.0.0.1:${chosen}`,
    port: chosen,
    process: child,
    stop: async () => {
      await stopProcess(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A primary with a replica, and a sentinel that calls it `primary`. */
export interface RedisSentinel {
  /** `host:port` of each sentinel. */
  sentinels: string[];
  /** Kills the primary and waits until the sentinel has made the replica the primary. */
  failOver(): Promise<void>;
  /** @returns the port of the server that the sentinel names */
  primaryPort(): Promise<number>;
  stop(): Promise<void>;
}

export async function startRedisSentinel(): Promise<RedisSentinel> {
  const primary = await startRedis();
  const replica = await startRedis(undefined, ["--replicaof", "127.0.0.1", String(primary.port)]);
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-sentinel-"));
  const port = await freePort();
  const file = join(folder, "sentinel.conf");
  const watched = [
    `monitor primary 127.0.0.1 ${primary.port} 1`,
    "down-after-milliseconds primary 500",
    "failover-timeout primary 2000",
  ];
  writeFileSync(
    file,
    [`port ${port}`, "bind 127.0.0.1", `dir ${folder}`, ...watched.map((line) => `sentinel ${line}`)].join("\n"),
  );
  const sentinel = spawn(findProgram("redis-server", "redis-server"), [file, "--sentinel"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ask = async (...words: string[]) => redisCommand(port, "sentinel", ...words);
  const primaryPort = async () => Number(((await ask("get-master-addr-by-name", "primary")) as string[])[1]);
  const knowsReplica = async () => {
    // As soon as it may become the primary: the sentinel knows it, and it has all data.
    const [found] = (await ask("replicas", "primary")) as unknown[];
    if (!JSON.stringify(found ?? "").includes('"ok"')) throw new Error("the sentinel knows no replica yet");
  };
  await until(knowsReplica, 30_000, () => sentinel.exitCode === null);
  return {
    sentinels: [`127.0.0.1:${port}`],
    primaryPort,
    failOver: async () => {
      await stopProcess(primary.process!, "SIGKILL");
      await until(async () => {
        if ((await primaryPort()) !== replica.port) throw new Error("the sentinel still names the old primary");
      }, 30_000);
    },
    stop: async () => {
      await stopProcess(sentinel);
      await Promise.all([primary.stop(), replica.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Settings of a Redis that is a node of a cluster. */
export const clusterNode = async (): Promise<string[]> => [
  "--cluster-enabled",
  "yes",
  "--cluster-port",
  String(await freePort()),
];

/** Starts a cluster of three servers. `url` and `port` are those of the first. */
export async function startRedisCluster(): Promise<Server> {
  const nodes: Server[] = [];
  for (let node = 0; node < 3; node += 1) nodes.push(await startRedis(undefined, await clusterNode()));
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    execFileSync(findProgram("redis-cli", "redis-tools"), ["--cluster", "create", ...addresses, "--cluster-yes"], {
      stdio: "pipe",
    });
    for (const { port } of nodes) {
      await until(async () => {
        if (!String(await redisCommand(port, "cluster", "info")).includes("cluster_state:ok"))
          throw new Error("the cluster isn't up");
      });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...nodes[0]!, stop };
}

/** Sends one command to a Redis of this machine. */
export async function redisCommand(port: number, name: string, ...words: string[]): Promise<unknown> {
  const client = new Redis(port, "127.0.0.1", { maxRetriesPerRequest: 1, protocol: 2 });
  client.on("error", () => undefined); // the command rejects with it
  try {
    return await client.call(name, ...words);
  } finally {
    client.disconnect();
  }
}

/**
 * Starts PgBouncer in front of every database of a Postgres server of this file. As root it runs as the user `postgres`.
 *
 * @param mode what it pools
 */
export async function startPgBouncer(postgresUrl: string, mode: "session" | "transaction"): Promise<Server> {
  const program = findProgram("pgbouncer", "pgbouncer");
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-pgbouncer-"));
  const port = await freePort();
  const { port: target } = new URL(postgresUrl);
  writeFileSync(join(folder, "users.txt"), '"postgres" ""\n');
  writeFileSync(
    join(folder, "pgbouncer.ini"),
    `[databases]
* = host=127.0.0.1 port=${target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${folder}/users.txt
pool_mode = ${mode}
default_pool_size = 3
max_client_conn = 200
`,
  );
  for (const path of [folder, join(folder, "users.txt"), join(folder, "pgbouncer.ini")]) chmodSync(path, 0o755);
  const user = process.getuid?.() === 0 ? ["-u", "postgres"] : [];
  const child = spawn(program, [...user, join(folder, "pgbouncer.ini")], { stdio: ["ignore", "pipe", "pipe"] });
  const log = collect(child);
  const url = new URL(postgresUrl);
  url.port = String(port);
  await until(
    () => statement(url.href, "SELECT 1"),
    10_000,
    () => child.exitCode === null,
  ).catch((error) => {
    throw new Error(`PgBouncer didn't start: ${error.message}\n${log()}`);
  });
  return {
    url: url.href,
    port,
    process: child,
    stop: async () => {
      await stopProcess(child, "SIGINT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function collect(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      text = (text + chunk).slice(-20_000);
    });
  }
  return () => text;
}

/** An empty database of its own on a server. */
export async function createDatabase(serverUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  await statement(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: async () => {
      // A pool that has ended says goodbye for a moment; a connection that is cut off in it would be nobody's error.
      await until(() => statement(serverUrl, `DROP DATABASE IF EXISTS ${name}`), 2_000).catch(() =>
        statement(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
      );
    },
  };
}

async function statement(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined); // the statement rejects with it
  try {
    await client.connect();
    await client.query(text);
  } finally {
    await client.end();
  }
}
