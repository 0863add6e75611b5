import type { Dialogue } from "./dialogue.ts";
import { plain, readAmenities } from "./reading.ts";

/** Answers about the hotel. What its profile doesn't say isn't made up: the question goes to reception. */
export const INFORMATION = {
  ask_amenities: (d, text) => {
    const { amenities } = d.around.hotel.profile;
    if (amenities === undefined) return askReception(d, text);
    const asked = readAmenities(plain(text));
    if (asked.length === 0) d.say("amenities", { amenities });
    for (const amenity of asked) {
      const offered = amenities[amenity];
      if (offered === undefined) d.say("amenity_no", { amenity });
      else d.say("amenity_yes", { amenity, ...offered });
    }
  },
  ask_location: (d, text) => {
    const { name, profile } = d.around.hotel;
    const { address, latitude, longitude, phone } = profile;
    if (address === undefined) return askReception(d, text);
    d.say("location", { address, phone });
    if (latitude !== undefined && longitude !== undefined) d.showPlace({ latitude, longitude, name, address });
  },
  check_in_out_info: (d) => {
    const { checkInFrom, checkOutUntil } = d.around.hotel.profile;
    d.say("check_times", { checkInFrom, checkOutUntil });
  },
  ask_policies: (d, text) => {
    const { policies } = d.around.hotel.profile;
    if (policies === undefined) return askReception(d, text);
    d.say("policies", { policies });
  },
  payment_invoice: (d, text) => {
    const { payment } = d.around.hotel.profile;
    if (payment === undefined) return askReception(d, text);
    d.say("payment", payment);
  },
} as const satisfies Record<string, (d: Dialogue, text: string) => undefined>;

export type InformationIntent = keyof typeof INFORMATION;

export function isInformation(intent: string): intent is InformationIntent {
  return Object.hasOwn(INFORMATION, intent);
}

function askReception(d: Dialogue, text: string): undefined {
  d.ticket({ kind: "question", urgent: false, text });
  d.say("unknown_fact", {});
}
