import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";

/** A message that the stand-in took: what a guest's phone would show. */
export interface TakenMessage {
  id: string;
  phoneNumberId: string;
  /** The guest's number or user id. */
  to: string;
  type: string;
  /** Body of a text, of an interactive message, or the text in a template's place. */
  text: string;
  /** Ids of the buttons or list rows. */
  choices: string[];
  reference: string | undefined;
  payload: Record<string, unknown>;
  at: number;
}

/** What happens to one of the next requests instead of the usual. */
export type Fault =
  | { kind: "answer"; status: number; body: string; headers?: Record<string, string> }
  | { kind: "cut-before" }
  /** The message is taken, and the connection is cut before the answer. */
  | { kind: "cut-after" }
  | { kind: "hang" };

export interface GraphApi {
  /** For WHATSAPP_API_URL. */
  url: string;
  accessToken: string;
  messages: TakenMessage[];
  /** Ids of guests' messages that were marked as read, with the typing sign or without. */
  read: { messageId: string; typing: boolean }[];
  /** Requests to send, refused ones too. */
  attempts: number;
  /** Guests who wrote too long ago: everything but a template is refused. */
  closedWindows: Set<string>;
  faults: Fault[];
  /** Called with each message that was taken, before its answer goes: Meta tells its statuses by webhook. */
  onTaken: (message: TakenMessage) => void;
  stop(): Promise<void>;
}

const id = z.string().min(1);
const bounded = (maximum: number) => z.string().min(1).max(maximum);
const replyButton = z.strictObject({ type: z.literal("reply"), reply: z.strictObject({ id: bounded(256), title: bounded(20) }) });
const row = z.strictObject({ id: bounded(200), title: bounded(24), description: bounded(72).optional() });
const unique = (titles: string[]) => new Set(titles).size === titles.length;
const addressed = {
  messaging_product: z.literal("whatsapp"),
  recipient_type: z.literal("individual").optional(),
  to: z
    .string()
    .regex(/^\+?\d{6,15}$/)
    .optional(),
  recipient: z
    .string()
    .regex(/^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/)
    .optional(),
  biz_opaque_callback_data: bounded(512).optional(),
};

/** The documented shapes of `POST /{phone-number-id}/messages`: unknown members are refused, as the API does. */
const messageSchema = z
  .discriminatedUnion("type", [
    z.strictObject({
      ...addressed,
      type: z.literal("text"),
      text: z.strictObject({ body: bounded(4096), preview_url: z.boolean().optional() }),
    }),
    z.strictObject({
      ...addressed,
      type: z.literal("interactive"),
      interactive: z.discriminatedUnion("type", [
        z.strictObject({
          type: z.literal("button"),
          body: z.strictObject({ text: bounded(1024) }),
          action: z.strictObject({
            buttons: z
              .array(replyButton)
              .min(1)
              .max(3)
              .refine((buttons) => unique(buttons.map(({ reply }) => reply.title)), "titles must be unique"),
          }),
        }),
        z.strictObject({
          type: z.literal("list"),
          body: z.strictObject({ text: bounded(4096) }),
          action: z.strictObject({
            button: bounded(20),
            sections: z
              .array(z.strictObject({ title: bounded(24).optional(), rows: z.array(row).min(1) }))
              .min(1)
              .max(10)
              .refine((sections) => sections.flatMap(({ rows }) => rows).length <= 10, "at most 10 rows")
              .refine(
                (sections) => sections.length === 1 || sections.every(({ title }) => title !== undefined),
                "sections need titles",
              ),
          }),
        }),
      ]),
    }),
    z.strictObject({
      ...addressed,
      type: z.literal("location"),
      location: z.strictObject({
        latitude: z.number().min(-90).max(90),
        longitude: z.number().min(-180).max(180),
        name: bounded(1000).optional(),
        address: bounded(1000).optional(),
      }),
    }),
    z.strictObject({
      ...addressed,
      type: z.literal("template"),
      template: z.strictObject({
        name: id,
        language: z.strictObject({ code: z.string().regex(/^[a-z]{2}(_[A-Z]{2})?$/) }),
        components: z.array(
          z.strictObject({
            type: z.literal("body"),
            parameters: z.array(
              z.strictObject({
                type: z.literal("text"),
                text: bounded(1024).refine((text) => !/[\n\t]| {5}/.test(text), "no line breaks, tabs or 5 blanks"),
              }),
            ),
          }),
        ),
      }),
    }),
  ])
  .refine(({ to, recipient }) => (to === undefined) !== (recipient === undefined), {
    path: ["to"],
    message: "to or recipient is required",
  });

const readSchema = z.strictObject({
  messaging_product: z.literal("whatsapp"),
  status: z.literal("read"),
  message_id: id,
  typing_indicator: z.strictObject({ type: z.literal("text") }).optional(),
});

/** The answer of the real API to too many messages. */
export const RATE_LIMITED: Fault = {
  kind: "answer",
  status: 429,
  body: errorBody(130429, "(#130429) Rate limit hit", "Cloud API message throughput has been reached."),
};

export function errorBody(code: number, message: string, details: string): string {
  return JSON.stringify({
    error: {
      message,
      type: "OAuthException",
      code,
      error_data: { messaging_product: "whatsapp", details },
      fbtrace_id: "AbCdEf",
    },
  });
}

