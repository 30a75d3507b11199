// Plain words for codes. A code that is not listed is shown as it is, without underscores.

const URGENCY = {
  danger_now: "Danger now",
  asks_help: "Asks for help",
  time_critical: "Time matters",
  general_tip: "Tip",
  spam: "Looks like advertising",
  out_of_scope: "Perhaps not for this line",
};

const KIND = {
  sex_trafficking: "sexual exploitation",
  online_child_exploitation: "online exploitation of children",
  forced_labour: "forced labour",
  forced_labour_fishing: "forced labour at sea",
  domestic_servitude: "servitude in a household",
  debt_bondage: "debt bondage",
  forced_scamming: "forced scamming",
  recruitment_fraud: "false job offers",
  forced_marriage: "forced marriage",
  child_labour: "child labour",
  forced_begging: "forced begging",
  organ_removal: "organ removal",
  missing_person: "missing person",
};

// Reason codes of triage (`tipline analyse --codes` lists them).
const REASON = {
  "help.asks": "Asks for help",
  "help.for_other": "Asks for help for somebody",
  "help.wants_out": "Wants to get out",
  "time.soon": "Soon",
  "child.yes": "A child",
  "child.maybe": "Perhaps a child",
  "child.denied": "Says that it is no child",
  "adult.said": "Says adult",
  "adult.all": "Says that all are adults",
  "self.victim": "It happens to the writer",
  "indicator.documents": "Sign: papers taken away",
  "indicator.wages": "Sign: not paid",
  "indicator.movement": "Sign: may not leave",
  "indicator.overtime": "Sign: very long hours",
  "indicator.living": "Sign: bad living conditions",
  "indicator.forced_work": "Sign: made to work",
  "out.wrong_number": "Wrong number",
};

const GROUP = {
  danger: "Danger",
  help: "Asks for help",
  time: "Time",
  kind: "Kind",
  child: "Child",
  indicator: "Sign",
  sector: "What it is about",
  official: "Office",
  rank: "Office",
  bare: "Office",
  captain: "Office",
  agency: "Office",
  relation: "What the office does",
  negation: "Says no",
  place: "Place",
  name: "Name",
  vessel: "Ship or boat",
  greeting: "Greeting",
  spam: "Advertising",
  out: "Not for this line",
};

const ASKED = {
  place: "Where is it?",
  phone: "Is this phone only yours?",
  today: "Does today matter?",
  who_not: "Who must not hear of this?",
  age: "How old is the youngest?",
  good_time: "Is now a good time?",
  tell: "Do you want to tell us something?",
};

const FORM = {
  edited: "An earlier message, edited by the source.",
  forwarded: "Forwarded by the source: the words may be somebody else's.",
  contact: "A contact that the source shared.",
  place: "A place that the source shared.",
  one_of_many: "One of many alike, each perhaps from another phone. None of them can be answered.",
};

const ENDING = {
  person_safe: "The person is safe",
  charged: "Somebody was charged",
  referred: "Passed on to others who act",
  not_found: "Nobody and nothing was found there",
  withdrew: "The source wants to stop",
  duplicate: "The same as another case",
  other_help: "Other help reached the person",
  failed_unknown: "It failed, and nobody knows why",
  compromised: "Somebody was warned before us",
  unfounded: "It is not true",
};

const OFFICE = {
  police: "the police",
  immigration: "an immigration office",
  border_guard: "the border or coast guard",
  military: "the military",
  local_government: "a town hall or local office",
  judiciary: "a court or a prosecutor's office",
  labour_inspection: "the labour inspection",
  port_authority: "a port office",
  embassy: "an embassy",
  other: "another public office",
  ngo: "an aid organisation",
  foreign_liaison: "an office of another country",
};

const CHILD = { yes: "A child is involved", no: "No child, as far as the words say", unknown: "Not known whether a child is involved" };

