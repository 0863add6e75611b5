import type { Reply } from "../../mail/message.ts";
import type { Language } from "../../vocabulary.ts";
import { clip, split } from "../text.ts";

/** Limits of the Cloud API. https://developers.facebook.com/docs/whatsapp/cloud-api/messages (each kind's own page) */
const TEXT = 4096;
const INTERACTIVE_BODY = 1024;
const BUTTONS = 3;
const BUTTON_TITLE = 20;
const ROWS = 10;
const ROW_TITLE = 24;
const ROW_DESCRIPTION = 72;
const ID = 200;
/** Of a template's body, which holds a fixed text beside it. */
const TEMPLATE_TEXT = 900;

/** What goes to the API beside the addressee. */
export type Content = Record<string, unknown> & { type: string };

/** A template that Meta has approved for the hotel; its body has one place, `{{1}}`, where the reply's text stands. */
export interface Template {
  name: string;
  /** Codes under which it was approved. */
  languages: Partial<Record<Language, string>>;
}

/**
 * @returns the messages that make up a reply within the 24 hours in which everything may be sent, in order; at least one
 */
export function render(reply: Reply): Content[] {
  const { location } = reply;
  return [
    ...renderText(reply),
    ...(location === undefined
      ? []
      : [
          { type: "location", location: { ...location, name: clip(location.name, 1000), address: clip(location.address, 1000) } },
        ]),
  ];
}

/** @returns the one message that may be sent after the 24 hours; buttons and places don't fit into it */
export function renderTemplate(reply: Reply, template: Template, language: Language | undefined): Content {
  const code = (language === undefined ? undefined : template.languages[language]) ?? Object.values(template.languages)[0];
  // A parameter with line breaks, tabs or more than four blanks in a row is refused.
  const text = clip(reply.text.replace(/\s+/g, " ").trim(), TEMPLATE_TEXT);
  return {
    type: "template",
    template: {
      name: template.name,
      language: { code: code ?? "es" },
      components: [{ type: "body", parameters: [{ type: "text", text }] }],
    },
  };
}

function renderText(reply: Reply): Content[] {
  const rows = reply.list?.rows ?? (reply.buttons ?? []).map(({ id, title }) => ({ id, title, description: undefined }));
  if (rows.length === 0) return plain(reply.text);
  if (rows.length > ROWS) {
    return plain(
      `${reply.text}\n\n${rows.map(({ title, description }) => `• ${title}${description === undefined ? "" : `: ${description}`}`).join("\n")}`,
    );
  }
  const pieces = split(reply.text, INTERACTIVE_BODY);
  const body = { text: pieces.pop()! };
  const before = pieces.length === 0 ? [] : plain(pieces.join("\n\n"));
  // Two buttons may not show the same title; in a list the whole title stands below.
  const alike = new Set(rows.map(({ title }) => clip(title, BUTTON_TITLE))).size < rows.length;
  if (reply.list === undefined && rows.length <= BUTTONS && !alike) {
    const buttons = rows.map(({ id, title }) => ({
      type: "reply",
      reply: { id: clip(id, ID), title: clip(title, BUTTON_TITLE) },
    }));
    return [...before, { type: "interactive", interactive: { type: "button", body, action: { buttons } } }];
  }
  const section = {
    rows: rows.map(({ id, title, description = alike && title.length > ROW_TITLE ? title : undefined }) => ({
      id: clip(id, ID),
      title: clip(title, ROW_TITLE),
      ...(description === undefined || description === "" ? {} : { description: clip(description, ROW_DESCRIPTION) }),
    })),
  };
  const action = { button: clip(reply.list?.button ?? "☰", BUTTON_TITLE), sections: [section] };
  return [...before, { type: "interactive", interactive: { type: "list", body, action } }];
}

const plain = (text: string): Content[] =>
  split(text, TEXT).map((body) => ({ type: "text", text: { preview_url: false, body } }));
