import { parseArgs } from "node:util";
import { hotelSecret } from "../http/hotel-secret.ts";
import { tenantIdSchema } from "./tenant.ts";

/**
 * `npm run hotel-key -- --for messages --tenant ID [--number 1]`: prints the key that a hotel signs with, made of MESSAGES_SECRET, or
 * with `--for pms` of PMS_WEBHOOK_SECRET.
 */
const { values } = parseArgs({
  options: { for: { type: "string" }, tenant: { type: "string" }, number: { type: "string", default: "1" } },
});
const variable = { messages: "MESSAGES_SECRET", pms: "PMS_WEBHOOK_SECRET" }[values.for ?? ""];
const secret = variable === undefined ? undefined : process.env[variable];
const number = Number(values.number);
const problems = [
  ...(variable === undefined ? [`--for: expected messages or pms, got "${values.for ?? ""}".`] : []),
  ...(tenantIdSchema.safeParse(values.tenant).success ? [] : [`--tenant: expected a hotel's id, got "${values.tenant ?? ""}".`]),
  ...(Number.isSafeInteger(number) && number > 0 ? [] : [`--number: expected a whole number from 1 on, got "${values.number}".`]),
  ...(variable !== undefined && !secret ? [`${variable}: missing. The key is made of it.`] : []),
];
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exitCode = 1;
} else {
  console.log(hotelSecret(secret!, values.for as "messages" | "pms", values.tenant!, number));
}
