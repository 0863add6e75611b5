import { type Request, type Response, Router } from "express";
import { z } from "zod";
import { readJsonBody } from "../../http/json-body.ts";
import { clientKey, createPeers, type Peers } from "../../http/peers.ts";
import { invalid, Problem } from "../../http/problem.ts";
import type { Channel } from "../../mail/channel.ts";
import type { Inbox } from "../../mail/inbox.ts";
import type { Database } from "../../storage/sql.ts";
import type { Logger } from "../../telemetry/log.ts";
import { LANGUAGES, type Language } from "../../vocabulary.ts";
import { storableText } from "../text.ts";
import { chatHours, createWebGuests } from "./guest.ts";
import { readHistory } from "./history.ts";
import { ownPages } from "./origin.ts";
import { PAGE_FILES, PAGE_HEADERS, renderPage } from "./page.ts";
import { createWebStreams } from "./streams.ts";

/** The hotel whose page stands at `/chat` itself. */
const DEFAULT_TENANT = "default";

/** What the chat needs to know of a hotel. */
export interface WebChatTenant {
  id: string;
  name: string;
  active: boolean;
  languages: readonly Language[];
  /** `web_chat: false` switches the page off; `web_chat_hours` is how long a browser keeps its chat. */
  settings: Record<string, unknown>;
}

/** Open pages fetch their replies. */
export const WEB_CHANNEL: Channel = { name: "web", pulled: true };

export interface WebChatOptions {
  database: Database;
  inbox: Inbox;
  logger: Logger;
  /** Keys of the guests' cookies: the first signs; all are known, so that a change loses nobody. */
  secrets: readonly string[];
  /** Browsers send the cookie over HTTPS only; off for development. */
  secureCookies: boolean;
  tenant: (tenantId: string) => Promise<WebChatTenant | undefined>;
  /** @throws Problem 429 with `Retry-After` when the tenant or the guest sends too much */
  limit: (tenantId: string, userId: string) => Promise<void>;
  /** Tells whose browser it is, and which host it asked for, behind the proxies of the deployment. */
  peers?: Peers;
  /** Address of the service for browsers, where a proxy changes `Host`. */
  publicUrl?: string | undefined;
  /**
   * Counts what a browser's address writes at a hotel, and the guests that it makes: else whoever makes many can't be stopped by the
   * limit of one.
   *
   * @throws Problem 429 with `Retry-After`
   */
  limitClient: (tenantId: string, client: string, isNewGuest: boolean) => Promise<void>;
}

/** The web chat's routes, and its open pages. */
export interface WebChat {
  router: Router;
  start(): Promise<void>;
  /** Ends the open streams, so that the server can stop; pages come back to the next process. */
  close(): Promise<void>;
}

const bodySchema = z.strictObject({
  message_id: z.uuid("expected a UUID"),
  text: z
    .string()
    .max(2000, "expected at most 2000 characters")
    .transform((text) => storableText(text).trim())
    .refine((text) => text !== "", "expected a text that isn't empty"),
  button_id: z.string().min(1).max(256).transform(storableText).optional(),
  language: z.enum(LANGUAGES).optional(),
});

/** `GET /chat` and `/chat/:tenant`: the page; below it, what the page asks for. Guests' messages go through the inbox. */
export function createWebChat(options: WebChatOptions): WebChat {
  const { database, inbox, logger } = options;
  const { peers = createPeers([]) } = options;
  const guests = createWebGuests({ secrets: options.secrets, secure: options.secureCookies });
  const streams = createWebStreams({ database, logger });
  const router = Router();
  const isOwnPage = ownPages({ peers, publicUrl: options.publicUrl, logger });

  const hotelOf = async (request: Request): Promise<WebChatTenant> => {
    const id = request.params.tenant ?? DEFAULT_TENANT;
    const tenant = typeof id === "string" ? await options.tenant(id) : undefined;
    if (tenant === undefined || !tenant.active || tenant.settings.web_chat === false) {
      throw new Problem(404, "Not Found", "There is no web chat here. Ask the hotel for its address.");
    }
    return tenant;
  };

  router.get("/chat/_/:file", (request, response) => {
    const { file } = request.params;
    const found = Object.hasOwn(PAGE_FILES, file) ? PAGE_FILES[file] : undefined;
    if (found === undefined) throw new Problem(404, "Not Found", "There is no such file.");
    response.set({ ...PAGE_HEADERS, "Content-Type": found.type, "Cache-Control": "no-cache" }).send(found.text);
  });

  const page = async (request: Request, response: Response) => {
    const tenant = await hotelOf(request);
    const chosen = tenant.languages.find((language) => language === request.query.lang);
    const accepted = request.acceptsLanguages([...tenant.languages]);
    const language = chosen ?? tenant.languages.find((known) => known === accepted) ?? tenant.languages[0] ?? "es";
    const languages = tenant.languages.length === 0 ? ([language] as const) : tenant.languages;
    response
      .set({ ...PAGE_HEADERS, "Cache-Control": "no-store", Vary: "Accept-Language" })
      .type("html")
      .send(renderPage({ tenantId: tenant.id, hotel: tenant.name, language, languages, chosen: chosen !== undefined }));
  };
  router.get("/chat", page);
  router.get("/chat/:tenant", page);

  router.get("/chat/:tenant/messages", async (request, response) => {
    const tenant = await hotelOf(request);
    const guest = guests.read(request, tenant.id);
    const history = guest === undefined ? undefined : await readHistory(database, tenant.id, guest);
    response.set("Cache-Control", "no-store").json(history ?? { messages: [], waiting: false });
  });

  router.get("/chat/:tenant/events", async (request, response) => {
    const tenant = await hotelOf(request);
    const guest = guests.read(request, tenant.id);
    if (guest === undefined) {
      response.status(204).end(); // tells the browser not to come back until the guest has written
      return;
    }
    await streams.open(tenant.id, guest, response);
  });

  router.post("/chat/:tenant/messages", isOwnPage, readJsonBody("16kb"), async (request, response) => {
    const tenant = await hotelOf(request);
    const body = parse(request);
    const known = guests.read(request, tenant.id);
    await options.limitClient(tenant.id, clientKey(peers.clientAddress(request)), known === undefined);
    const guest = known ?? guests.make();
    await options.limit(tenant.id, guest);
    await inbox.accept(tenant.id, [
      {
        channel: "web",
        messageId: `${guest}:${body.message_id}`,
        userId: guest,
        kind: body.button_id === undefined ? "text" : "button",
        text: body.text,
        ...(body.button_id === undefined ? {} : { buttonId: body.button_id }),
        ...(body.language === undefined ? {} : { language: body.language }),
      },
    ]);
    response
      .status(202)
      .append("Set-Cookie", guests.cookie(guest, tenant.id, chatHours(tenant.settings))) // each message makes it last again
      .json({ status: "accepted", message_id: body.message_id });
  });

  /** For computers that several people use: the browser forgets its guest, and the page begins anew. */
  router.post("/chat/:tenant/end", isOwnPage, async (request, response) => {
    const tenant = await hotelOf(request);
    response.status(204).append("Set-Cookie", guests.forget(tenant.id)).end();
  });

  return { router, start: () => streams.start(), close: () => streams.close() };
}

function parse(request: Request): z.infer<typeof bodySchema> {
  const parsed = bodySchema.safeParse(request.body);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error);
}
