/**
 * Tells whether a mail's sender is proven: a mail server that this deployment trusts says that DMARC passed for the domain of
 * `From`.
 *
 * A mail can bring such a field of its own. RFC 8601 (section 5) has the trusted server take out those in its name; should it
 * not, any of its name that says something else than "pass" counts against the mail.
 *
 * @param fields  values of `Authentication-Results`, one per line
 * @param from    the address of `From`
 * @param trusted names (authserv-id) of the servers whose verdicts count
 * @see https://www.rfc-editor.org/rfc/rfc8601
 */
export function isSenderProven(fields: string, from: string, trusted: readonly string[]): boolean {
  const names = new Set(trusted.map((name) => name.toLowerCase()));
  const domain = from.slice(from.lastIndexOf("@") + 1).toLowerCase();
  const verdicts = fields.split("\n").flatMap((field) => {
    const [server = "", ...results] = plain(field).split(";");
    return names.has(server.trim().split(/\s/, 1)[0]!.toLowerCase()) ? results.flatMap((result) => dmarcOf(result, domain)) : [];
  });
  return verdicts.length > 0 && verdicts.every((passed) => passed);
}

/** @returns for a result of DMARC whether it passed for this domain; nothing for a result of another method */
function dmarcOf(result: string, domain: string): boolean[] {
  const verdict = /^\s*dmarc(?:\s*\/\s*\d+)?\s*=\s*([a-z]+)/i.exec(result);
  if (verdict === null) return [];
  const about = /\bheader\.from\s*=\s*([^\s;]+)/i.exec(result)?.[1]?.toLowerCase().replace(/\.$/, "");
  return [verdict[1]!.toLowerCase() === "pass" && (about === undefined || about === domain || about.endsWith(`@${domain}`))];
}

const LONGEST_FIELD = 8_000;

/** Takes out comments, which nest, and quoted texts: a sender may have written them. */
function plain(field: string): string {
  let text = "";
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < Math.min(field.length, LONGEST_FIELD); index += 1) {
    const character = field[index]!;
    if (character === "\\") index += 1;
    else if (quoted) quoted = character !== '"';
    else if (character === "(") depth += 1;
    else if (character === ")" && depth > 0) depth -= 1;
    else if (depth > 0) continue;
    else if (character === '"') quoted = true;
    else text += character;
  }
  return text;
}
