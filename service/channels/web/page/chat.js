// The whole chat page: one list of messages, one field. It keeps nothing but the guest's unsent text.

const { tenant, language, chosen, texts } = JSON.parse(document.getElementById("settings").textContent);
const base = `/chat/${tenant}`;
const log = document.getElementById("log");
const list = document.getElementById("messages");
const form = document.getElementById("form");
const field = document.getElementById("text");
const typing = document.getElementById("typing");
const notice = document.getElementById("notice");
const suggestions = document.getElementById("suggestions");

/** Ids of messages that are shown: the server's numbers, and the page's own ids of what the guest wrote. */
const shown = new Set();
/** Messages that came and aren't shown yet: a reply that is still being typed, and what follows it. */
const arrived = [];
/** What the guest wrote and the server hasn't confirmed yet, oldest first. */
const unsent = [];
let sending = false;
let answering = false;
let typingTimer;
let typist;
let pollTimer;
let stream;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Text with its web addresses as links; nothing in it is ever read as HTML. */
function withLinks(text) {
  return text
    .split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)])/)
    .map((piece, index) =>
      index % 2 === 1 ? element("a", { href: piece, textContent: piece, target: "_blank", rel: "noopener noreferrer" }) : piece,
    );
}

function atBottom() {
  return log.scrollHeight - log.scrollTop - log.clientHeight < 80;
}

function add(item, mine) {
  const follow = atBottom() || mine;
  list.append(item);
  if (follow) log.scrollTop = log.scrollHeight;
}

function bubble(who, mine, text) {
  return element(
    "li",
    { className: mine ? "mine" : "" },
    element("span", { className: "hidden", textContent: `${who}: ` }),
    element("div", { className: "bubble" }, ...withLinks(text)),
  );
}

function retireChoices() {
  for (const button of list.querySelectorAll(".choices button")) button.disabled = true;
  suggestions.replaceChildren();
}

function choices(options) {
  const group = element("div", { className: "choices" });
  for (const { id, title, description } of options) {
    const button = element("button", { type: "button" }, title);
    if (description) button.append(element("small", { textContent: description }));
    button.addEventListener("click", () => {
      send(title, id);
      field.focus({ preventScroll: true });
    });
    group.append(button);
  }
  return group;
}

function showReply(message) {
  const item = bubble(texts.agent, false, message.text);
  const { location } = message;
  if (location) {
    const href = `https://www.openstreetmap.org/?mlat=${location.latitude}&mlon=${location.longitude}#map=17/${location.latitude}/${location.longitude}`;
    const link = element("a", { href, textContent: texts.map, target: "_blank", rel: "noopener noreferrer" });
    item.querySelector(".bubble").append(`\n${location.name}\n${location.address}\n`, link);
  }
  const options = message.list?.rows ?? message.buttons ?? [];
  if (options.length > 0) {
    for (const button of list.querySelectorAll(".choices button")) button.disabled = true;
    item.append(choices(options));
  }
  add(item, false);
}

/** Takes what isn't known yet. */
function show({ messages, waiting }) {
  for (const message of messages) {
    const key = message.direction === "in" ? message.message_id : message.id;
    if (shown.has(key)) continue;
    shown.add(key);
    arrived.push(message);
  }
  answering = waiting;
  showArrived();
}

/** Shows what arrived, in order; a reply when it is typed. */
function showArrived() {
  if (typist !== undefined) return;
  for (let message = arrived.shift(); message !== undefined; message = arrived.shift()) {
    if (message.typing_ms > 0) {
      const typed = { ...message, typing_ms: 0 };
      arrived.unshift(typed);
      setTyping(true);
      typist = setTimeout(() => {
        typist = undefined;
        showArrived();
      }, message.typing_ms);
      return;
    }
    if (message.direction === "in") {
      retireChoices();
      add(bubble(texts.you, true, message.text), true);
    } else {
      showReply(message);
    }
  }
  setTyping(answering);
}

function setTyping(on) {
  clearTimeout(typingTimer);
  const follow = atBottom();
  typing.hidden = !on;
  if (on) typingTimer = setTimeout(() => setTyping(false), 25_000);
  if (follow) log.scrollTop = log.scrollHeight;
}

function say(text) {
  notice.textContent = text ?? "";
  notice.hidden = !text;
}

