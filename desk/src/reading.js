// One message: original and translation side by side, and the words that led to each reason.
import { urgencyBadge } from "./cases.js";
import { el, words } from "./dom.js";
import { marked } from "./open.js";
import * as say from "./words.js";

export function message(m) {
  const ours = m.direction === "out";
  const original = column(m, "original", ours ? "Your words" : `Original, ${say.languageWords(m.language)}`, m.text, m.language);
  const both = m.translation ? [original, column(m, "translation", ours ? "What went out with them" : "Translation", m.translation.text, ours ? null : "en")] : [original];
  return el(
    "article",
    { class: `message ${ours ? "out" : "in"}`, "data-seq": String(m.seq) },
    el("header", {}, el("b", {}, ours ? "Answer" : "Source"), el("span", { class: "time" }, say.timeWords(m.received)), ours ? null : urgencyBadge(m.urgency)),
    m.asked ? el("p", { class: "asked" }, `Answers our question: ${say.askedWords(m.asked)}`) : null,
    m.form ? el("p", { class: "asked form" }, say.formWords(m.form)) : null,
    m.media ? el("p", { class: "asked media" }, say.mediaWords(m.media)) : null,
    ours || !m.text ? null : quality(m),
    m.text ? el("div", { class: both.length > 1 ? "texts two" : "texts" }, both) : null,
    ours ? null : facts(m),
  );
}

function column(m, of, heading, text, language) {
  const reasons = (m.reasons ?? []).filter((reason) => reason.of === of);
  const pieces = marked(text, reasons).map((piece) => (piece.codes.length ? el("mark", { title: piece.codes.map(say.reasonWords).join("; ") }, piece.text) : piece.text));
  return el("section", { class: of }, el("h3", {}, heading), words("p", pieces, language, "text"));
}

function quality({ translation, language }) {
  if (!translation) return say.isEnglish(language) ? null : el("p", { class: "badge warn" }, "not translated");
  if (translation.quality === "practice") return el("p", { class: "badge warn" }, "PRACTICE translation – often wrong");
  return el("p", { class: translation.trusted ? "badge" : "badge warn" }, translation.trusted ? "machine translation" : "machine translation – failed its self-test, often wrong");
}

function facts(m) {
  const lines = [];
  if (m.kinds?.length) lines.push(line("Kind", say.listWords(m.kinds.map(say.kindWords))));
  if (m.child === "yes") lines.push(line("Child", say.childWords(m.child)));
  for (const official of m.officials ?? []) lines.push(line("Office", officialWords(official)));
  if (m.places?.length) lines.push(line("Places", say.listWords([...new Set(m.places.map((place) => (typeof place === "string" ? place : place.text)))])));
  const reasons = grouped(m.reasons ?? []).map(([code, quotes]) => line(say.reasonWords(code), quotes.map((q) => `“${q}”`).join(" ")));
  if (!lines.length && !reasons.length) return null;
  return el("details", { class: "why", open: true }, el("summary", {}, "What the line found, and in which words"), el("ul", {}, lines, reasons));
}

const line = (name, content) => el("li", {}, el("b", {}, `${name}: `), el("bdi", { dir: "auto" }, content));

function officialWords({ agency, place, name, relation, negated }) {
  const who = [say.agencyWords(agency), name, place].filter(Boolean).join(", ");
  if (negated) return `${who} (the words say: not involved)`;
  return relation && relation !== "mentioned" ? `${who} (${relation})` : who;
}

function grouped(reasons) {
  const byCode = new Map();
  for (const { code, text } of reasons) byCode.set(code, (byCode.get(code) ?? new Set()).add(text));
  return [...byCode].map(([code, quotes]) => [code, [...quotes]]);
}
