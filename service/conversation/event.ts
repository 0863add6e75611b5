import type { IncomingMessage } from "../mail/message.ts";
import type { Band } from "../vocabulary.ts";
import type { Event, Understood } from "./orchestrator/contract.ts";
import { plain } from "./orchestrator/reading.ts";
import { isButton } from "./replies/catalogue.ts";
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
export function reportedAs(event: Event): { intent: string; confidence: number; band: Band } {
  if (event.type === "message") {
    const { intent, confidence, band } = event.understood;
    return { intent, confidence, band };
  }
  if (event.type === "choice") return { intent: intentOf(event.id), confidence: 1, band: "high" };
  return { intent: "out_of_scope", confidence: 0, band: "low" };
}

function intentOf(id: string): string {
  const [kind, value] = id.split(":", 2) as [string, string?];
  switch (kind) {
    case "intent":
      return value ?? "affirm";
    case "room":
    case "book":
    case "guests":
    case "nights":
      return "make_reservation";
    case "other_dates":
    case "other_rooms":
    case "other_guests":
    case "retry":
    case "my_booking":
      return "check_availability";
    case "change":
    case "change_yes":
      return "modify_reservation";
    case "cancel_yes":
      return "cancel_reservation";
    case "time":
      return "late_checkout";
    case "reception":
      return "human_agent";
    case "abort":
    case "no":
    case "cancel_no":
    case "change_no":
      return "deny";
    default:
      return "affirm";
  }
}
