// The list of a reader's cases, and a case before it is opened.
import { call } from "./api.js";
import { carryOut } from "./acts.js";
import { fromBase64, randomId } from "./bytes.js";
import { button, byId, el, show } from "./dom.js";
import { OpenError, openAct, openKeyFile, openStub } from "./open.js";
import * as say from "./words.js";

const ORDER = ["danger_now", "asks_help", "time_critical", "general_tip", "spam", "out_of_scope"];
const TRANSLATED = { none: ", not translated", practice: ", with a practice translation (often wrong)", package: ", with a machine translation" };
const STATES = { offered: "waiting for you to open", open: "open", struck: "no longer yours" };

// -> [{case, state, stub | null, epoch, grants: live ones}], most urgent first, cases taken away last. One case may have a grant for
// each epoch (a new epoch starts when a reader is struck); they are shown, opened and read together, and answered in the newest.
export async function loadCases(session) {
  const { data } = await call("/desk/cases", { authorization: session.authorization, signal: session.signal });
  const rows = await Promise.all((data.cases ?? []).map(async (row) => ({ ...row, stub: await stubOf(session, row) })));
  const cases = [...new Set(rows.map((row) => row.case))].map((id) => rows.filter((row) => row.case === id));
  const place = ({ stub, state }) => (state === "struck" ? 10 : 0) + (stub ? ORDER.indexOf(stub.urgency) : 9);
  return cases.map(oneCase).sort((a, b) => place(a) - place(b) || a.case.localeCompare(b.case));
}

function oneCase(rows) {
  const newestFirst = [...rows].sort((a, b) => b.epoch - a.epoch);
  const grants = newestFirst.filter((row) => row.state !== "struck");
  const stub = (grants.length ? grants : newestFirst).find((row) => row.stub)?.stub ?? null;
  const state = !grants.length ? "struck" : grants.some((row) => row.state === "offered") ? "offered" : "open";
  return { case: rows[0].case, state, stub, epoch: newestFirst[0].epoch, grants };
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
  if (!stub) return el("button", props, el("b", {}, state === "struck" ? "A case" : "A case that your key does not open"), state_);
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
  ];
  return lines.filter(Boolean).map((line) => el("li", {}, line));
}

export function showTaken(back, stub) {
  show(byId("main"), button("← All cases", back), el("h1", { dir: "auto" }, stub?.designation ?? "This case"), el("p", { class: "card" }, "This case is no longer yours. Nothing more of it is shown to you."));
}

// Whether every key of the case is in this session.
export const isOpenHere = (session, row) => row.grants.every((grant) => keysOf(session, row.case).has(grant.epoch));

// A case that is offered, or open but not in this session. `opened()` is called when its keys are here.
export function showStub(session, row, { back, opened, failed }) {
  const { stub } = row;
  if (!stub) {
    show(byId("main"), button("← All cases", back), el("h1", {}, "This case does not open"), el("p", { class: "card" }, "It was not sealed to your key, or it was changed. Tell your operator; nothing was opened."));
    return;
  }
  const result = el("p", { class: "result", role: "status" });
  const open = button("Open this case", () => openCase(session, row, { opened, failed, result, open }), "main big");
  const again = row.grants.some((grant) => grant.state === "open") ? "You opened it before; its key was forgotten when you locked. " : "";
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
    const refused = await openGrants(session, row);
    if (refused === null) {
      if (open.isConnected) opened();
      return;
    }
    result.textContent = say.refusedWords(refused);
  } catch (error) {
    if (failed(error)) return;
    if (error.kind === "slow") result.textContent = "The line has not answered yet. Try again in a minute.";
    else if (error.name === "OpenError") result.textContent = "What the line sent does not fit this case. Nothing was opened; tell your operator.";
    else result.textContent = say.failureWords(error);
  }
  open.disabled = false;
}

// One signed act for each epoch whose key is not here. -> code of the first refusal, or null.
async function openGrants(session, row) {
  const keys = keysOf(session, row.case);
  for (const grant of row.grants.filter(({ epoch }) => !keys.has(epoch)).reverse()) {
    if (!grant.stub) throw new OpenError("not_for_you");
    const handout = await carryOut(session, await openAct(session.key, grant.stub, randomId(), Date.now()));
    if (handout.result !== "opened" || !handout.key_file) return handout.code;
    keys.set(grant.epoch, await openKeyFile(fromBase64(handout.key_file), session.key.identity, row.case, grant.epoch));
  }
  return null;
}

// Case identities of this session: epoch -> identity. In memory only.
export function keysOf(session, caseId) {
  if (!session.keys.has(caseId)) session.keys.set(caseId, new Map());
  return session.keys.get(caseId);
}

// A case that was taken away leaves nothing behind in this page.
export function forgetCase(session, caseId) {
  for (const held of [session.keys, session.memory, session.drafts]) held.delete(caseId);
}
