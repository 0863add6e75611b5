/** Where mail programs begin the mail that is answered, in the languages of guests. One line each. */
const ATTRIBUTIONS = [
  /^(on|el|em|le|am) .{4,200}(wrote|escribi[oó]|escreveu|a [eé]crit|schrieb)\s*:$/iu,
  /^.{3,200}(wrote|escribi[oó]|escreveu)\s*:$/iu,
  /^-{2,}\s*(original message|mensaje original|mensagem original|forwarded message|mensaje reenviado|mensagem encaminhada)\s*-{2,}$/iu,
  /^_{10,}$/u,
];
/** Outlook's: a block of header lines. */
const HEADER_LINE = /^\*?(from|de|sent|enviado|enviada em|date|fecha|data|to|para|subject|asunto|assunto|cc)\s*:\*?\s?\S/iu;
/** What mail programs write under a mail by themselves: of which phone, or of which of these programs it is. */
const PROGRAMS =
  "my|mi|meu|minha|yahoo|outlook|windows|gmail|samsung|galaxy|iphone|ipad|android|proton|spark|aol|bluemail|zoho|k-9|thunderbird|tuta|tutanota|fairemail|mymail|blackberry|huawei|xiaomi|redmi|motorola|icloud|hotmail";
const SENT_FROM = `(?:sent|enviad[oa]|envoy[eé]|escrito|written)(?: e-?mail)? (?:from|with|using|via|by|desde|con|mediante|por|do|da|de|a partir d[eo]|pelo|pela|com o|através do|usando)\\s(?:.{0,20}\\s)?(?:${PROGRAMS})\\b.{0,60}`;
const GET =
  "(?:get|obtener|obtenga|obt[eé]n|descarga|descargar|obter|obtenha|baixar|baixe)(?: o)? (?:outlook|yahoo mail) (?:for|para) .{2,20}";
const SIGNATURE = new RegExp(`^(?:-- ?|—|${SENT_FROM}|${GET})$`, "iu");
/** The same at the end of what stands before an attribution on one line. */
const SIGNATURE_AT_END = new RegExp(`(?:^|\\s)(?:${SENT_FROM}|${GET})$`, "iu");

/** The verb of an attribution, behind which the answered mail begins. */
const VERB = /\b(?:wrote|escribi[oó]|escreveu|a [eé]crit|schrieb)\s*(?::|-{2,})/giu;
/** Where an attribution begins; a day follows within a few words. */
const OPENER = /(?:^|[\s>.,;])((?:-{2,}\s*)?(?:on|el|em|no dia|le|am)\s(?=[^@\d\n]{0,25}\d))/giu;
const ADDRESS = /[^\s<>@]@[^\s<>@]+\.[^\s<>@]/u;
const DAY_AND_TIME = /\d.*\b\d{1,2}[:.h]\d{2}\b/u;
const LONGEST_ATTRIBUTION = 300;
const MOST_VERBS = 20;
/** Longer lines aren't matched with patterns: none of the marks is that long. */
const LONGEST_MARK = 300;

/**
 * What a guest wrote in a mail: without the mail that is answered and without the signature. Its time grows with the
 * length of the text only.
 *
 * @returns the whole text when nothing would be left, so that words between quoted lines aren't lost
 */
export function writtenText(text: string): string {
  const lines = text
    .replace(/\r\n?/g, "\n")
    .split("\n")
    .map((line) => line.trimEnd());
  const kept: string[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index]!.trim();
    if (beginsQuote(lines, index) || SIGNATURE.test(short(lines[index]!.trimStart()))) break;
    const at = attributionIn(lines[index]!);
    if (at !== undefined) {
      kept.push(lines[index]!.slice(0, at).trimEnd().replace(SIGNATURE_AT_END, ""));
      break;
    }
    if (!line.startsWith(">")) kept.push(lines[index]!);
  }
  const written = tidy(kept);
  if (written !== "") return written;
  const below = tidy(lines.filter((line) => !line.trim().startsWith(">") && !isAttribution(line.trim())));
  return below === "" ? tidy(lines.map((line) => line.replace(/^[>\s]+/, ""))) : below;
}

function beginsQuote(lines: readonly string[], index: number): boolean {
  const line = lines[index]!.trim();
  if (line === "") return false;
  if (isAttribution(line)) return true;
  // An attribution that a mail program has broken into two or three lines.
  if (/^(on|el|em) /iu.test(line)) {
    for (const count of [2, 3]) {
      const joined = lines
        .slice(index, index + count)
        .map((part) => part.trim())
        .join(" ");
      if (isAttribution(joined)) return true;
    }
  }
  const next = lines.slice(index, index + 4).filter((part) => HEADER_LINE.test(short(part.trim())));
  return HEADER_LINE.test(short(line)) && next.length >= 3;
}

/**
 * Finds an attribution that shares its line with a guest's words or with the answered mail. It is one when an address, or a day
 * with a time, stands before its verb: "my wife wrote: we come later" stays.
 *
 * @returns where it begins
 */
function attributionIn(line: string): number | undefined {
  let verbs = 0;
  for (const { index } of line.matchAll(VERB)) {
    verbs += 1;
    if (verbs > MOST_VERBS) return undefined;
    const from = Math.max(0, index - LONGEST_ATTRIBUTION);
    const before = line.slice(from, index);
    const opener = [...before.matchAll(OPENER)].findLast((found) => {
      const rest = before.slice(found.index);
      return ADDRESS.test(rest) || DAY_AND_TIME.test(rest);
    });
    if (opener !== undefined) return from + opener.index + opener[0].length - opener[1]!.length;
  }
  return undefined;
}

const short = (line: string) => line.slice(0, LONGEST_MARK);
const isAttribution = (line: string) => line.length <= LONGEST_MARK && ATTRIBUTIONS.some((mark) => mark.test(line));
const tidy = (lines: readonly string[]) =>
  lines
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
