import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { shadow } from "./shadow.ts";
import type { Understander } from "./understand.ts";

export interface RolloutOptions {
  primary: Understander;
  /** The model that is to take over one day. */
  candidate: Understander;
  /** The flag `nlp.shadow.enabled`, asked at each message. */
  isEnabled: () => boolean;
  metrics: Metrics;
  logger: Logger;
}

/**
 * Lets a candidate model judge the messages that the primary answers. Its answers are counted, by agreement and by the bands
 * that it is above or below, and never sent; when it fails, the guest notices nothing. Hotels with examples of their own are
 * left out: those belong to the primary's features.
 *
 * @returns `understand`, with the primary's answers
 */
export function inShadow({ primary, candidate, isEnabled, metrics, logger }: RolloutOptions): Understander["understand"] {
  return (text, context) => {
    const answer = primary.understand(text, context);
    if (context.tenantModel !== undefined || !isEnabled()) return answer;
    try {
      const { agree, sameAction, bandShift } = shadow(answer, candidate.understand(text, context));
      const agreement = agree ? "same" : sameAction ? "harmless" : "different";
      metrics.nlpShadow.inc({ agreement, band_shift: String(bandShift) });
    } catch (error) {
      metrics.nlpShadow.inc({ agreement: "failed", band_shift: "0" });
      logger.warn({ err: error }, "the candidate model failed on a message");
    }
    return answer;
  };
}
