import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigError, DEVELOPMENT_SECRETS, loadConfig, publishedSecrets, readSecretFiles, VARIABLES } from "./config.ts";

const problemsOf = (env: Record<string, string>): string[] => {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

const production = {
  NODE_ENV: "production",
  DATABASE_URL: "postgres://app:pw-of-the-database@db/gatehouse",
  REDIS_URL: "redis://cache",
  MESSAGES_SECRET: "0123456789abcdef-messages",
  WHATSAPP_APP_SECRET: "0123456789abcdef-app",
  WHATSAPP_VERIFY_TOKEN: "0123456789abcdef-verify",
  WHATSAPP_ACCESS_TOKEN: "0123456789abcdef-access",
  METRICS_TOKEN: "0123456789abcdef-metrics",
  LOG_HASH_KEY: "0123456789abcdef-hash",
  ADMIN_JWT_SECRET: "0123456789abcdef0123456789abcdef",
};

describe("configuration", () => {
  test("needs nothing in development", () => {
    expect(loadConfig({})).toMatchObject({ PORT: 8000, NODE_ENV: "development", ...DEVELOPMENT_SECRETS });
  });

  test("an empty value means its default", () => {
    expect(loadConfig({ PORT: "", DATABASE_URL: "" })).toMatchObject({ PORT: 8000 });
    expect(loadConfig({ DATABASE_URL: "" }).DATABASE_URL).toBeUndefined();
  });

  test("reports every mistake at once, with the value", () => {
    const problems = problemsOf({ PORT: "80a", LOG_LEVEL: "loud", FAULT_ERROR_RATE: "2", FEATURE_FLAGS: "{" });
    expect(problems).toHaveLength(4);
    expect(problems.join("\n")).toMatch(
      /PORT: .*"80a"[\s\S]*LOG_LEVEL: .*"loud"[\s\S]*FEATURE_FLAGS: expected JSON[\s\S]*FAULT_ERROR_RATE: .*"2"/,
    );
  });

  test("never prints a secret, not even a wrong one, nor a URL's password", () => {
    const text = problemsOf({ MESSAGES_SECRET: "short-one", DATABASE_URL: "mysql://me:hunter2@db" }).join("\n");
    expect(text).toContain("MESSAGES_SECRET");
    expect(text).toContain("DATABASE_URL");
    expect(text).not.toMatch(/short-one|hunter2/);
  });

  test("production starts with everything given", () => {
    expect(loadConfig(production).NODE_ENV).toBe("production");
  });

  test.each(Object.keys(production).filter((name) => name !== "NODE_ENV"))("production doesn't start without %s", (name) => {
    expect(problemsOf({ ...production, [name]: "" }).join("\n")).toContain(name);
  });

  test.each(Object.entries(DEVELOPMENT_SECRETS))("production refuses the development value of %s", (name, value) => {
    expect(problemsOf({ ...production, [name]: value }).join("\n")).toContain(`${name}: is the development secret`);
  });

  test("an identity provider needs the issuer and the audience of tokens that are for this service", () => {
    const keys = { ADMIN_JWKS_URL: "https://id.example/keys" };
    expect(problemsOf(keys).join("\n")).toMatch(/ADMIN_JWT_ISSUER: missing.*ADMIN_JWT_AUDIENCE: missing/s);
    expect(problemsOf({ ...keys, ADMIN_JWT_ISSUER: "https://id.example/", ADMIN_JWT_AUDIENCE: "gatehouse" })).toEqual([]);
  });

  test.each(["FAULT_LATENCY_MS", "FAULT_LATENCY_PERCENT", "FAULT_ERROR_RATE"])("production refuses %s", (name) => {
    expect(problemsOf({ ...production, [name]: "1" }).join("\n")).toContain(name);
  });
});

describe("secrets in files", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gatehouse-secrets-"));
    await writeFile(join(folder, "secret"), "0123456789abcdef-of-a-file\n");
    await writeFile(join(folder, "empty"), "\n");
  });
  afterAll(() => rm(folder, { recursive: true }));
  const at = (name: string) => join(folder, name);

  test("serve as if they stood in the environment, for every one that production asks for", () => {
    const { NODE_ENV, DATABASE_URL, REDIS_URL, ...secrets } = production;
    const files = Object.fromEntries(Object.keys(secrets).map((name) => [`${name}_FILE`, at("secret")]));
    const config = loadConfig({
      NODE_ENV,
      DATABASE_URL,
      REDIS_URL,
      ...files,
      ADMIN_JWT_SECRET_FILE: "",
      ADMIN_JWKS_URL: "https://keys",
      ADMIN_JWT_ISSUER: "https://id",
      ADMIN_JWT_AUDIENCE: "gatehouse",
    });
    expect(config.MESSAGES_SECRET).toBe("0123456789abcdef-of-a-file");
    expect(readSecretFiles({ PMS_API_KEY_PLAZA_FILE: at("secret") }).env.PMS_API_KEY_PLAZA).toBe("0123456789abcdef-of-a-file");
  });

  test("are refused when they can't be read, are empty, too short or given twice, all at once and without their values", () => {
    const problems = problemsOf({
      MESSAGES_SECRET_FILE: at("nothing"),
      EMAIL_SECRET_FILE: at("empty"),
      METRICS_TOKEN: "0123456789abcdef-given",
      METRICS_TOKEN_FILE: at("secret"),
      ADMIN_JWT_SECRET_FILE: at("secret"),
    });
    expect(problems.join("\n")).toMatch(
      /MESSAGES_SECRET_FILE: .*ENOENT[\s\S]*EMAIL_SECRET_FILE: .*empty[\s\S]*METRICS_TOKEN_FILE: .*METRICS_TOKEN\. Unset[\s\S]*ADMIN_JWT_SECRET: expected at least 32/,
    );
    expect(problems.join("\n")).not.toMatch(/of-a-file|abcdef-given/);
  });
});

