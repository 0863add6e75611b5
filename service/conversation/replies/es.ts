import type { Intent } from "../../vocabulary.ts";
import type { Amenity, CancellationFee } from "../hotel.ts";
import { entryOf } from "../intents/table.ts";
import type { CancellationRule, Phrases, ShownReservation, ShownStay, Titles } from "./phrases.ts";
import { spokenText } from "./spoken.ts";
import { emergencyText } from "./told.ts";
import type { Words } from "./words.ts";

const AMENITY: Record<Amenity, string> = {
  wifi: "wifi",
  breakfast: "desayuno",
  parking: "estacionamiento",
  pool: "piscina",
  gym: "gimnasio",
  spa: "spa",
  restaurant: "restaurante",
  bar: "bar",
  laundry: "lavandería",
  air_conditioning: "aire acondicionado",
  room_service: "servicio a la habitación",
  airport_transfer: "traslado al aeropuerto",
  accessible: "habitaciones accesibles",
  elevator: "ascensor",
  crib: "cuna para bebés",
};
const PAYMENT = { card: "tarjeta de crédito o débito", cash: "efectivo", transfer: "transferencia bancaria" };
const PETS = {
  no: "No aceptamos mascotas.",
  small: "Aceptamos mascotas pequeñas; avísanos antes.",
  yes: "Las mascotas son bienvenidas.",
};
const STATUS = { held: "pendiente de confirmar", confirmed: "confirmada", cancelled: "cancelada" };

const stay = (s: ShownStay, w: Words) =>
  `del ${w.day(s.checkIn)} al ${w.day(s.checkOut)} (${w.count("night", s.nights)}), ${w.guests(s.adults, s.children)}`;
const line = (r: ShownReservation, w: Words) =>
  `${r.code}: ${w.room(r.roomType)}, ${stay(r, w)}, ${w.money(r.total)}${r.status === undefined ? "" : ` — ${STATUS[r.status]}`}`;
const intentName = (intent: Intent) => entryOf(intent).name.es.toLowerCase();
/** What cancelling costs is told before the yes; what the hotel didn't say is said to be unknown. */
const terms = (rule: CancellationRule, w: Words): string => {
  if (rule.kind === "unknown")
    return " No tengo las condiciones de cancelación de este hotel; recepción te las puede decir antes.";
  if (rule.kind === "free") return ` La cancelación es gratis hasta ${rule.hours} horas antes de la llegada, y estás a tiempo.`;
  const fee =
    rule.fee === undefined ? "puede tener un costo que no conozco: recepción te lo puede decir antes" : FEE(rule.fee, w);
  return ` El plazo gratis (hasta ${rule.hours} horas antes de la llegada) ya pasó: cancelar ahora ${fee}.`;
};
const FEE = (fee: CancellationFee, w: Words): string =>
  fee === "first_night" ? "cuesta la primera noche" : fee === "full" ? "cuesta la estadía entera" : `cuesta ${w.money(fee)}`;
const pick = (variant: number, texts: readonly [string, ...string[]]) => texts[variant % texts.length] ?? texts[0];

