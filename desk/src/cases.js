// The list of a reader's cases, and a case before it is opened.
import { call } from "./api.js";
import { carryOut } from "./acts.js";
import { fromBase64, randomId } from "./bytes.js";
import { button, byId, el, show } from "./dom.js";
import { openAct, openKeyFile, openStub } from "./open.js";
import * as say from "./words.js";

const ORDER = ["danger_now", "asks_help", "time_critical", "general_tip", "spam", "out_of_scope"];
const TRANSLATED = { none: ", not translated", practice: ", with a practice translation (often wrong)", package: ", with a machine translation" };
const STATES = { offered: "waiting for you to open", open: "open", struck: "no longer yours" };

// -> [{grant, case, epoch, state, stub | null}], most urgent first, cases taken away last. A stub opens once and is then remembered.
export async function loadCases(session) {
  const { data } = await call("/desk/cases", { authorization: session.authorization, signal: session.signal });
  const rows = await Promise.all((data.cases ?? []).map(async (row) => ({ ...row, stub: await stubOf(session, row) })));
  const place = ({ stub, state }) => (state === "struck" ? 10 : 0) + (stub ? ORDER.indexOf(stub.urgency) : 9);
  return rows.sort((a, b) => place(a) - place(b) || a.grant.localeCompare(b.grant));
}

async function stubOf(session, row) {
  if (!session.stubs.has(row.grant)) {
    try {
      session.stubs.set(row.grant, await openStub(row, session.key.identity));
    } catch {
      return null;
    }
  }
  return session.stubs.get(row.grant);
}

export function showList(rows, choose) {
  const items = rows.map((row) => el("li", {}, caseButton(row, choose)));
  show(
    byId("main"),
    el("h1", {}, "Your cases"),
    items.length ? el("ul", { class: "cases" }, items) : el("p", { class: "empty" }, "No case is waiting for you. New ones appear here by themselves."),
  );
}

function caseButton(row, choose) {
  const { stub, state } = row;
  const state_ = el("span", { class: `state ${state}` }, STATES[state] ?? state);
  const props = { type: "button", class: `row case ${state}`, onclick: () => choose(row), "data-case": row.case, "data-state": state };
  if (!stub) return el("button", props, el("b", {}, "A case that your key does not open"), state_);
  return el("button", props, el("b", { dir: "auto" }, stub.designation), urgencyBadge(stub.urgency), el("span", { class: "brief" }, brief(stub)), state_);
}

export const urgencyBadge = (code) => el("span", { class: `badge ${code}` }, say.urgencyWords(code));

const brief = (stub) => [say.listWords(stub.kinds.map(say.kindWords)) || "kind not known", say.countryWords(stub.country)].filter(Boolean).join(" · ");

// What the stub tells, in words; nothing of the message itself.
function stubWords(stub) {
  const lines = [
    `Kind: ${say.listWords(stub.kinds.map(say.kindWords)) || "not known yet"}.`,
    stub.country ? `Country: ${say.countryWords(stub.country)}.` : "Country: not known.",
    stub.agency_kinds.length ? `Offices spoken of: ${say.listWords(stub.agency_kinds.map(say.agencyWords))}.` : "No public office is spoken of.",
    `${say.childWords(stub.child)}.`,
    `Written in ${say.languageWords(stub.language)}${TRANSLATED[stub.translation] ?? ""}.`,
    say.rankWords(stub.rank),
  ];
  return lines.filter(Boolean).map((line) => el("li", {}, line));
}

export function showTaken(back, stub) {
  show(byId("main"), button("← All cases", back), el("h1", { dir: "auto" }, stub?.designation ?? "This case"), el("p", { class: "card" }, "This case is no longer yours. Nothing more of it is shown to you."));
}

// A case that is offered, or open but not in this session. `opened()` is called when its key is here.
export function showStub(session, row, { back, opened, failed }) {
  const { stub } = row;
  if (!stub) {
    show(byId("main"), button("← All cases", back), el("h1", {}, "This case does not open"), el("p", { class: "card" }, "It was not sealed to your key, or it was changed. Tell your operator; nothing was opened."));
    return;
  }
  const result = el("p", { class: "result", role: "status" });
  const open = button("Open this case", () => openCase(session, row, { opened, failed, result, open }), "main big");
  const again = row.state === "open" ? "You opened it before; its key was forgotten when you locked. " : "";
  show(
    byId("main"),
    button("← All cases", back),
    el("h1", { dir: "auto" }, stub.designation),
    el("p", {}, urgencyBadge(stub.urgency)),
    el("ul", { class: "card facts" }, stubWords(stub)),
    open,
    el("p", { class: "note" }, `${again}Opening is signed with your key and recorded for ever, with the hour.`),
    result,
  );
}

async function openCase(session, row, { opened, failed, result, open }) {
  open.disabled = true;
  result.textContent = "Asking the line to open it…";
  try {
    const act = await openAct(session.key, row.stub, randomId(), Date.now());
    const handout = await carryOut(session, act);
    if (handout.result === "opened" && handout.key_file) {
      const key = await openKeyFile(fromBase64(handout.key_file), session.key.identity, row.case, row.epoch);
      keysOf(session, row.case).set(row.epoch, key);
      if (open.isConnected) opened();
      return;
    }
    result.textContent = say.refusedWords(handout.code);
  } catch (error) {
    if (failed(error)) return;
    if (error.kind === "slow") result.textContent = "The line has not answered yet. Try again in a minute.";
    else if (error.name === "OpenError") result.textContent = "What the line sent does not fit this case. Nothing was opened; tell your operator.";
    else result.textContent = say.failureWords(error);
  }
  open.disabled = false;
}

// Case identities of this session: epoch -> identity. In memory only.
export function keysOf(session, caseId) {
  if (!session.keys.has(caseId)) session.keys.set(caseId, new Map());
  return session.keys.get(caseId);
}
