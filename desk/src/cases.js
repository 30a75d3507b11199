// The list of a reader's cases.
import { call } from "./api.js";
import { button, byId, el, show } from "./dom.js";
import { openStub } from "./open.js";
import * as say from "./words.js";

const ORDER = ["danger_now", "asks_help", "time_critical", "general_tip", "spam", "out_of_scope"];
const STATES = { offered: "waiting for you to open", open: "open", struck: "no longer yours" };
const CLOSING = { offered: "waits for your second look", open: "open: do you agree to close it?" };
const MOST_PAGES = 1000;

// -> {cases, shares}. `cases`: [{case, state, closing, stub | null, epoch, grants: live ones}], most urgent first, cases taken away last.
// One case may have a grant for each epoch (a new epoch starts when a reader is struck); they are shown, opened and read together, and
// answered in the newest. `shares`: of how many cases a share is asked of this person, as a trustee.
export async function loadCases(session) {
  const listed = await everyPage(session);
  const rows = await Promise.all(listed.cases.map(async (row) => ({ ...row, stub: await stubOf(session, row) })));
  return { cases: inOrder(rows), shares: new Set(listed.shares.map((share) => share.case)).size };
}

// The line answers in pages of one size.
async function everyPage(session) {
  const found = { cases: [], shares: [] };
  for (let number = 1, more = true; more && number <= MOST_PAGES; number += 1) {
    const path = number === 1 ? "/desk/cases" : `/desk/cases?page=${number}`;
    const { data } = await call(path, { authorization: session.authorization, signal: session.signal });
    for (const name of ["cases", "shares"]) found[name].push(...(data[name] ?? []));
    more = data.more === true;
  }
  return found;
}

function inOrder(rows) {
  const cases = [...new Set(rows.map((row) => row.case))].map((id) => rows.filter((row) => row.case === id));
  const place = ({ stub, state }) => (state === "struck" ? 10 : 0) + (stub ? ORDER.indexOf(stub.urgency) : 9);
  return cases.map(oneCase).sort((a, b) => place(a) - place(b) || a.case.localeCompare(b.case));
}

function oneCase(rows) {
  const newestFirst = [...rows].sort((a, b) => b.epoch - a.epoch);
  const grants = newestFirst.filter((row) => row.state !== "struck");
  const stub = (grants.length ? grants : newestFirst).find((row) => row.stub)?.stub ?? null;
  const state = !grants.length ? "struck" : grants.some((row) => row.state === "offered") ? "offered" : "open";
  return { case: rows[0].case, state, closing: grants.some((row) => row.closing === true), stub, epoch: newestFirst[0].epoch, grants };
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

// Shows the list; -> {draw(listed), next(ms)}: what there is, and in how many ms the page looks again.
export function showList(session, { choose, look }) {
  let listed = null;
  const items = el("div", {});
  const next = el("div", { class: "next" });
  const find = el("input", { type: "search", id: "find", autocomplete: "off", dir: "auto", enterkeyhint: "search" });
  const redraw = () => listed && show(items, shares(listed.shares), listed.shares && !listed.cases.length ? null : list(listed.cases, find.value, choose));
  const onsubmit = (event) => {
    event.preventDefault();
    if (!session.heard(find.value)) redraw();
  };
  find.addEventListener("input", redraw);
  const finding = el("form", { role: "search", class: "find", onsubmit }, el("label", { for: "find" }, "Find"), el("div", { class: "beside" }, find, el("button", { type: "submit" }, "Find")));
  show(byId("main"), el("h1", {}, "Your cases"), finding, items, next);
  const draw = (now) => {
    listed = now;
    redraw();
  };
  return { draw, next: (ms) => show(next, ms >= 60_000 ? lookingAgain(ms, look) : []) };
}

const lookingAgain = (ms, look) => [el("p", { class: "note" }, `Every desk looks for new cases at the same times, next at ${say.clockWords(Date.now() + ms)}.`), button("Look now", look)];

const shares = (count) => (count ? el("p", { class: "card" }, count === 1 ? "A case waits for you: " : `${count} cases wait for you: `, el("kbd", {}, "tipline trustee list"), " on your own computer.") : null);

function list(rows, sought, choose) {
  const found = rows.filter((row) => say.matches(row.stub ? `${row.stub.designation} ${brief(row.stub)} ${say.urgencyWords(row.stub.urgency)}` : "", sought));
  if (found.length) return el("ul", { class: "cases" }, found.map((row) => el("li", {}, caseButton(row, choose))));
  return el("p", { class: "empty" }, rows.length ? "No case of yours has these words." : "No case is waiting for you. New ones appear here by themselves.");
}

function caseButton(row, choose) {
  const { stub, state, closing } = row;
  const words = closing && state !== "struck" ? CLOSING[state] : STATES[state];
  const state_ = el("span", { class: `state ${state}` }, words ?? state);
  const props = { type: "button", class: `row case ${state}`, onclick: () => choose(row), "data-case": row.case, "data-state": state };
  if (!stub) return el("button", props, el("b", {}, state === "struck" ? "A case" : "A case that your key does not open"), state_);
  return el("button", props, el("b", { dir: "auto" }, stub.designation), urgencyBadge(stub.urgency), el("span", { class: "brief" }, brief(stub)), state_);
}

export const urgencyBadge = (code) => el("span", { class: `badge ${code}` }, say.urgencyWords(code));

const brief = (stub) => [say.listWords(stub.kinds.map(say.kindWords)) || "kind not known", say.countryWords(stub.country)].filter(Boolean).join(" · ");

// Nothing of the case but its name is shown any more.
export function showOver(back, stub, line) {
  show(byId("main"), button("← All cases", back), el("h1", { dir: "auto" }, stub?.designation ?? "This case"), el("p", { class: "card over", role: "status" }, line));
}

// Whether every key of the case is in this session, and, where somebody wants to close it, what the line said of that.
export const isOpenHere = (session, row) =>
  row.grants.every((grant) => keysOf(session, row.case).has(grant.epoch)) && (!row.closing || session.proposed.has(row.case));

// Case identities of this session: epoch -> identity. In memory only.
export function keysOf(session, caseId) {
  if (!session.keys.has(caseId)) session.keys.set(caseId, new Map());
  return session.keys.get(caseId);
}

// A case that was taken away leaves nothing behind in this page.
export function forgetCase(session, caseId) {
  for (const held of [session.keys, session.memory, session.drafts, session.proposed]) held.delete(caseId);
}