/**
 * A stand-in of Meta's Graph API on a free loopback port, strict to its documented contract.
 *
 * @param options.phoneNumberIds numbers that exist; templates that are approved, as `name/language`
 */
export async function startGraphApi(options: {
  phoneNumberIds: string[];
  templates?: string[];
  port?: number;
}): Promise<GraphApi> {
  const accessToken = "EAAtestTokenOfTheStandIn0123456789";
  const state: GraphApi = {
    url: "",
    accessToken,
    messages: [],
    read: [],
    attempts: 0,
    closedWindows: new Set(),
    faults: [],
    onTaken: () => undefined,
    stop: async () => undefined,
  };
  let number = 0;

  const server = createServer(async (request, response) => {
    const fail = (status: number, code: number, message: string, details: string) =>
      answer(response, status, errorBody(code, `(#${code}) ${message}`, details));
    const raw = await body(request);
    const path = /^\/v\d+\.\d+\/([^/]+)\/messages$/.exec(request.url ?? "");
    if (request.method !== "POST" || path === null)
      return fail(404, 2500, "Unknown path components", `${request.method} ${request.url}`);
    if (request.headers.authorization !== `Bearer ${accessToken}`) {
      return fail(401, 190, "Error validating access token", `Malformed access token ${request.headers.authorization?.slice(7)}`);
    }
    if (!options.phoneNumberIds.includes(path[1]!))
      return fail(400, 100, "Unsupported post request", `Object with ID '${path[1]}' does not exist`);
    if (request.headers["content-type"] !== "application/json") return fail(400, 100, "Invalid parameter", "send JSON");
    const json = object(raw);
    if (json === undefined) return fail(400, 100, "Invalid parameter", "send a JSON object");
    if ("status" in json) {
      const read = readSchema.safeParse(json);
      if (!read.success) return fail(400, 100, "Invalid parameter", z.prettifyError(read.error));
      state.read.push({ messageId: read.data.message_id, typing: read.data.typing_indicator !== undefined });
      return answer(response, 200, JSON.stringify({ success: true }));
    }

    state.attempts += 1;
    const fault = state.faults.shift();
    if (fault?.kind === "answer") return answer(response, fault.status, fault.body, fault.headers);
    if (fault?.kind === "cut-before") return request.socket.destroy();
    if (fault?.kind === "hang") return undefined;
    const parsed = messageSchema.safeParse(json);
    if (!parsed.success) return fail(400, 131009, "Parameter value is not valid", z.prettifyError(parsed.error));
    const message = parsed.data;
    const to = (message.to ?? message.recipient)!.replace(/^\+/, "");
    if (state.closedWindows.has(to) && message.type !== "template") {
      return fail(
        400,
        131047,
        "Re-engagement message",
        "Message failed to send because more than 24 hours have passed since the customer last replied.",
      );
    }
    if (message.type === "template") {
      const { name, language } = message.template;
      if (!(options.templates ?? []).includes(`${name}/${language.code}`)) {
        return fail(
          404,
          132001,
          "Template name does not exist in the translation",
          `template name (${name}) does not exist in ${language.code}`,
        );
      }
    }
    number += 1;
    const taken: TakenMessage = {
      id: `wamid.OUT${String(number).padStart(6, "0")}`,
      phoneNumberId: path[1]!,
      to,
      type: message.type,
      ...shown(message),
      reference: message.biz_opaque_callback_data,
      payload: json,
      at: performance.now(),
    };
    state.messages.push(taken);
    state.onTaken(taken);
    if (fault?.kind === "cut-after") return request.socket.destroy();
    return answer(
      response,
      200,
      JSON.stringify({ messaging_product: "whatsapp", contacts: [{ input: to, wa_id: to }], messages: [{ id: taken.id }] }),
    );
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v23.0`;
  state.stop = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return state;
}

function shown(message: z.infer<typeof messageSchema>): Pick<TakenMessage, "text" | "choices"> {
  switch (message.type) {
    case "text":
      return { text: message.text.body, choices: [] };
    case "interactive": {
      const { interactive } = message;
      return {
        text: interactive.body.text,
        choices:
          interactive.type === "button"
            ? interactive.action.buttons.map(({ reply }) => reply.id)
            : interactive.action.sections.flatMap(({ rows }) => rows.map((choice) => choice.id)),
      };
    }
    case "location":
      return { text: message.location.name ?? "", choices: [] };
    case "template":
      return { text: message.template.components[0]?.parameters[0]?.text ?? "", choices: [] };
  }
}

function answer(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8", ...headers }).end(text);
}

function object(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // refused by the caller
  }
}

async function body(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

/** A notification as Meta sends it. */
export function notification(value: {
  phoneNumberId: string;
  messages?: Record<string, unknown>[];
  statuses?: Record<string, unknown>[];
}) {
  const { phoneNumberId, messages, statuses } = value;
  return {
    object: "whatsapp_business_account",
    entry: [
      {
        id: "102290129340398",
        changes: [
          {
            field: "messages",
            value: {
              messaging_product: "whatsapp",
              metadata: { display_phone_number: "15550783881", phone_number_id: phoneNumberId },
              ...(messages === undefined
                ? {}
                : { contacts: messages.map(({ from }) => ({ wa_id: from, profile: { name: "Ana Pereira" } })), messages }),
              ...(statuses === undefined ? {} : { statuses }),
            },
          },
        ],
      },
    ],
  };
}
