import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";
import { createHandle, type HandleOptions } from "../service/conversation/handle.ts";
import { createTenantModels } from "../service/conversation/tenant-models.ts";
import { createTickets } from "../service/conversation/tickets.ts";
import type { Conversation, Reply, Turn } from "../service/mail/message.ts";
import { openUnderstander, type Understander } from "../service/nlp/understand.ts";
import { createPmsClients } from "../service/pms/clients.ts";
import type { Pms } from "../service/pms/port.ts";
import type { Shared } from "../service/storage/shared.ts";
import { openMemory } from "../service/storage/shared-memory.ts";
import type { Database } from "../service/storage/sql.ts";
import { createLogger } from "../service/telemetry/log.ts";
import { createMetrics, type Metrics } from "../service/telemetry/metrics.ts";
import type { Tenant } from "../service/tenancy/tenant.ts";

const text = z.union([z.string(), z.date().transform((date) => date.toISOString().slice(0, 10))]);
const script = z.strictObject({
  name: z.string(),
  say: z.array(z.string()).min(1),
  ends: z.strictObject({
    reservations: z
      .array(
        z.strictObject({
          status: z.enum(["held", "confirmed", "cancelled"]),
          room_type: z.string().optional(),
          check_in: text.optional(),
          check_out: text.optional(),
          adults: z.number().optional(),
          children: z.number().optional(),
          name: z.string().optional(),
        }),
      )
      .optional(),
    tickets: z.array(z.string()).default([]),
    handed_over: z.boolean().default(false),
    reply: z.string().optional(),
  }),
});
export type Script = z.infer<typeof script> & { language: "es" | "en" | "pt" };

const FIXTURES = new URL("../service/conversation/fixtures/", import.meta.url);
/** A Tuesday noon in Montevideo. */
export const NOON = new Date("2026-03-10T15:00:00Z");

/** @returns every scripted conversation, checked */
export async function readScripts(): Promise<Script[]> {
  const files = await Promise.all(
    (["es", "en", "pt"] as const).map(async (language) => {
      const parsed = z.array(script).parse(parse(await readFile(new URL(`${language}.yaml`, FIXTURES), "utf8")));
      return parsed.map((each) => ({ ...each, language }));
    }),
  );
  return files.flat();
}

export const HOTEL: Tenant = {
  id: "default",
  name: "Hotel Rambla",
  pattern: null,
  active: true,
  priority: 0,
  timeZone: "America/Montevideo",
  languages: ["es", "en", "pt"],
  businessHours: null,
  whatsappPhoneNumberId: null,
  emailAddress: null,
  limits: {},
  pms: {},
  settings: {},
  version: 1,
};

export interface Desk {
  metrics: Metrics;
  /** A guest who writes; each message takes a minute. */
  guest(userId: string, options?: { at?: Date; channel?: string }): Guest;
  pms(): Pms;
}

export interface Guest {
  /** @returns the turn; its first reply's text in `text` */
  say(
    text: string,
    message?: Partial<Parameters<ReturnType<typeof createHandle>>[0]["message"]>,
  ): Promise<Turn & { text: string; reply: Reply | undefined }>;
  conversation: Conversation;
  wait(minutes: number): void;
}

let understander: Promise<Understander> | undefined;

