import type { Told } from "../../mail/message.ts";
import type { Language } from "../../vocabulary.ts";

/**
 * What may be said of reception, by what became of telling it. "I told reception" is said only when somebody's mail server, webhook or
 * phone has the notice; else it is noted, and the guest reads that nobody has confirmed it yet.
 */
export const PASSED_ON: Record<Language, Record<Told, string>> = {
  es: {
    acknowledged: "Ya le avisé a recepción",
    pending: "Lo dejé anotado para recepción; todavía no me confirmaron que lo recibieron",
    unreachable: "Lo dejé anotado para recepción",
  },
  en: {
    acknowledged: "I've told reception",
    pending: "I've noted it for reception; they haven't confirmed yet that they got it",
    unreachable: "I've noted it for reception",
  },
  pt: {
    acknowledged: "Já avisei a recepção",
    pending: "Deixei anotado para a recepção; ainda não confirmaram que receberam",
    unreachable: "Deixei anotado para a recepção",
  },
};

/** Numbers that reach help where the hotel gave none of its own: 911 in the Americas, 112 in Europe and from every mobile phone. */
const HELP: Record<Language, string> = { es: "911 o al 112", en: "911 or 112", pt: "911 ou 112" };

const EMERGENCY: Record<Language, (told: Told, phone: string) => string> = {
  es: (told, phone) =>
    told === "acknowledged"
      ? `Le avisé a recepción que es una emergencia y el aviso les llegó. Si alguien está en peligro, no esperes mi respuesta: llama ya al ${phone}.`
      : `No pude confirmar que alguien del hotel haya visto tu emergencia; sigo intentándolo. Llama ya al ${phone} y avisa también en recepción.`,
  en: (told, phone) =>
    told === "acknowledged"
      ? `I've told reception that this is an emergency, and they have the message. If anybody is in danger, don't wait for an answer here: call ${phone} now.`
      : `I couldn't confirm that anybody at the hotel has seen your emergency; I keep trying. Call ${phone} now, and tell reception yourself too.`,
  pt: (told, phone) =>
    told === "acknowledged"
      ? `Avisei a recepção que é uma emergência e o aviso chegou. Se alguém está em perigo, não espere resposta aqui: ligue já para ${phone}.`
      : `Não consegui confirmar que alguém do hotel viu sua emergência; continuo tentando. Ligue já para ${phone} e avise também a recepção.`,
};

/** What a guest in danger reads: the truth about who knows, and a number. */
export function emergencyText(language: Language, told: Told, phone: string | undefined): string {
  return EMERGENCY[language](told, phone ?? HELP[language]);
}
