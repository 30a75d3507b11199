// Everything the desk encrypts, decrypts, signs and checks. No page, no network, no storage: keys come in as arguments.
// Formats: sealing/age.py (plaintexts), sealing/passphrase.py (person key), sealing/signing.py (prefixes).
import { ed25519 } from "@noble/curves/ed25519.js";
import { Decrypter, Encrypter, armor } from "age-encryption";
import { digest, fromBase64, join, paddedJson, text, toBase64, utf8 } from "./bytes.js";
import { fromShares } from "./shares.js";

const HOUR_MS = 3_600_000;

// `code`: wrong_passphrase, not_a_key, not_for_you, not_ours, other_case, too_few_shares. Carries no content.
export class OpenError extends Error {
  constructor(code) {
    super(code);
    this.name = "OpenError";
    this.code = code;
  }
}

// ---- keys ------------------------------------------------------------------------------------------------------------------

// A person's passphrase file (bytes, armoured or binary) -> {person, seed: 32 bytes, identity: "AGE-SECRET-KEY-1…", quiet: word or ""}.
export async function unlock(file, passphrase) {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  let raw = file;
  try {
    const start = text(file.subarray(0, 64)).trimStart();
    if (start.startsWith("-----BEGIN AGE")) raw = armor.decode(text(file).trim());
    else if (!start.startsWith("age-encryption.org/")) throw new OpenError("not_a_key");
  } catch {
    throw new OpenError("not_a_key");
  }
  let plain;
  try {
    plain = await decrypter.decrypt(raw, "text");
  } catch {
    throw new OpenError("wrong_passphrase");
  }
  const { title, fields, identity } = identityFile(plain);
  if (title !== "tipline person key v1" || !fields.person || !fields.sign || !identity) throw new OpenError("not_a_key");
  const seed = fromBase64(fields.sign);
  if (seed.length !== 32) throw new OpenError("not_a_key");
  return { person: fields.person, seed, identity, quiet: fields.quiet ?? "" };
}

// A peeled key file (age to the reader), or shares that trustees sealed to him -> the case's identity. It must be of this very case and epoch.
export async function openKeyFile(sealed, identity, caseId, epoch) {
  if (sealed[0] === 0x7b) return openShares(sealed, identity, caseId, epoch);
  const { title, fields, identity: key } = identityFile(text(await unseal(sealed, identity)));
  if (title !== "tipline key file v1" || fields.kind !== "case" || !key) throw new OpenError("not_ours");
  if (fields.case !== caseId || fields.epoch !== String(epoch)) throw new OpenError("other_case");
  return key;
}

// A bundle of shares, JSON; one trustee's mistake keeps no other's share from counting.
async function openShares(bundle, identity, caseId, epoch) {
  const held = parsed(bundle, "shares");
  if (!Array.isArray(held.shares)) throw new OpenError("not_ours");
  if (held.case !== caseId || held.epoch !== epoch) throw new OpenError("other_case");
  const opened = await Promise.all(held.shares.map((sealed) => unsealJson(fromBase64(sealed), identity, "share").catch(() => null)));
  const key = await fromShares(opened.filter((share) => share !== null && share.case === caseId && share.epoch === epoch));
  if (key === null) throw new OpenError("too_few_shares");
  return key;
}

