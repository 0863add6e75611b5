// What canary-compare sends to both arms unless it is given another script: a guest's signed message and its answer.
//
// It has no options: the action drives its default function in one scenario an arm, at one constant rate, with BASE_URL of that arm,
// read inside the functions, since a scenario's variables aren't there before. Any script of this shape serves as `script`.
//
//   npm run action -- canary-compare --with baseline-url=http://localhost:8000 --with canary-url=http://localhost:8001
//
// Variables: BASE_URL, MESSAGES_SECRET (the service's development default), CANARY_SEED (1).
import { check } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { guestMessage, replyTexts, signedRequest } from "./lib/message.js";

export function setup() {
  return { run: Date.now().toString(36) };
}

export default function canary({ run }) {
  const index = exec.scenario.iterationInTest;
  const secret = __ENV.MESSAGES_SECRET || "development-messages-secret";
  // Both arms get the same messages in the same order: their number within the scenario chooses them, the scenario keeps them apart.
  const { message, expected } = guestMessage({
    seed: Number(__ENV.CANARY_SEED || 1),
    index,
    run: `${exec.scenario.name}-${run}`,
  });
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
