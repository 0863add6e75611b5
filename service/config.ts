import { readFileSync } from "node:fs";
import { z } from "zod";
import { isPeerRange } from "./http/peers.ts";

/** Secrets that development may use as they are; production refuses to start with them. */
export const DEVELOPMENT_SECRETS = {
  MESSAGES_SECRET: "development-messages-secret",
  ADMIN_JWT_SECRET: "development-admin-jwt-secret-32-bytes!",
  WHATSAPP_APP_SECRET: "development-whatsapp-app-secret",
  WHATSAPP_VERIFY_TOKEN: "development-whatsapp-verify-token",
  NOTIFY_WEBHOOK_SECRET: "development-notify-webhook-secret",
} as const;

const integer = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^-?\d+$/, "expected a whole number")
    .transform(Number)
    .pipe(z.number().min(minimum).max(maximum));
const fraction = z
  .string()
  .regex(/^\d*\.?\d+$/, "expected a number from 0 to 1")
  .transform(Number)
  .pipe(z.number().min(0).max(1));
const url = (...protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    message: `expected a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
  });
const list = <Item extends z.ZodType<string, string>>(item: Item) =>
  z
    .string()
    .transform((text) =>
      text
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== ""),
    )
    .pipe(z.array(item).max(100));
const secret = z.string().min(16, "expected at least 16 characters");
const previous = secret.optional().describe("counts too while the secret is being changed");
const json = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.addIssue({ code: "custom", message: "expected JSON" });
    return z.NEVER;
  }
});

/** Every environment variable that the service reads (contracts, section 3). An empty value means: not set. */
const environment = z.object({
  NODE_ENV: z.enum(["development", "test", "production"]).default("development"),
  PORT: integer(0, 65_535).default(8000),
  HOST: z.string().optional().describe("address to listen on; empty: every one in production, else loopback"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
  RELEASE_VERSION: z
    .string()
    .regex(/^[\x21-\x7e]{1,100}$/, "expected 1 to 100 visible ASCII characters")
    .default("development")
    .describe("sent back as X-Release-Version"),
  DATABASE_URL: url("postgres:", "postgresql:").optional().describe("empty: embedded PGlite in DATA_DIR, or in memory"),
  DATABASE_POOLER: z
    .enum(["none", "session", "transaction"])
    .default("none")
    .describe("what DATABASE_URL leads to: the server itself, or a pooler of sessions or transactions"),
  DATABASE_DIRECT_URL: url("postgres:", "postgresql:")
    .optional()
    .describe("past a pooler to the server itself, for LISTEN and migrations"),
  DATABASE_POOL_SIZE: integer(1, 200).default(10),
  DATABASE_TIMEOUT_MS: integer(500, 600_000)
    .default(10_000)
    .describe("a query that isn't answered for so long is given up with its connection"),
  DEMO_HOTEL: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .optional()
    .describe("whether hotels without rooms sell those of a demo hotel; empty: only in an embedded database"),
  DATA_DIR: z.string().optional().describe("folder of the embedded database; empty: in memory"),
  REDIS_URL: url("redis:", "rediss:").optional().describe("empty: in-process cache and bus"),
  REDIS_MODE: z.enum(["single", "sentinel", "cluster"]).default("single").describe("what REDIS_URL leads to"),
  REDIS_SENTINELS: z
    .string()
    .regex(/^[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*$/, "expected host:port, several with commas between them")
    .transform((text) => text.split(","))
    .optional()
    .describe("sentinels that know the primary whose name is the host of REDIS_URL"),
  REDIS_PREFIX: z
    .string()
    .regex(/^[^\s{}]{0,64}$/, "expected up to 64 characters without blanks and braces")
    .default("")
    .describe("begins every key and channel"),
  MESSAGES_SECRET: secret.optional().describe("HMAC key of POST /webhooks/messages"),
  MESSAGES_SECRET_PREVIOUS: previous,
  WEB_CHAT_SECRET: secret.optional().describe("key of the cookies of guests in the web chat; empty: made of MESSAGES_SECRET"),
  WEB_CHAT_SECRET_PREVIOUS: previous,
  ADMIN_JWT_SECRET: z.string().min(32, "expected at least 32 characters").optional(),
  ADMIN_JWT_SECRET_PREVIOUS: previous,
  ADMIN_JWKS_URL: url("https:", "http:").optional(),
  ADMIN_JWT_ISSUER: z.string().optional().describe("iss that admin tokens must have"),
  ADMIN_JWT_AUDIENCE: z.string().optional().describe("aud that admin tokens must have"),
  WHATSAPP_APP_SECRET: secret.optional(),
  WHATSAPP_APP_SECRET_PREVIOUS: previous,
  WHATSAPP_VERIFY_TOKEN: secret.optional(),
  WHATSAPP_ACCESS_TOKEN: secret.optional(),
  WHATSAPP_API_URL: url("https:", "http:").default("https://graph.facebook.com/v23.0"),
  METRICS_TOKEN: secret.optional().describe("bearer token of GET /metrics; empty: only for peers on loopback"),
  TRUST_PROXY: list(
    z.string().refine(isPeerRange, "expected addresses, ranges such as 10.0.0.0/8, loopback, linklocal or private"),
  )
    .default([])
    .describe("proxies of this deployment, whose X-Forwarded-For, X-Forwarded-Host and traceparent are believed; comma between"),
  PUBLIC_URL: url("https:", "http:").optional().describe("address of the service for browsers, as the guests' pages have it"),
  LOG_HASH_KEY: secret.optional().describe("key of the hashes that stand for guests in logs; empty: random for each start"),
  PMS_URL: url("https:", "http:").optional().describe("empty: embedded PMS"),
  PMS_API_KEY: secret.optional(),
  PMS_WEBHOOK_SECRET: secret.optional().describe("makes the HMAC key of each hotel for POST /webhooks/pms/:tenant; empty: off"),
  PMS_WEBHOOK_SECRET_PREVIOUS: previous,
  FEATURE_FLAGS: json
    .pipe(z.record(z.string(), z.unknown(), { error: "expected a JSON object of flag → value" }))
    .default({})
    .describe("JSON of defaults"),
  NLP_CANDIDATE_MODEL: z.string().optional().describe("file of a model that runs in shadow"),
  TENANT_CACHE_TTL_SECONDS: integer(1, 86_400).default(60),
  FLAG_CACHE_TTL_SECONDS: integer(1, 86_400).default(30),
  OTEL_TRACES_EXPORTER: z.enum(["none", "console", "otlp"]).default("none"),
  OTEL_TRACES_SAMPLER_ARG: fraction.default(0.01),
  WORKERS: integer(0, 100).default(8).describe("conversations handled at once by this process; 0: none"),
  SHUTDOWN_GRACE_SECONDS: integer(0, 300)
    .optional()
    .describe("after SIGTERM, seconds in which it serves on but isn't ready; empty: 5 in production, else 0"),
  SMTP_URL: url("smtp:", "smtps:").optional().describe("outgoing mail server of the e-mail channel"),
  NOTIFY_FROM: z
    .email("expected an e-mail address")
    .optional()
    .describe("sender of mails to reception; empty: the hotel's own address"),
  NOTIFY_EMAIL: list(z.email("expected e-mail addresses, separated by commas"))
    .default([])
    .describe("who is told of what hotels without contacts of their own must know; comma between addresses"),
  NOTIFY_WEBHOOK_URL: url("https:", "http:").optional().describe("POSTed to, signed, for hotels without contacts of their own"),
  NOTIFY_WEBHOOK_SECRET: secret.optional().describe("HMAC key of the webhooks that tell reception"),
  NOTIFY_WEBHOOK_ORIGINS: list(url("https:", "http:").transform((text) => new URL(text).origin))
    .default([])
    .describe("origins that hotels may name in settings.notifications.webhook; comma between them"),
  EMAIL_SECRET: secret.optional().describe("HMAC key of POST /webhooks/email"),
  EMAIL_SECRET_PREVIOUS: previous,
  EMAIL_AUTHSERV_ID: list(z.string())
    .default([])
    .describe("mail servers whose Authentication-Results prove a sender, by their authserv-id, with commas between"),
  FAULT_LATENCY_MS: integer(0, 60_000).default(0).describe("rehearsal: delay added to answers"),
  FAULT_LATENCY_PERCENT: integer(0, 1000)
    .default(0)
    .describe("rehearsal: answers take this much longer, in percent of their own time"),
  FAULT_ERROR_RATE: fraction.default(0).describe("rehearsal: share of answers that are 500"),
});

/** @returns a secret and, while it is being changed, the one before: either counts */
export const withPrevious = (current: string | undefined, before: string | undefined): string[] =>
  [current, before].filter((value) => value !== undefined);

/** Names of all variables. */
export const VARIABLES: readonly string[] = Object.keys(environment.shape);

export type Config = ReturnType<typeof loadConfig>;

/** Thrown by `loadConfig` with every mistake, one a line. Never holds a value of a secret. */
export class ConfigError extends Error {
  readonly problems: string[];

  constructor(problems: string[]) {
    super(
      `The configuration has ${problems.length === 1 ? "a mistake" : `${problems.length} mistakes`}:\n${problems.map((line) => `  ${line}`).join("\n")}`,
    );
    this.name = "ConfigError";
    this.problems = problems;
  }
}

const isSecret = (name: string) => /SECRET|TOKEN|KEY|_URL$/.test(name);

/**
 * Reads secrets from the files that `NAME_FILE` names, as orchestrators hand them out: so they stand in no process list. A line break
 * at the end isn't part of a secret.
 *
 * @returns the environment with `NAME` for each of them, and what is wrong
 */
export function readSecretFiles(env: Record<string, string | undefined>): {
  env: Record<string, string | undefined>;
  problems: string[];
} {
  const read = { ...env };
  const problems: string[] = [];
  for (const [variable, path] of Object.entries(env)) {
    const name = /^(.+)_FILE$/.exec(variable)?.[1];
    if (name === undefined || path === undefined || path === "") continue;
    if (!(isSecret(name) && name in environment.shape) && !name.startsWith("PMS_API_KEY")) continue;
    if (env[name] !== undefined && env[name] !== "") {
      problems.push(`${variable}: is set, and so is ${name}. Unset one of them.`);
      continue;
    }
    try {
      read[name] = readFileSync(path, "utf8").replace(/\r?\n$/, "");
      if (read[name] === "") problems.push(`${variable}: the file "${path}" is empty. Write the secret into it.`);
    } catch (error) {
      problems.push(
        `${variable}: the file "${path}" can't be read (${(error as NodeJS.ErrnoException).code}). Name one that can.`,
      );
    }
  }
  return { env: read, problems };
}