// A plain age identity file: `# title`, `# name: value` lines, then the secret key.
function identityFile(plain) {
  const lines = plain.split(/\r?\n/);
  const fields = {};
  for (const line of lines) {
    const found = /^# ([a-z]+): (.*)$/.exec(line);
    if (found) fields[found[1]] = found[2];
  }
  return { title: lines[0].replace(/^# /, ""), fields, identity: lines.find((line) => line.startsWith("AGE-SECRET-KEY-1")) };
}

// ---- seal, unseal, sign ----------------------------------------------------------------------------------------------------

export async function unseal(sealed, identity) {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  try {
    return await decrypter.decrypt(sealed);
  } catch {
    throw new OpenError("not_for_you");
  }
}

export async function seal(plaintext, recipient) {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return encrypter.encrypt(plaintext);
}

// age does not say who sealed: the kind is checked inside.
export async function unsealJson(sealed, identity, kind) {
  return parsed(await unseal(sealed, identity), kind);
}

function parsed(plain, kind) {
  let value = null;
  try {
    value = JSON.parse(text(plain));
  } catch {
    throw new OpenError("not_ours");
  }
  if (value === null || typeof value !== "object" || value.v !== 1 || value.kind !== kind) throw new OpenError("not_ours");
  return value;
}

export const sign = (seed, use, body) => ed25519.sign(join(utf8(`tipline/v1/${use}\n`), body), seed);

// ---- what a person says to the line: the exact bytes that are signed are the bytes that travel ------------------------------

export function loginRequest(key, origin, challenge) {
  const body = utf8(JSON.stringify({ v: 1, kind: "login", origin, person: key.person, challenge }));
  return { body: toBase64(body), signature: toBase64(sign(key.seed, "login", body)) };
}

// `gate`: the line's newest gate recipient, where the desk knows a newer one than the stub's.
export async function openAct(key, stub, id, nowMs, gate = stub.gate_recipient) {
  return act(key, "open", id, stub.case, entry("open", stub.case, stub.key_file_sha256, stub.card, nowMs), gate);
}

// The exact bytes of a custody entry (sealing/custody.py): the person signs what the log will hold.
export const entry = (kind, caseId, sha256, card, nowMs) => utf8(JSON.stringify({ v: 1, hour: Math.floor(nowMs / HOUR_MS), kind, case: caseId, sha256, card }));

// `reply` = {epoch, sequence, contact: sha256 of the newest contact envelope, inner: base64, text}.
export async function answerAct(key, stub, id, reply, delivery = stub.delivery_recipient) {
  const { epoch, sequence, contact, inner } = reply;
  const statement = paddedJson({ v: 1, kind: "answer", case: stub.case, epoch, sequence, contact, inner, text: reply.text });
  return act(key, "answer", id, stub.case, statement, delivery);
}

async function act(key, kind, id, caseId, statement, recipient) {
  const signature = toBase64(sign(key.seed, kind, statement));
  return { id, case: caseId, kind, signature, sealed: toBase64(await seal(statement, recipient)) };
}

// ---- what the line says ----------------------------------------------------------------------------------------------------

// A row of the list -> its stub. It must speak of this very grant.
export async function openStub(row, identity) {
  const stub = await unsealJson(fromBase64(row.stub), identity, "stub");
  if (stub.case !== row.case || stub.grant !== row.grant || stub.epoch !== row.epoch) throw new OpenError("other_case");
  return stub;
}

// The worker's answer to one act -> {result, code, key_file}.
export async function openHandout(sealed, identity, actId) {
  const handout = await unsealJson(fromBase64(sealed), identity, "handout");
  if (handout.act !== actId) throw new OpenError("not_ours");
  return handout;
}

// Envelopes of one case as the server listed them -> {messages, contact, closed, problems}.
// `keys`: Map epoch -> case identity. `known`: Map sha256 -> plaintext already opened (filled here).
// `closed` = how many are sealed to an epoch whose key this reader has not. `problems` = [{seq, code}], code of: hash (not the bytes
// that the line announced), unreadable, mismatch (case, epoch or number inside differ), twice, prev (chain broken), earlier (the
// first one shown is not the first), contact.
export async function readCase(envelopes, caseId, keys, known) {
  const found = { messages: [], contact: null, closed: 0, problems: [] };
  const ordered = envelopes.filter(({ part }) => part === "message" || part === "contact").sort((a, b) => a.seq - b.seq);
  let before = null; // the message envelope before this one, opened or not: the chain is over ciphertexts
  let last = null;
  for (const envelope of ordered) {
    const sealed = fromBase64(envelope.sealed);
    const sha256 = digest(sealed);
    const report = (code) => found.problems.push({ seq: envelope.seq, code });
    if (sha256 !== envelope.sha256) report("hash");
    if (last === envelope.seq) report("twice");
    last = envelope.seq;
    const previous = before;
    if (envelope.part === "message") before = sha256;
    if (!keys.has(envelope.epoch)) {
      found.closed += 1;
      continue;
    }
    const plain = await openEnvelope(sealed, sha256, envelope.part, keys.get(envelope.epoch), known);
    if (plain === null) {
      report("unreadable");
      continue;
    }
    if (plain.case !== caseId || plain.epoch !== envelope.epoch || plain.seq !== envelope.seq) {
      report("mismatch"); // somebody else's words, or a replay: shown to nobody
      continue;
    }
    if (envelope.part === "contact") {
      found.contact = { sha256, inner: plain.inner };
      continue;
    }
    if (plain.prev !== (previous ?? "")) report(previous === null ? "earlier" : "prev");
    found.messages.push({ ...plain, sha256 });
  }
  return found;
}

async function openEnvelope(sealed, sha256, part, identity, known) {
  if (!known.has(sha256)) {
    try {
      known.set(sha256, await unsealJson(sealed, identity, part));
    } catch {
      return null;
    }
  }
  return known.get(sha256);
}

// ---- reasons in a text -----------------------------------------------------------------------------------------------------

// Splits `whole` into [{text, codes}] by the reasons that point into it. Offsets are code points; a span whose words do not
// match is left out of the marks (it still stands in the list below the text).
export function marked(whole, reasons) {
  const points = Array.from(whole);
  const holds = reasons.filter((r) => r.start >= 0 && r.start < r.end && r.end <= points.length && points.slice(r.start, r.end).join("") === r.text);
  const cuts = [...new Set([0, points.length, ...holds.flatMap((r) => [r.start, r.end])])].sort((a, b) => a - b);
  const pieces = [];
  for (let i = 0; i + 1 < cuts.length; i += 1) {
    const codes = holds.filter((r) => r.start <= cuts[i] && cuts[i + 1] <= r.end).map((r) => r.code);
    pieces.push({ text: points.slice(cuts[i], cuts[i + 1]).join(""), codes: [...new Set(codes)] });
  }
  return pieces;
}

// ---- a reply must carry no way to reach or unmask anybody -------------------------------------------------------------------

// -> "link" | "email" | "handle" | "phone" | null. The worker judges again (handlers/answering.py); this only spares a round.
const ENDINGS = "com|net|org|info|io|me|app|link|ly|co|ph|es|gg|ru|cn|xyz|site|online|top";
const LINK = new RegExp(`\\b[a-z][a-z0-9+.-]*://|\\bwww\\.|[\\p{L}\\p{N}-]\\.(?:${ENDINGS})(?![\\p{L}\\p{N}])|[\\p{L}\\p{N}-]\\.\\p{L}{2,}/`, "iu");

export function contactInReply(reply) {
  if (/[^\s@]@[^\s@]/u.test(reply)) return "email";
  if (LINK.test(reply)) return "link";
  if (/(?<![\p{L}\p{N}_])@[\p{L}\p{N}_]{2,}/u.test(reply)) return "handle";
  return /(?:\p{Nd}[\s().\-/]*){7,}/u.test(reply) ? "phone" : null;
}
