import { createHmac } from "node:crypto";
import { Agent, request } from "node:http";

/** One answer as a client saw it. */
export interface Sample {
  status: number;
  ms: number;
}

/** Sends a signed message to the generic JSON channel over a kept-alive connection. */
export function postMessage(
  agent: Agent,
  url: string,
  body: string,
  secret: string,
  headers: Record<string, string> = {},
): Promise<Sample> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    const outgoing = request(
      url,
      {
        method: "POST",
        agent,
        headers: {
          "Content-Type": "application/json",
          "Content-Length": Buffer.byteLength(body),
          "X-Signature-256": `sha256=${signature}`,
          ...headers,
        },
      },
      (response) => {
        response.resume();
        response.once("end", () => resolve({ status: response.statusCode ?? 0, ms: performance.now() - started }));
        response.once("error", reject);
      },
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

/** Sends at a constant arrival rate, whatever the answers do. Latency counts from the moment it should have been sent. */
export async function atRate(
  ratePerSecond: number,
  seconds: number,
  send: (index: number) => Promise<Sample>,
): Promise<Sample[]> {
  const total = Math.round(ratePerSecond * seconds);
  const started = performance.now();
  const all: Promise<Sample>[] = [];
  while (all.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * ratePerSecond) + 1);
    while (all.length < due) {
      const index = all.length;
      const late = performance.now() - (started + (index / ratePerSecond) * 1000);
      all.push(send(index).then((sample) => ({ ...sample, ms: sample.ms + late })));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return Promise.all(all);
}

export const keepAlive = (sockets: number) => new Agent({ keepAlive: true, maxSockets: sockets });
