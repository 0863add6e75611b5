// The guest agent's journey for canary-compare: a guest's signed message and its answer.
//
// It has no options: the action drives its default function at a constant rate, in a k6 of its own for each arm.
//
//   npm run action -- canary-compare --with script=k6/canary.js --with baseline-url=http://localhost:8000 --with canary-url=http://localhost:8001
//
// Variables: BASE_URL, MESSAGES_SECRET (the service's development default), CANARY_SEED (1).
import { check } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { guestMessage, replyTexts, signedRequest } from "./lib/message.js";

export function setup() {
  // Arms may share a database: guests of one must not be those of the other.
  return { run: `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}` };
}

export default function canary({ run }) {
  const index = exec.scenario.iterationInTest;
  const secret = __ENV.MESSAGES_SECRET || "development-messages-secret";
  // Both arms get the same messages in the same order: their number chooses them.
  const { message, expected } = guestMessage({ seed: Number(__ENV.CANARY_SEED || 1), index, run });
  const { body, headers } = signedRequest(message, secret, { Prefer: "wait=5" });
  const response = http.post(`${__ENV.BASE_URL.replace(/\/+$/, "")}/webhooks/messages`, body, {
    headers,
    tags: { name: "POST /webhooks/messages" },
    timeout: "10s",
  });
  const answered = check(response, { "the message is answered with 200": ({ status }) => status === 200 });
  if (answered) {
    check(replyTexts(response), {
      "the reply has words": (all) => all.some((text) => text !== ""),
      "the reply fits the question": (all) => all.some((text) => expected.test(text)),
    });
  }
}
