/**
 * Typed inputs of an action. Everything is read once, at the start; every mistake is collected, and one
 * error lists them all before anything runs.
 *
 * The runner hands inputs over as `INPUT_<NAME>` (upper case, blanks become `_`, hyphens stay). It applies
 * the defaults of action.yml only to inputs that are absent: an empty value arrives as empty. Here an empty
 * input means its default.
 */

/** All mistakes in the inputs of one run, one line each. */
export class InputMistakes extends Error {
  override readonly name = "InputMistakes";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    const count = mistakes.length === 1 ? "1 input is wrong" : `${mistakes.length} inputs are wrong`;
    super(`${count}:\n${mistakes.map((mistake) => `  ${mistake}`).join("\n")}`);
    this.mistakes = mistakes;
  }
}

export interface NumberRule {
  fallback: number;
  /** Smallest value allowed. */
  min?: number;
  /** Value that the input must be greater than. */
  above?: number;
  max?: number;
  integer?: boolean;
}

/**
 * Reads inputs by name. A wrong value is noted and a stand-in of the right type comes back, so that the
 * reading goes on to the next mistake; `readInputs` throws before anyone sees a stand-in.
 */
export class InputReader {
  readonly mistakes: string[] = [];
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  /** The trimmed text of an input, "" when absent. */
  raw(name: string): string {
    return (this.#environment[`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`] ?? "").trim();
  }

  /** Whether the input was given a non-empty value. */
  given(name: string): boolean {
    return this.raw(name) !== "";
  }

  /** Notes a mistake in the house's words: `name: what is wrong, got "value". Remedy.` */
  reject(name: string, wanted: string, remedy: string): void {
    const value = this.raw(name);
    this.mistakes.push(`${name}: expected ${wanted}, got ${value === "" ? "nothing" : JSON.stringify(value)}. ${remedy}`);
  }

  text(name: string, fallback = ""): string {
    return this.raw(name) || fallback;
  }

  /** Like `text`, but an input given as empty stays empty: `artifact-name: ""` switches the upload off. */
  textOrOff(name: string, fallback: string): string {
    const given = this.#environment[`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`];
    return given === undefined ? fallback : given.trim();
  }

  /** @param remedy what to write, as a sentence */
  requiredText(name: string, remedy: string): string {
    const value = this.raw(name);
    if (value === "") this.reject(name, "a value", remedy);
    return value;
  }

  /** A plain decimal number: `450` or `0.01`, never `450ms`, `1e3`, `Infinity` or `0x10`. */
  number(name: string, rule: NumberRule): number {
    const text = this.raw(name);
    if (text === "") return rule.fallback;
    const wanted = describeNumber(rule);
    const remedy = `Write a plain number such as "${rule.fallback}".`;
    const value = parseNumber(text);
    const wrong =
      value === undefined ||
      (rule.integer === true && !Number.isSafeInteger(value)) ||
      (rule.min !== undefined && value < rule.min) ||
      (rule.above !== undefined && value <= rule.above) ||
      (rule.max !== undefined && value > rule.max);
    if (wrong) {
      this.reject(name, wanted, remedy);
      return rule.fallback;
    }
    return value;
  }

  /** A duration such as `60s`, `2m`, `1m30s`, `1h`, in seconds. */
  duration(name: string, fallback: string, limits: { minSeconds?: number; maxSeconds?: number } = {}): number {
    const seconds = parseDuration(this.raw(name) || fallback);
    const { minSeconds = 1, maxSeconds = 86_400 } = limits;
    if (seconds === undefined || seconds < minSeconds || seconds > maxSeconds) {
      const range = `from ${formatDuration(minSeconds)} to ${formatDuration(maxSeconds)}`;
      this.reject(name, `a duration ${range}`, `Write "${fallback}", "2m" or "1m30s".`);
      return parseDuration(fallback) ?? minSeconds;
    }
    return seconds;
  }

  /**
   * An http(s) URL without a trailing slash, or "" when absent and not required.
   *
   * @param asGiven whether it is no base of other URLs but what is asked for: then it keeps its last slash and may have a query
   */
  url(name: string, { required = false, example = "http://localhost:8000", asGiven = false } = {}): string {
    const text = this.raw(name);
    if (text === "") {
      if (required) this.reject(name, "an http(s) URL", `Write for example "${example}".`);
      return "";
    }
    const parsed = parseHttpUrl(text);
    if (parsed === undefined) {
      const better = parseHttpUrl(`http://${text}`);
      const remedy =
        better !== undefined && !text.includes("://") ? `Write "http://${text}".` : `Write for example "${example}".`;
      this.reject(name, "an http(s) URL", remedy);
      return "";
    }
    if (asGiven && parsed.hash === "") return text;
    if (parsed.hash !== "" || parsed.search !== "") {
      this.reject(name, "a base URL without ? or #", `Write "${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}".`);
    }
    return text.replace(/\/+$/, "");
  }

  choice<const Option extends string>(name: string, options: readonly [Option, ...Option[]]): Option {
    const text = this.raw(name);
    if (text === "") return options[0];
    const found = options.find((option) => option === text.toLowerCase());
    if (found === undefined) {
      this.reject(name, `one of ${options.join(", ")}`, `Write "${options[0]}" or leave it empty.`);
      return options[0];
    }
    return found;
  }

  /** `true` or `false`, in any case. */
  boolean(name: string, fallback: boolean): boolean {
    return this.choice(name, fallback ? ["true", "false"] : ["false", "true"]) === "true";
  }

  /** Lines `NAME=VALUE`; blank lines and lines that start with `#` are skipped. The value is everything after the first `=`. */
  environmentLines(name: string): Record<string, string> {
    const values: Record<string, string> = {};
    for (const [index, line] of this.raw(name).split(/\r?\n/).entries()) {
      const text = line.trim();
      if (text === "" || text.startsWith("#")) continue;
      const separator = text.indexOf("=");
      const key = text.slice(0, Math.max(0, separator)).trim();
      // The value may be a secret: the message shows the name only.
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
        this.mistakes.push(
          `${name}: expected NAME=VALUE in line ${index + 1}, got ${separator < 0 ? "a line without =" : `the name ${JSON.stringify(key)}`}. Write for example "TENANT=demo".`,
        );
      } else if (Object.hasOwn(values, key)) {
        this.mistakes.push(`${name}: expected each name once, got ${key} again in line ${index + 1}. Remove one of the two.`);
      } else {
        values[key] = text.slice(separator + 1).trim();
      }
    }
    return values;
  }

