// What the page knows of its own person and line, from the stubs of his cases and the keys that the line announces.
import { carryOut } from "./acts.js";
import { call } from "./api.js";
import { randomId, toBase64 } from "./bytes.js";
import { newestSigned } from "./epochs.js";
import { OpenError } from "./open.js";
import { ownCard } from "./ties.js";

// Public keys of today; a line that does not tell them leaves us those of the stubs.
export async function loadEpochs(session) {
  if (session.epochs !== null) return;
  try {
    const { data } = await call("/desk/epochs", { authorization: session.authorization, signal: session.signal });
    session.epochs = Array.isArray(data.epochs) ? data.epochs : [];
  } catch (error) {
    if (error.status !== 404) throw error;
    session.epochs = [];
  }
}

// -> {card, gate, delivery, line}: in whose name an act of this stub is, and to whom it is sealed. OpenError "two_lines" when what this
// session was told names different keys of the line: one of them is not the line's.
export function addressed(session, stub) {
  const lines = new Set([...session.stubs.values(), session.me, stub].map((each) => each?.line).filter(Boolean));
  if (lines.size > 1) throw new OpenError("two_lines");
  return sealedTo(session, stub, [...lines][0] ?? "");
}

// The same for an act about himself, in the name of the card that the line knows him by; null while the page has not heard of it. A forged
// case must not keep him from saying such a thing.
export function myself(session) {
  const stub = [...session.stubs.values()].at(-1);
  const known = session.me ?? stub;
  if (!known) return null;
  const to = sealedTo(session, { gate_recipient: null, delivery_recipient: null, ...stub, ...known }, known.line ?? "");
  return to.gate && to.delivery ? { ...to, own: ownCard(known) } : null;
}

function sealedTo({ epochs }, stub, line) {
  const { gate, delivery } = newestSigned(epochs ?? [], line);
  return { card: stub.card, gate: gate?.recipient ?? stub.gate_recipient, delivery: delivery?.recipient ?? stub.delivery_recipient, line };
}

// Asked at every login, of everybody: an act without a signature, since it changes nothing and its answer opens with his key alone.
export async function loadMyself(session) {
  const act = { id: randomId(), case: "", kind: "me", signature: toBase64(new Uint8Array(64)), sealed: "" };
  const { result, card, own, line, notices, duty } = await carryOut(session, act);
  if (result === "done" && card) session.me = { card, own, line, notices: notices === "yes", duty: duty ?? "" };
}
