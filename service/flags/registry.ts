/** What a flag's value can be. */
export type FlagValue = boolean | string | number | { readonly [name: string]: unknown };
export type FlagType = "boolean" | "string" | "number" | "object";

/** A flag works only while each of these flags has this value. */
export interface Prerequisite {
  readonly flag: string;
  readonly value: FlagValue;
}

/** A flag as code declares it: a flagd flag definition with its type, its owner and what it is for. */
export interface DeclaredFlag {
  readonly type: FlagType;
  readonly state?: "ENABLED" | "DISABLED";
  readonly variants: Readonly<Record<string, FlagValue>>;
  /** The variant that holds when nobody said otherwise. Absent: flagd's "no default variant", the caller's default holds. */
  readonly defaultVariant?: string;
  /** What a killed flag, or one whose prerequisite fails, gives. */
  readonly offVariant: string;
  /** JsonLogic, as flagd reads it. */
  readonly targeting?: Readonly<Record<string, unknown>>;
  readonly prerequisites: readonly Prerequisite[];
  readonly owner: string;
  /** One sentence: what is different when the flag is on. */
  readonly description: string;
}

export type Registry = Readonly<Record<string, DeclaredFlag>>;

/** Rules that several definitions use by `{"$ref": "name"}`, as flagd's `$evaluators`. */
export type Evaluators = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

interface BooleanFlag extends DeclaredFlag {
  readonly type: "boolean";
}

function booleanFlag(
  value: boolean,
  about: { owner: string; description: string; prerequisites?: readonly Prerequisite[] },
): BooleanFlag {
  return {
    type: "boolean",
    variants: { on: true, off: false },
    defaultVariant: value ? "on" : "off",
    offVariant: "off",
    prerequisites: about.prerequisites ?? [],
    owner: about.owner,
    description: about.description,
  };
}

/** Every flag of the service. Code can read no other one (a type error), and each is read somewhere (a test). */
export const FLAGS = {
  "nlp.fallback.enhanced": booleanFlag(true, {
    owner: "conversation",
    description:
      "A message that isn't understood is answered with the likeliest intents to choose from, not with a plain apology.",
  }),
  "nlp.shadow.enabled": booleanFlag(false, {
    owner: "nlp",
    description: "A candidate model judges messages beside the one in use; its answers are counted and never sent.",
  }),
  "tenancy.dynamic.enabled": booleanFlag(true, {
    owner: "tenancy",
    description:
      "Hotels are found by the number written to and by their patterns; off: every message belongs to the hotel that its sender was allowed to name, or to `default`.",
  }),
  "features.interactive_messages": booleanFlag(true, {
    owner: "channels",
    description: "Replies carry buttons and lists; off: the same choices as numbered text.",
  }),
  "conversation.delay.enabled": booleanFlag(false, {
    owner: "conversation",
    description: "A reply carries how long a person would type it, for channels that wait so long before they show it.",
  }),
  "reservation.enabled": booleanFlag(true, {
    owner: "reservations",
    description: "Guests can book, change and cancel by message; off: the agent answers questions and hands these to reception.",
  }),
  "canary.enabled": booleanFlag(true, {
    owner: "release",
    description:
      "Answers say which release gave them, so that a canary can be judged; off: comparisons find no arm and hold, and rehearsed faults stop.",
  }),
} as const satisfies Registry;

export type FlagKey = keyof typeof FLAGS;
