import type { Dialogue } from "./dialogue.ts";
import { plain, readAmenities } from "./reading.ts";

/** Answers about the hotel. What its profile doesn't say isn't made up: the question goes to reception. */

export function amenities(d: Dialogue, text: string): undefined {
  const { amenities } = d.around.hotel.profile;
  if (amenities === undefined) return askReception(d, text);
  const asked = readAmenities(plain(text));
  if (asked.length === 0) d.say("amenities", { amenities });
  for (const amenity of asked) {
    const offered = amenities[amenity];
    if (offered === undefined) d.say("amenity_no", { amenity });
    else d.say("amenity_yes", { amenity, ...offered });
  }
}

export function location(d: Dialogue, text: string): undefined {
  const { name, profile } = d.around.hotel;
  const { address, latitude, longitude, phone } = profile;
  if (address === undefined) return askReception(d, text);
  d.say("location", { address, phone });
  if (latitude !== undefined && longitude !== undefined) d.showPlace({ latitude, longitude, name, address });
}

export function checkTimes(d: Dialogue): undefined {
  const { checkInFrom, checkOutUntil } = d.around.hotel.profile;
  d.say("check_times", { checkInFrom, checkOutUntil });
}

export function policies(d: Dialogue, text: string): undefined {
  const { policies } = d.around.hotel.profile;
  if (policies === undefined) return askReception(d, text);
  d.say("policies", { policies });
}

export function payment(d: Dialogue, text: string): undefined {
  const { payment } = d.around.hotel.profile;
  if (payment === undefined) return askReception(d, text);
  d.say("payment", payment);
}

function askReception(d: Dialogue, text: string): undefined {
  d.ticket({ kind: "question", urgent: false, text });
  d.say("unknown_fact", {});
}
