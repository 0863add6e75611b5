import { escapeHtml } from "../../runner/summary.ts";

/** A piece of HTML that is safe to put into the page: made by `html`, never from text as it is. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Markup | undefined | null | false | readonly Part[];

/** Builds HTML from a template. Texts and numbers that are put in are escaped, markup isn't, undefined, null and false are nothing. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Markup {
  return new Markup(strings.reduce((whole, string, index) => whole + render(parts[index - 1]) + string));
}

/** Markup that this program made itself, such as an SVG. Never foreign text. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

function render(part: Part): string {
  if (part === undefined || part === null || part === false) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(render).join("");
  return escapeHtml(visible(String(part)));
}

/** Without characters that change how the text around them is read, and of bounded length. */
export function visible(text: string, longest = 600): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g, " ");
  return clean.length > longest ? `${clean.slice(0, longest - 1)}…` : clean;
}
