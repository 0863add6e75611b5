import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signatureOf } from "../service/http/signature.ts";
import { until } from "./servers.ts";
import { type RunningService, spawnService } from "./service.ts";

const SECRET = "the-secret-of-the-mail-hook";
const mails: Email[] = [];
let smtp: SMTPServer;
let service: RunningService;

beforeAll(async () => {
  smtp = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    authOptional: true,
    onData: (stream, _session, done) => {
      buffer(stream)
        .then((raw) => PostalMime.parse(raw))
        .then((mail) => {
          mails.push(mail);
          done();
        }, done);
    },
  });
  await new Promise<void>((resolve) => smtp.listen(0, "127.0.0.1", resolve));
  service = await spawnService({
    EMAIL_SECRET: SECRET,
    SMTP_URL: `smtp://127.0.0.1:${(smtp.server.address() as AddressInfo).port}`,
  });
});
afterAll(async () => {
  await service?.stop();
  await new Promise<void>((resolve) => smtp.close(() => resolve()));
});

const post = (mail: Record<string, unknown>) => {
  const raw = JSON.stringify({ from: "Ana <ana@example.com>", to: "reservas@rambla.example", ...mail });
  return fetch(`${service.url}/webhooks/email`, {
    method: "POST",
    body: raw,
    headers: { "content-type": "application/json", "x-signature-256": signatureOf(raw, SECRET) },
  });
};

test("a guest asks by mail and answers in the thread; two programs never answer each other", async () => {
  expect((await post({ message_id: "<a1@example.com>", subject: "Consulta", text: "Hola, ¿aceptan mascotas?" })).status).toBe(
    202,
  );
  await until(async () => expect(mails).toHaveLength(1));
  expect(mails[0]).toMatchObject({
    from: { address: "reservas@rambla.example" },
    to: [{ address: "ana@example.com" }],
    subject: "Re: Consulta",
    inReplyTo: "<a1@example.com>",
    text: expect.stringMatching(/mascota/i),
  });

  // What our own reply looks like when another program sends it back.
  const echo = {
    message_id: "<a2@example.com>",
    subject: mails[0]!.subject,
    text: mails[0]!.text,
    headers: { "Auto-Submitted": "auto-replied" },
  };
  expect(await (await post(echo)).json()).toEqual({ status: "ignored", reason: "auto-submitted" });

  const quoted = (mails[0]!.text ?? "").split("\n").map((line) => `> ${line}`);
  const answer = [
    "¿y a qué hora es el check-in?",
    "",
    "El mar, 10 mar 2026 a las 9:41, Hotel <reservas@rambla.example> escribió:",
    ...quoted,
  ].join("\n");
  await post({
    message_id: "<a3@example.com>",
    subject: "Re: Consulta",
    text: answer,
    headers: { "In-Reply-To": mails[0]!.messageId, References: `<a1@example.com> ${mails[0]!.messageId}` },
  });
  await until(async () => expect(mails).toHaveLength(2));
  expect(mails[1]).toMatchObject({
    subject: "Re: Consulta",
    inReplyTo: "<a3@example.com>",
    text: expect.stringMatching(/15:00/),
  });
  expect(mails[1]!.references).toContain("<a1@example.com>");
});
