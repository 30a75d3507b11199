// A person's key, made on his own device. Formats: sealing/passphrase.py (the file), `tipline keygen` (the public halves).
import { ed25519 } from "@noble/curves/ed25519.js";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { Encrypter, armor, generateX25519Identity, identityToRecipient } from "age-encryption";
import { toBase64 } from "./bytes.js";

const LOG_N = 16; // as in sealing/passphrase.py: what a cheap phone can do
export const SHORTEST_PASSPHRASE = 12;

// -> {file: armoured passphrase file, publicHalves: text of NAME.pub.json}. `quiet`: a word, or "".
export async function makeKey(person, passphrase, quiet) {
  const identity = await generateX25519Identity();
  const seed = ed25519.utils.randomSecretKey();
  const lines = ["# tipline person key v1", `# person: ${person}`, `# sign: ${toBase64(seed)}`, ...(quiet ? [`# quiet: ${quiet}`] : []), identity, ""];
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(LOG_N);
  const file = armor.encode(await encrypter.encrypt(lines.join("\n")));
  const halves = { person, age: await identityToRecipient(identity), verify: toBase64(ed25519.getPublicKey(seed)) };
  seed.fill(0);
  return { file: `${file.trimEnd()}\n`, publicHalves: `${JSON.stringify(halves)}\n` };
}

// Four of 2048 words: 44 bits.
export function fourWords() {
  const words = wordlist;
  return Array.from(crypto.getRandomValues(new Uint16Array(4)), (n) => words[n % words.length]).join(" ");
}

// The person id in an invitation, whatever stands around it; null when there is none, or more than one.
export function invited(words) {
  const ids = new Set(words.toLowerCase().match(/(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/g) ?? []);
  return ids.size === 1 ? [...ids][0] : null;
}

// What is wrong with the passphrase and the quiet word: "short", "differ", "quiet_word", or "" for nothing.
export function keyWordsWrong(passphrase, again, quiet) {
  if (Array.from(passphrase).length < SHORTEST_PASSPHRASE) return "short";
  if (passphrase !== again) return "differ";
  if (!quiet) return "";
  return quiet.length < 4 || quiet.length > 64 || /\p{C}|[\u2028\u2029]/u.test(quiet) || sameWord(quiet, passphrase) ? "quiet_word" : "";
}

// Phones write capitals and spaces by themselves.
const plainWord = (word) => word.normalize("NFC").trim().replace(/\s+/g, " ").toLowerCase();
export const sameWord = (one, other) => plainWord(one) === plainWord(other);
