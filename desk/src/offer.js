// A case before it is opened: what the stub tells, the reader's own ties, and the choice.
import { carryOut } from "./acts.js";
import { fromBase64, randomId } from "./bytes.js";
import { keysOf, urgencyBadge } from "./cases.js";
import { button, byId, el, show } from "./dom.js";
import { addressed } from "./mine.js";
import { OpenError, openAct, openKeyFile } from "./open.js";
import { offerParting } from "./parting.js";
import { ownCard, tiesOf } from "./ties.js";
import * as say from "./words.js";

const TRANSLATED = { none: ", not translated", practice: ", with a practice translation (often wrong)", package: ", with a machine translation" };

// A case that is offered, or open but not in this session. `opened()` is called when its keys are here, `left(line)` when it is over.
export function showStub(session, row, { back, opened, left, failed }) {
  const { stub } = row;
  if (!stub) {
    show(byId("main"), button("← All cases", back), el("h1", {}, "This case does not open"), el("p", { class: "card" }, "It was not sealed to your key, or it was changed. Tell your operator; nothing was opened."));
    return;
  }
  const card = ownCard(stub.own ? stub : { card: stub.card, own: session.me?.card === stub.card ? session.me.own : "" });
  const before = row.grants.some((grant) => grant.state === "open");
  const may = card !== null || !stub.own; // stubs of the version before carried no card; the worker judges the act all the same
  const view = { session, row, failed, left, found: null };
  show(
    byId("main"),
    button("← All cases", back),
    el("h1", { dir: "auto" }, stub.designation),
    el("p", {}, urgencyBadge(stub.urgency)),
    row.closing ? el("p", { class: "card" }, "Another reader wants to close this case. Open it and read it; then you are asked whether you agree.") : null,
    el("ul", { class: "card facts" }, stubWords(stub)),
    card ? ties(card) : null,
    card ? el("p", {}, "By opening you confirm that these are complete as of today.") : null,
    may ? opening(view, before, opened) : el("p", { class: "warning" }, "What this case carries as your key card is not the card that it names. It is not opened here: tell your vetters."),
    offerParting(view),
  );
}

// What the stub tells, in words; nothing of the message itself.
function stubWords(stub) {
  const lines = [
    `Kind: ${say.listWords(stub.kinds.map(say.kindWords)) || "not known yet"}.`,
    stub.country ? `Country: ${say.countryWords(stub.country)}.` : "Country: not known.",
    stub.agency_kinds.length ? `Offices spoken of: ${say.listWords(stub.agency_kinds.map(say.agencyWords))}.` : "No public office is spoken of.",
    `${say.childWords(stub.child)}.`,
    `Written in ${say.languageWords(stub.language)}${TRANSLATED[stub.translation] ?? ""}.`,
  ];
  return lines.map((line) => el("li", {}, line));
}

function ties(card) {
  const rows = tiesOf(card).map(([what, told]) => [el("dt", {}, what), told.length ? told.map((one) => el("dd", {}, el("bdi", {}, one))) : el("dd", { class: "none" }, "none")]);
  return el("section", { class: "card ties", "aria-label": "Your ties" }, el("h2", {}, "Your ties, as the vetters wrote them"), el("dl", {}, rows.flat(2)));
}

// ---- opening -----------------------------------------------------------------------------------------------------------------

function opening(view, before, opened) {
  const result = el("p", { class: "result", role: "status" });
  const open = button("Open this case", () => openCase(view, { opened, result, open }), "main big");
  const again = before ? "You opened it before; its key was forgotten when you locked. " : "";
  return [
    open,
    el("p", { class: "note" }, `${again}Opening is signed with your key and recorded for ever, with the hour.`),
    result,
  ];
}

async function openCase({ session, row, failed }, { opened, result, open }) {
  open.disabled = true;
  result.textContent = "Asking the line to open it…";
  try {
    const refused = await openGrants(session, row);
    if (refused === null) {
      if (open.isConnected) opened();
      return;
    }
    result.textContent = say.refusedWords(refused);
  } catch (error) {
    if (failed(error)) return;
    if (error.code === "too_few_shares") result.textContent = "The trustees' shares do not make this case's key yet. Try again later.";
    else if (error.kind === "slow") result.textContent = "The line has not answered yet. Try again in a minute.";
    else if (error.code === "too_few_shares") result.textContent = "The trustees' shares for you do not fit together yet. Another trustee may have to give one: look again after the next slot.";
    else if (error.name === "OpenError" && error.code !== "two_lines") result.textContent = "What the line sent does not fit this case. Nothing was opened; tell your operator.";
    else result.textContent = say.failureWords(error);
  }
  open.disabled = false;
}

// One signed act for each epoch whose key is not here; of a case that somebody closes, at least one, since its answer tells how.
// -> code of the first refusal, or null.
async function openGrants(session, row) {
  const keys = keysOf(session, row.case);
  const missing = row.grants.filter(({ epoch }) => !keys.has(epoch)).reverse();
  for (const grant of missing.length ? missing : row.grants.slice(0, 1)) {
    if (!grant.stub) throw new OpenError("not_for_you");
    const act = await openAct(session.key, grant.stub, randomId(), Date.now(), addressed(session, grant.stub).gate);
    const handout = await carryOut(session, act);
    if (handout.result !== "opened" || !handout.key_file) return handout.code;
    keys.set(grant.epoch, await openKeyFile(fromBase64(handout.key_file), session.key.identity, row.case, grant.epoch));
    session.proposed.set(row.case, { ending: handout.proposed ?? "", helped: handout.helped ?? "" });
  }
  return null;
}
