import { escapeMarkdown } from "../runner/summary.ts";
import { visible } from "./html/markup.ts";

/** Foreign text on one line, as it is: no markup, mention, link or reference to an issue comes out of it. */
export function foreign(text: string, longest = 400): string {
  return escapeMarkdown(visible(text, longest).replace(/#(?=\d)|(?<=\bGH)-(?=\d)/gi, (sign) => `${sign}\u200b`));
}