const REFUSED = {
  contact_in_reply: "Your answer holds a link, a phone number, an e-mail address or an @name. It was not sent: it could unmask you or the source. Take it out and send again.",
  stale: "Something new came in first. It is shown above: read it, then send again.",
  no_contact: "The address of the source does not open any more, or they asked us to forget it. No answer can be sent.",
  not_yours: "This case is no longer yours.",
  gate: "Something became known that takes this case away from you. It is no longer yours.",
  wrong_hour: "Your device's clock is wrong by hours. Set it, then try again.",
  bad_signature: "This key is not the one on your key card. Ask your operator.",
  unreadable: "The line could not read the request. Lock, log in and try again.",
  too_long: "It is too long. Say it in fewer words.",
  too_many: "The line has noted so much of this kind for this case that it takes no more.",
  no_notices: "This line sends no notices.",
};

const CHAIN = {
  hash: "A message is not the one that the line announced.",
  unreadable: "A message cannot be opened with this case's key. It may have been changed.",
  mismatch: "A message belongs to another place or another case, and is not shown.",
  twice: "Two messages carry the same number.",
  prev: "A message is missing or out of order.",
  earlier: "There are earlier messages that you cannot see.",
  gone: "A message that was here before is gone.",
};

const plain = (code) => String(code ?? "").replace(/_/g, " ");

export const ENDINGS = Object.keys(ENDING);
export const endingWords = (code) => ENDING[code] ?? plain(code);
export const urgencyWords = (code) => URGENCY[code] ?? plain(code);
export const kindWords = (code) => KIND[code] ?? plain(code);
export const agencyWords = plain;
export const officeWords = (code) => OFFICE[code] ?? plain(code);
export const childWords = (code) => CHILD[code] ?? plain(code);
export const askedWords = (code) => ASKED[code] ?? plain(code);
export const formWords = (code) => FORM[code] ?? plain(code);
export const mediaWords = (count) => (count === 1 ? "A picture or file came with it. The line does not fetch it." : `${count} pictures or files came with it. The line does not fetch them.`);
export const refusedWords = (code) => REFUSED[code] ?? `The line refused it (${plain(code) || "no reason given"}).`;
export const chainWords = (code) => CHAIN[code] ?? plain(code);

// "danger.locked_in" -> "Danger: locked in"; "kind.sex_trafficking.said" -> "Kind: sexual exploitation".
export function reasonWords(code) {
  if (REASON[code]) return REASON[code];
  const [group, ...rest] = String(code).split(".");
  const detail = rest.filter((part) => part !== "said").map((part) => KIND[part] ?? plain(part)).join(", ");
  const head = GROUP[group] ?? URGENCY[group] ?? plain(group);
  return detail ? `${head}: ${detail}` : head;
}

export function listWords(items) {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

export function languageWords(code) {
  if (!code || code === "und") return "a language that was not recognised";
  return named("language", code);
}

export const countryWords = (code) => (/^[A-Za-z]{2}$/.test(code ?? "") ? named("region", code.toUpperCase()) : (code ?? ""));

function named(type, code) {
  try {
    return new Intl.DisplayNames(["en"], { type }).of(code) ?? code;
  } catch {
    return code;
  }
}

// Times are coarse on purpose.
export function timeWords(received) {
  const at = new Date(received);
  if (Number.isNaN(at.getTime())) return "";
  const format = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  return `about ${new Intl.DateTimeFormat("en-GB", format).format(at)}`;
}

// Of the reader's own clock.
export const clockWords = (ms) => new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(ms));

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// Whether every word that is sought stands in the text, whatever its accents.
export function matches(whole, sought) {
  const told = fold(whole);
  return fold(sought)
    .split(/\s+/)
    .filter(Boolean)
    .every((part) => told.includes(part));
}

export function failureWords(error) {
  if (error?.code === "two_lines") return "The cases listed here name two different lines, and one of them is not yours. Nothing was sent. Tell your vetters.";
  if (error?.status === 404 && error.code === "no such case") return REFUSED.not_yours;
  if (error?.kind === "away") return "The line cannot be reached. Check your connection and try again.";
  if (error?.status === 410) return "The line will not answer this any more: your key card may no longer hold, or this page slept too long. Look at the case again; if it happens twice, ask your operator.";
  if (error?.status === 429) return "Too many tries. Wait a minute, then try again.";
  if (error?.status === 503) return "The line is busy or starting. Try again in a moment.";
  if (error?.kind === "refused") return refusedWords(error.code);
  return "Something did not work. Nothing was sent. Try again.";
}

export const isEnglish = (code) => code === "en" || (code ?? "").startsWith("en-");
