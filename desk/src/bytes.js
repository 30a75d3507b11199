// Bytes, text and padding. Pure.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

export const FLOOR = 2048; // smallest padded plaintext, bytes

export const utf8 = (text) => new TextEncoder().encode(text);

// Lenient: a source may have sent half a surrogate pair; the words around it must stay readable.
export const text = (bytes) => new TextDecoder("utf-8").decode(bytes);

export const digest = (bytes) => bytesToHex(sha256(bytes));

export function toBase64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export function fromBase64(encoded) {
  const binary = atob(encoded);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// PADMÉ (Nikitin et al., PETS 2019, algorithm 1) with our floor; the same numbers as sealing/age.py.
export function padme(length) {
  if (length <= FLOOR) return FLOOR;
  const exponent = Math.floor(Math.log2(length));
  const step = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1));
  return Math.ceil(length / step) * step;
}

// JSON, padded with trailing spaces (JSON allows them).
export const paddedJson = (value) => padded(utf8(JSON.stringify(value)));

export function padded(body) {
  const whole = new Uint8Array(padme(body.length)).fill(0x20);
  whole.set(body);
  return whole;
}

export function join(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const randomId = () => bytesToHex(crypto.getRandomValues(new Uint8Array(16)));
