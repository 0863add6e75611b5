// Load for kill.test.ts: writes the id of every message that was answered with 2xx, and of every reply that came with it.
import exec from "k6/execution";
import http from "k6/http";
import { signedRequest } from "../k6/lib/message.js";

export const options = {
  scenarios: {
    load: {
      executor: "constant-arrival-rate",
      rate: Number(__ENV.RATE),
      duration: __ENV.DURATION,
      preAllocatedVUs: 60,
      maxVUs: 300,
    },
  },
};

export default function load() {
  const index = exec.scenario.iterationInTest;
  const id = `kill-${index}`;
  const message = { message_id: id, user_id: `guest-${index % 40}`, text: "hola" };
  const { body, headers } = signedRequest(message, "development-messages-secret", index % 2 === 0 ? { Prefer: "wait=5" } : {});
  const response = http.post(`${__ENV.BASE_URL}/webhooks/messages`, body, { headers, timeout: "8s" });
  if (response.status >= 200 && response.status < 300) console.log(`accepted ${id}`);
}
