// "I told somebody about this case": an office by name, or a kind of office, and the day. Nothing is taken from anybody for it.
import { carryOut } from "./acts.js";
import { speaker } from "./asking.js";
import { randomId, toBase64 } from "./bytes.js";
import { el, show } from "./dom.js";
import { addressed } from "./mine.js";
import { toldAct } from "./statements.js";
import { failureWords, officeWords, refusedWords } from "./words.js";

const DAY_MS = 86_400_000;
const LONGEST_AGO = 60;
const WHY = "If somebody is warned about this case, it matters who else had heard of it. It takes nothing away from you or from them.";
const KEPT = "It is kept sealed. No reader and no vetter is shown it.";

// A choice for `place`. `view` as in parting.js.
export const toldSomebody = (view) => ["I told somebody about this case", () => telling(view)];

function telling(view) {
  const { session, row } = view;
  const speak = speaker(view);
  const content = el("div", {}, el("p", { class: "note" }, "One moment…"));
  const fields = { whom: null, day: null };
  load(session)
    .then((known) => show(content, form(fields, known)))
    .catch((error) => view.failed(error) || show(content, el("p", { class: "warning" }, error.said ?? failureWords(error))));
  const sure = async (tell) => {
    const day = Date.parse(`${fields.day?.value}T00:00Z`) / DAY_MS;
    if (!fields.whom?.value) return tell("Choose whom first.");
    if (!(Number.isInteger(day) && day <= today() && day >= today() - LONGEST_AGO)) return tell("Choose the day first, at most 60 days ago.");
    const [kind, id] = fields.whom.value.split(" ");
    const said = { agency: "", house: "", [kind]: id, day };
    const make = () => toldAct(session.key, row.stub, addressed(session, row.stub), randomId(), Date.now(), said);
    return (await speak({ make, tell, about: JSON.stringify(said) })) && { title: "It is noted", lines: ["If you tell somebody else, say so again."] };
  };
  return { title: "Whom did you tell?", lines: [WHY, KEPT], content, yes: "Note it", sure };
}

// The line's own list, from the worker: asked for without a signature, since it changes nothing and opens with his key alone.
async function load(session) {
  if (session.offices) return session.offices;
  const act = { id: randomId(), case: "", kind: "agencies", signature: toBase64(new Uint8Array(64)), sealed: "" };
  const { result, code, agencies, houses } = await carryOut(session, act);
  if (result !== "done") throw Object.assign(new Error("refused"), { said: refusedWords(code) });
  session.offices = { agencies: JSON.parse(agencies), houses: JSON.parse(houses) };
  return session.offices;
}

function form(fields, { agencies, houses }) {
  const option = (value, words) => el("option", { value }, words);
  const kinds = el("optgroup", { label: "Somebody of…" }, houses.map((house) => option(`house ${house}`, officeWords(house))));
  const named = el("optgroup", { label: "By name" }, agencies.map(([id, name, , place]) => option(`agency ${id}`, `${name}, ${place}`)));
  fields.whom = el("select", { id: "told-whom" }, option("", "Choose…"), kinds, named);
  fields.day = el("input", { id: "told-day", type: "date", min: dated(today() - LONGEST_AGO), max: dated(today()), value: dated(today()) });
  return [el("label", { for: "told-whom" }, "Whom?"), fields.whom, el("label", { for: "told-day" }, "On which day?"), fields.day];
}

// Days since 1970 by the reader's own calendar.
function today() {
  const now = new Date();
  return Date.UTC(now.getFullYear(), now.getMonth(), now.getDate()) / DAY_MS;
}

const dated = (day) => new Date(day * DAY_MS).toISOString().slice(0, 10);
