// A case key in shares, as the trustees sealed them to this reader: the same as sealing/shares.py. Shamir notices no wrong share, so a key
// counts only when it is the private half of the case's public key.
import { identityToRecipient } from "age-encryption";
import { combine } from "shamir-secret-sharing";
import { fromBase64, text } from "./bytes.js";

const MOST_TRIED = 1_000; // sets of shares

// `opened` = [{recipient, needed, share: base64}] of one case and epoch -> the case's identity, or null: too few of them agree.
export async function fromShares(opened) {
  const together = new Map();
  for (const { recipient, needed, share } of opened) {
    const name = JSON.stringify([recipient, needed]);
    if (!together.has(name)) together.set(name, { recipient, needed, shares: new Set() });
    together.get(name).shares.add(share);
  }
  for (const { recipient, needed, shares } of [...together.values()].sort((a, b) => b.shares.size - a.shares.size)) {
    const identity = await recover([...shares].map(fromBase64), recipient, needed);
    if (identity !== null) return identity;
  }
  return null;
}

async function recover(shares, recipient, needed) {
  if (!Number.isInteger(needed) || needed < 2) return null;
  let tried = 0;
  for (const some of sets(shares, needed)) {
    if ((tried += 1) > MOST_TRIED) return null;
    try {
      const identity = text(await combine(some));
      if ((await identityToRecipient(identity)) === recipient) return identity;
    } catch {
      continue; // one number twice, other lengths, or no identity: not this set
    }
  }
  return null;
}

// Every `size` of the items, in order.
function* sets(items, size, from = 0) {
  if (size === 0) yield [];
  else for (let i = from; i + size <= items.length; i += 1) for (const rest of sets(items, size - 1, i + 1)) yield [items[i], ...rest];
}
