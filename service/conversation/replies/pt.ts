import type { Intent } from "../../vocabulary.ts";
import type { Amenity, CancellationFee } from "../hotel.ts";
import { entryOf } from "../intents/table.ts";
import type { CancellationRule, Phrases, ShownReservation, ShownStay, Titles } from "./phrases.ts";
import { spokenText } from "./spoken.ts";
import { emergencyText } from "./told.ts";
import type { Words } from "./words.ts";

const AMENITY: Record<Amenity, string> = {
  wifi: "wi-fi",
  breakfast: "café da manhã",
  parking: "estacionamento",
  pool: "piscina",
  gym: "academia",
  spa: "spa",
  restaurant: "restaurante",
  bar: "bar",
  laundry: "lavanderia",
  air_conditioning: "ar-condicionado",
  room_service: "serviço de quarto",
  airport_transfer: "transfer do aeroporto",
  accessible: "quartos acessíveis",
  elevator: "elevador",
  crib: "berço",
};
const PAYMENT = { card: "cartão de crédito ou débito", cash: "dinheiro", transfer: "transferência bancária" };
const PETS = {
  no: "Não aceitamos animais.",
  small: "Aceitamos animais pequenos; avise antes.",
  yes: "Animais são bem-vindos.",
};
const STATUS = { held: "aguardando confirmação", confirmed: "confirmada", cancelled: "cancelada" };

const stay = (s: ShownStay, w: Words) =>
  `de ${w.day(s.checkIn)} a ${w.day(s.checkOut)} (${w.count("night", s.nights)}), ${w.guests(s.adults, s.children)}`;
const line = (r: ShownReservation, w: Words) =>
  `${r.code}: ${w.room(r.roomType)}, ${stay(r, w)}, ${w.money(r.total)}${r.status === undefined ? "" : ` — ${STATUS[r.status]}`}`;
const intentName = (intent: Intent) => entryOf(intent).name.pt.toLowerCase();
/** What cancelling costs is told before the yes; what the hotel didn't say is said to be unknown. */
const terms = (rule: CancellationRule, w: Words): string => {
  if (rule.kind === "unknown") return " Não tenho as condições de cancelamento deste hotel; a recepção pode informar antes.";
  if (rule.kind === "free") return ` O cancelamento é grátis até ${rule.hours} horas antes da chegada, e você está no prazo.`;
  const fee = rule.fee === undefined ? "pode ter um custo que não conheço: a recepção pode informar antes" : FEE(rule.fee, w);
  return ` O prazo grátis (até ${rule.hours} horas antes da chegada) já passou: cancelar agora ${fee}.`;
};
const FEE = (fee: CancellationFee, w: Words): string =>
  fee === "first_night" ? "custa a primeira diária" : fee === "full" ? "custa a estadia inteira" : `custa ${w.money(fee)}`;
const pick = (variant: number, texts: readonly [string, ...string[]]) => texts[variant % texts.length] ?? texts[0];

