import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signatureOf } from "../service/http/signature.ts";
import { until } from "./servers.ts";
import { callAdmin, type RunningService, spawnService } from "./service.ts";

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
    EMAIL_AUTHSERV_ID: "mx.rambla.example",
    SMTP_URL: `smtp://127.0.0.1:${(smtp.server.address() as AddressInfo).port}`,
  });
  const set = await callAdmin(service.url, "PATCH", "/admin/tenants/default", { email_address: "Reservas@rambla.example" });
  expect(set.status).toBe(200);
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

test("who doesn't prove to be the guest changes no booking: a code or a trusted server's verdict does", async () => {
  const guest = "berta@example.com";
  const say = async (id: string, text: string, headers: Record<string, string> = {}) => {
    const before = mails.length;
    const answer = await post({
      message_id: `<${id}@x>`,
      from: guest,
      subject: "",
      text,
      headers: { "In-Reply-To": "<x@y>", ...headers },
    });
    expect(answer.status).toBe(202);
    await until(async () => expect(mails).toHaveLength(before + 1));
    return mails.at(-1)!.text ?? "";
  };
  const bookings = async () =>
    (await (await callAdmin(service.url, "GET", `/admin/reservations?user_id=${guest}`)).json()) as {
      code: string;
      status: string;
    }[];
  await say("b1", "Quiero reservar una doble del 12 al 15 de abril para 2 personas, a nombre de Berta Ruiz");
  await say("b2", "sí, confirmo");
  const [{ code, status }] = (await bookings()) as [{ code: string; status: string }];
  expect(status).toBe("confirmed");

  // Anybody can write in her name; what comes back says the code to her alone.
  const forged = { "Authentication-Results": "mx.rambla.example; dmarc=fail header.from=example.com" };
  expect(await say("b3", "quiero cancelar mi reserva", forged)).toContain(code);
  expect(await say("b4", "sí, cancelar", forged)).toMatch(/código/);
  expect(await say("b5", "sí", forged)).toMatch(/código/);
  expect(await say("b6", "GH-222222", forged)).toMatch(/código/);
  expect(await say("b6a", "sí", { "Authentication-Results": "mx.evil.example; dmarc=pass header.from=example.com" })).toMatch(
    /código/,
  );
  expect(await bookings()).toMatchObject([{ code, status: "confirmed" }]);

  const answered = `${code}\n\nEl mar, 10 mar 2026 a las 12:00, Hotel <reservas@rambla.example> escribió:\n> ¿me lo escribes?`;
  expect(await say("b7", answered)).toContain(code);
  expect(await bookings()).toMatchObject([{ code, status: "cancelled" }]);
});

test("a proven sender needs no code, and a code that only stands in the quoted mail is no proof", async () => {
  const guest = "carla@example.com";
  const proof = { "Authentication-Results": "mx.rambla.example; dmarc=pass header.from=example.com" };
  const say = async (id: string, text: string, headers: Record<string, string> = {}) => {
    const before = mails.length;
    await post({ message_id: `<${id}@x>`, from: guest, subject: "", text, headers: { "In-Reply-To": "<x@y>", ...headers } });
    await until(async () => expect(mails).toHaveLength(before + 1));
    return mails.at(-1)!.text ?? "";
  };
  const bookings = async () =>
    (await (await callAdmin(service.url, "GET", `/admin/reservations?user_id=${guest}`)).json()) as {
      code: string;
      status: string;
    }[];
  await say("c1", "Quiero reservar una doble del 12 al 15 de mayo para 2 personas, a nombre de Carla Ruiz");
  await say("c2", "sí, confirmo");
  const { code } = (await bookings())[0]!;
  await say("c3", "quiero cancelar mi reserva");
  expect(
    await say("c4", `sí, cancelar\n\nEl mar, 10 mar 2026 a las 12:00, Hotel <reservas@rambla.example> escribió:\n> ${code}`),
  ).toMatch(/código/);
  expect(await bookings()).toMatchObject([{ status: "confirmed" }]);
  await say("c5", "sí, cancelar", proof);
  expect(await bookings()).toMatchObject([{ code, status: "cancelled" }]);
});
