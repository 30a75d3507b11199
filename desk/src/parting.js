// The ways out of a case: give it up, add a tie, close it; and the second look at somebody else's closing.
import { place, speaker } from "./asking.js";
import { randomId } from "./bytes.js";
import { el } from "./dom.js";
import { addressed } from "./mine.js";
import { actOnCase, closeAct, tieAct } from "./statements.js";
import { toldSomebody } from "./told.js";
import { ENDINGS, endingWords } from "./words.js";

// `view` = {session, row, failed, left(line): the case is over for this reader, found: the open case or null, refresh(): where it is open}.

const GONE = "This case is no longer yours. It goes to the next reader.";
const HELPED = { yes: "The source says that somebody helped.", no: "The source says that nobody helped." };
const NO_REASON = "Nobody is asked why, and no reason is kept anywhere.";

// Before opening.
export function offerParting(view) {
  return place(
    ["I cannot take this one", () => givingUp(view, "You cannot take this one?", "It goes to the next reader and does not come back to you.", "Pass it on")],
    ["Add a tie", () => addingTie(view)],
  );
}

// At the top of an open case: whoever sees a name that he knows must not have to look for it.
export const knowsSomeone = (view) =>
  place(["I know someone here", () => givingUp(view, "You know someone here?", "The case is locked for you at once and goes to the next reader.", "Lock it"), "wide"]);

// Below an open case. Somebody else's closing is agreed to or not, and not closed once more.
export function caseParting(view) {
  const up = ["Give this case up", () => givingUp(view, "Give this case up?", "It goes to the next reader. You will read nothing further of it.", "Give it up")];
  const told = toldSomebody(view);
  return view.row.closing ? place(up, told) : place(up, told, ["Close this case", () => choosingEnding(view)]);
}

function givingUp(view, title, line, yes) {
  const speak = speaker(view);
  const sure = async (tell) => (await speak({ make: () => onCase(view, "give_up"), tell })) && view.left(GONE);
  return { title, lines: [line, NO_REASON], yes, sure };
}

function onCase({ session, row }, kind) {
  return actOnCase(session.key, kind, row.stub, addressed(session, row.stub), randomId(), Date.now());
}

function addingTie(view) {
  const { session, row } = view;
  const speak = speaker(view);
  const words = el("textarea", { id: "tie", rows: "4", dir: "auto", maxlength: "2000", autocomplete: "off" });
  const content = el("div", {}, el("label", { for: "tie" }, "Whom or what do you know there?"), words, el("p", { class: "note" }, "Only the vetters read it. Here a tie can be added; only vetters take one away."));
  const sure = async (tell) => {
    const about = words.value.trim();
    if (!about) return tell("Write it down first.");
    if (session.heard(about)) return undefined;
    const make = () => tieAct(session.key, row.stub, addressed(session, row.stub), randomId(), Date.now(), about);
    return (await speak({ make, tell, about })) && view.left("This case is no longer yours. The vetters will ask you about the tie.");
  };
  return { title: "Add a tie", lines: ["You will not get this case. The vetters will ask you."], content, yes: "Add it", sure };
}

// ---- closing -----------------------------------------------------------------------------------------------------------------

function choosingEnding(view) {
  const choices = ENDINGS.map((ending) => el("label", { class: "choice" }, el("input", { type: "radio", name: "ending", value: ending }), el("span", {}, endingWords(ending))));
  const content = el("fieldset", {}, el("legend", {}, "How did it end?"), choices);
  const sure = (tell) => {
    const chosen = content.querySelector("input:checked");
    return chosen ? closing(view, chosen.value) : tell("Choose one first.");
  };
  return { title: "Close this case", content, yes: "Go on", sure };
}

function closing(view, ending) {
  const { session, row } = view;
  const speak = speaker(view);
  const make = () => closeAct(session.key, row.stub, addressed(session, row.stub), randomId(), Date.now(), { ending, contact: view.found?.contact ?? null });
  // Always the same words: nobody learns here whether somebody else will look at it.
  const sure = async (tell) => (await speak({ make, tell })) && view.left("You have closed this case. It may be looked at again.");
  return { title: `Close this case as “${endingWords(ending)}”?`, lines: ["You will read nothing further of it."], yes: "Close it", sure };
}

// ---- the second look ---------------------------------------------------------------------------------------------------------

// `proposed` = {ending: what another reader wants, "" where the line did not say; helped: what the source says, "yes", "no" or else}.
export function secondLook(view, proposed) {
  if (!proposed?.ending) return el("p", { class: "warning" }, "Another reader wants to close this case, but the line did not say how. Lock, log in and open it again.");
  const agree = ["I agree", () => judging(view, "concur", "You agree?", "The case is closed, and later deleted.", "Yes, I agree", "The case is closed. Thank you for the second look.")];
  const differ = ["I do not agree", () => judging(view, "disagree", "You do not agree?", "The case stays open, and you are its reader. The vetters are told.", "Keep it open", "The case stays open. You are its reader now.")];
  return el(
    "section",
    { class: "card", "aria-label": "Second look" },
    el("p", {}, "Another reader wants to close this case as: ", el("b", {}, endingWords(proposed.ending)), "."),
    HELPED[proposed.helped] ? el("p", {}, HELPED[proposed.helped]) : null,
    el("p", {}, "Read it first. Do you agree?"),
    place(agree, differ),
  );
}

function judging(view, kind, title, line, yes, after) {
  const speak = speaker(view);
  const sure = async (tell) => (await speak({ make: () => onCase(view, kind), tell })) && view.left(after);
  return { title, lines: [line], yes, sure };
}
