// What a person says at the desk beside openings and answers: the custody entry that he signs and, where he says something, that as a
// ciphertext which the entry names. Formats: sealing/custody.py, sealing/plaintexts.py (`act`), sealing/said.py. No page, no network.
import { digest, join, padded, paddedJson, toBase64, utf8 } from "./bytes.js";
import { entry, seal, sign } from "./open.js";

// `to` = {card: fingerprint of his own key card, gate, delivery: recipients}; `id` = 32 hex digits, random; all give an act to send.

// `kind`: give_up, concur or disagree. `stub` names the key file that it is about.
export const actOnCase = (key, kind, stub, to, id, nowMs) => signed(key, { id, kind, caseId: stub.case, sha256: stub.key_file_sha256, to, nowMs });

export async function tieAct(key, stub, to, id, nowMs, words) {
  const content = await seal(paddedJson({ v: 1, kind: "tie", person: key.person, text: words }), to.gate);
  return signed(key, { id, kind: "tie", caseId: stub.case, content, to, nowMs });
}

// `ending`: one of said.Ending. `contact` = {sha256, inner} of the newest contact envelope, or null: the worker cannot open it by itself.
export async function closeAct(key, stub, to, id, nowMs, { ending, contact }) {
  const reach = contact ? { contact: contact.sha256, inner: contact.inner } : {};
  const content = await seal(paddedJson({ v: 1, kind: "outcome", case: stub.case, outcome: ending, ...reach }), to.gate);
  return signed(key, { id, kind: "close", caseId: stub.case, content, to, nowMs });
}

// Whom he told by word of mouth: `agency`, an id of the line's file, or `house`, a kind of office; the other is empty. `day`: since 1970.
export async function toldAct(key, stub, to, id, nowMs, { agency, house, day }) {
  const content = await seal(paddedJson({ v: 1, kind: "told", case: stub.case, agency, house, day }), to.gate);
  return signed(key, { id, kind: "told", caseId: stub.case, content, to, nowMs });
}

// "I am being pressured": he suspends his own card.
export const pressuredAct = (key, to, id, nowMs) => signed(key, { id, kind: "pressured", as: "suspend", sha256: to.card, to, nowMs });

// `weekly`: the exact bytes of routing/duty.py.
export async function dutyAct(key, to, id, nowMs, weekly) {
  return signed(key, { id, kind: "duty", content: await seal(padded(weekly), to.gate), to, nowMs });
}

// Where he wants notices; an empty address = nowhere.
export async function pushAct(key, to, id, nowMs, { channel, address }) {
  const content = await seal(paddedJson({ v: 1, kind: "push", person: key.person, channel, address }), to.delivery);
  return signed(key, { id, kind: "push", content, to, nowMs });
}

// Signs before it waits for anything: a desk that locks meanwhile has said it already. `as`: the kind of entry, where it is not the act's.
async function signed(key, { id, kind, as = kind, caseId = "", sha256, content = null, to, nowMs }) {
  const body = entry(as, caseId, content ? digest(content) : sha256, to.card, nowMs);
  const signature = toBase64(sign(key.seed, as, body));
  const statement = content ? join(body, utf8("\n"), utf8(toBase64(content))) : body;
  return { id, case: caseId, kind, signature, sealed: toBase64(await seal(statement, to.gate)) };
}
