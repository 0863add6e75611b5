import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { ConfigError, DEVELOPMENT_SECRETS, loadConfig, VARIABLES } from "./config.ts";

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

  test.each(["FAULT_LATENCY_MS", "FAULT_LATENCY_PERCENT", "FAULT_ERROR_RATE"])("production refuses %s", (name) => {
    expect(problemsOf({ ...production, [name]: "1" }).join("\n")).toContain(name);
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
