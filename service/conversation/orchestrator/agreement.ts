import type { Said, Wish } from "./contract.ts";
import { plain, saysNo, saysYes } from "./reading.ts";

/**
 * A yes that books, changes or cancels. It stands alone, or nothing else is said beside it: "sí, confirmo" is one, "pode colocar no nome
 * da minha esposa" is a wish, "yes, but with breakfast?" a question.
 */

/** Words that add nothing to a yes. */
const BESIDE_A_YES = new Set(
  `si sii siii s sip claro dale ok oka okay okey okis listo lista perfecto perfeito perfect confirmo confirma confirmar confirmame confirmala confirmalo confirmemos confirmado
  por confirm confirmed de acuerdo una bueno buenisimo va vale venga obvio por supuesto correcto exacto asi es esta bien me parece adelante reserva reservar reservala reservalo
  reservemos reservo reserve reservamela reservame la lo las los quiero quedo llevo hazlo hacelo hagamoslo hagamosla yes yep yeah yup ya sure go ahead please do sounds good
  fine great of course correct right book it that this one the doit lets absolutely definitely alright all sim pode ser isso com certeza beleza blz fecha fechar fechado fecho
  certo ta bom tudo bem combinado quero essa esse bora positivo afirmativo favor porfa porfavor pf pls plz gracias muchas mil thanks thank you obrigado obrigada muito and y e
  to i want would like id yes then entonces entao now ahora agora ya mismo nomas no mas problem problema habitacion room quarto reservation booking reservacion cancela
  cancelar cancelala cancelalo cancele cancelo cancel cancela cancelamento mesmo misma cambia cambiar cambialo cambiala cambio cambios change changes muda mudar mude mudanca
  alterar altera hotel sir madam amigo ok okey genial excelente excellent buenisima joya super total totalmente seguro segura segurissimo of we a o os um pra mim for me us para mi
  nosotros nos please kindly ahi that works work agree agreed acepto aceito accept proceed procede proceder prossiga prosseguir todo tudo everything in en orden order si`
    .split(/\s+/)
    .filter((word) => word !== ""),
);

/** What turns a yes into something else. */
const BUT =
  /\b(pero|but|porem|espera|wait|todavia|ainda|aun|yet|dont|not|nao|without|sin|sem|if|antes|primero|first|after|despues|depois|cuando|when|quando|later|luego|pens\w+|think|instead|mejor|melhor|rather|cambi\w+|chang\w+|mud\w+|nombre|name|nome|solo si|only)\b/;
const LATER =
  /\b(todavia no|aun no|not yet|ainda nao|(dont|do not) (book|confirm|reserve)( it| that| anything)?( yet| now)?|no (la |lo |me la )?(reserves?|confirmes?|reservar|confirmar)\w*|nao (reserve|confirme|feche)\w*|(lo|la|me lo|let me|vou|deja(me)? que lo|i need to|i have to|tengo que|preciso|quiero) (pens\w+|think)( (about )?it)?|ahora no|agora nao|not now|(te|les|ya te|eu te|vou te) (aviso|confirmo luego|confirmo despues|digo|avisar|confirmo mas tarde)|i ?ll (let you know|think|confirm later|get back)|un momento|one moment|hold on|um momento|espera(me)?( un)?( momento| poco)?|wait( a)?( moment| minute| sec(ond)?)?|perai|pera)\b/;
const GO_AHEAD =
  /\b(go ahead|book (it|that)|reserv(a|e)(la|lo|melo|mela)|hac(e|ela|elo)|hazlo|do it|confirm(a|e)(la|lo)?|confirm (it|that)|adelante|la (quiero|tomo)|lo (quiero|tomo)|me (la|lo) (quedo|llevo)|pode (reservar|fechar|confirmar)|fecha|ill take it|lets (book|do it)|take it)\b/;

/** @returns whether a message says yes and nothing else that matters */
export function agrees(said: Said, words: string, also: readonly Wish[] = []): boolean {
  if (words === "" || /[?¿]/.test(said.text) || saysNo(words) || postpones(words)) return false;
  const rest = words.split(" ").filter((word) => !BESIDE_A_YES.has(word));
  const surely = said.band === "high" && (said.intent === "affirm" || also.includes(said.intent));
  if (saysYes(words)) return rest.length === 0 || (surely && rest.length <= 2 && isHarmless(rest, said.text));
  if (surely) return words.split(" ").length <= 6 && isHarmless(rest, said.text);
  return GO_AHEAD.test(words) && rest.length === 0;
}

/** @returns whether a message is a yes and not one word more, so that it can't be a name either */
export function saysOnlyYes(said: Said, words: string): boolean {
  return saysYes(words) && agrees(said, words) && words.split(" ").every((word) => BESIDE_A_YES.has(word));
}

/** Names, numbers and objections beside a yes are to be read first. */
function isHarmless(rest: readonly string[], text: string): boolean {
  if (BUT.test(rest.join(" ")) || /\d/.test(rest.join(" "))) return false;
  return !/[\s,]\p{Lu}\p{L}+\s+\p{Lu}\p{L}+/u.test(text);
}

/** @returns whether the guest doesn't want to decide now: nothing is booked, and nothing is given back */
export function postpones(words: string): boolean {
  return LATER.test(words) && words.split(" ").length <= 14;
}

/** @returns whether the guest takes up what was offered before: "ok, go ahead and book it" */
export function goesAhead(text: string): boolean {
  const words = plain(text);
  return GO_AHEAD.test(words) && !postpones(words) && !saysNo(words);
}
