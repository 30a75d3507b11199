// Practice only: made-up phones in the browser. Type as a source; the line's texts arrive here. Nothing is stored.
import { CallError, call, takePracticeToken } from "./api.js";
import { randomId } from "./bytes.js";
import { button, byId, el, show, words } from "./dom.js";

const POLL_MS = 1000;
const START = 3;
const NUMBERS = 9999; // +999 is assigned to no country (ITU E.164)

let token = takePracticeToken();
const phones = [];

const status = (line) => {
  if (byId("status").textContent !== line) byId("status").textContent = line;
};

// ---- one phone ---------------------------------------------------------------------------------------------------------------

// {number: E.164, label, after: last message number seen, unread, node, log, tab}
function addPhone() {
  const index = phones.length + 1;
  if (index > NUMBERS) return;
  const tail = String(index).padStart(4, "0");
  const phone = { number: `+999000${tail}`, label: `+999 000 ${tail}`, after: 0, unread: 0 };
  phone.log = el("ol", { class: "log", role: "log", "aria-label": `Messages of ${phone.label}` });
  phone.node = el("section", { class: "phone", "aria-label": `Phone ${phone.label}`, "data-phone": phone.number }, el("header", {}, el("bdi", { dir: "ltr" }, phone.label)), phone.log, composer(phone));
  phone.tab = el("button", { type: "button", class: "tab", onclick: () => choose(phone) }, el("bdi", { dir: "ltr" }, tail), el("span", { class: "unread", hidden: true }));
  phones.push(phone);
  byId("phones").append(phone.node);
  byId("tabs").insertBefore(phone.tab, byId("tabs").lastChild);
  choose(phone);
}

function composer(phone) {
  const text = el("textarea", { rows: "2", dir: "auto", "aria-label": "Your message", placeholder: "Write a text", autocomplete: "off", maxlength: "4000" });
  const submit = (event) => {
    event.preventDefault();
    if (!text.value.trim()) return;
    sendText(phone, text.value);
    text.value = "";
    text.focus();
  };
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  });
  return el("form", { class: "compose", onsubmit: submit }, text, el("button", { type: "submit", class: "main" }, "Send"));
}

function choose(phone) {
  for (const other of phones) {
    const chosen = other === phone;
    other.node.classList.toggle("chosen", chosen);
    if (chosen) other.tab.setAttribute("aria-current", "true");
    else other.tab.removeAttribute("aria-current");
  }
  unread(phone, 0);
  toEnd(phone);
}

function unread(phone, count) {
  phone.unread = count;
  const badge = phone.tab.querySelector(".unread");
  badge.hidden = count === 0;
  badge.textContent = count ? `${count} new` : "";
}

const toEnd = (phone) => {
  phone.log.scrollTop = phone.log.scrollHeight;
};

// ---- sending and receiving ---------------------------------------------------------------------------------------------------

function bubble(phone, side, text, at) {
  const state = el("span", { class: "state" }, clock(at));
  const node = el("li", { class: `bubble ${side}` }, words("p", text, null, "text"), state);
  phone.log.append(node);
  toEnd(phone);
  return { node, state };
}

function clock(at) {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? "" : new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(time);
}

// The id stays the same however often it is tried, so that one text is one message to the line.
function sendText(phone, text) {
  const id = randomId();
  const { node, state } = bubble(phone, "ours", text, Date.now());
  const attempt = async () => {
    show(state, "sending…");
    node.classList.remove("failed");
    try {
      await ask("/handset/message", { phone: phone.number, text, id });
      show(state, `${clock(Date.now())} · sent`);
    } catch (error) {
      node.classList.add("failed");
      show(state, "Not sent. ", button("Try again", attempt));
      status(told(error));
    }
  };
  attempt();
}

async function ask(path, body) {
  if (!token) throw new CallError("login", 401);
  const { data } = await call(path, { authorization: `Practice ${token}`, body });
  return data;
}

async function receive(phone) {
  const data = await ask("/handset/messages", { phone: phone.number, after: phone.after });
  for (const { n, text, at } of data.messages ?? []) {
    if (n <= phone.after) continue;
    phone.after = n;
    bubble(phone, "theirs", text, at);
    if (!phone.node.classList.contains("chosen")) unread(phone, phone.unread + 1);
  }
}

function told(error) {
  if (error.kind === "login" || error.status === 403) return "This page has no valid key. Open the handset address that the demo printed last, with everything after the #.";
  if (error.kind === "away") return "The line cannot be reached. Is the demo running?";
  return "The line could not take it just now.";
}

async function listen() {
  try {
    for (const phone of [...phones]) await receive(phone);
    status("");
  } catch (error) {
    status(told(error));
  }
  setTimeout(listen, POLL_MS);
}

addEventListener("hashchange", () => {
  token = takePracticeToken() ?? token;
});
show(byId("phones"));
show(byId("tabs"), button("+ Phone", addPhone, "tab add"));
for (let i = 0; i < START; i += 1) addPhone();
choose(phones[0]);
listen();