/** A whole agent on a database, without channels and workers: the real classifier, the embedded PMS, real tickets. */
export async function openDesk(options: {
  database: Database;
  shared?: Shared;
  tenant?: Partial<Tenant>;
  flags?: Partial<Record<Parameters<HandleOptions["flags"]["isEnabled"]>[0], boolean>>;
  pms?: HandleOptions["pms"];
  /** Absent: the hotel has nobody to be told. */
  notices?: HandleOptions["notices"];
}): Promise<Desk> {
  const { database, shared = openMemory(), flags = {} } = options;
  const tenant: Tenant = { ...HOTEL, ...options.tenant };
  understander ??= openUnderstander();
  const { understand, model } = await understander;
  const metrics = createMetrics({ collectDefaults: false });
  const logger = createLogger("silent", "test");
  let clock = NOON;
  const pms = options.pms ?? createPmsClients({ database, shared, metrics, logger, demo: true, env: {}, now: () => clock });
  const handle = createHandle({
    understand,
    pms,
    tickets: createTickets({ database }),
    notices: options.notices ?? { tell: async () => "unreachable" },
    flags: { isEnabled: (flag) => flags[flag] ?? flag !== "conversation.delay.enabled" },
    tenants: { get: () => tenant },
    tenantModels: createTenantModels({ model, logger }),
    metrics,
    logger,
  });

  return {
    metrics,
    pms: () => pms.forTenant(tenant),
    guest: (userId, { at = NOON, channel = "messages" } = {}) => {
      let now = at;
      let sent = 0;
      const guest: Guest = {
        conversation: {
          tenantId: tenant.id,
          id: "",
          channel,
          userId,
          language: undefined,
          state: {},
          handedOver: false,
        },
        wait: (minutes) => {
          now = new Date(now.getTime() + minutes * 60_000);
        },
        say: async (words, message = {}) => {
          const { conversation } = guest;
          if (conversation.id === "") {
            const [row] = await database.forTenant(tenant.id, (sql) =>
              sql<{ id: string }>(
                "insert into conversations (tenant_id, channel, user_id) values ($1, $2, $3) on conflict (tenant_id, channel, user_id) do update set channel = excluded.channel returning id",
                [tenant.id, channel, userId],
              ),
            );
            conversation.id = row!.id;
          }
          now = new Date(now.getTime() + 60_000);
          clock = now;
          sent += 1;
          const turn = await handle({
            conversation,
            message: { channel, messageId: `${userId}-${sent}`, userId, kind: "text", text: words, ...message },
            receivedAt: now,
            now,
          });
          conversation.state = JSON.parse(JSON.stringify(turn.state));
          conversation.language = turn.language;
          conversation.handedOver = turn.handedOver;
          return { ...turn, reply: turn.replies[0], text: turn.replies.map((reply) => reply.text).join("\n") };
        },
      };
      return guest;
    },
  };
}

/** Plays a script. @returns what differs from its end, and the conversation for whoever wants to read it */
export async function play(
  desk: Desk,
  database: Database,
  each: Script,
  userId: string,
): Promise<{ wrong: string[]; transcript: string }> {
  const guest = desk.guest(userId);
  const transcript: string[] = [];
  let last = "";
  for (const words of each.say) {
    const turn = await guest.say(words);
    if (turn.text !== "") last = turn.text;
    transcript.push(`> ${words}`, `  [${turn.intent} ${turn.confidence.toFixed(2)}] ${turn.text.replaceAll("\n", "\n  ")}`);
  }
  const wrong: string[] = [];
  const expect = (what: string, expected: unknown, actual: unknown) => {
    if (JSON.stringify(expected) !== JSON.stringify(actual)) {
      wrong.push(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
    }
  };
  const { ends } = each;
  if (ends.reservations !== undefined) {
    const all = await desk.pms().reservationsOf(userId);
    const wantsCancelled = ends.reservations.some(({ status }) => status === "cancelled");
    const found = all.filter(({ status }) => wantsCancelled || status !== "cancelled");
    expect("number of reservations", ends.reservations.length, found.length);
    for (const [index, wanted] of ends.reservations.entries()) {
      const actual = found[index];
      if (actual === undefined) continue;
      const seen = {
        status: actual.status,
        room_type: actual.roomType,
        check_in: actual.checkIn,
        check_out: actual.checkOut,
        adults: actual.adults,
        children: actual.children,
        name: actual.guestName,
      };
      for (const [field, value] of Object.entries(wanted)) expect(field, value, seen[field as keyof typeof seen]);
    }
  }
  const tickets = await database.forTenant(guest.conversation.tenantId, (sql) =>
    sql<{ kind: string }>("select kind from tickets where user_id = $1 order by created_at", [userId]),
  );
  if (ends.tickets.length > 0)
    expect(
      "tickets",
      ends.tickets,
      tickets.map(({ kind }) => kind),
    );
  expect("handed over", ends.handed_over, guest.conversation.handedOver);
  expect("language", each.language, guest.conversation.language);
  if (ends.reply !== undefined && !new RegExp(ends.reply, "iu").test(last))
    wrong.push(`last reply: expected /${ends.reply}/, got "${last}"`);
  return { wrong, transcript: transcript.join("\n") };
}
