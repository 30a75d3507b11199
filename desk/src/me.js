// "Me": when the reader works, whether he wants notices, and the keys that he can compare with the vetters'.
import { place, speaker } from "./asking.js";
import { randomId, text } from "./bytes.js";
import { button, byId, el, show } from "./dom.js";
import { WEEKDAYS, readWeekly, weekly } from "./duty.js";
import { fingerprint } from "./epochs.js";
import { myself } from "./mine.js";
import { dutyAct, pushAct } from "./statements.js";

const DAYS = { mon: "Monday", tue: "Tuesday", wed: "Wednesday", thu: "Thursday", fri: "Friday", sat: "Saturday", sun: "Sunday" };
const WRONG = { times: "Fill in both times of each day, such as 08:00 and 17:00.", brief: "Give at least an hour for each day.", short: "That is less than six hours a week." };

export async function showMe(session, { back, failed, here }) {
  const head = [button("← All cases", back), el("h1", {}, "Me")];
  const view = { session, failed };
  show(byId("main"), head, el("p", {}, "Asking the line…"));
  await session.learning;
  if (!here()) return;
  if (myself(session)) show(byId("main"), head, hours(view), session.config.notices === false ? null : notices(view), keys(session));
  else show(byId("main"), head, el("p", { class: "card" }, "The line has not told this page yet who you are to it. Go back to all cases, wait a minute, and come again."));
}

const act = (session, make) => make(myself(session), randomId(), Date.now());

// ---- duty hours --------------------------------------------------------------------------------------------------------------

function hours(view) {
  const { session } = view;
  const speak = speaker(view);
  const saved = readWeekly(session.me?.duty);
  const days = saved?.days ?? WEEKDAYS.map((_, n) => (n < 5 ? { from: "08:00", until: "17:00" } : null));
  const rows = WEEKDAYS.map((day, n) => dayRow(day, days[n]));
  const zone = zones(saved?.zone);
  const now = el("div", {}, hoursNow(saved));
  const result = el("p", { class: "result", role: "status" });
  const tell = (line) => {
    result.textContent = line;
  };
  const onsubmit = async (event) => {
    event.preventDefault();
    const { bytes, wrong } = weekly(zone.value, rows.map((row) => row.value()));
    if (wrong) return tell(WRONG[wrong]);
    const make = () => act(session, (to, id, at) => dutyAct(session.key, to, id, at, bytes));
    if (!(await speak({ make, tell, about: text(bytes) }))) return undefined;
    if (session.me) session.me.duty = text(bytes);
    show(now, hoursNow(readWeekly(text(bytes))));
    return tell("Saved. These are your hours from now on.");
  };
  return el(
    "form",
    { class: "card", onsubmit },
    el("h2", {}, "When you work"),
    el("p", {}, "A case that you do not open goes to the next reader after 6 of your hours, an urgent one after 1."),
    now,
    rows.map((row) => row.node),
    el("label", { for: "zone" }, "Time zone"),
    zone,
    el("button", { type: "submit", class: "main" }, "Save my hours"),
    result,
  );
}

function hoursNow(saved) {
  if (!saved) return el("p", {}, el("b", {}, "You have saved no hours: every hour of the week counts."));
  return [el("p", {}, el("b", {}, `Your hours now, in the time of ${saved.zone.replace(/_/g, " ")}:`)), el("ul", { class: "facts" }, saved.told.map(([day, words]) => el("li", {}, `${DAYS[day]} ${words}`)))];
}

function dayRow(day, usual) {
  const works = el("input", { type: "checkbox", id: `works-${day}`, checked: usual !== null });
  const time = (which, value) => el("input", { type: "time", id: `${which}-${day}`, value, "aria-label": `${DAYS[day]}, ${which}` });
  const [from, until] = [time("from", usual?.from ?? "08:00"), time("until", usual?.until ?? "17:00")];
  const times = el("span", { class: "times", hidden: usual === null }, from, el("span", {}, "to"), until);
  works.addEventListener("change", () => {
    times.hidden = !works.checked;
  });
  const node = el("div", { class: "day" }, el("label", { class: "choice", for: `works-${day}` }, works, el("span", {}, DAYS[day])), times);
  return { node, value: () => (works.checked ? { from: from.value, until: until.value } : null) };
}

function zones(saved) {
  const here = saved ?? (Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  const names = [...new Set([here, ...(Intl.supportedValuesOf?.("timeZone") ?? []), "UTC"])].sort();
  return el("select", { id: "zone" }, names.map((name) => el("option", { value: name, selected: name === here }, name.replace(/_/g, " "))));
}

// ---- notices -----------------------------------------------------------------------------------------------------------------

function notices(view) {
  const { session } = view;
  const node = el("section", { class: "card" });
  const how = "When anything urgent waits for anybody, all who asked for notices get the same text message. It tells nothing of a case.";
  const redraw = (line) => {
    const now = session.me?.notices ? [["Another number", () => asking("Another number?")], ["No more notices", ending]] : [["Send me notices", () => asking("Send you notices?")]];
    show(node, el("h2", {}, "Notices"), el("p", {}, how), el("p", { role: "status" }, el("b", {}, line)), place(...now));
  };
  const save = noticeSaver(view, redraw);
  const ending = () => ({ title: "No more notices?", lines: ["Your number is deleted from the line."], yes: "No more notices", sure: (tell) => save("", tell) });
  const asking = (title) => {
    const phone = el("input", { type: "tel", id: "phone", autocomplete: "off", placeholder: "+999 000 0000", dir: "ltr" });
    const content = el("div", {}, el("label", { for: "phone" }, "Your phone number, with + and country code"), phone);
    const sure = (tell) => (session.heard(phone.value) ? undefined : numbered(phone.value, tell, save));
    return { title, lines: ["The phone company sees that this number gets texts from the line's second number."], content, yes: "Send them there", sure };
  };
  redraw(session.me?.notices ? "You get notices." : "You get no notices.");
  return node;
}

function numbered(written, tell, save) {
  const number = written.replace(/[\s().\-/]/g, "");
  return /^\+[1-9]\d{6,14}$/.test(number) ? save(number, tell) : tell("Write the whole number, such as +999 000 0000.");
}

function noticeSaver(view, redraw) {
  const { session } = view;
  const speak = speaker(view);
  return async (address, tell) => {
    const make = () => act(session, (to, id, now) => pushAct(session.key, to, id, now, { channel: "sms", address }));
    if (!(await speak({ make, tell, about: address || "none" }))) return;
    if (session.me) session.me.notices = address !== "";
    redraw(address ? "Saved. Notices come to this number." : "Saved. You get no notices.");
  };
}

// ---- keys --------------------------------------------------------------------------------------------------------------------

const grouped = (hex) => hex.match(/.{1,4}/g).join(" ");

function keys(session) {
  const me = myself(session);
  const rows = [["Your number at this line", session.key.person], ["Your key card", grouped(me.card.slice(0, 16))], ["Your card holds until", me.own?.expires], ["The line's key", me.line ? grouped(fingerprint(me.line)) : "not known"]];
  const told = rows.filter(([, value]) => value).map(([name, value]) => [el("dt", {}, name), el("dd", { dir: "auto" }, value)]);
  return el("section", { class: "card ties" }, el("h2", {}, "Keys"), el("p", {}, "Compare these with what the vetters gave you. If one differs, open nothing and tell them."), el("dl", {}, told.flat()));
}
