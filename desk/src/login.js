// The door: choose who you are, unlock your key in this browser, prove it to the line.
import { call } from "./api.js";
import { utf8 } from "./bytes.js";
import { button, byId, el, painted, show } from "./dom.js";
import { invitation } from "./invite.js";
import { loginRequest, unlock } from "./open.js";
import { failureWords, matches } from "./words.js";

const UNLOCK = {
  wrong_passphrase: "This passphrase does not open this key file. Check both and try again.",
  not_a_key: "This file is not a Tipline key file.",
};

// Shows the door. `enter({key, token, config, name})` is called once the line has let the person in.
export function showDoor({ config, practiceToken, enter, say }) {
  const submit = (file, passphrase, practice) => tryIn({ config, enter, say }, file, passphrase, practice);
  const parts = [el("h1", {}, "Log in")];
  if (config.practice && practiceToken) parts.push(practicePeople(practiceToken, submit, say));
  else if (config.practice) parts.push(el("p", { class: "note" }, "To be a practice investigator, open the desk address that the demo printed, with everything after the #."));
  const form = keyFileForm(submit, say);
  parts.push(config.practice ? el("details", {}, el("summary", {}, "Use a key file instead"), form) : form);
  show(byId("main"), ...parts, invitation());
}

// `practice` = {person, name} of a made-up investigator, or null.
async function tryIn({ config, enter, say }, file, passphrase, practice) {
  const main = byId("main");
  if (main.hasAttribute("aria-busy")) return;
  main.setAttribute("aria-busy", "true");
  say("Unlocking… This takes a moment.");
  await painted();
  try {
    const key = await unlock(file, passphrase);
    if (practice && key.person !== practice.person) throw Object.assign(new Error("not_a_key"), { code: "not_a_key" });
    const { data: asked } = await call("/desk/challenge", { body: { person: key.person } });
    const { data } = await call("/desk/login", { body: loginRequest(key, location.origin, asked.challenge) });
    say("");
    enter({ key, token: data.token, config, name: practice?.name ?? key.person.slice(0, 8) });
  } catch (error) {
    say(UNLOCK[error.code] ?? (error.status === 403 ? "The desk does not open for this key now. Try again later, or ask your operator." : failureWords(error)));
  } finally {
    main.removeAttribute("aria-busy");
  }
}

function keyFileForm(submit, say) {
  const file = el("input", { type: "file", id: "keyfile", required: true });
  const passphrase = el("input", { type: "password", id: "passphrase", autocomplete: "off", required: true, dir: "auto" });
  const onsubmit = async (event) => {
    event.preventDefault();
    if (!file.files[0]) return say("Choose your key file first.");
    const bytes = new Uint8Array(await file.files[0].arrayBuffer());
    const spoken = passphrase.value;
    passphrase.value = "";
    return submit(bytes, spoken, null);
  };
  return el(
    "form",
    { class: "card", onsubmit },
    el("label", { for: "keyfile" }, "Your key file"),
    file,
    el("label", { for: "passphrase" }, "Its passphrase"),
    passphrase,
    el("button", { type: "submit", class: "main" }, "Unlock"),
    el("p", { class: "note" }, "Both stay in this browser. They are forgotten when you lock or leave this page."),
  );
}

function practicePeople(token, submit, say) {
  const list = el("ul", { class: "people" });
  const filter = el("input", { type: "search", id: "filter", autocomplete: "off", placeholder: "name, agency", dir: "auto" });
  const area = el(
    "section",
    {},
    el("p", {}, "Be one of these made-up investigators. Who has a case waiting cannot be seen from here: the line tells only the reader."),
    el("label", { for: "filter" }, "Find"),
    filter,
    list,
  );
  const load = async () => {
    try {
      const { data } = await call("/practice/people", { authorization: `Practice ${token}` });
      const draw = () => show(list, matching(data.people, filter.value).map((person) => personRow(person, submit)));
      filter.addEventListener("input", draw);
      draw();
    } catch (error) {
      say(error.kind === "login" || error.status === 403 ? "This practice address is old. Open the one that the demo printed last." : failureWords(error));
      show(list, el("li", {}, button("Try again", load)));
    }
  };
  load();
  return area;
}

const matching = (people, sought) => people.filter((person) => matches(`${person.name} ${person.agency} ${person.role} ${person.person}`, sought));

function personRow(person, submit) {
  const choose = () => submit(utf8(person.file), person.passphrase, person);
  return el(
    "li",
    {},
    el("button", { type: "button", class: "row", onclick: choose, "data-person": person.person }, el("b", { dir: "auto" }, person.name), el("span", { dir: "auto" }, `${person.agency} · ${person.role}`)),
  );
}
