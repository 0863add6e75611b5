import { z } from "zod";

export const AMENITIES = [
  "wifi",
  "breakfast",
  "parking",
  "pool",
  "gym",
  "spa",
  "restaurant",
  "bar",
  "laundry",
  "air_conditioning",
  "room_service",
  "airport_transfer",
  "accessible",
  "elevator",
  "crib",
] as const;
export type Amenity = (typeof AMENITIES)[number];

const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "expected a time like 15:00");
const money = z.object({
  amount: z.number().nonnegative(),
  currency: z.string().regex(/^[A-Z]{3}$/, "expected a code like USD"),
});

/**
 * What a hotel tells about itself: `hotel` in the settings of a tenant. What isn't given isn't claimed: the agent then
 * passes the question to reception.
 */
export const hotelProfile = z.object({
  address: z.string().min(1).max(300).optional(),
  latitude: z.number().min(-90).max(90).optional(),
  longitude: z.number().min(-180).max(180).optional(),
  phone: z.string().min(3).max(40).optional(),
  emergencyPhone: z.string().min(2).max(40).optional(),
  checkInFrom: clockTime.default("15:00"),
  checkOutUntil: clockTime.default("11:00"),
  lateCheckOut: z.object({ until: clockTime, fee: money }).optional(),
  amenities: z
    .partialRecord(z.enum(AMENITIES), z.object({ free: z.boolean().optional(), hours: z.string().max(40).optional() }))
    .optional(),
  policies: z
    .object({
      freeCancellationHours: z.number().int().min(0).max(8760).optional(),
      pets: z.enum(["no", "small", "yes"]).optional(),
      smoking: z.boolean().optional(),
      childrenFreeUnder: z.number().int().min(0).max(18).optional(),
    })
    .optional(),
  payment: z.object({ methods: z.array(z.enum(["card", "cash", "transfer"])).min(1), invoices: z.boolean() }).optional(),
  maxNights: z.number().int().min(1).max(365).default(30),
  /** How many days ahead rooms are sold. */
  horizonDays: z.number().int().min(1).max(1000).default(540),
});

export type HotelProfile = z.infer<typeof hotelProfile>;

/** The profile of the demo hotel. */
export const DEMO_PROFILE: z.input<typeof hotelProfile> = {
  address: "Rambla República del Perú 815, Montevideo",
  latitude: -34.9145,
  longitude: -56.1502,
  phone: "+598 2710 0000",
  emergencyPhone: "911",
  lateCheckOut: { until: "14:00", fee: { amount: 30, currency: "USD" } },
  amenities: {
    wifi: { free: true },
    breakfast: { free: true, hours: "07:00–10:30" },
    parking: { free: true },
    pool: { free: true, hours: "08:00–20:00" },
    gym: { free: true, hours: "06:00–22:00" },
    restaurant: { hours: "12:00–23:00" },
    laundry: { free: false },
    air_conditioning: { free: true },
    room_service: { free: false, hours: "07:00–23:00" },
    elevator: { free: true },
    crib: { free: true },
  },
  policies: { freeCancellationHours: 48, pets: "small", smoking: false, childrenFreeUnder: 4 },
  payment: { methods: ["card", "cash", "transfer"], invoices: true },
};

interface ReadProfile {
  profile: HotelProfile;
  problems: string[];
}

/** A tenant that changes has new settings, so what was read once of an object stays true. */
const read = { demo: new WeakMap<object, ReadProfile>(), own: new WeakMap<object, ReadProfile>() };

/**
 * @param settings the tenant's settings; never changed afterwards
 * @param demo whether the demo hotel's profile stands where the settings are silent
 * @returns the profile, and what was wrong in the settings; a wrong profile counts as not given
 */
export function readProfile(settings: Record<string, unknown>, demo: boolean): ReadProfile {
  const seen = demo ? read.demo : read.own;
  let one = seen.get(settings);
  if (one === undefined) {
    one = parseProfile(settings, demo);
    seen.set(settings, one);
  }
  return one;
}

function parseProfile(settings: Record<string, unknown>, demo: boolean): ReadProfile {
  const given = settings.hotel ?? {};
  const base = demo ? DEMO_PROFILE : {};
  const isObject = typeof given === "object" && given !== null && !Array.isArray(given);
  const parsed = hotelProfile.safeParse(isObject ? { ...base, ...given } : given);
  if (parsed.success) return { profile: parsed.data, problems: [] };
  const problems = parsed.error.issues.map(
    ({ path, message }) => `settings.hotel${path.length > 0 ? `.${path.join(".")}` : ""}: ${message}`,
  );
  return { profile: hotelProfile.parse(base), problems };
}