export const pt: Phrases = {
  greeting: ({ hotel }) =>
    `Olá! Sou o assistente virtual do ${hotel}. Posso ver quartos livres e preços, reservar, alterar ou cancelar uma reserva e responder sobre o hotel. Como posso ajudar?`,
  notice: () =>
    "Sou um assistente automático, não uma pessoa: escreva “recepção” para falar com uma. Guardamos esta conversa para atender você; escreva “meus dados” para ver ou apagar.",
  menu: () =>
    "Posso ver disponibilidade e preços, reservar, alterar ou cancelar uma reserva, ou passar você para a recepção. Do que precisa?",
  thanks: () => "Eu que agradeço! Se precisar de algo mais, escreva por aqui.",
  anything_else: () => "Tudo bem. Posso ajudar em mais alguma coisa?",
  own_answer: ({ text }) => text,

  ask_dates: () => "Para quais datas? Diga o dia de chegada e o de saída, por exemplo “de 12 a 15 de abril”.",
  ask_dates_ambiguous: () => "Não tenho certeza da data. Pode escrever o mês por extenso? Por exemplo “de 3 a 5 de abril”.",
  ask_nights: ({ checkIn }, w) => `Chegada em ${w.day(checkIn)}. Quantas noites você fica?`,
  ask_guests: () => "Para quantas pessoas? Se houver crianças, diga quantas.",
  ask_whole: ({ people, children }, w) =>
    `São ${people} no total, contando ${w.count("child", children)}, ou ${w.guests(people, children)}?`,
  ask_of_whom: ({ people }) => `Dos ${people}, quantos são adultos e quantos são crianças?`,
  ask_children: ({ adults }, w) =>
    `Anotei ${w.count("adult", adults)}. Quantas crianças vão junto? Se não for nenhuma, diga “nenhuma”.`,
  ask_adults: ({ children }, w) => `Anotei ${w.count("child", children)}. E quantos adultos são?`,
  ask_adults_children: () => "Quantos adultos e quantas crianças seriam?",
  dates_past: ({ day }, w) => `O dia ${w.day(day)} já passou. Para quais datas você quer?`,
  year_past: ({ year }) => `O ano de ${year} já passou. Para quais datas você quer?`,
  dates_order: () => "A saída tem que ser depois da chegada. Que dia você chega e que dia sai?",
  dates_too_long: ({ nights, maximum }) =>
    `${nights} noites é mais do que posso reservar por aqui (até ${maximum}). Para estadias longas a recepção faz uma proposta; ou diga datas mais curtas.`,
  dates_too_far: ({ day, last }, w) =>
    `Ainda não vendemos quartos para ${w.day(day)}; posso ver até ${w.day(last)}. Que outras datas servem?`,
  guests_none: () => "Preciso de pelo menos uma pessoa para procurar. Quantos seriam?",
  adults_needed: () => "Precisa viajar pelo menos um adulto. Quantos adultos e quantas crianças seriam?",
  party_too_large: ({ guests }) =>
    `Não tenho um só quarto para ${guests} pessoas. A recepção pode organizar vários quartos, ou diga quantos ficariam em cada um.`,
  one_room_at_a_time: () =>
    "Por aqui reservo um quarto de cada vez: fazemos o primeiro e depois o outro. Se preferir todos juntos, passo você para a recepção.",
  ask_change: () => "O que você quer mudar? Pode escrever as datas, as pessoas ou o quarto.",

  offers: ({ stay: s, offers }, w) =>
    `Sim, temos vaga ${stay(s, w)}. Preço total por quarto:\n${offers.map((o) => `• ${w.room(o.roomType)}: ${w.money(o.total)}`).join("\n")}\nQual eu reservo?`,
  offer_one: ({ stay: s, offer }, w) =>
    `Sim, temos o quarto ${w.room(offer.roomType)} ${stay(s, w)}: ${w.money(offer.total)} no total. Posso reservar?`,
  room_too_small: ({ roomType }, w) => `O quarto ${w.room(roomType)} é pequeno para todos.`,
  room_sold_out: ({ roomType }, w) => `Para essas datas não há mais o quarto ${w.room(roomType)}.`,
  just_sold_out: ({ roomType }, w) => `Sinto muito, o último quarto ${w.room(roomType)} acabou de ser reservado.`,
  sold_out: ({ stay: s }, w) => `Sinto muito, estamos lotados ${stay(s, w)}. Vamos tentar outras datas?`,
  min_nights: ({ minimum }, w) =>
    `Para essas datas a estadia mínima é de ${w.count("night", minimum)}. Que datas servem para você?`,
  dates_closed: ({ checkIn }, w) => `Em ${w.day(checkIn)} não recebemos chegadas. Que outras datas servem?`,
  stale: ({ asOf }, w) =>
    `(Agora não consigo consultar o sistema do hotel: estes dados são das ${w.clock(asOf)} e eu verifico antes de reservar.)`,
  pms_down: (_, w) =>
    `Agora não consigo consultar o sistema do hotel, então não sei se há vaga. ${w.passedOn}; você também pode tentar de novo daqui a pouco.`,
  pms_down_held: (_, w) =>
    `Não consegui confirmar a reserva porque o sistema do hotel não responde. ${w.passedOn}. Você pode tentar de novo daqui a pouco: nada é reservado duas vezes.`,
  pms_down_reservation: (_, w) =>
    `Agora não consigo ver as reservas porque o sistema do hotel não responde. ${w.passedOn}; você também pode tentar de novo daqui a pouco.`,

  held_ask_name: ({ stay: s, offer, until }, w) =>
    `Guardo para você até as ${w.clock(until)}: ${w.room(offer.roomType)}, ${stay(s, w)}, ${w.money(offer.total)} no total. Em nome de quem faço a reserva?`,
  ask_name_again: () => "Em nome de quem fica a reserva? Escreva nome e sobrenome, ou confirme e informe na chegada.",
  held_confirm: ({ stay: s, offer, guestName, until }, w) =>
    `${w.room(offer.roomType)}, ${stay(s, w)}, ${w.money(offer.total)} no total${guestName === undefined ? "" : `, em nome de ${guestName}`}. Guardo até as ${w.clock(until)}. Confirmo a reserva?`,
  price_changed: ({ before, now }, w) => `Atenção: o preço mudou de ${w.money(before)} para ${w.money(now)}.`,
  confirmed: ({ reservation: r, checkInFrom }, w) =>
    `Reserva confirmada! Código ${r.code}. ${w.room(r.roomType)}, ${stay(r, w)}, ${w.money(r.total)} no total${r.guestName === undefined ? "" : `, em nome de ${r.guestName}`}.${checkInFrom === undefined ? "" : ` O check-in é a partir das ${checkInFrom}.`}`,
  hold_lost: () => "O tempo acabou e o quarto não está mais guardado.",
  not_booked: () => "Tudo bem, não reservei nada. Se quiser, procuro outras datas ou outro quarto.",
  not_booked_yet: () => "Tudo bem, ainda não reservei nada. Quando quiser, diga “pode reservar”.",
  kept_for_now: ({ until }, w) =>
    `Tudo bem, não confirmo nada ainda. Guardo o quarto até as ${w.clock(until)}; diga “confirmo” quando quiser.`,
  already_confirmed: ({ code }) => `Sua reserva ${code} já está confirmada. Posso ajudar em mais alguma coisa?`,
  no_other_dates: () => "Entendo. Quer que eu procure outras datas ou outro quarto?",
  bookings_off: (_, w) => `As reservas por este chat estão em pausa. ${w.passedOn}: a resposta chega por aqui.`,

  change_what: ({ reservation }, w) => `Sua reserva ${line(reservation, w)}. O que você quer mudar: datas, pessoas ou quarto?`,
  change_confirm: ({ before, after }, w) =>
    `Alteração da reserva ${before.code}:\nAntes: ${w.room(before.roomType)}, ${stay(before, w)}, ${w.money(before.total)}\nAgora: ${w.room(after.roomType)}, ${stay(after, w)}, ${w.money(after.total)}\nFaço a alteração?`,
  change_sold_out: ({ roomType }, w) =>
    `Não há quarto ${w.room(roomType)} livre para essa alteração. Sua reserva continua como estava. Quer tentar outras datas ou outro quarto?`,
  change_not_possible: ({ code }) => `A reserva ${code} não pode mais ser alterada. Posso passar você para a recepção.`,
  changed: ({ reservation }, w) => `Pronto, alterei sua reserva. ${line(reservation, w)}`,
  change_kept: ({ code }) => `Tudo bem, a reserva ${code} fica como estava.`,
  ask_code: () =>
    "Por e-mail qualquer um pode escrever em nome de outra pessoa. Para fazer isso preciso do código da reserva, que está na confirmação (GH-…): pode escrever?",
  by_reception: ({ code }, w) =>
    `A reserva ${code} já começou ou termina hoje, então não posso mexer nela: quem vê é a recepção. ${w.passedOn}.`,
  not_confirmed: ({ code }, w) => `O sistema do hotel não confirmou a reserva ${code}. ${w.passedOn}; você pode tentar de novo.`,
  cancel_confirm: ({ reservation, rule }, w) => `Você vai cancelar a reserva ${line(reservation, w)}.${terms(rule, w)} Cancelo?`,
  cancelled: ({ code }) => `Sua reserva ${code} foi cancelada.`,
  cancel_kept: ({ code }) => `Tudo bem, não cancelei nada. Sua reserva ${code} continua valendo.`,
  no_reservation: ({ code }) =>
    code === undefined
      ? "Não encontro nenhuma reserva ativa feita por este contato. Se você reservou por outro meio, a recepção ajuda."
      : `Não encontro a reserva ${code} neste contato. Confira o código, ou passo você para a recepção.`,
  which_reservation: ({ reservations }, w) =>
    `Você tem várias reservas. Qual delas?\n${reservations.map((r, index) => `${index + 1}. ${line(r, w)}`).join("\n")}`,
  reservations: ({ reservations }, w) =>
    `${reservations.length === 1 ? "Sua reserva" : "Suas reservas"}:\n${reservations.map((r) => `• ${line(r, w)}`).join("\n")}`,

  room_types: ({ roomTypes }, w) =>
    `Temos:\n${roomTypes.map((t) => `• ${w.room(t.roomType)}, até ${w.count("guest", t.maxGuests)}, a partir de ${w.money(t.from)} por noite`).join("\n")}\nDiga datas e pessoas e eu passo o preço exato.`,
  prices: ({ roomTypes }, w) =>
    `Os preços por noite começam em:\n${roomTypes.map((t) => `• ${w.room(t.roomType)}: ${w.money(t.from)}`).join("\n")}\nMudam conforme a data. Para quais datas você quer o preço exato?`,
  amenities: ({ amenities }) =>
    `No hotel você tem:\n${Object.entries(amenities)
      .map(
        ([name, { free, hours }]) =>
          `• ${AMENITY[name as Amenity]}${hours === undefined ? "" : ` (${hours})`}${free === true ? ", incluído" : free === false ? ", pago à parte" : ""}`,
      )
      .join("\n")}`,
  amenity_yes: ({ amenity, hours, free }) =>
    `Sim, temos ${AMENITY[amenity]}${hours === undefined ? "" : `, das ${hours}`}${free === true ? ", sem custo" : free === false ? ", pago à parte" : ""}.`,
  location: ({ address, phone }) => `Estamos em ${address}.${phone === undefined ? "" : ` Telefone: ${phone}.`}`,
  check_times: ({ checkInFrom, checkOutUntil, luggage }) =>
    [
      ...(checkInFrom === undefined ? [] : [`O check-in é a partir das ${checkInFrom}.`]),
      ...(checkOutUntil === undefined ? [] : [`O check-out é até as ${checkOutUntil}.`]),
      ...(luggage ? ["Se chegar antes ou sair depois, guardamos sua bagagem."] : []),
    ].join(" "),
  policies: ({ policies: p }) =>
    [
      ...(p.freeCancellationHours === undefined
        ? []
        : [`Cancelamento grátis até ${p.freeCancellationHours} horas antes da chegada.`]),
      ...(p.pets === undefined ? [] : [PETS[p.pets]]),
      ...(p.smoking === undefined ? [] : [p.smoking ? "Há quartos para fumantes." : "Não é permitido fumar dentro do hotel."]),
      ...(p.childrenFreeUnder === undefined ? [] : [`Crianças com menos de ${p.childrenFreeUnder} anos não pagam.`]),
    ].join(" ") || "A recepção pode informar nossas políticas.",
  payment: ({ methods, invoices }, w) =>
    `Você pode pagar com ${w.list(methods.map((method) => PAYMENT[method]))}, na chegada.${invoices ? " Emitimos nota fiscal: peça na recepção com seus dados." : ""}`,
  unknown_fact: (_, w) => `Não tenho essa informação. ${w.passedOn}: a resposta chega por aqui.`,
  unknown_amenity: ({ amenity }, w) =>
    `Não sei se o hotel tem ${AMENITY[amenity]}: não me contaram. ${w.passedOn}: a resposta chega por aqui.`,
  no_rooms_known: (_, w) =>
    `Não tenho os quartos deste hotel no sistema, então não sei se há vaga. ${w.passedOn}: a resposta chega por aqui.`,
  i_am_a_bot: () =>
    "Sou um assistente automático (um programa), não uma pessoa. Se preferir, pode falar com uma pessoa da recepção.",
  languages: ({ foreign, spoken }, w) => spokenText(foreign, spoken, w.language),
  lost_item: (_, w) =>
    `Sinto muito que algo tenha se perdido. ${w.passedOn}, com as suas palavras: se aparecer, escrevem para você por aqui.`,
  early_check_in: ({ checkInFrom }, w) =>
    `${checkInFrom === undefined ? "" : `O check-in é a partir das ${checkInFrom}. `}Entrar antes depende de o quarto estar pronto, e quem decide é a recepção. ${w.passedOn}: a resposta chega por aqui.`,
  invoice_noted: (_, w) => `Dados para a nota fiscal: ${w.passedOn}.`,
  group: ({ rooms }, w) =>
    `Para ${rooms} quartos a recepção prepara uma proposta para o grupo. ${w.passedOn}: a resposta chega por aqui.`,
  told_otherwise: (_, w) => `Desculpe a confusão com o que disseram a você. ${w.passedOn}: a resposta chega por aqui.`,
  ask_contact: () => "Antes de guardar o quarto preciso de um contato: pode deixar um telefone ou um e-mail?",
  ask_contact_again: () => "Não reconheci o contato. Escreva um e-mail (nome@exemplo.com) ou um telefone com DDD.",
  ask_again: () => "Ainda preciso disto para continuar:",
  offer_person: () => "Não quero repetir a mesma pergunta: se preferir, uma pessoa da recepção continua com você.",

  late_ask: ({ until, fee }, w) =>
    `Você pode pedir saída tardia até as ${until} por ${w.money(fee)}, se o quarto ficar livre. A que horas sairia?`,
  late_requested: ({ time, fee }, w) =>
    `Pedido de saída às ${time} (${w.money(fee)}). ${w.passedOn}: eles confirmam por aqui se o quarto ficar livre.`,
  late_too_late: ({ time, until }, w) =>
    `Por aqui posso pedir saída tardia até as ${until}. Seu pedido das ${time} quem decide é a recepção. ${w.passedOn}.`,
  late_passed_on: (_, w) => `A saída tardia quem decide é a recepção. ${w.passedOn}: a resposta chega por aqui.`,
  service_requested: ({ room }, w) => `${room === undefined ? "" : `Quarto ${room}. `}${w.passedOn}.`,
  issue_reported: ({ room, urgent, phone }, w) =>
    `Sinto muito pelo problema. ${room === undefined ? "" : `Quarto ${room}. `}${w.passedOn}.${urgent ? " Está marcado como urgente." : ""}${urgent && phone !== undefined ? ` Se não puder esperar, ligue para ${phone}.` : ""}`,
  ask_room_number: () => "Em qual quarto você está?",
  room_noted: ({ room }) => `Obrigado, anotei o quarto ${room}.`,

  handed_over_open: (_, w) =>
    `${w.passedOn}: a partir de agora uma pessoa responde por aqui. Enquanto isso, escreva “assistente” e eu continuo.`,
  handed_over_closed: ({ opens }, w) =>
    `Deixei sua mensagem anotada para a recepção, que está fechada agora${opens === undefined ? "" : ` e abre ${w.day(opens.day)} às ${opens.time}`}. A resposta chega por aqui. Enquanto isso, escreva “assistente” e eu continuo.`,
  handed_back: () => "Estou aqui de novo. Como posso ajudar?",
  emergency: ({ phone }, w) => emergencyText("pt", w.told, phone),
  data_request: (_, w) =>
    `Guardamos suas mensagens, suas reservas e o contato de onde você escreve. ${w.passedOn}, para que mostrem ou apaguem, como preferir: a resposta chega por aqui.`,

  rephrase: ({ variant }) =>
    pick(variant, [
      "Não entendi bem. Pode dizer com outras palavras?",
      "Desculpe, não peguei. Pode contar de outro jeito?",
      "Não tenho certeza do que você precisa. Pode explicar de outra forma?",
    ]),
  fallback_menu: ({ variant }) =>
    pick(variant, [
      "Desculpe, ainda não entendi. Isto é o que posso fazer por você:",
      "Prefiro não adivinhar. É alguma destas coisas?",
    ]),
  fallback_person: () => "Não consigo entender e não quero que você perca tempo: passo você para uma pessoa da recepção.",
  fallback_plain: ({ variant }) =>
    pick(variant, ["Não entendi sua mensagem. Pode escrever de outra forma?", "Ainda não entendi. Pode usar outras palavras?"]),
  out_of_scope: ({ variant }) =>
    pick(variant, [
      "Nisso não posso ajudar: só sei deste hotel e das suas reservas.",
      "Isso está além do que sei. Posso ajudar com quartos, reservas e serviços do hotel.",
    ]),
  say_again: () => "Não entendi.",
  choose_intent: ({ first, second }) => `O que você prefere: ${intentName(first)} ou ${intentName(second)}?`,
  confirm_intent: ({ intent }) => `É isto que você quer: ${intentName(intent)}?`,

  audio: () => "Ainda não consigo ouvir áudios. Pode escrever? Se preferir, passo você para a recepção.",
  unreadable: () => "Não consigo ler esse tipo de mensagem. Pode escrever com palavras?",
  image: () =>
    "Recebi sua imagem, mas não consigo vê-la nem passá-la à recepção. Pode escrever o que ela mostra ou do que precisa?",
  attachment: () => "Recebi seu arquivo, mas não consigo abri-lo nem passá-lo à recepção. Pode escrever do que precisa?",
  attachment_again: () => "Recebido também.",
  place: () => "Obrigado pela localização.",
  reaction: () => "Obrigado! Se precisar de algo, é só escrever.",
};

export const ptTitles: Titles = {
  confirm: "Confirmar",
  abort: "Não reservar",
  change: "Mudar algo",
  book: "Reservar",
  other_dates: "Outras datas",
  other_rooms: "Outro quarto",
  other_guests: "Outras pessoas",
  reception: "Falar com recepção",
  assistant: "Voltar ao assistente",
  retry: "Tentar de novo",
  cancel_yes: "Sim, cancelar",
  cancel_no: "Não, manter",
  change_yes: "Sim, mudar",
  change_no: "Não, deixar assim",
  yes: "Sim",
  no: "Não",
  my_booking: "Minha reserva",
};
