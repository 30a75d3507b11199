// "I was invited": a person makes his key in this browser. Nothing of it is sent anywhere; he saves two files.
import { button, el, painted, show } from "./dom.js";
import { SHORTEST_PASSPHRASE, fourWords, invited, keyWordsWrong, makeKey } from "./keymaking.js";

const WRONG = {
  short: `The passphrase needs at least ${SHORTEST_PASSPHRASE} characters.`,
  differ: "The two passphrases are not the same.",
  quiet_word: "The quiet word needs 4 to 64 characters, and must not be the passphrase.",
};

export function invitation() {
  return el("details", { class: "invitation" }, el("summary", {}, "I was invited: make my key"), form());
}

function form() {
  const code = el("textarea", { id: "invitation", rows: "2", autocomplete: "off", spellcheck: "false" });
  const name = el("input", { id: "keyname", autocomplete: "off", maxlength: "40", dir: "auto", value: "my" });
  const words = el("b", { class: "words" }, fourWords());
  const passphrase = el("input", { type: "password", id: "new-passphrase", autocomplete: "new-password", dir: "auto" });
  const again = el("input", { type: "password", id: "new-passphrase-again", autocomplete: "new-password", dir: "auto" });
  const quiet = el("input", { id: "quiet", autocomplete: "off", maxlength: "64", dir: "auto" });
  const result = el("p", { class: "result", role: "status" });
  const make = el("button", { type: "submit", class: "main" }, "Make my key");
  const onsubmit = async (event) => {
    event.preventDefault();
    const person = invited(code.value);
    const word = quiet.value.trim();
    const wrong = keyWordsWrong(passphrase.value, again.value, word);
    if (!person || wrong) {
      result.textContent = person ? WRONG[wrong] : "This is not an invitation. Paste all of it.";
      return;
    }
    make.disabled = true;
    result.textContent = "Making your key… This takes a moment.";
    await painted();
    const made = await makeKey(person, passphrase.value, word);
    for (const field of [passphrase, again, quiet]) field.value = "";
    show(whole, saving(made, fileName(name.value)));
  };
  const whole = el(
    "form",
    { class: "card", onsubmit },
    el("label", { for: "invitation" }, "Your invitation"),
    code,
    el("label", { for: "keyname" }, "Name of the files"),
    name,
    el("label", { for: "new-passphrase" }, "A new passphrase"),
    el("p", { class: "note" }, "Four words that nobody would guess, for example:"),
    el("p", { class: "suggested" }, words, button("Other words", () => show(words, fourWords()))),
    passphrase,
    el("label", { for: "new-passphrase-again" }, "The same once more"),
    again,
    el("label", { for: "quiet" }, "A quiet word, if you want one"),
    el("p", { class: "note" }, "If somebody forces you to open the desk: type this word alone into any field there, and send it. Your own access ends and two vetters are told; the screen only says that the desk cannot be reached. Take a word that you would never write otherwise."),
    quiet,
    make,
    result,
  );
  whole.addEventListener("input", () => show(result));
  return whole;
}

const fileName = (name) => name.trim().replace(/[^\p{L}\p{N}_-]+/gu, "-") || "my";

function saving({ file, publicHalves }, name) {
  return [
    el("h2", {}, "Your key is made"),
    el("ol", {}, el("li", {}, "Save both files."), el("li", {}, `Keep ${name}.key and its passphrase on this device alone. Nobody can make it again for you.`), el("li", {}, `Give ${name}.pub.json to the vetters. It opens nothing.`)),
    el("div", { class: "choices" }, saved(`${name}.key`, file, "text/plain"), saved(`${name}.pub.json`, publicHalves, "application/json")),
  ];
}

// A large link that looks like the buttons: browsers save the file under its name.
function saved(name, content, type) {
  const href = URL.createObjectURL(new Blob([content], { type }));
  return el("a", { class: "button main", href, download: name }, `Save ${name}`);
}