/** @returns names of secrets whose values stand in the repository, where anyone can read them */
export function publishedSecrets(config: Config): string[] {
  return Object.entries(DEVELOPMENT_SECRETS)
    .filter(([name, value]) => config[name as keyof typeof DEVELOPMENT_SECRETS] === value)
    .map(([name]) => name);
}

/**
 * Reads and checks the configuration.
 *
 * @param variables environment variables; an empty string counts as not set; `NAME_FILE` names a file that holds the secret `NAME`
 * @returns values with their defaults, frozen; in development missing secrets become `DEVELOPMENT_SECRETS`
 * @throws ConfigError that lists every mistake at once
 */
export function loadConfig(variables: Record<string, string | undefined>) {
  const { env, problems } = readSecretFiles(variables);
  const given = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => name in environment.shape && value !== "" && value !== undefined),
  );
  const parsed = environment.safeParse(given);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const name = String(issue.path[0]);
      const got = isSecret(name) ? "a value that isn't shown" : JSON.stringify(given[name]);
      problems.push(`${name}: ${issue.message}; got ${got}.`);
    }
  }

  const production = given.NODE_ENV === "production";
  if (production) {
    for (const name of [
      "MESSAGES_SECRET",
      "WHATSAPP_APP_SECRET",
      "WHATSAPP_VERIFY_TOKEN",
      "WHATSAPP_ACCESS_TOKEN",
      "METRICS_TOKEN",
      "DATABASE_URL",
      "REDIS_URL",
      "LOG_HASH_KEY",
    ]) {
      if (!(name in given)) problems.push(`${name}: missing. Production doesn't start without it.`);
    }
    if (("NOTIFY_WEBHOOK_URL" in given || "NOTIFY_WEBHOOK_ORIGINS" in given) && !("NOTIFY_WEBHOOK_SECRET" in given))
      problems.push("NOTIFY_WEBHOOK_SECRET: missing. Webhooks that tell reception are signed with it.");
    if (!("ADMIN_JWT_SECRET" in given) && !("ADMIN_JWKS_URL" in given)) {
      problems.push("ADMIN_JWT_SECRET: missing. Production doesn't start without it or ADMIN_JWKS_URL.");
    }
    for (const [name, value] of Object.entries(DEVELOPMENT_SECRETS)) {
      if (given[name] === value) problems.push(`${name}: is the development secret. Make one of your own: openssl rand -hex 32`);
    }
    if (given.DEMO_HOTEL === "true")
      problems.push("DEMO_HOTEL: would sell rooms that don't exist; production refuses it. Unset it.");
    for (const name of ["FAULT_LATENCY_MS", "FAULT_LATENCY_PERCENT", "FAULT_ERROR_RATE"]) {
      if (name in given && Number(given[name]) !== 0)
        problems.push(`${name}: faults are for rehearsal; production refuses them. Unset it.`);
    }
  }
  if (production && given.DATABASE_POOLER === "transaction" && !("DATABASE_DIRECT_URL" in given)) {
    problems.push(
      "DATABASE_DIRECT_URL: missing. Behind a pooler of transactions LISTEN and migrations need the server's own address.",
    );
  }
  if (given.REDIS_MODE === "sentinel" && !("REDIS_SENTINELS" in given)) {
    problems.push(
      "REDIS_SENTINELS: missing. REDIS_MODE=sentinel asks them for the primary: host:port, several with commas between them.",
    );
  }
  if ("REDIS_SENTINELS" in given && given.REDIS_MODE !== "sentinel") {
    problems.push("REDIS_SENTINELS: is set, but REDIS_MODE isn't sentinel. Set REDIS_MODE=sentinel, or unset it.");
  }
  for (const name of ["ADMIN_JWT_ISSUER", "ADMIN_JWT_AUDIENCE"]) {
    if ("ADMIN_JWKS_URL" in given && !(name in given)) {
      problems.push(`${name}: missing. An identity provider signs tokens of other programs too: say which are for this service.`);
    }
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);

  const { HOST = production ? "0.0.0.0" : "127.0.0.1", DEMO_HOTEL = !production && parsed.data.DATABASE_URL === undefined } =
    parsed.data;
  return Object.freeze({ ...(production ? {} : DEVELOPMENT_SECRETS), ...parsed.data, HOST, DEMO_HOTEL });
}
