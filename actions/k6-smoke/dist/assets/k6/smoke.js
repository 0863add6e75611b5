// The journey that matters: the service is ready, a guest's signed message comes in, the guest gets an answer that fits: guests ask,
// book, confirm and cancel, in three languages.
//
//   k6 run --include-system-env-vars=false -e BASE_URL=http://localhost:8000 -e K6_RPS=50 -e K6_DURATION=60s k6/smoke.js
//
// Variables: BASE_URL (http://localhost:8000), K6_RPS (50), K6_DURATION (60s), MESSAGES_SECRET (the service's
// development default), SMOKE_SEED (1). Without --include-system-env-vars=false k6 takes K6_RPS and K6_DURATION for
// options of its own and puts the scenario below aside: one virtual user then keeps at most that rate.
import { check, fail } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { guestMessage, replyTexts, signedRequest } from "./lib/message.js";

const rate = Number(__ENV.K6_RPS || 50);

export const options = {
  scenarios: {
    smoke: {
      executor: "constant-arrival-rate",
      rate: Math.max(1, Math.round(rate * 10)),
      timeUnit: "10s",
      duration: __ENV.K6_DURATION || "60s",
      preAllocatedVUs: Math.max(10, Math.ceil(rate)),
      // Enough for answers of five seconds: the time that the service is asked to answer in.
      maxVUs: Math.max(20, Math.ceil(rate * 6)),
    },
  },
  thresholds: {
    // An answer without words is no answer, though it came with 200.
    "checks{check:the reply has words}": ["rate>0.99"],
    // Not all of them: the room that a guest wants can be gone.
    "checks{check:the reply fits the question}": ["rate>0.9"],
  },
};

function baseUrl() {
  return (__ENV.BASE_URL || "http://localhost:8000").replace(/\/+$/, "");
}

export function setup() {
  if (!exec.test.options.scenarios.smoke) {
    console.warn("The arrival rate isn't constant: k6 took K6_DURATION for its own option. Add --include-system-env-vars=false.");
  }
  const response = http.get(`${baseUrl()}/health/ready`, { tags: { name: "GET /health/ready" }, timeout: "10s" });
  if (response.status !== 200) {
    fail(
      `${baseUrl()}/health/ready answered ${response.status || response.error}, expected 200. Start the service, or mend what its answer names.`,
    );
  }
  return { run: Date.now().toString(36) };
}

export default function smoke({ run }) {
  const index = exec.scenario.iterationInTest;
  const secret = __ENV.MESSAGES_SECRET || "development-messages-secret";
  const { message, expected } = guestMessage({ seed: Number(__ENV.SMOKE_SEED || 1), index, run });
  const { body, headers } = signedRequest(message, secret, { Prefer: "wait=5" });
  const response = http.post(`${baseUrl()}/webhooks/messages`, body, {
    headers,
    tags: { name: "POST /webhooks/messages" },
    timeout: "10s",
  });
  const answered = check(response, { "the message is answered with 200": ({ status }) => status === 200 });
  if (answered) {
    const texts = replyTexts(response);
    check(texts, {
      "the reply has words": (all) => all.length > 0 && all.every((text) => text !== ""),
      "the reply fits the question": (all) => all.some((text) => expected.test(text)),
    });
  }
}