describe("outside of production", () => {
  test("only this machine is served, unless HOST says more; and the published secrets are named", () => {
    expect(loadConfig({}).HOST).toBe("127.0.0.1");
    expect(loadConfig({ HOST: "0.0.0.0" }).HOST).toBe("0.0.0.0");
    expect(loadConfig(production).HOST).toBe("0.0.0.0");
    expect(publishedSecrets(loadConfig({}))).toEqual(Object.keys(DEVELOPMENT_SECRETS));
    expect(publishedSecrets(loadConfig({ MESSAGES_SECRET: "0123456789abcdef" }))).not.toContain("MESSAGES_SECRET");
    expect(publishedSecrets(loadConfig(production))).toEqual([]);
  });

  test("a database of one's own gets no demo hotel unless asked for, and production never", () => {
    expect(loadConfig({}).DEMO_HOTEL).toBe(true);
    expect(loadConfig({ DEMO_HOTEL: "false" }).DEMO_HOTEL).toBe(false);
    expect(loadConfig({ DATABASE_URL: production.DATABASE_URL }).DEMO_HOTEL).toBe(false);
    expect(loadConfig({ DATABASE_URL: production.DATABASE_URL, DEMO_HOTEL: "true" }).DEMO_HOTEL).toBe(true);
    expect(loadConfig(production).DEMO_HOTEL).toBe(false);
    expect(problemsOf({ ...production, DEMO_HOTEL: "true" }).join("\n")).toContain("DEMO_HOTEL");
  });
});

test("docs/configuration.md tells of every variable, with its default, and of no other", async () => {
  const text = await readFile(new URL("../docs/configuration.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| `([A-Z0-9_]+)` \| ([^|]+) \|/gm)].map(([, name, value]) => [name!, value!.trim()] as const);
  expect(rows.map(([name]) => name).sort()).toEqual([...VARIABLES].sort());
  const defaults = loadConfig({}) as Record<string, unknown>;
  for (const [name, value] of rows) {
    if (value.startsWith("`"))
      expect([name, value]).toEqual([
        name,
        `\`${typeof defaults[name] === "object" ? JSON.stringify(defaults[name]) : defaults[name]}\``,
      ]);
  }
});
