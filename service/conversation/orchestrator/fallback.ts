import type { Intent } from "../../vocabulary.ts";
import type { Said, Wish } from "./contract.ts";
import type { Dialogue } from "./dialogue.ts";
import { toPerson } from "./reception.ts";

const MENU = ["intent:check_availability", "my_booking", "reception"];

/**
 * The agent didn't understand. The adaptive way goes down three rungs: say it differently, choose from a menu, a person;
 * never in the same words twice in a row. The plain way only says so, and ends with a person as well.
 *
 * @param remind adds what was asked before, when a question is open
 */
export function notUnderstood(d: Dialogue, text: string, remind: () => boolean): undefined {
  const { session, around } = d;
  d.fellBack = true;
  session.misunderstood += 1;
  const rung = session.misunderstood;
  const variant = variantOf(d, text);
  if (rung >= 3) {
    session.misunderstood = 0;
    d.say("fallback_person", {});
    toPerson(d, text);
    return;
  }
  if (!around.flags.enhancedFallback) {
    d.say("fallback_plain", { variant: rung - 1 });
    remind();
    return;
  }
  if (rung === 2) {
    d.say("fallback_menu", { variant }, MENU);
    return;
  }
  if (session.awaiting !== undefined) {
    d.say("say_again", {});
    if (remind()) return;
  }
  d.say("rephrase", { variant }, []);
}

/** Understood, and nothing that a hotel's agent can do. */
export function outOfScope(d: Dialogue, text: string, remind: () => boolean): undefined {
  const { session } = d;
  session.misunderstood += 1;
  if (session.misunderstood >= 3) {
    session.misunderstood = 0;
    toPerson(d, text);
    return;
  }
  d.say("out_of_scope", { variant: session.misunderstood - 1 }, session.awaiting === undefined ? MENU : []);
  remind();
}

/** Half sure: the guest says which it is. */
export function askWhich(d: Dialogue, { intent, choices = [] }: Said, isOfferable: (intent: Wish) => intent is Intent): boolean {
  const known = [...new Set([intent, ...choices.map((choice) => choice.intent)])].filter(isOfferable).slice(0, 2);
  const [first, second] = known;
  if (first === undefined) return false;
  const { session } = d;
  session.asked = known;
  if (second !== undefined && choices.length > 1) {
    d.ask("intent", "choose_intent", { first, second }, [`intent:${first}`, `intent:${second}`]);
  } else {
    session.asked = [first];
    d.ask("intent", "confirm_intent", { intent: first }, [`intent:${first}`, "no"]);
  }
  return true;
}

/** Different texts for different messages and hours, and never the same as the last time. */
function variantOf(d: Dialogue, text: string): number {
  return d.around.clock.now.getUTCHours() + text.length;
}