  /**
   * Lines `Name: value` of HTTP headers; blank lines and lines that start with `#` are skipped. Values are plain ASCII without the line
   * breaks that would begin another header.
   */
  headerLines(name: string): Record<string, string> {
    const values: Record<string, string> = {};
    for (const [index, line] of this.raw(name).split(/\r?\n/).entries()) {
      const text = line.trim();
      if (text === "" || text.startsWith("#")) continue;
      const separator = text.indexOf(":");
      const header = text.slice(0, Math.max(0, separator)).trim();
      const value = text.slice(separator + 1).trim();
      // The value may be a secret: the message shows the name only.
      if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(header) || !/^[\x20-\x7e]+$/.test(value)) {
        const got =
          separator < 0
            ? "a line without :"
            : `the name ${JSON.stringify(header)} with ${value === "" ? "no value" : "a value that is no plain ASCII text"}`;
        this.mistakes.push(
          `${name}: expected "Name: value" in line ${index + 1}, got ${got}. Write for example "X-Scope-OrgID: team".`,
        );
      } else if (Object.keys(values).some((other) => other.toLowerCase() === header.toLowerCase())) {
        this.mistakes.push(
          `${name}: expected each header once, got ${header} again in line ${index + 1}. Remove one of the two.`,
        );
      } else {
        values[header] = value;
      }
    }
    return values;
  }

  /** An artifact's name, with none of the characters that GitHub forbids. "" when switched off. */
  artifactName(name: string, fallback: string): string {
    const text = this.textOrOff(name, fallback);
    if (/["\n\r:<>|*?\\/]/.test(text)) {
      this.reject(name, 'a name without " : < > | * ? \\ /', `Write "${text.replace(/["\n\r:<>|*?\\/]+/g, "-")}".`);
    }
    return text;
  }
}

/**
 * Builds the typed inputs of an action.
 *
 * `build` must only read and compare: after a mistake it goes on with stand-ins.
 *
 * @throws InputMistakes with every mistake, when there is any
 */
export function readInputs<Inputs>(
  build: (read: InputReader) => Inputs,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Inputs {
  const reader = new InputReader(environment);
  const inputs = build(reader);
  if (reader.mistakes.length > 0) throw new InputMistakes(reader.mistakes);
  return inputs;
}

/** A plain decimal number, `undefined` for anything else (units, exponents, hexadecimal, NaN). */
export function parseNumber(text: string): number | undefined {
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** Seconds of a duration such as `60s`, `2m`, `1m30s`, `1h`, `1d`, `500ms`; `undefined` when it isn't one. */
export function parseDuration(text: string): number | undefined {
  const units: Record<string, number> = { d: 86_400, h: 3_600, m: 60, s: 1, ms: 0.001 };
  const match =
    /^(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(
      text,
    );
  if (text === "" || match === null) return undefined;
  return ["d", "h", "m", "s", "ms"].reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * units[unit]!, 0);
}

/** The shortest writing of a number of seconds as a duration: 90 is `1m30s`. */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = Math.round((seconds % 60) * 1000) / 1000;
  const parts = [hours > 0 ? `${hours}h` : "", minutes > 0 ? `${minutes}m` : "", rest > 0 ? `${rest}s` : ""].join("");
  return parts === "" ? "0s" : parts;
}

function parseHttpUrl(text: string): URL | undefined {
  if (!/^https?:\/\/[^/]/i.test(text) || /\s/.test(text)) return undefined;
  return URL.canParse(text) ? new URL(text) : undefined;
}

function describeNumber({ integer, min, above, max }: NumberRule): string {
  const kind = integer === true ? "a whole number" : "a number";
  const low = above !== undefined ? `above ${above}` : min !== undefined ? `of at least ${min}` : "";
  const high = max === undefined ? "" : low === "" ? `of at most ${max}` : `and at most ${max}`;
  return [kind, low, high].filter((part) => part !== "").join(" ");
}