export const es: Phrases = {
  greeting: ({ hotel }) =>
    `¡Hola! Soy el asistente virtual de ${hotel}. Puedo decirte qué habitaciones hay y su precio, reservar, cambiar o cancelar una reserva, y responder sobre el hotel. ¿En qué te ayudo?`,
  notice: () =>
    "Soy un asistente automático, no una persona: escribe “recepción” si quieres hablar con una. Guardamos este chat para atenderte; escribe “mis datos” si quieres verlos o borrarlos.",
  menu: () =>
    "Puedo ver disponibilidad y precios, reservar, cambiar o cancelar una reserva, o pasarte con recepción. ¿Qué necesitas?",
  thanks: () => "¡Gracias a ti! Si necesitas algo más, escríbeme por aquí.",
  anything_else: () => "De acuerdo. ¿Te ayudo con algo más?",
  own_answer: ({ text }) => text,

  ask_dates: () => "¿Para qué fechas? Dime el día de llegada y el de salida, por ejemplo “del 12 al 15 de abril”.",
  ask_dates_ambiguous: () => "No estoy seguro de la fecha. ¿Me la dices con el mes en letras? Por ejemplo “del 3 al 5 de abril”.",
  ask_nights: ({ checkIn }, w) => `Llegas el ${w.day(checkIn)}. ¿Cuántas noches te quedas?`,
  ask_guests: () => "¿Para cuántas personas? Si viajan niños, dime cuántos.",
  ask_whole: ({ people, children }, w) =>
    `¿Son ${people} en total, con ${w.count("child", children)}, o ${w.guests(people, children)}?`,
  ask_of_whom: ({ people }) => `De los ${people}, ¿cuántos son adultos y cuántos niños?`,
  ask_children: ({ adults }, w) =>
    `Anoté ${w.count("adult", adults)}. ¿Cuántos niños viajan además? Si no viaja ninguno, dime “ninguno”.`,
  ask_adults: ({ children }, w) => `Anoté ${w.count("child", children)}. ¿Y cuántos adultos son?`,
  ask_adults_children: () => "¿Cuántos adultos y cuántos niños serían?",
  dates_past: ({ day }, w) => `El ${w.day(day)} ya pasó. ¿Para qué fechas la quieres?`,
  year_past: ({ year }) => `El año ${year} ya pasó. ¿Para qué fechas la quieres?`,
  dates_order: () => "La salida tiene que ser después de la llegada. ¿Qué día llegas y qué día te vas?",
  dates_too_long: ({ nights, maximum }) =>
    `${nights} noches es más de lo que puedo reservar por aquí (hasta ${maximum}). Para estadías largas recepción te hace una propuesta; también puedes decirme fechas más cortas.`,
  dates_too_far: ({ day, last }, w) =>
    `Todavía no vendemos habitaciones para el ${w.day(day)}; puedo ver hasta el ${w.day(last)}. ¿Qué otras fechas te sirven?`,
  guests_none: () => "Necesito al menos una persona para buscar. ¿Cuántos serían?",
  adults_needed: () => "Tiene que viajar al menos un adulto. ¿Cuántos adultos y cuántos niños serían?",
  party_too_large: ({ guests }) =>
    `No tengo una sola habitación para ${guests} personas. Recepción puede armarles varias habitaciones, o dime cuántos irían en cada una.`,
  one_room_at_a_time: () =>
    "Por aquí reservo una habitación a la vez: hacemos la primera y después la otra. Si prefieres todas juntas, te paso con recepción.",
  ask_change: () => "¿Qué quieres cambiar? Puedes escribirme las fechas, las personas o la habitación.",

  offers: ({ stay: s, offers }, w) =>
    `Sí, hay lugar ${stay(s, w)}. Precio total por habitación:\n${offers.map((o) => `• ${w.room(o.roomType)}: ${w.money(o.total)}`).join("\n")}\n¿Cuál te reservo?`,
  offer_one: ({ stay: s, offer }, w) =>
    `Sí, hay ${w.room(offer.roomType)} ${stay(s, w)}: ${w.money(offer.total)} en total. ¿La reservo?`,
  room_too_small: ({ roomType }, w) => `La habitación ${w.room(roomType)} no alcanza para todos.`,
  room_sold_out: ({ roomType }, w) => `Para esas fechas ya no queda la habitación ${w.room(roomType)}.`,
  just_sold_out: ({ roomType }, w) => `Lo siento, la última habitación ${w.room(roomType)} se acaba de reservar.`,
  sold_out: ({ stay: s }, w) => `Lo siento, no queda lugar ${stay(s, w)}. ¿Probamos con otras fechas?`,
  min_nights: ({ minimum }, w) => `Para esas fechas la estadía mínima es de ${w.count("night", minimum)}. ¿Qué fechas te sirven?`,
  dates_closed: ({ checkIn }, w) => `El ${w.day(checkIn)} no recibimos llegadas. ¿Qué otras fechas te sirven?`,
  stale: ({ asOf }, w) =>
    `(Ahora mismo no puedo consultar el sistema del hotel: estos datos son de las ${w.clock(asOf)} y los verifico antes de reservar.)`,
  pms_down: (_, w) =>
    `Ahora mismo no puedo consultar el sistema del hotel, así que no sé si hay lugar. ${w.passedOn}; también puedes intentarlo de nuevo en un rato.`,
  pms_down_held: (_, w) =>
    `No pude confirmar la reserva porque el sistema del hotel no responde. ${w.passedOn}. Puedes intentarlo de nuevo en un momento: no se reserva dos veces.`,
  pms_down_reservation: (_, w) =>
    `Ahora mismo no puedo ver las reservas porque el sistema del hotel no responde. ${w.passedOn}; también puedes intentarlo de nuevo en un rato.`,

  held_ask_name: ({ stay: s, offer, until }, w) =>
    `Te guardo hasta las ${w.clock(until)}: ${w.room(offer.roomType)}, ${stay(s, w)}, ${w.money(offer.total)} en total. ¿A nombre de quién hago la reserva?`,
  ask_name_again: () => "¿A nombre de quién va la reserva? Escríbeme nombre y apellido, o confirma y lo das al llegar.",
  held_confirm: ({ stay: s, offer, guestName, until }, w) =>
    `${w.room(offer.roomType)}, ${stay(s, w)}, ${w.money(offer.total)} en total${guestName === undefined ? "" : `, a nombre de ${guestName}`}. Te la guardo hasta las ${w.clock(until)}. ¿Confirmo la reserva?`,
  price_changed: ({ before, now }, w) => `Atención: el precio cambió de ${w.money(before)} a ${w.money(now)}.`,
  confirmed: ({ reservation: r, checkInFrom }, w) =>
    `¡Reserva confirmada! Código ${r.code}. ${w.room(r.roomType)}, ${stay(r, w)}, ${w.money(r.total)} en total${r.guestName === undefined ? "" : `, a nombre de ${r.guestName}`}.${checkInFrom === undefined ? "" : ` El check-in es desde las ${checkInFrom}.`}`,
  hold_lost: () => "Se acabó el tiempo y la habitación ya no está guardada.",
  not_booked: () => "De acuerdo, no reservé nada. Si quieres, busco otras fechas u otra habitación.",
  not_booked_yet: () => "De acuerdo, no reservé nada todavía. Cuando quieras, dime “resérvala”.",
  kept_for_now: ({ until }, w) =>
    `De acuerdo, no confirmo nada todavía. Te guardo la habitación hasta las ${w.clock(until)}; dime “confirmo” cuando quieras.`,
  already_confirmed: ({ code }) => `Tu reserva ${code} ya está confirmada. ¿Te ayudo con algo más?`,
  no_other_dates: () => "Entiendo. ¿Quieres que busque otras fechas u otra habitación?",
  bookings_off: (_, w) => `Las reservas por este chat están en pausa. ${w.passedOn}: la respuesta te llega por aquí.`,

  change_what: ({ reservation }, w) => `Tu reserva ${line(reservation, w)}. ¿Qué quieres cambiar: fechas, personas o habitación?`,
  change_confirm: ({ before, after }, w) =>
    `Cambio de la reserva ${before.code}:\nAntes: ${w.room(before.roomType)}, ${stay(before, w)}, ${w.money(before.total)}\nAhora: ${w.room(after.roomType)}, ${stay(after, w)}, ${w.money(after.total)}\n¿Hago el cambio?`,
  change_sold_out: ({ roomType }, w) =>
    `No hay ${w.room(roomType)} libre para ese cambio. Tu reserva sigue como estaba. ¿Quieres probar otras fechas u otra habitación?`,
  change_not_possible: ({ code }) => `La reserva ${code} ya no se puede cambiar. Te puedo pasar con recepción.`,
  changed: ({ reservation }, w) => `Listo, cambié tu reserva. ${line(reservation, w)}`,
  change_kept: ({ code }) => `De acuerdo, la reserva ${code} queda como estaba.`,
  ask_code: () =>
    "Por correo cualquiera puede escribir en nombre de otro. Para hacerlo necesito el código de la reserva, que está en su confirmación (GH-…): ¿me lo escribes?",
  by_reception: ({ code }, w) =>
    `La reserva ${code} ya empezó o termina hoy, así que no la puedo tocar yo: lo ve recepción. ${w.passedOn}.`,
  not_confirmed: ({ code }, w) =>
    `El sistema del hotel no confirmó la reserva ${code}. ${w.passedOn}; puedes intentarlo de nuevo.`,
  cancel_confirm: ({ reservation, rule }, w) =>
    `Vas a cancelar la reserva ${line(reservation, w)}.${terms(rule, w)} ¿La cancelo?`,
  cancelled: ({ code }) => `Tu reserva ${code} quedó cancelada.`,
  cancel_kept: ({ code }) => `De acuerdo, no cancelé nada. Tu reserva ${code} sigue en pie.`,
  no_reservation: ({ code }) =>
    code === undefined
      ? "No encuentro ninguna reserva activa hecha desde este contacto. Si la hiciste por otro medio, recepción te ayuda."
      : `No encuentro la reserva ${code} en este contacto. Revisa el código, o te paso con recepción.`,
  which_reservation: ({ reservations }, w) =>
    `Tienes varias reservas. ¿Cuál?\n${reservations.map((r, index) => `${index + 1}. ${line(r, w)}`).join("\n")}`,
  reservations: ({ reservations }, w) =>
    `${reservations.length === 1 ? "Tu reserva" : "Tus reservas"}:\n${reservations.map((r) => `• ${line(r, w)}`).join("\n")}`,

  room_types: ({ roomTypes }, w) =>
    `Tenemos:\n${roomTypes.map((t) => `• ${w.room(t.roomType)}, hasta ${w.count("guest", t.maxGuests)}, desde ${w.money(t.from)} la noche`).join("\n")}\nDime fechas y personas y te paso el precio exacto.`,
  prices: ({ roomTypes }, w) =>
    `Los precios por noche empiezan en:\n${roomTypes.map((t) => `• ${w.room(t.roomType)}: ${w.money(t.from)}`).join("\n")}\nCambian según la fecha. ¿Para qué fechas quieres el precio exacto?`,
  amenities: ({ amenities }) =>
    `En el hotel tienes:\n${Object.entries(amenities)
      .map(
        ([name, { free, hours }]) =>
          `• ${AMENITY[name as Amenity]}${hours === undefined ? "" : ` (${hours})`}${free === true ? ", incluido" : free === false ? ", con cargo" : ""}`,
      )
      .join("\n")}`,
  amenity_yes: ({ amenity, hours, free }) =>
    `Sí, tenemos ${AMENITY[amenity]}${hours === undefined ? "" : `, de ${hours}`}${free === true ? ", sin cargo" : free === false ? ", con cargo aparte" : ""}.`,
  location: ({ address, phone }) => `Estamos en ${address}.${phone === undefined ? "" : ` Teléfono: ${phone}.`}`,
  check_times: ({ checkInFrom, checkOutUntil, luggage }) =>
    [
      ...(checkInFrom === undefined ? [] : [`El check-in es desde las ${checkInFrom}.`]),
      ...(checkOutUntil === undefined ? [] : [`El check-out es hasta las ${checkOutUntil}.`]),
      ...(luggage ? ["Si llegas antes o te vas después, guardamos tu equipaje."] : []),
    ].join(" "),
  policies: ({ policies: p }) =>
    [
      ...(p.freeCancellationHours === undefined
        ? []
        : [`Cancelación sin cargo hasta ${p.freeCancellationHours} horas antes de la llegada.`]),
      ...(p.pets === undefined ? [] : [PETS[p.pets]]),
      ...(p.smoking === undefined
        ? []
        : [p.smoking ? "Hay habitaciones para fumadores." : "No se permite fumar dentro del hotel."]),
      ...(p.childrenFreeUnder === undefined ? [] : [`Los menores de ${p.childrenFreeUnder} años no pagan.`]),
    ].join(" ") || "Recepción te puede decir nuestras políticas.",
  payment: ({ methods, invoices }, w) =>
    `Puedes pagar con ${w.list(methods.map((method) => PAYMENT[method]))}, al llegar.${invoices ? " Hacemos factura: pídela en recepción con los datos fiscales." : ""}`,
  unknown_fact: (_, w) => `Ese dato no lo tengo. ${w.passedOn}: la respuesta te llega por aquí.`,
  unknown_amenity: ({ amenity }, w) =>
    `No sé si el hotel tiene ${AMENITY[amenity]}: no figura en lo que me contaron. ${w.passedOn}: la respuesta te llega por aquí.`,
  no_rooms_known: (_, w) =>
    `No tengo las habitaciones de este hotel en el sistema, así que no sé si hay lugar. ${w.passedOn}: la respuesta te llega por aquí.`,
  i_am_a_bot: () =>
    "Soy un asistente automático (un programa), no una persona. Si prefieres, puedes hablar con una persona de recepción.",
  languages: ({ foreign, spoken }, w) => spokenText(foreign, spoken, w.language),
  lost_item: (_, w) => `Lamento que te falte algo. ${w.passedOn}, con tus palabras: si aparece, te escriben por aquí.`,
  early_check_in: ({ checkInFrom }, w) =>
    `${checkInFrom === undefined ? "" : `El check-in es desde las ${checkInFrom}. `}Entrar antes depende de que la habitación esté lista, y lo decide recepción. ${w.passedOn}: la respuesta te llega por aquí.`,
  invoice_noted: (_, w) => `Datos para la factura: ${w.passedOn}.`,
  group: ({ rooms }, w) =>
    `Para ${rooms} habitaciones recepción arma una propuesta para el grupo. ${w.passedOn}: la respuesta te llega por aquí.`,
  told_otherwise: (_, w) => `Siento la confusión con lo que te dijeron. ${w.passedOn}: la respuesta te llega por aquí.`,
  ask_contact: () => "Antes de guardarte la habitación necesito un contacto: ¿me dejas un teléfono o un correo?",
  ask_contact_again: () => "No reconocí el contacto. Escríbeme un correo (nombre@ejemplo.com) o un teléfono con código de área.",
  ask_again: () => "Todavía necesito este dato para seguir:",
  offer_person: () => "No quiero darte vueltas con la misma pregunta: si prefieres, sigue contigo una persona de recepción.",

  late_ask: ({ until, fee }, w) =>
    `Puedes pedir la salida tarde hasta las ${until} por ${w.money(fee)}, si la habitación queda libre. ¿A qué hora te irías?`,
  late_requested: ({ time, fee }, w) =>
    `Pedido de salida a las ${time} (${w.money(fee)}). ${w.passedOn}: te confirman por aquí si la habitación queda libre.`,
  late_too_late: ({ time, until }, w) =>
    `Por aquí puedo pedir la salida tarde hasta las ${until}. Tu pedido de las ${time} lo tiene que decidir recepción. ${w.passedOn}.`,
  late_passed_on: (_, w) => `La salida tarde la decide recepción. ${w.passedOn}: la respuesta te llega por aquí.`,
  service_requested: ({ room }, w) => `${room === undefined ? "" : `Habitación ${room}. `}${w.passedOn}.`,
  issue_reported: ({ room, urgent, phone }, w) =>
    `Lamento el problema. ${room === undefined ? "" : `Habitación ${room}. `}${w.passedOn}.${urgent ? " Va marcado como urgente." : ""}${urgent && phone !== undefined ? ` Si no puede esperar, llama al ${phone}.` : ""}`,
  ask_room_number: () => "¿En qué habitación estás?",
  room_noted: ({ room }) => `Gracias, anoté la habitación ${room}.`,

  handed_over_open: (_, w) =>
    `${w.passedOn}: desde ahora te responde una persona por aquí. Mientras tanto puedes escribir “asistente” y sigo yo.`,
  handed_over_closed: ({ opens }, w) =>
    `Anoté tu mensaje para recepción, que ahora está cerrada${opens === undefined ? "" : ` y abre el ${w.day(opens.day)} a las ${opens.time}`}. La respuesta te llega por aquí. Mientras tanto puedes escribir “asistente” y sigo yo.`,
  handed_back: () => "Aquí estoy de nuevo. ¿En qué te ayudo?",
  emergency: ({ phone }, w) => emergencyText("es", w.told, phone),
  data_request: (_, w) =>
    `Guardamos tus mensajes, tus reservas y el contacto desde el que escribes. ${w.passedOn}, para que te los muestren o los borren, según prefieras: la respuesta te llega por aquí.`,

  rephrase: ({ variant }) =>
    pick(variant, [
      "No te entendí bien. ¿Me lo dices con otras palabras?",
      "Perdona, no lo capté. ¿Puedes contármelo de otra manera?",
      "No estoy seguro de qué necesitas. ¿Me lo explicas de otra forma?",
    ]),
  fallback_menu: ({ variant }) =>
    pick(variant, ["Sigo sin entenderte, perdona. Esto es lo que puedo hacer por ti:", "No quiero adivinar. ¿Es algo de esto?"]),
  fallback_person: () => "No logro entenderte y no quiero hacerte perder tiempo: te paso con una persona de recepción.",
  fallback_plain: ({ variant }) =>
    pick(variant, [
      "No entendí tu mensaje. ¿Puedes escribirlo de otra forma?",
      "Sigo sin entender. ¿Puedes decirlo con otras palabras?",
    ]),
  out_of_scope: ({ variant }) =>
    pick(variant, [
      "Con eso no puedo ayudarte: solo sé de este hotel y de tus reservas.",
      "Eso queda fuera de lo que sé. Puedo ayudarte con habitaciones, reservas y servicios del hotel.",
    ]),
  say_again: () => "No lo entendí.",
  choose_intent: ({ first, second }) => `¿Qué prefieres: ${intentName(first)} o ${intentName(second)}?`,
  confirm_intent: ({ intent }) => `¿Quieres esto: ${intentName(intent)}?`,

  audio: () => "Todavía no puedo escuchar audios. ¿Me lo escribes? Si prefieres, te paso con recepción.",
  unreadable: () => "Ese tipo de mensaje no lo puedo leer. ¿Me lo escribes con palabras?",
  image: () => "Recibí tu imagen, pero no puedo verla ni hacérsela llegar a recepción. ¿Me escribes qué muestra o qué necesitas?",
  attachment: () => "Recibí tu archivo, pero no puedo abrirlo ni hacérselo llegar a recepción. ¿Me escribes qué necesitas?",
  attachment_again: () => "Recibido también.",
  place: () => "Gracias por la ubicación.",
  reaction: () => "¡Gracias! Si necesitas algo, escríbeme.",
};

export const esTitles: Titles = {
  confirm: "Confirmar",
  abort: "No reservar",
  change: "Cambiar algo",
  book: "Reservar",
  other_dates: "Otras fechas",
  other_rooms: "Otra habitación",
  other_guests: "Otras personas",
  reception: "Hablar con recepción",
  assistant: "Seguir con asistente",
  retry: "Intentar de nuevo",
  cancel_yes: "Sí, cancelar",
  cancel_no: "No, mantenerla",
  change_yes: "Sí, cambiar",
  change_no: "No, dejar así",
  yes: "Sí",
  no: "No",
  my_booking: "Mi reserva",
};
