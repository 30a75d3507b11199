// A case that is open: the conversation in order, warnings when it is not whole, and the answer box.
import { call } from "./api.js";
import { carryOut } from "./acts.js";
import { randomId } from "./bytes.js";
import { keysOf } from "./cases.js";
import { button, byId, el, show } from "./dom.js";
import { addressed } from "./mine.js";
import { answerAct, contactInReply, readCase } from "./open.js";
import { caseParting, knowsSomeone, secondLook } from "./parting.js";
import { message } from "./reading.js";
import * as say from "./words.js";

// Shows the frame; -> {refresh()}: fetches, checks and shows what is new without touching the draft.
export function showCase(session, row, { back, failed, left }) {
  const view = { session, row, found: null, shown: "", pending: null, failed, left };
  view.refresh = () => refresh(view).catch(() => {}); // the next look tries again
  view.warnings = el("div", { role: "alert" });
  view.conversation = el("section", { class: "conversation", "aria-label": "Conversation" }, el("p", {}, "Opening…"));
  view.box = answerBox(view);
  show(
    byId("main"),
    button("← All cases", back),
    el("h1", { dir: "auto" }, row.stub.designation),
    knowsSomeone(view),
    row.closing ? secondLook(view, session.proposed.get(row.case)) : null,
    view.warnings,
    view.conversation,
    view.box.node,
    caseParting(view),
  );
  return { refresh: () => refresh(view) };
}

async function refresh(view) {
  const { session, row } = view;
  const { data } = await call(`/desk/cases/${encodeURIComponent(row.case)}`, { authorization: session.authorization, signal: session.signal });
  const memory = remembered(session, row.case);
  const found = await readCase(data.envelopes ?? [], row.case, keysOf(session, row.case), memory.known);
  const here = new Set(found.messages.map((m) => m.sha256));
  if ([...memory.seen].some((sha256) => !here.has(sha256))) found.problems.push({ seq: 0, code: "gone" });
  for (const sha256 of here) memory.seen.add(sha256);
  const shown = JSON.stringify([[...here], found.problems, found.closed, found.contact?.sha256]);
  view.found = found;
  if (shown === view.shown) return;
  view.shown = shown;
  show(view.warnings, warnings(found));
  show(view.conversation, found.messages.length ? found.messages.map(message) : el("p", { class: "empty" }, "There is no message in this case that you can read."));
  view.box.reach(found);
  noticeSent(view);
}

// Of this session only: plaintexts by ciphertext hash, and which messages were here.
function remembered(session, caseId) {
  if (!session.memory.has(caseId)) session.memory.set(caseId, { known: new Map(), seen: new Set() });
  return session.memory.get(caseId);
}

function warnings({ problems, closed }) {
  const lines = [...new Set(problems.map((problem) => problem.code))].map((code) => el("p", { class: code === "earlier" ? "note" : "warning" }, code === "earlier" ? say.chainWords(code) : `Careful: ${say.chainWords(code)}`));
  if (closed) lines.push(el("p", { class: "warning" }, "Some parts of this case are sealed to a key that is not open here. Go back to all cases and open it again."));
  return lines;
}

// ---- answering ---------------------------------------------------------------------------------------------------------------

function answerBox(view) {
  const { session, row } = view;
  const draft = el("textarea", { id: "answer", rows: "4", dir: "auto", maxlength: "1500", autocomplete: "off" });
  const result = el("p", { class: "result", role: "status" });
  const send = el("button", { type: "submit", class: "main" }, "Send answer");
  draft.value = session.drafts.get(row.case) ?? "";
  draft.addEventListener("input", () => session.drafts.set(row.case, draft.value));
  const tell = (line) => {
    result.textContent = line;
  };
  const onsubmit = async (event) => {
    event.preventDefault();
    send.disabled = true;
    await answer(view);
    send.disabled = false;
  };
  const form = el("form", { class: "card answer", onsubmit }, el("label", { for: "answer" }, "Your answer to the source"), draft, el("p", { class: "note" }, goesOut(row.stub)), send, result);
  const lost = el("p", { class: "card" }, "There is no address to answer to: the source asked us to forget it, or it is not in the part of the case that you can read.");
  const node = el("section", {}, form);
  return { node, draft, tell, reach: (found) => show(node, found.contact ? form : lost) };
}

function goesOut(stub) {
  const own = "Your own words go out as you write them.";
  const both = `Goes out as a machine translation into ${say.languageWords(stub.language)} with your own words under it; if the translation is too poor, only your own words.`;
  const how = ["practice", "package"].includes(stub.translation) ? both : own;
  return `${how} Somebody else may hold the phone: name nothing that the source has not named. No links, phone numbers, e-mail addresses or @names.`;
}

const HELD = {
  link: "a link",
  email: "an e-mail address",
  handle: "an @name",
  phone: "a phone number",
};

async function answer(view) {
  const { draft, tell } = view.box;
  const text = draft.value.trim();
  if (!text) return tell("Write something first.");
  if (view.session.heard(text)) return undefined;
  if (!view.found?.contact) return tell("The conversation is not here yet. Try again in a moment.");
  const held = contactInReply(text);
  if (held) return tell(`Your answer seems to hold ${HELD[held]}. It was not sent: it could unmask you or the source. Please say it in other words.`);
  tell("Sending…");
  let act = null;
  try {
    act = await actFor(view, text);
    const handout = await carryOut(view.session, act);
    if (handout.result === "answered") return sent(view, text);
    view.pending = null;
    if (handout.code === "stale") await view.refresh();
    return tell(say.refusedWords(handout.code));
  } catch (error) {
    if (view.failed(error)) return undefined;
    if (act && view.pending?.act !== act) return undefined; // the case itself has told meanwhile that it went out
    return tell(error.kind === "slow" ? "The line has not answered yet. Your answer may still go out: look here again before you send it once more." : `${say.failureWords(error)} Your words are still here.`);
  }
}

function sent(view, text) {
  const { draft, tell } = view.box;
  view.pending = null;
  if (draft.value.trim() === text) {
    draft.value = "";
    view.session.drafts.delete(view.row.case);
  }
  tell("Your answer is on its way.");
  return view.refresh();
}

// Words whose fate is not known stay one act however often they are sent: a lost connection makes no second answer.
async function actFor(view, text) {
  const { session, row, found } = view;
  if (view.pending?.text !== text) {
    const sequence = answers(found).length + 1;
    const reply = { epoch: row.epoch, sequence, contact: found.contact.sha256, inner: found.contact.inner, text };
    const act = await answerAct(session.key, row.stub, randomId(), reply, addressed(session, row.stub).delivery);
    view.pending = { text, sequence, act };
  }
  return view.pending.act;
}

// The case itself tells that an answer, whose receipt was lost, went out.
function noticeSent(view) {
  const { pending, found } = view;
  if (pending && answers(found)[pending.sequence - 1]?.text === pending.text) sent(view, pending.text);
}

const answers = (found) => found.messages.filter((m) => m.direction === "out");
