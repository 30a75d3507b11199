// The investigators' desk. Keys, token and texts live in this page's memory alone; locking, leaving or a lost token forgets them.
import { call, takePracticeToken } from "./api.js";
import { showCase } from "./case.js";
import { forgetCase, isOpenHere, loadCases, showList, showOver } from "./cases.js";
import { button, byId, el, show } from "./dom.js";
import { sameWord } from "./keymaking.js";
import { showDoor } from "./login.js";
import { showMe } from "./me.js";
import { loadEpochs, loadMyself } from "./mine.js";
import { showStub } from "./offer.js";
import { tellQuietly } from "./quiet.js";
import { untilNextLook } from "./times.js";
import { failureWords } from "./words.js";

const IDLE_MS = 15 * 60_000;
const TAKEN = "This case is no longer yours. Nothing more of it is shown to you.";
const AWAY = "The desk cannot be reached. Try again later.";

const INSIDE = ["me", "lock"];

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
  session = { key, authorization: `Bearer ${token}`, config, pollMs: config.poll_ms, halt, signal: halt.signal, timer: null, heard };
  for (const held of ["stubs", "keys", "memory", "drafts", "proposed"]) session[held] = new Map();
  Object.assign(session, { epochs: null, me: null, learning: null, at: null, shown: "" });
  byId("person").textContent = name;
  for (const id of INSIDE) byId(id).hidden = false;
  alive();
  showCases();
}

// Keys of the line, and the card that it knows him by: asked at every login, of everybody; what fails is tried again at the next look.
function learn(mine) {
  if (mine.epochs && mine.me) return;
  mine.learning ??= Promise.all([loadEpochs(mine), loadMyself(mine)])
    .catch(failed)
    .finally(() => {
      mine.learning = null;
    });
}

function forget() {
  session.halt.abort();
  clearTimeout(session.timer);
  clearTimeout(idle);
  session.key.seed.fill(0);
  session = null;
  byId("person").textContent = "";
  for (const id of INSIDE) byId(id).hidden = true;
  show(byId("main"));
}

function lock(line = "Locked. Keys and texts are forgotten.") {
  if (session === null) return;
  forget();
  door(line);
}

// True when these words, sent in any field, are the quiet word: the line is told, and the page looks like one that lost its line.
function heard(words) {
  if (!session.key.quiet || !sameWord(words, session.key.quiet)) return false;
  tellQuietly(session);
  forget();
  say(AWAY);
  show(byId("main"), el("p", {}, button("Try again", () => door())));
  return true;
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
  const list = showList(session, { choose, look: () => tick() });
  go({ list, refresh: refreshList, wait: untilNextList });
  tick();
}

async function refreshList() {
  const mine = session;
  const { at } = mine;
  const listed = await loadCases(mine);
  if (session !== mine || mine.at !== at) return;
  learn(mine);
  const shown = JSON.stringify([listed.shares, listed.cases.map((row) => [row.case, row.state, row.closing, row.stub !== null, row.grants.length])]);
  if (shown !== mine.shown) at.list.draw(listed);
  mine.shown = shown;
  if (mine.config.list_at?.length) mine.config = (await call("/desk/config", { signal: mine.signal })).data; // it names the times of a day
}

function untilNextList() {
  const ms = untilNextLook(session.config, Date.now());
  session.at.list.next(ms);
  return ms;
}

// The phone's back button leads to the list, never out of the desk; no case id stands in the address.
function choose(row) {
  history.pushState(null, "");
  visit(row);
}

function visit(row) {
  const back = () => history.back();
  // Whoever went elsewhere while the line thought about it stays there.
  const left = (line) => {
    if ([session?.at.row, session?.at.over].includes(row)) over(row, line);
    else if (session) forgetCase(session, row.case);
  };
  if (row.state === "struck") {
    over(row, TAKEN);
  } else if (isOpenHere(session, row)) {
    go(null);
    session.at = { ...showCase(session, row, { back, failed, left }), row };
    tick();
  } else {
    go({ refresh: null, row });
    showStub(session, row, { back, opened: () => visit(row), failed, left });
  }
}

// Nothing of the case stays here.
function over(row, line) {
  go({ refresh: null, over: row });
  forgetCase(session, row.case);
  showOver(() => history.back(), row.stub, line);
}

function visitMe() {
  if (session.at.me) return;
  if (session.at.list) history.pushState(null, "");
  go({ refresh: null, me: true });
  const { at } = session;
  showMe(session, { back: () => history.back(), failed, here: () => session?.at === at });
}

// True when the failure was dealt with here.
function failed(error) {
  if (error.kind === "stopped" || session === null) return true;
  if (error.kind === "login") lock("Your time at the desk ran out, or you logged in elsewhere. Log in again.");
  return error.kind === "login";
}

// One look at a time. At an open case the next comes `poll_ms` after the last has ended; at the list at times that are the same for all,
// also while nobody looks at the page.
async function tick() {
  const mine = session;
  clearTimeout(mine.timer);
  const at = mine.at;
  try {
    if (at?.refresh && (at.list || !document.hidden)) await at.refresh();
    if (session === mine && mine.at === at && mine.away) say("");
    mine.away = false;
  } catch (error) {
    if (session !== mine || failed(error)) return;
    if (mine.at === at && at?.row && (error.status === 403 || error.status === 404)) {
      over(at.row, TAKEN);
    } else {
      mine.away = true;
      say(failureWords(error));
    }
  }
  if (session !== mine || mine.at !== at) return;
  clearTimeout(mine.timer);
  mine.timer = setTimeout(tick, mine.away ? mine.pollMs : (at?.wait?.() ?? mine.pollMs));
}

addEventListener("popstate", () => session && showCases());
addEventListener("hashchange", () => {
  practiceToken = takePracticeToken() ?? practiceToken;
  if (session === null) door();
});
addEventListener("pagehide", () => lock(""));
document.addEventListener("visibilitychange", () => session?.at && !session.at.list && !document.hidden && tick());
for (const sign of ["pointerdown", "keydown"]) addEventListener(sign, alive);
byId("me").addEventListener("click", visitMe);
byId("lock").addEventListener("click", () => lock());
door();
