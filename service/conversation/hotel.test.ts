import { expect, test } from "vitest";
import { DEMO_PROFILE, profileProblems, readProfile } from "./hotel.ts";

test("every mistake of a profile is named at once, with its value and what is allowed", () => {
  const hotel = {
    addres: "Rambla 815",
    checkInFrom: "3pm",
    amenities: { jacuzzi: {}, pool: { free: "yes", open: true } },
    policies: { pets: false, cancellationFee: "half" },
    payment: { methods: ["card", "shells"], invoices: true },
    lateCheckOut: { until: "14:00", fee: { amount: -1, currency: "usd" } },
  };
  const problems = Object.fromEntries(profileProblems({ hotel }).map(({ field, message }) => [field, message]));
  expect(Object.keys(problems).toSorted()).toEqual(
    [
      "settings.hotel.addres",
      "settings.hotel.checkInFrom",
      "settings.hotel.amenities.jacuzzi",
      "settings.hotel.amenities.pool.free",
      "settings.hotel.amenities.pool.open",
      "settings.hotel.policies.pets",
      "settings.hotel.policies.cancellationFee",
      "settings.hotel.payment.methods.1",
      "settings.hotel.lateCheckOut.fee.amount",
      "settings.hotel.lateCheckOut.fee.currency",
    ].toSorted(),
  );
  expect(problems["settings.hotel.addres"]).toContain("address");
  expect(problems["settings.hotel.amenities.jacuzzi"]).toContain("pool");
  expect(problems["settings.hotel.policies.pets"]).toMatch(/"no"\|"small"\|"yes".*got false/);
  expect(problems["settings.hotel.policies.cancellationFee"]).toMatch(/first_night.*got "half"/);
  expect(profileProblems({ hotel: [] })).toMatchObject([{ field: "settings.hotel" }]);
  expect(profileProblems({ hotel: DEMO_PROFILE })).toEqual([]);
  expect(profileProblems({})).toEqual([]);
});

test("of a profile that was stored with mistakes all that is right is used", () => {
  const { profile, problems } = readProfile(
    { hotel: { address: "Calle 1", policies: { pets: false }, checkInFrom: "14:00" } },
    false,
  );
  expect(profile).toMatchObject({ address: "Calle 1", checkInFrom: "14:00" });
  expect(profile.policies).toBeUndefined();
  expect(problems).toHaveLength(1);
});
