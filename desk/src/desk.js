// The investigators' desk. Keys, token and texts live in this page's memory alone; locking, leaving or a lost token forgets them.
import { call, takePracticeToken } from "./api.js";
import { showCase } from "./case.js";
import { forgetCase, isOpenHere, loadCases, showList, showStub, showTaken } from "./cases.js";
import { byId, show } from "./dom.js";
import { showDoor } from "./login.js";
import { failureWords } from "./words.js";

const IDLE_MS = 15 * 60_000;

let session = null; // everything that must be forgotten
let practiceToken = takePracticeToken();
let idle = null;

const say = (line) => {
  byId("status").textContent = line;
};

// ---- coming in and going out -------------------------------------------------------------------------------------------------

async function door(line = "") {
  say(line);
  try {
    const { data: config } = await call("/desk/config");
    byId("line").textContent = config.line;
    document.title = config.line;
    byId("practice").hidden = !config.practice;
    showDoor({ config, practiceToken, enter, say });
  } catch (error) {
    say(failureWords(error));
    setTimeout(() => session === null && door(byId("status").textContent), 5000);
  }
}

function enter({ key, token, config, name }) {
  const halt = new AbortController();
  session = { key, authorization: `Bearer ${token}`, pollMs: config.poll_ms, halt, signal: halt.signal, timer: null };
  Object.assign(session, { stubs: new Map(), keys: new Map(), memory: new Map(), drafts: new Map(), at: null, shown: "" });
  byId("person").textContent = name;
  byId("lock").hidden = false;
  alive();
  showCases();
}

function lock(line = "Locked. Keys and texts are forgotten.") {
  if (session === null) return;
  session.halt.abort();
  clearTimeout(session.timer);
  clearTimeout(idle);
  session.key.seed.fill(0);
  session = null;
  byId("person").textContent = "";
  byId("lock").hidden = true;
  show(byId("main"));
  door(line);
}

function alive() {
  clearTimeout(idle);
  if (session) idle = setTimeout(() => lock("Locked after 15 minutes without use."), IDLE_MS);
}

// ---- where we are: the list, a stub, an open case ----------------------------------------------------------------------------

function go(at) {
  session.at = at;
  session.shown = "";
  say("");
  window.scrollTo(0, 0);
  byId("main").focus({ preventScroll: true });
}

function showCases() {
  go({ refresh: refreshList });
  tick();
}

async function refreshList() {
  const { at } = session;
  const rows = await loadCases(session);
  if (session?.at !== at) return;
  const shown = JSON.stringify(rows.map((row) => [row.case, row.state, row.stub !== null, row.grants.length]));
  if (shown === session.shown) return;
  session.shown = shown;
  showList(rows, choose);
}

// The phone's back button leads to the list, never out of the desk; no case id stands in the address.
function choose(row) {
  history.pushState(null, "");
  visit(row);
}

function visit(row) {
  const back = () => history.back();
  if (row.state === "struck") {
    go({ refresh: null });
    forgetCase(session, row.case);
    showTaken(back, row.stub);
  } else if (isOpenHere(session, row)) {
    go(null);
    session.at = { ...showCase(session, row, { back, failed }), row };
    tick();
  } else {
    go({ refresh: null });
    showStub(session, row, { back, opened: () => visit(row), failed });
  }
}

// True when the failure was dealt with here.
function failed(error) {
  if (error.kind === "stopped" || session === null) return true;
  if (error.kind === "login") lock("Your time at the desk ran out, or you logged in elsewhere. Log in again.");
  return error.kind === "login";
}

// One look at a time; the next comes `poll_ms` after the last has ended.
async function tick() {
  const mine = session;
  clearTimeout(mine.timer);
  const at = mine.at;
  try {
    if (at?.refresh && !document.hidden) await at.refresh();
    if (session === mine && mine.at === at && mine.away) say("");
    mine.away = false;
  } catch (error) {
    if (session !== mine || failed(error)) return;
    if (mine.at === at && (error.status === 403 || error.status === 404)) {
      taken(at.row);
    } else {
      mine.away = true;
      say(failureWords(error));
    }
  }
  if (session !== mine || mine.at !== at) return;
  clearTimeout(mine.timer);
  mine.timer = setTimeout(tick, mine.pollMs);
}

// The line shows it no longer: nothing of it stays here.
function taken(row) {
  go({ refresh: null });
  if (row) forgetCase(session, row.case);
  showTaken(() => history.back(), row?.stub);
}

addEventListener("popstate", () => session && showCases());
addEventListener("hashchange", () => {
  practiceToken = takePracticeToken() ?? practiceToken;
  if (session === null) door();
});
addEventListener("pagehide", () => lock(""));
document.addEventListener("visibilitychange", () => session && !document.hidden && tick());
for (const sign of ["pointerdown", "keydown"]) addEventListener(sign, alive);
byId("lock").addEventListener("click", () => lock());
door();
