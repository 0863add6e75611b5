/** Values that tell nothing: hiding them would hide words and numbers all over a report. */
const SAYS_NOTHING = /^(.{0,3}|true|false|none|null|\d{1,7})$/i;

/** Headers whose values everybody knows. */
const OPEN_HEADERS = ["accept", "accept-encoding", "accept-language", "cache-control", "content-type", "user-agent"];

/**
 * The values that must be hidden wherever text of a script or of k6 is kept: all that a user gave to the script, whatever their names
 * are, as they are and as a URL, JSON or Base64 holds them. Values of less than four characters are left alone: hiding "1" would hide
 * every 1.
 *
 * @param given variables or headers by name
 * @returns longest first, so that a secret that holds another is hidden whole
 */
export function secretValues(given: Readonly<Record<string, string>>): string[] {
  const values = Object.entries(given).flatMap(([name, value]) =>
    SAYS_NOTHING.test(value) || OPEN_HEADERS.includes(name.toLowerCase()) ? [] : formsOf(value),
  );
  return [...new Set(values)].sort((a, b) => b.length - a.length);
}

function formsOf(value: string): string[] {
  const words = /^(?:Bearer|Basic|Token)\s+(\S{4,})$/i.exec(value)?.[1];
  const encoded = new URLSearchParams({ v: value }).toString().slice(2);
  const base64 = Buffer.from(value).toString("base64").replace(/=+$/, "");
  const json = JSON.stringify(value).slice(1, -1);
  return [value, ...(words === undefined ? [] : [words]), encodeURIComponent(value), encoded, json, base64];
}
