// The line's public keys of today. The web process only carries them: the line's own key must have signed each.
import { ed25519 } from "@noble/curves/ed25519.js";
import { digest, fromBase64, utf8 } from "./bytes.js";

// Rows of /desk/epochs and the base64 key of the line -> {gate, delivery}, each {number, recipient} or null: the newest that is signed.
export function newestSigned(rows, line) {
  const found = { gate: null, delivery: null };
  for (const row of rows) {
    if (!(row.purpose in found) || !(row.number > (found[row.purpose]?.number ?? 0))) continue;
    if (isSigned(row, line)) found[row.purpose] = { number: row.number, recipient: row.recipient };
  }
  return found;
}

function isSigned({ purpose, number, recipient, signature }, line) {
  try {
    return ed25519.verify(fromBase64(signature), utf8(`tipline/v1/epoch\n${purpose} ${number} ${recipient}`), fromBase64(line));
  } catch {
    return false; // no key, or no signature
  }
}

// First 16 hex digits of SHA-256 of a raw public key: names a key to people (sealing/signing.py).
export const fingerprint = (key) => digest(fromBase64(key)).slice(0, 16);
