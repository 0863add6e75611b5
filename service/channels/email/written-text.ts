/** Where mail programs begin the mail that is answered, in the languages of guests. One line each. */
const ATTRIBUTIONS = [
  /^(on|el|em|le|am) .{4,200}(wrote|escribi[oó]|escreveu|a [eé]crit|schrieb)\s*:$/iu,
  /^.{3,200}(wrote|escribi[oó]|escreveu)\s*:$/iu,
  /^-{2,}\s*(original message|mensaje original|mensagem original|forwarded message|mensaje reenviado|mensagem encaminhada)\s*-{2,}$/iu,
  /^_{10,}$/u,
];
/** Outlook's: a block of header lines. */
const HEADER_LINE = /^\*?(from|de|sent|enviado|enviada em|date|fecha|data|to|para|subject|asunto|assunto|cc)\s*:\*?\s?\S/iu;
const SIGNATURE =
  /^(-- ?|—|sent from my .{2,40}|enviado desde mi .{2,40}|enviado do meu .{2,40}|get outlook for .{2,20}|obtener outlook para .{2,20})$/iu;
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

const short = (line: string) => line.slice(0, LONGEST_MARK);
const isAttribution = (line: string) => line.length <= LONGEST_MARK && ATTRIBUTIONS.some((mark) => mark.test(line));
const tidy = (lines: readonly string[]) =>
  lines
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
