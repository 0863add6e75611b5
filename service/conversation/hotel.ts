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
const money = z.strictObject({
  amount: z.number().nonnegative(),
  currency: z.string().regex(/^[A-Z]{3}$/, "expected a code like USD"),
});

/**
 * What a hotel tells about itself: `hotel` in the settings of a tenant. What isn't given isn't claimed: the agent then
 * passes the question to reception.
 */
export const hotelProfile = z.strictObject({
  address: z.string().min(1).max(300).optional(),
  latitude: z.number().min(-90).max(90).optional(),
  longitude: z.number().min(-180).max(180).optional(),
  phone: z.string().min(3).max(40).optional(),
  emergencyPhone: z.string().min(2).max(40).optional(),
  checkInFrom: clockTime.optional(),
  checkOutUntil: clockTime.optional(),
  /** Luggage is kept before check-in and after check-out. */
  luggage: z.boolean().optional(),
  lateCheckOut: z.strictObject({ until: clockTime, fee: money }).optional(),
  amenities: z
    .partialRecord(z.enum(AMENITIES), z.strictObject({ free: z.boolean().optional(), hours: z.string().max(40).optional() }))
    .optional(),
  policies: z
    .strictObject({
      /** Hours before arrival until which cancelling costs nothing. */
      freeCancellationHours: z.number().int().min(0).max(8760).optional(),
      /** What cancelling costs afterwards. */
      cancellationFee: z.union([z.enum(["first_night", "full"]), money]).optional(),
      pets: z.enum(["no", "small", "yes"]).optional(),
      smoking: z.boolean().optional(),
      childrenFreeUnder: z.number().int().min(0).max(18).optional(),
    })
    .optional(),
  payment: z.strictObject({ methods: z.array(z.enum(["card", "cash", "transfer"])).min(1), invoices: z.boolean() }).optional(),
  maxNights: z.number().int().min(1).max(365).default(30),
  /** How many days ahead rooms are sold. */
  horizonDays: z.number().int().min(1).max(1000).default(540),
});

export type HotelProfile = z.infer<typeof hotelProfile>;
export type CancellationFee = NonNullable<NonNullable<HotelProfile["policies"]>["cancellationFee"]>;

/** The profile of the demo hotel. */
export const DEMO_PROFILE: z.input<typeof hotelProfile> = {
  address: "Rambla República del Perú 815, Montevideo",
  latitude: -34.9145,
  longitude: -56.1502,
  phone: "+598 2710 0000",
  emergencyPhone: "911",
  checkInFrom: "15:00",
  checkOutUntil: "11:00",
  luggage: true,
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
  policies: { freeCancellationHours: 48, cancellationFee: "first_night", pets: "small", smoking: false, childrenFreeUnder: 4 },
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
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return { profile: hotelProfile.parse(base), problems: [`settings.hotel: expected an object; got ${JSON.stringify(given)}`] };
  }
  const problems = profileProblems(settings).map(({ field, message }) => `${field}: ${message}`);
  // A row that was written before a rule, or by hand: what is wrong is left out, the rest of the profile stands.
  const usable: Record<string, unknown> = { ...base, ...given };
  for (const { field } of profileProblems(settings)) delete usable[field.split(".")[2] ?? ""];
  return { profile: hotelProfile.parse(usable), problems };
}

/**
 * What is wrong with the profile in a tenant's settings, all of it at once, each with what is allowed.
 *
 * @param settings of a tenant; its `hotel` is looked at
 * @returns nothing when there is no profile
 */
export function profileProblems(settings: Record<string, unknown>): { field: string; message: string }[] {
  if (settings.hotel === undefined) return [];
  const parsed = hotelProfile.safeParse(settings.hotel);
  if (parsed.success) return [];
  return parsed.error.issues.flatMap((issue) => {
    const field = ["settings", "hotel", ...issue.path].join(".");
    if (issue.code === "unrecognized_keys") {
      const known = knownKeys(issue.path);
      return issue.keys.map((key) => ({
        field: `${field}.${key}`,
        message: `isn't a field here. There are: ${known.join(", ")}.`,
      }));
    }
    if (issue.code === "invalid_key") {
      return [{ field, message: `isn't one that the agent knows. There are: ${AMENITIES.join(", ")}.` }];
    }
    const value = issue.path.reduce<unknown>(
      (inside, key) => (inside as Record<PropertyKey, unknown> | undefined)?.[key],
      settings.hotel,
    );
    const allowed =
      issue.code === "invalid_union" ? 'expected "first_night", "full" or {"amount": 50, "currency": "USD"}' : issue.message;
    return [
      {
        field,
        message: value === undefined ? "is missing" : `${allowed}; got ${(JSON.stringify(value) ?? "nothing").slice(0, 80)}`,
      },
    ];
  });
}

function knownKeys(path: readonly PropertyKey[]): string[] {
  const [first] = path;
  const { shape } = hotelProfile;
  if (first === undefined) return Object.keys(shape);
  if (first === "policies") return Object.keys(shape.policies.unwrap().shape);
  if (first === "payment") return Object.keys(shape.payment.unwrap().shape);
  if (first === "amenities") return path.length > 1 ? ["free", "hours"] : [...AMENITIES];
  return path.length > 1 ? ["amount", "currency"] : Object.keys(shape.lateCheckOut.unwrap().shape);
}
