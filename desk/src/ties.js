// A reader's own key card, as his stub carries it: what the vetters wrote of his ties.
import { digest, utf8 } from "./bytes.js";

// -> the card's fields, or null: not the card that the stub, and so every act in its name, speaks of.
export function ownCard(stub) {
  if (!stub.own || digest(utf8(stub.own)) !== stub.card) return null;
  try {
    const card = JSON.parse(stub.own);
    return card?.kind === "card" && Array.isArray(card.kin) ? card : null;
  } catch {
    return null;
  }
}

// -> [[what, [line, …]], …]; no line = nothing of the kind is on the card.
export function tiesOf(card) {
  const name = (id) => String(id).replace(/[-_:]/g, " ");
  const each = (ids) => (ids ?? []).map(name);
  return [
    ["Home", each([card.home])],
    ["Posting", each([card.posting])],
    ["Past postings", each(card.past_postings)],
    ["Agency", each([card.agency])],
    ["Past agencies", each(card.past_agencies)],
    ["Family", card.kin.map((kin) => [kin.name, ...each([kin.region, kin.agency].filter(Boolean))].join(", "))],
    ["Conflicts of interest", card.conflicts ?? []],
  ];
}
