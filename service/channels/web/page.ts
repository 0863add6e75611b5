import { readFileSync } from "node:fs";
import type { Language } from "../../vocabulary.ts";
import { PAGE_TEXTS, type PageTexts } from "./texts.ts";

const file = (name: string) => readFileSync(new URL(`./page/${name}`, import.meta.url), "utf8");

/** The page's own files, by name, as they are served. */
export const PAGE_FILES: Record<string, { type: string; text: string }> = {
  "chat.css": { type: "text/css; charset=utf-8", text: file("chat.css") },
  "chat.js": { type: "text/javascript; charset=utf-8", text: file("chat.js") },
};

/** Nothing but the page's own files runs or loads, and no other page can frame it. */
export const PAGE_HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

const NAMES: Record<Language, string> = { es: "Español", en: "English", pt: "Português" };

export interface PageOptions {
  tenantId: string;
  hotel: string;
  language: Language;
  /** Those that the hotel speaks, the first one first. */
  languages: readonly Language[];
  /** Whether the guest chose the language, so that answers come in it. */
  chosen: boolean;
}

/** @returns the chat's HTML for one hotel in one language */
export function renderPage({ tenantId, hotel, language, languages, chosen }: PageOptions): string {
  const texts = Object.fromEntries(
    Object.entries(PAGE_TEXTS[language]).map(([name, text]) => [
      name,
      typeof text === "string" ? text.replaceAll("{hotel}", hotel) : text,
    ]),
  ) as unknown as PageTexts;
  const settings = { tenant: tenantId, language, chosen, texts };
  const option = (code: Language) => `<option value="${code}"${code === language ? " selected" : ""}>${NAMES[code]}</option>`;
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${escapeHtml(texts.title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/chat/_/chat.css">
<script type="application/json" id="settings">${JSON.stringify(settings).replaceAll("<", "\\u003c")}</script>
<script type="module" src="/chat/_/chat.js"></script>
</head>
<body>
<header>
<h1>${escapeHtml(hotel)}</h1>
<label class="language"><span class="hidden">${escapeHtml(texts.language)}</span><select id="language">${languages.map(option).join("")}</select></label>
<button type="button" id="end" class="end">${escapeHtml(texts.end)}</button>
</header>
<main>
<noscript><p class="notice">${escapeHtml(texts.noScript)}</p></noscript>
<div id="log" role="log" aria-live="polite" aria-label="${escapeHtml(texts.messages)}" tabindex="0"><ol id="messages"></ol></div>
<p id="typing" class="typing" hidden><span class="dots" aria-hidden="true"><i></i><i></i><i></i></span> ${escapeHtml(texts.typing)}</p>
<div id="suggestions" class="suggestions"></div>
<p id="notice" class="notice" role="status" hidden></p>
<form id="form" autocomplete="off">
<label class="hidden" for="text">${escapeHtml(texts.placeholder)}</label>
<textarea id="text" rows="1" maxlength="2000" enterkeyhint="send" placeholder="${escapeHtml(texts.placeholder)}"></textarea>
<button type="submit" class="send" aria-label="${escapeHtml(texts.send)}"><svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path fill="currentColor" d="M3 20.5v-6.9l9-1.6-9-1.6V3.5L22 12z"/></svg></button>
</form>
</main>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