function send(text, buttonId) {
  const id = crypto.randomUUID?.() ?? randomId();
  const item = bubble(texts.you, true, text);
  const state = element("p", { className: "state", textContent: texts.sending });
  item.append(state);
  retireChoices();
  shown.add(id);
  add(item, true);
  unsent.push({ id, text, buttonId, item, state });
  void sendAll();
}

/** Only secure pages have `crypto.randomUUID`; a hotel's test page on plain HTTP works too. */
function randomId() {
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** Sends in order. The same id is the same message, so sending again can't double it. */
async function sendAll() {
  if (sending) return;
  sending = true;
  try {
    while (unsent.length > 0) {
      const [next] = unsent;
      const outcome = await post(next);
      if (outcome.wait !== undefined) {
        setTimeout(sendAll, outcome.wait);
        return;
      }
      unsent.shift();
      if (outcome.ok) {
        next.state.remove();
        setTyping(true);
        follow();
      } else {
        fail(next);
      }
    }
    say(undefined);
  } finally {
    sending = false;
  }
}

async function post({ id, text, buttonId }) {
  const body = { message_id: id, text, ...(buttonId ? { button_id: buttonId } : {}), ...(chosen ? { language } : {}) };
  try {
    const response = await fetch(`${base}/messages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (response.ok) return { ok: true };
    if (response.status === 429 || response.status >= 500) {
      say(response.status === 429 ? texts.busy : texts.offline);
      return { wait: Math.min(Number(response.headers.get("retry-after")) || 3, 60) * 1000 };
    }
    return { ok: false };
  } catch {
    // No connection: the browser tells when it is back, and the timer is for when it doesn't.
    say(texts.offline);
    return { wait: 5_000 };
  }
}

function fail(message) {
  message.item.classList.add("failed");
  const again = element("button", { type: "button", textContent: texts.again });
  again.addEventListener("click", () => {
    message.item.remove();
    send(message.text, message.buttonId);
  });
  message.state.replaceChildren(`${texts.notSent} `, again);
}

/** Follows the conversation: by events, and where they don't come through by asking. */
function follow() {
  if (stream !== undefined || pollTimer !== undefined) return;
  stream = new EventSource(`${base}/events`);
  stream.addEventListener("messages", ({ data }) => show(JSON.parse(data)));
  stream.addEventListener("error", () => {
    if (stream.readyState !== EventSource.CLOSED) return; // it comes back by itself
    stream = undefined;
    void poll();
  });
}

async function poll() {
  pollTimer = undefined;
  let pause = document.hidden ? 30_000 : typing.hidden ? 5_000 : 1_500;
  try {
    const response = await fetch(`${base}/messages`);
    if (response.ok) show(await response.json());
    else pause = 15_000;
  } catch {
    pause = 10_000; // no connection
  }
  pollTimer = setTimeout(poll, pause);
}

async function begin() {
  add(bubble(texts.agent, false, texts.welcome), false);
  let known = false;
  try {
    const response = await fetch(`${base}/messages`);
    if (response.ok) {
      const history = await response.json();
      known = history.messages.length > 0;
      show(history);
    }
  } catch {
    say(texts.offline);
  }
  if (known) follow();
  else if (unsent.length === 0 && stream === undefined) {
    for (const text of texts.suggestions) {
      const button = element("button", { type: "button", textContent: text });
      button.addEventListener("click", () => {
        send(text);
        field.focus({ preventScroll: true });
      });
      suggestions.append(button);
    }
  }
}

function grow() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value.trim();
  if (text === "") return;
  field.value = "";
  grow();
  send(text);
});
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});
field.addEventListener("input", () => {
  grow();
  say(field.value.length >= field.maxLength ? texts.tooLong : undefined);
});
document.getElementById("language").addEventListener("change", ({ target }) => {
  const address = new URL(window.location.href);
  address.searchParams.set("lang", target.value);
  window.location.assign(address);
});
document.getElementById("end").addEventListener("click", async () => {
  stream?.close();
  clearTimeout(pollTimer);
  try {
    const response = await fetch(`${base}/end`, { method: "POST" });
    if (response.ok) window.location.reload();
    else say(texts.offline);
  } catch {
    say(texts.offline); // the chat isn't over until the browser has forgotten it
  }
});
window.addEventListener("online", () => {
  say(undefined);
  void sendAll();
});
window.addEventListener("offline", () => say(texts.offline));

void begin();
