import type { Language } from "../../vocabulary.ts";
import type { Foreign } from "../orchestrator/foreign.ts";

/** Which languages the agent speaks, said in the guest's own language where that is one of these, else in the conversation's. */
const SENTENCES: Record<Exclude<Foreign, "other"> | Language, (languages: string) => string> = {
  fr: (languages) => `Désolé, je ne parle que ${languages}. Écrivez-moi dans l'une de ces langues, ou demandez la réception.`,
  de: (languages) =>
    `Leider spreche ich nur ${languages}. Schreiben Sie mir in einer dieser Sprachen, oder fragen Sie nach der Rezeption.`,
  it: (languages) => `Mi dispiace, parlo solo ${languages}. Mi scriva in una di queste lingue, o chieda della reception.`,
  es: (languages) => `Hablo solo ${languages}. Escríbeme en uno de esos idiomas, o habla con recepción.`,
  en: (languages) => `I only speak ${languages}. Write to me in one of them, or talk to reception.`,
  pt: (languages) => `Falo só ${languages}. Escreva em um desses idiomas, ou fale com a recepção.`,
};

/**
 * @param foreign  what the guest writes
 * @param spoken   what the agent answers in at this hotel
 * @param language of the conversation
 */
export function spokenText(foreign: Foreign, spoken: readonly Language[], language: Language): string {
  const said = (inLanguage: Exclude<Foreign, "other"> | Language) => {
    const names = new Intl.DisplayNames([inLanguage], { type: "language" });
    const list = new Intl.ListFormat(inLanguage, { type: "conjunction" });
    return SENTENCES[inLanguage](list.format(spoken.map((each) => names.of(each) ?? each)));
  };
  // In a script of its own the guest is told in English beside the conversation's language.
  if (foreign !== "other") return said(foreign);
  return language === "en" ? said("en") : `${said("en")} ${said(language)}`;
}
