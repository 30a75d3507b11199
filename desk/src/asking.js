// Questions before what cannot be taken back, and acts that are sent once.
import { carryOut } from "./acts.js";
import { button, el, show } from "./dom.js";
import { failureWords, refusedWords } from "./words.js";

// A place for buttons, and in their stead for the question that one of them asks. `buttons` = [[label, question maker, class], …]; a
// maker gives {title, lines, content, yes, sure}: `sure(tell)` is called for "yes", one at a time, and gives the next question, if any; one
// without "yes" only tells something.
export function place(...buttons) {
  const node = el("div", { class: "choices" });
  const rest = () => show(node, buttons.map(([label, make, style]) => button(label, () => ask(make()), style)));
  const ask = (made) => {
    const asked = question(made, rest, ask);
    show(node, asked);
    asked.focus({ preventScroll: true });
    asked.scrollIntoView({ block: "nearest" });
  };
  rest();
  return node;
}

function question({ title, lines = [], content = null, yes, sure }, rest, ask) {
  const result = el("p", { class: "result", role: "status" });
  const tell = (line) => {
    result.textContent = line;
  };
  content?.addEventListener("input", () => tell(""));
  const choices = yes ? [button(yes, () => once(), "main"), button("No, go back", rest)] : [button("Go on", rest)];
  const once = async () => {
    for (const each of choices) each.disabled = true;
    const next = await sure(tell);
    for (const each of choices) each.disabled = false;
    if (next) ask(next);
  };
  return el("section", { class: "card question", tabindex: "-1", "aria-label": title }, el("h2", {}, title), lines.map((line) => el("p", {}, line)), content, el("div", { class: "choices" }, choices), result);
}

// Sends acts for one button. An act whose fate is not known stays the same act however often it is sent, as long as it is `about` the
// same words. -> the handout, or null: `tell` was told why. `refresh()`: shows what came in meanwhile.
export function speaker({ session, failed, refresh }) {
  let pending = null;
  return async ({ make, tell, about = "" }) => {
    tell("Sending…");
    try {
      if (pending?.about !== about) pending = { about, act: await make() };
      const handout = await carryOut(session, pending.act);
      pending = null;
      if (handout.result !== "refused") return handout;
      tell(refusedWords(handout.code));
      if (handout.code === "stale") await refresh?.();
    } catch (error) {
      if (error.kind === "refused") pending = null;
      if (!failed(error)) tell(error.kind === "slow" ? "The line has not answered yet. Try again in a minute." : failureWords(error));
    }
    return null;
  };
}
