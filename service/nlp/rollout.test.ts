import { pino } from "pino";
import { beforeAll, describe, expect, test } from "vitest";
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import { inShadow } from "./rollout.ts";
import { openUnderstander, type Understander } from "./understand.ts";

const context = { now: new Date("2026-03-10T12:00:00Z"), timeZone: "America/Montevideo", tenantLanguage: "es" };
const logger = pino({ level: "silent" });

describe("a candidate in shadow", () => {
  let primary: Understander;
  let metrics: Metrics;
  const counted = async () =>
    (await metrics.nlpShadow.get()).values.map(({ labels, value }) => [labels.agreement, labels.band_shift, value]);
  beforeAll(async () => {
    primary = await openUnderstander();
  });

  test("is counted, and the primary's answer is given", async () => {
    metrics = createMetrics({ collectDefaults: false });
    const other: Understander = {
      ...primary,
      understand: (text, given) => ({ ...primary.understand(text, given), intent: "greeting", confidence: 0.5, band: "medium" }),
    };
    const understand = inShadow({ primary, candidate: other, isEnabled: () => true, metrics, logger });
    expect(understand("quiero cancelar mi reserva", context)).toEqual(primary.understand("quiero cancelar mi reserva", context));
    expect(await counted()).toEqual([["different", "-1", 1]]);
    inShadow({ primary, candidate: primary, isEnabled: () => true, metrics, logger })("hola", context);
    expect(await counted()).toContainEqual(["same", "0", 1]);
  });

  test("that fails is counted, and the guest is answered", async () => {
    metrics = createMetrics({ collectDefaults: false });
    const broken: Understander = {
      ...primary,
      understand: () => {
        throw new Error("broken");
      },
    };
    expect(inShadow({ primary, candidate: broken, isEnabled: () => true, metrics, logger })("hola", context).intent).toBe(
      "greeting",
    );
    expect(await counted()).toEqual([["failed", "0", 1]]);
  });

  test("rests while its flag is off", async () => {
    metrics = createMetrics({ collectDefaults: false });
    inShadow({ primary, candidate: primary, isEnabled: () => false, metrics, logger })("hola", context);
    expect(await counted()).toEqual([]);
  });
});
