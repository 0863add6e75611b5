import { expect, test } from "vitest";
import type { Conversation, IncomingMessage, Turn } from "../mail/message.ts";
import { quietWhilePaused } from "./paused.ts";

const conversation: Conversation = {
  tenantId: "sur",
  id: "1",
  channel: "whatsapp",
  userId: "5491122223333",
  language: undefined,
  state: { kept: true },
  handedOver: false,
};
const message: IncomingMessage = { channel: "whatsapp", messageId: "m1", userId: "5491122223333", kind: "text", text: "hola" };
const answered = { replies: [{ text: "¡Hola!" }] } as Turn;

test("a paused hotel's guest gets no answer and waits for a person; an active one's is answered", async () => {
  let active = false;
  const handle = quietWhilePaused(async () => answered, { get: async () => ({ active, languages: ["pt"] }) });
  const input = { conversation, message, receivedAt: new Date(), now: new Date() };
  expect(await handle(input)).toMatchObject({ replies: [], handedOver: true, state: { kept: true }, language: "pt" });
  active = true;
  expect(await handle(input)).toBe(answered);
});
