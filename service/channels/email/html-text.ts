/**
 * The text of a mail that has only HTML. Any sender can make it large and nested as deeply as can be, so it is read once from
 * the left, with a few counters and no tree: its time grows with its length only.
 */

/** Elements whose content nobody sees, or that hold the mail that is answered. */
const SKIPPED = new Set(["head", "style", "script", "title", "template", "noscript", "svg", "object", "blockquote"]);
const QUOTES = /\b(?:gmail_quote|gmail_attr|yahoo_quoted|moz-cite-prefix|protonmail_quote)\b/;
/** Content that isn't markup until its own end. */
const RAW = new Set(["style", "script", "title"]);
const BLOCKS = new Set(
  "address article aside center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tr ul".split(
    " ",
  ),
);
const VOID = new Set(["br", "hr", "img", "input", "link", "meta", "wbr", "col", "base", "area", "embed", "source"]);
const LONGEST_TAG = 4_096;
/** A mail that a person wrote has a few thousand. What stands behind so many isn't read. */
const MOST_TAGS = 20_000;

/**
 * @param html at most as long as its caller wants to pay for: about 20 ns per character
 * @returns its text, a line per block, without what it quotes
 */
export function htmlText(html: string): string {
  const pieces: string[] = [];
  /** The element that is being skipped, and how many of its name are open. */
  let skipped: { name: string; depth: number } | undefined;
  let at = 0;
  for (let tags = 0; at < html.length && tags <= MOST_TAGS; tags += 1) {
    const next = html.indexOf("<", at);
    const end = next === -1 ? html.length : next;
    if (skipped === undefined && end > at) pieces.push(decode(html.slice(at, end).replace(/\s+/g, " ")));
    if (next === -1) break;
    const tag = readTag(html, next);
    at = tag.end;
    const { name, closes } = tag;
    if (skipped !== undefined) {
      if (name === skipped.name && !tag.isEmpty) skipped.depth += closes ? -1 : 1;
      if (skipped.depth === 0) skipped = undefined;
      continue;
    }
    if (!closes && !tag.isEmpty && (SKIPPED.has(name) || QUOTES.test(tag.text))) {
      skipped = { name, depth: 1 };
      if (RAW.has(name)) at = endOfRaw(html, at, name);
    }
    if (name === "br" || BLOCKS.has(name)) pieces.push("\n");
    else if (name === "td" || name === "th") pieces.push(" ");
    else if (name === "") pieces.push(tag.text);
  }
  return pieces
    .join("")
    .replace(/[ \t\u00a0]+/g, " ")
    .replace(/ ?\n ?/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

interface Tag {
  /** In small letters; "" for what is no tag, and then `text` is what it says; "!" for a comment or declaration. */
  name: string;
  closes: boolean;
  isEmpty: boolean;
  text: string;
  end: number;
}

function readTag(html: string, at: number): Tag {
  if (html.startsWith("<!--", at)) {
    const end = html.indexOf("-->", at + 4);
    return { name: "!", closes: false, isEmpty: true, text: "", end: end === -1 ? html.length : end + 3 };
  }
  const head = /^<(\/?)([a-z][a-z0-9:-]{0,20}|!|\?)/i.exec(html.slice(at, at + 24));
  if (head === null) return { name: "", closes: false, isEmpty: true, text: "<", end: at + 1 };
  const close = html.indexOf(">", at);
  const end = close === -1 ? html.length : close + 1;
  const text = html.slice(at, Math.min(end, at + LONGEST_TAG));
  const name = head[2]!.toLowerCase();
  return { name, closes: head[1] === "/", isEmpty: VOID.has(name) || text.endsWith("/>"), text, end };
}

function endOfRaw(html: string, at: number, name: string): number {
  const close = new RegExp(`</${name}\\b`, "gi");
  close.lastIndex = at;
  return close.exec(html)?.index ?? html.length;
}

/** Named characters of HTML from U+00A0 on, in their order. */
const LATIN =
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml".split(
    " ",
  );
const NAMED = new Map<string, string>([
  ...LATIN.map((name, index) => [name, String.fromCodePoint(0xa0 + index)] as const),
  ...Object.entries({ quot: '"', amp: "&", lt: "<", gt: ">", apos: "'", ndash: "–", mdash: "—", hellip: "…", bull: "•" }),
  ...Object.entries({ lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", euro: "€", zwnj: "", zwj: "", ensp: " ", emsp: " " }),
]);

function decode(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z][a-z0-9]{1,8}));?/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return NAMED.get(name) ?? whole;
    const point = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : "";
  });
}
