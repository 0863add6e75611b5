// Guests' messages for the load scripts: journeys from a fixed seed, signed as the service expects.
import crypto from "k6/crypto";

const MONTHS = {
  es: [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
  ],
  en: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
  pt: [
    "janeiro",
    "fevereiro",
    "março",
    "abril",
    "maio",
    "junho",
    "julho",
    "agosto",
    "setembro",
    "outubro",
    "novembro",
    "dezembro",
  ],
};

/** Every journey has this many messages, so that a message's number tells whose it is. */
const STEPS = 6;
/** So many guests write in turn: at 50 messages a second each of them writes every two seconds. */
const GUESTS_AT_ONCE = 100;

/** Asks, books, gives a name, confirms, and cancels: a run leaves no booking behind. What an answer must hold stands beside. */
const BOOKING = {
  es: (from, to, month) => [
    [`Hola, ¿tienen una doble del ${from} al ${to} de ${month} para 2 personas?`, /USD|no hay|no queda/i],
    ["quiero reservarla", /nombre/i],
    ["Ana Pérez", /confirm/i],
    ["sí", /confirmada/i],
    ["quiero cancelar mi reserva", /cancel/i],
    ["sí", /cancelada/i],
  ],
  en: (from, to, month) => [
    [`Do you have a double room from ${from} ${month} to ${to} ${month} for 2 adults?`, /USD|no .*(left|free|available)/i],
    ["I'd like to book it", /name/i],
    ["John Smith", /confirm/i],
    ["yes", /confirmed/i],
    ["I want to cancel my booking", /cancel/i],
    ["yes", /cancelled/i],
  ],
  pt: (from, to, month) => [
    [`Oi, tem um quarto duplo de ${from} a ${to} de ${month} para 2 pessoas?`, /USD|não há|não temos/i],
    ["quero reservar", /nome/i],
    ["Maria Silva", /confirm/i],
    ["sim", /confirmada/i],
    ["quero cancelar minha reserva", /cancel/i],
    ["sim", /cancelada/i],
  ],
};

/** Guests who only ask. */
const QUESTIONS = {
  es: [
    ["¿A qué hora es el check-in?", /\d{1,2}:\d{2}/],
    ["¿Tienen desayuno?", /desayuno/i],
    ["¿Dónde están?", /\S/],
    ["¿Qué habitaciones tienen?", /doble/i],
    ["¿Hay estacionamiento?", /\S/],
    ["¡Gracias!", /\S/],
  ],
  en: [
    ["What time is check-in?", /\d{1,2}:\d{2}/],
    ["Is breakfast included?", /breakfast/i],
    ["Where are you?", /\S/],
    ["Which rooms do you have?", /double/i],
    ["Is there parking?", /\S/],
    ["Thank you!", /\S/],
  ],
  pt: [
    ["A que horas é o check-in?", /\d{1,2}:\d{2}/],
    ["Tem café da manhã?", /café da manhã/i],
    ["Onde vocês ficam?", /\S/],
    ["Que quartos vocês têm?", /duplo/i],
    ["Tem estacionamento?", /\S/],
    ["Obrigado!", /\S/],
  ],
};

/**
 * A number from 0 up to 1 that depends on nothing but its two arguments, so that every run sends the same messages.
 * (The mulberry32 step by Tommy Ettinger, public domain.)
 */
export function seeded(seed, index) {
  let state = (seed + Math.imul(index + 1, 0x6d2b79f5)) | 0;
  state = Math.imul(state ^ (state >>> 15), state | 1);
  state ^= state + Math.imul(state ^ (state >>> 7), state | 61);
  return ((state ^ (state >>> 14)) >>> 0) / 4294967296;
}

/**
 * The message number `index` of a run, and what its answer must hold. Guests differ by seed: their language, their dates, and
 * whether they book (two of three) or only ask.
 *
 * @param run text that is the same for all messages of one run and differs between runs: its guests have written nothing before
 */
export function guestMessage({ seed, index, run }) {
  const guest = Math.floor(index / (GUESTS_AT_ONCE * STEPS)) * GUESTS_AT_ONCE + (index % GUESTS_AT_ONCE);
  const step = Math.floor(index / GUESTS_AT_ONCE) % STEPS;
  const of = (aspect) => seeded(seed, 8 * guest + aspect);
  const language = of(0) < 0.5 ? "es" : of(0) < 0.8 ? "en" : "pt";
  const month = MONTHS[language][(new Date().getUTCMonth() + 2 + Math.floor(of(1) * 9)) % 12];
  const from = 2 + Math.floor(of(2) * 24);
  const [text, expected] = of(3) < 2 / 3 ? BOOKING[language](from, from + 2, month)[step] : QUESTIONS[language][step];
  return {
    message: { message_id: `load-${run}-${index}`, user_id: guestNumber(run, guest), text, language },
    expected,
  };
}

/** A number of the German mobile range reserved for fiction, with as many digits as there may be. */
function guestNumber(run, guest) {
  let hash = 0x811c9dc5;
  for (const letter of run) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  return `4917${String(hash % 1_000_000).padStart(6, "0")}${String(guest).padStart(5, "0")}`;
}

/** The body of a message and the headers that go with it; the signature is over exactly this body. */
export function signedRequest(message, secret, headers = {}) {
  const body = JSON.stringify(message);
  return {
    body,
    headers: {
      "Content-Type": "application/json",
      "X-Signature-256": `sha256=${crypto.hmac("sha256", secret, body, "hex")}`,
      ...headers,
    },
  };
}

/** The texts of the replies in an answer, `[]` when there is none to be read. */
export function replyTexts(response) {
  if (response.status !== 200 || typeof response.body !== "string") return [];
  try {
    const replies = JSON.parse(response.body).replies;
    return Array.isArray(replies) ? replies.map((reply) => String(reply.text || "").trim()) : [];
  } catch (error) {
    console.warn(`the answer isn't JSON: ${error.message}`);
    return [];
  }
}

/** Seconds of `60s`, `2m`, `1m30s`, `1h`. */
export function seconds(duration) {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(duration);
  if (match === null || duration === "") throw new Error(`expected a duration such as 60s or 1m30s, got "${duration}"`);
  return Number(match[1] || 0) * 3600 + Number(match[2] || 0) * 60 + Number(match[3] || 0);
}
