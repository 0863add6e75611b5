// Guests' messages for the load scripts: built from a fixed seed, signed as the service expects.
import crypto from "k6/crypto";

/** What guests write, with how often. Weights are out of their sum. */
const MESSAGES = [
  { weight: 20, language: "es", text: "Hola, ¿tienen disponibilidad para dos personas este fin de semana?" },
  { weight: 10, language: "es", text: "¿Cuánto cuesta una habitación doble?" },
  { weight: 8, language: "es", text: "¿A qué hora es el check-in?" },
  { weight: 5, language: "es", text: "Quiero cancelar mi reserva" },
  { weight: 5, language: "es", text: "El aire acondicionado de mi habitación no funciona" },
  { weight: 16, language: "en", text: "Do you have a double room for next Friday?" },
  { weight: 8, language: "en", text: "How much is the suite per night?" },
  { weight: 6, language: "en", text: "Is breakfast included?" },
  { weight: 4, language: "en", text: "Can I speak to someone at reception?" },
  { weight: 10, language: "pt", text: "Tem disponibilidade para amanhã?" },
  { weight: 5, language: "pt", text: "Qual é o preço do quarto de casal?" },
  { weight: 3, language: "pt", text: "Obrigado!" },
];
const TOTAL = MESSAGES.reduce((sum, message) => sum + message.weight, 0);

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
 * The message number `index` of a run.
 *
 * @param run text that is the same for all messages of one run and differs between runs: a message that was sent
 *   before would be taken for a retry
 */
export function guestMessage({ seed, index, run, guests = 500 }) {
  let pick = seeded(seed, 2 * index) * TOTAL;
  const chosen = MESSAGES.find((message) => {
    pick -= message.weight;
    return pick < 0;
  });
  const guest = Math.floor(seeded(seed, 2 * index + 1) * guests);
  return {
    message_id: `load-${run}-${index}`,
    user_id: `549110${String(guest).padStart(6, "0")}`,
    text: chosen.text,
    language: chosen.language,
  };
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
