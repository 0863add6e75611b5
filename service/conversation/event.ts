import type { IncomingMessage } from "../mail/message.ts";
import { type Band, type Intent, isIntent } from "../vocabulary.ts";
import type { Event, Understood } from "./orchestrator/contract.ts";
import { plain } from "./orchestrator/reading.ts";
import { isButton } from "./replies/catalogue.ts";
import type { ButtonKind } from "./replies/phrases.ts";
import type { Session } from "./session.ts";

/** Questions whose answers are numbers: there "2" isn't the second button. */
const NUMERIC = new Set(["dates", "nights", "guests", "late_time", "room_number"]);

/**
 * @param understand called only for words that aren't a button
 * @returns the button that a message presses, by id, title or number; else its words, or that it has none
 */
export function eventOf(
  message: Pick<IncomingMessage, "kind" | "text" | "buttonId">,
  session: Pick<Session, "choices" | "awaiting">,
  understand: (text: string) => Understood,
): Event {
  const { kind, text, buttonId } = message;
  if (buttonId !== undefined && isButton(buttonId)) return { type: "choice", id: buttonId };
  const written = text.trim();
  if (written === "" && kind !== "text" && kind !== "button" && kind !== "list") return { type: "media", kind };
  const pressed = pressedBy(written, session);
  if (pressed !== undefined) return { type: "choice", id: pressed };
  return { type: "message", understood: understand(text) };
}

function pressedBy(written: string, { choices, awaiting }: Pick<Session, "choices" | "awaiting">): string | undefined {
  const words = plain(written);
  if (words === "") return undefined;
  const found = choices.find(({ id, title }) => id === written || plain(title) === words);
  if (found !== undefined) return found.id;
  const number = /^(?:opci[oó]n |option |opção )?\(?(\d)\)?\.?$/iu.exec(written)?.[1];
  if (number === undefined || (awaiting !== undefined && NUMERIC.has(awaiting))) return undefined;
  return choices[Number(number) - 1]?.id;
}

/** How an event is written into the history and answered to the caller: a button is sure, and so is what it means. */
export function reportedAs(event: Event): { intent: Intent; confidence: number; band: Band } {
  if (event.type === "message") {
    const { intent, confidence, band } = event.understood;
    return { intent, confidence, band };
  }
  if (event.type === "choice") return { intent: intentOf(event.id), confidence: 1, band: "high" };
  return { intent: "out_of_scope", confidence: 0, band: "low" };
}

/** What pressing a button means. */
const BUTTON_INTENTS: Record<Exclude<ButtonKind, "intent">, Intent> = {
  room: "make_reservation",
  book: "make_reservation",
  guests: "make_reservation",
  nights: "make_reservation",
  other_dates: "check_availability",
  other_rooms: "check_availability",
  other_guests: "check_availability",
  retry: "check_availability",
  my_booking: "check_availability",
  change: "modify_reservation",
  change_yes: "modify_reservation",
  cancel_yes: "cancel_reservation",
  time: "late_checkout",
  reception: "human_agent",
  abort: "deny",
  no: "deny",
  cancel_no: "deny",
  change_no: "deny",
  confirm: "affirm",
  yes: "affirm",
  which: "affirm",
  assistant: "affirm",
};

function intentOf(id: string): Intent {
  const [kind, value] = id.split(":", 2) as [ButtonKind, string?];
  if (kind !== "intent") return BUTTON_INTENTS[kind];
  return value !== undefined && isIntent(value) ? value : "affirm";
}
