// Weekly duty hours in the form of routing/duty.py. Pure.
import { utf8 } from "./bytes.js";

export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const LEAST = 6 * 60; // minutes of a week
const STRETCH = 60; // minutes of one span, but for what midnight cuts off
const DAY = 24 * 60;

const minutes = (clock) => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));
const clock = (at) => `${String(Math.floor(at / 60)).padStart(2, "0")}:${String(at % 60).padStart(2, "0")}`;

// `days`: seven of {from: "08:00", until: "17:00"} or null. An end that is not after its start is on the next day.
// -> {bytes} or {wrong: "times" | "brief" | "short"}.
export function weekly(zone, days) {
  const spans = WEEKDAYS.map(() => []);
  for (const [n, day] of days.entries()) {
    if (!day) continue;
    if (![day.from, day.until].every((at) => /^([01]\d|2[0-3]):[0-5]\d$/.test(at))) return { wrong: "times" };
    const [from, until] = [minutes(day.from), minutes(day.until)];
    spans[n].push([from, until > from ? until : DAY]);
    if (until <= from && until > 0) spans[(n + 1) % 7].push([0, until]);
  }
  const merged = spans.map(merge);
  if (merged.flat().some(([from, until]) => until - from < STRETCH && from > 0 && until < DAY)) return { wrong: "brief" };
  if (merged.flat().reduce((sum, [from, until]) => sum + until - from, 0) < LEAST) return { wrong: "short" };
  const written = merged.map((day) => day.map(([from, until]) => `${clock(from)}-${clock(until)}`));
  return { bytes: utf8(JSON.stringify({ v: 1, kind: "duty", zone, ...Object.fromEntries(WEEKDAYS.map((name, n) => [name, written[n]])) })) };
}

// What was saved before -> {zone, days: as `weekly` takes them, or null where a day has more than one span, told: [[day, "08:00 to 17:00"]]},
// or null.
export function readWeekly(saved) {
  if (!saved) return null;
  const { zone, ...hours } = JSON.parse(saved);
  const spans = WEEKDAYS.map((day) => hours[day].map((span) => span.split("-")));
  const single = spans.every((day) => day.length < 2);
  const days = single ? spans.map(([span]) => (span ? { from: span[0], until: span[1].replace("24:", "00:") } : null)) : null;
  const told = WEEKDAYS.map((day, n) => [day, spans[n].map(([from, until]) => `${from} to ${until}`).join(", ")]);
  return { zone, days, told: told.filter(([, words]) => words) };
}

// Spans of one day, in order, none touching the next.
function merge(spans) {
  const found = [];
  for (const [from, until] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], until);
    else found.push([from, until]);
  }
  return found;
}
