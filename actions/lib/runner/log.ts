import { error, info, notice, setSecret, warning } from "@actions/core";

/** A line that GitHub shows beside the run. About ten of each kind are shown, so say each thing once. */
export interface Annotation {
  level: "error" | "warning" | "notice";
  title: string;
  message: string;
}

export function annotate({ level, title, message }: Annotation): void {
  const write = { error, warning, notice }[level];
  write(message, { title });
}

/** A plain line in the log. Text that could be read as a workflow command is made harmless. */
export function say(text: string): void {
  info(harmless(text));
}

/** Breaks the two forms of a workflow command (`::name::`, `##[name]`), so that foreign text can be logged. */
export function harmless(text: string): string {
  return text.replace(/^(\s*):(?=:)/gm, "$1:\u200b").replaceAll("##[", "#\u200b#[");
}

/** Hides values in everything that the run logs from here on. Empty values are skipped: hiding "" would hide all. */
export function maskSecrets(values: Iterable<string | undefined>): void {
  for (const value of values) {
    if (value !== undefined && value.trim() !== "") setSecret(value);
  }
}

/** Replaces secrets in text that goes where the runner's masking doesn't reach: files, artifacts, comments. */
export function redact(text: string, secrets: Iterable<string>): string {
  let result = text;
  for (const secret of secrets) if (secret !== "") result = result.replaceAll(secret, "***");
  return result;
}

/** The same value of JSON, with the secrets replaced in each of its texts. */
export function redactAll<Value>(value: Value, secrets: readonly string[]): Value {
  return JSON.parse(JSON.stringify(value), (_, part: unknown) =>
    typeof part === "string" ? redact(part, secrets) : part,
  ) as Value;
}

/** The password of a URL and the URL without it. */
export function splitUrlPassword(url: string): { shown: string; password: string | undefined } {
  if (!URL.canParse(url)) return { shown: url, password: undefined };
  const parsed = new URL(url);
  const password = parsed.password === "" ? undefined : decodeURIComponent(parsed.password);
  if (password === undefined) return { shown: url, password };
  parsed.password = "***";
  return { shown: parsed.href, password };
}
