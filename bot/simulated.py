"""What a simulation of a roster came to, in plain words, the most important first. No person is named: each is a number of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Column, Table

from bot.duty import spoken
from routing.coverage import ANY_OFFICIAL, LEVELS, TOLD, WEEK_HOURS, Answer, Block, Exposure, Level, at_home, handlers, out_of
from routing.duty import Duty
from routing.people import Atlas, Code, House, RegionKind, Role, Roster
from routing.policy import DEFAULT
from routing.recruiting import UNREAD, Recruit

SHOWN = 12
LISTED = 3
PLACE = 28
SAID = {
    Level.AT_ONCE: "go out at once, with a full choice",
    Level.SMALL_POOL: "go out at once, from a small pool: easier to guess",
    Level.WAITS: "wait for two vetters; urgent ones go out at once",
    Level.HELD: "are held: nobody may read them",
}
COLOURS = {Level.AT_ONCE: "green", Level.SMALL_POOL: "yellow", Level.WAITS: "red", Level.HELD: "bold red"}
MARKS = {Level.AT_ONCE: "", Level.SMALL_POOL: " few", Level.WAITS: " wait", Level.HELD: " held"}
WHY = {
    Code.E1: "no valid card yet",
    Code.E2: "named",
    Code.E3: "of an accused office or its chain of command",
    Code.E4: "officials who could be the accused",
    Code.E5: "home or work there, now or before",
    Code.E6: "family there, or in an accused office",
    Code.E7: "not cleared for child cases",
    Code.E8: "card over, vetted too long ago, or by fewer than two",
    Code.E9: "a declared conflict",
}
ASSUMED = (
    "Simulated. It assumes that the file lacks no tie, that each kind of tip is as frequent, that {police:.0%} of police, "
    "{judiciary:.0%} of prosecutors, {ngo:.0%} of NGOs, {foreign_liaison:.0%} of liaisons are corrupt "
    "(town offices {local} times, national {national}), {tied:.0%} where they have ties."
)


@dataclass(frozen=True, slots=True)
class Week:
    """`uncovered`: for each hour from Monday on, for how many kinds of tip nobody who may read is on duty."""

    zone: str
    uncovered: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Simulated:
    """`gravest`: how many gaps `recruits` are counted against. `languages`: code -> for each answer, how many of the pool read it."""

    roster: Roster
    answers: tuple[Answer, ...]
    gaps: tuple[Answer, ...]
    gravest: int
    blocks: tuple[Block, ...]
    idle: tuple[str, ...]
    recruits: tuple[Recruit, ...]
    exposure: Exposure | None
    languages: Mapping[str, tuple[int, ...]]
    week: Week | None

    def to_json(self) -> dict[str, object]:
        """People by their number in the file."""
        levels = Counter(answer.level for answer in self.answers)
        return {
            "simulated": True,
            "assumed": assumed(),
            "handlers": len(handlers(self.roster)),
            "leads": _leads(self.roster),
            "levels": {level.value: levels[level] for level in LEVELS},
            "exposure": None if self.exposure is None else {"drawn": self.exposure.drawn, "told_at_once": self.exposure.told, "told": TOLD},
            "tips": [self._tip(number) for number in range(len(self.answers))],
            "blocks": [
                {"code": each.code.value, "times": each.times, "alone": each.alone, "people": sorted(map(int, each.people))}
                for each in self.blocks
            ],
            "read_nothing": sorted(map(int, self.idle)),
            "recruits": [
                {"kind": each.house.value, "homes": each.homes, "agency": each.agency, "child_clearance": each.cleared,
                 "could_read": each.helps, "closes": each.closes, "of": self.gravest, "needed": each.needed}
                for each in self.recruits
            ],
            "week": None if self.week is None else {"zone": self.week.zone, "uncovered": self.week.uncovered},
        }  # fmt: skip

    def _tip(self, number: int) -> dict[str, object]:
        answer = self.answers[number]
        return {
            "place": answer.case.place,
            "accused": sorted(kind.value for kind in answer.case.kinds),
            "child": "yes or unknown" if answer.case.child else "no",
            "level": answer.level.value,
            "pool": len(answer.pool),
            "order": len(answer.drawn.order),
            "leads": len(answer.drawn.leads),
            "highest_chance": round(answer.chance, 4),
            "flags": sorted(flag.value for flag in answer.drawn.flags),
            "out": {code.value: count for code, count in out_of(answer, self.roster)},
            "speakers": {language: counts[number] for language, counts in self.languages.items()},
        }


def shown(found: Simulated, *, every: bool = False) -> RenderableType:
    parts: list[RenderableType] = [*_summary(found), "", _tips(found) if every else _places(found)]
    for title, lines in (
        ("Too few to choose from, the worst first", _worst(found)),
        ("Whom to recruit next", _recruiting(found)),
        ("What keeps readers out", _blocking(found)),
        ("Hours, languages, leads", _soft(found)),
    ):
        parts += ["", f"[bold]{title}[/]", *(Padding(line, (0, 0, 0, 2)) for line in lines)]
    return Group(*parts, "", f"[italic]{assumed()}[/]")


def _summary(found: Simulated) -> Iterator[str]:
    readers = len(handlers(found.roster))
    agencies = len({person.card.agency for person in handlers(found.roster)})
    yield f"[bold]{readers} who read, of {agencies} agencies; {_leads(found.roster)} leads.[/]"
    if found.exposure is not None:
        told = f"{TOLD} of them are" if readers > TOLD else "all of them are"
        yield (
            f"Of 100 tips that find a reader, [bold green]{100 * found.exposure.drawn:.1f}[/] find one who serves the accused network;"
            f" [bold red]{100 * found.exposure.told:.1f}[/] if {told} told at once. [dim](simulated)[/]"
        )
    yield ""
    yield f"{len(found.answers)} kinds of tip: every place, every office accused, with a child and without."
    levels = Counter(answer.level for answer in found.answers)
    for level in LEVELS:
        if level not in UNREAD or any(levels[bad] for bad in UNREAD):
            yield f"[{COLOURS[level] if levels[level] else 'dim'}]{levels[level]:>5}  {SAID[level]}[/]"
    if not any(levels[bad] for bad in UNREAD):
        yield "[green]    0  wait or are held[/]"
    if alone := sum(len(answer.drawn.order) == 1 for answer in found.answers):
        yield f"[yellow]{alone:>5}  of them have one reader in line, and no successor[/]"


def _places(found: Simulated) -> Table:
    """A line for each place, those with the smallest pools first."""
    by_place: dict[str | None, list[Answer]] = {}
    for answer in found.answers:
        by_place.setdefault(answer.case.place, []).append(answer)
    rows = sorted(by_place.values(), key=lambda answers: min(map(_badness, answers)))
    right = [Column(title, justify="right", no_wrap=True) for title in ("nobody accused", "an office accused", "and a child")]
    table = Table(Column("Readers of a tip about", no_wrap=True, max_width=PLACE), *right, box=None, pad_edge=False, header_style="bold")
    if (left := len(rows) - SHOWN) > 0:
        table.caption, table.caption_justify = f"… and {left} more places: --all", "left"
    for answers in rows[:SHOWN]:
        calm, child = ([answer for answer in answers if answer.case.child is could] for could in (False, True))
        worst, worst_child = min(calm, key=_badness), min(child, key=_badness)
        accused = f"{_accused(worst)}: {_cell(worst)}" if len(calm) > 1 else "-"
        table.add_row(_place(worst, found.roster.atlas), _cell(calm[0]), accused, _cell(worst_child))
    return table


def _badness(answer: Answer) -> tuple[int, int, bool]:
    """The smallest first; of equals that in which an office is accused."""
    return (-LEVELS.index(answer.level), len(answer.pool), not answer.case.kinds)


def _tips(found: Simulated) -> Table:
    table = Table("A tip about", "accused", "child", Column("could read", justify="right"), Column("chance", justify="right"), box=None)
    for answer in (*found.gaps, *(answer for answer in found.answers if answer.level is Level.AT_ONCE)):
        place, child = _place(answer, found.roster.atlas), "possible" if answer.case.child else "no"
        table.add_row(place, _accused(answer), child, _cell(answer), f"{answer.chance:.0%}" if answer.pool else "-")
    return table


def _worst(found: Simulated) -> Iterator[str]:
    """Of each place its worst gap; places that are alike together."""
    places: dict[str | None, Answer] = {}
    for gap in found.gaps:
        places.setdefault(gap.case.place, gap)
    alike: dict[str, list[str]] = {}
    for gap in places.values():
        child = ", a child possible" if gap.case.child else ""
        accused = f", {_accused(gap)} accused" if gap.case.kinds else ""
        reasons = ", ".join(f"{WHY[code]} {count}" for code, count in out_of(gap, found.roster)[:LISTED])
        said = f"{accused}{child}: {_cell(gap)} of {len(handlers(found.roster))}.{f' Out: {reasons}.' if reasons else ''}"
        alike.setdefault(said, []).append(_place(gap, found.roster.atlas))
    for said, names in list(alike.items())[:LISTED]:
        more = f"; {len(names) - LISTED} more" if len(names) > LISTED else ""
        yield f"{'; '.join(names[:LISTED])}{more}{said}"
    if not places:
        yield "Nowhere: every kind of tip goes out at once, with a full choice."


def _recruiting(found: Simulated) -> Iterator[str]:
    wanted = _thinnest(found)
    kind = "waits and holds" if any(gap.level in UNREAD for gap in found.gaps) else "small pools"
    useful = [recruit for recruit in found.recruits if recruit.closes or recruit.needed] or list(found.recruits[:1])
    for number, recruit in enumerate(useful[:LISTED], start=1):
        with_language = f", best if they read {escape(wanted)}" if wanted else ""
        cleared = ", cleared for child cases" if recruit.cleared else ""
        more = f"; {recruit.needed} like them end all {recruit.helps} in reach" if recruit.needed and recruit.needed > 1 else ""
        closes = f"[bold]ends {recruit.closes} of {found.gravest} {kind}[/]{more}"
        yield f"{number}. {_who(recruit, found.roster.atlas)}{cleared}{with_language}: {closes}."
    if not found.recruits:
        yield "Nobody is missing." if not found.gaps else "No one more person could read in these gaps."


def _who(recruit: Recruit, atlas: Atlas) -> str:
    regions = sum(atlas.regions[region].kind is RegionKind.REGION for region in at_home(atlas))
    names = " or ".join(escape(atlas.regions[home].names[0]) for home in sorted(recruit.homes)[:LISTED])
    homes = "any region" if len(recruit.homes) >= regions > 1 else names
    if recruit.house is House.NGO:
        return f"An NGO caseworker from {homes}, new to the roster"
    if recruit.house is House.FOREIGN_LIAISON:
        return "A liaison officer or an NGO from abroad, new to the roster"
    return f"Somebody of {escape(atlas.agencies[recruit.agency].names[0])}, from {homes}"


def _blocking(found: Simulated) -> Iterator[RenderableType]:
    readers = len(handlers(found.roster))
    tried = len(found.answers) * readers
    table = Table(
        "who", "why", Column("of all readings", justify="right"), Column("for this alone", justify="right"), box=None, pad_edge=False
    )
    for block in found.blocks[:LISTED]:
        share, alone = f"{block.times / tried:.0%}", f"{block.alone / tried:.0%}"
        table.add_row(f"{len(block.people)} of {readers}", WHY[block.code], share, alone)
    yield table
    if found.idle:
        numbers = ", ".join(str(int(name)) for name in found.idle[:SHOWN])
        yield f"[red]Number {numbers} of the file could read about no known place.[/]{_hint(found)}"


def _hint(found: Simulated) -> str:
    regions, home = found.roster.atlas.regions, at_home(found.roster.atlas)
    cards = [person.card for person in found.roster.people if person.id in found.idle]
    places = {place for card in cards for place in (card.home, card.posting, *card.past_postings)}
    whole = any(regions[place].kind is RegionKind.COUNTRY and place in home for place in places)
    return " A home or posting that is a whole country does that." if whole else ""


def _soft(found: Simulated) -> Iterator[str]:
    if found.week is None:
        yield "No hours are in the file: everybody counts as on duty, day and night."
    else:
        yield from _hours(found.week, sum(bool(answer.pool) for answer in found.answers))
    for language, counts in found.languages.items():
        if lacking := sum(bool(answer.pool) and not count for answer, count in zip(found.answers, counts, strict=True)):
            yield f"{escape(language)}: in {lacking} kinds of tip nobody who may read it reads the language; it would be translated."
    without = sum(not answer.drawn.leads for answer in found.answers)
    yield (
        f"In {without} of {len(found.answers)} kinds of tip no lead is free to act on it." if without else "Every kind of tip finds a lead."
    )


def _hours(week: Week, kinds: int) -> Iterator[str]:
    some, none = (sum(count >= least for count in week.uncovered) for least in (1, kinds))
    if not some:
        yield "Somebody who may read is on duty at every hour, for every kind of tip."
        return
    yield f"{some} of {WEEK_HOURS} hours a week have nobody on duty for some kinds of tip, urgent or not."
    if kinds and none:
        yield f"Nobody at all: {escape(spoken(_spans(week, kinds)))}"


def _spans(week: Week, least: int) -> Duty:
    """The hours in which so many kinds of tip have nobody, as duty hours are written."""
    days: list[tuple[tuple[int, int], ...]] = []
    for day in range(7):
        bad = [count >= least for count in week.uncovered[24 * day : 24 * day + 24]]
        starts = [hour for hour in range(24) if bad[hour] and not (hour and bad[hour - 1])]
        ends = [hour + 1 for hour in range(24) if bad[hour] and not (hour < 23 and bad[hour + 1])]
        days.append(tuple((60 * start, 60 * end) for start, end in zip(starts, ends, strict=True)))
    return Duty(week.zone, tuple(days))


def _thinnest(found: Simulated) -> str | None:
    """The language that the pools lack most often; None = all have as many readers of it as a draw needs."""
    lacking = {language: sum(count < DEFAULT.readers for count in counts) for language, counts in found.languages.items()}
    worst = max(lacking, key=lambda language: (lacking[language], language), default=None)
    return worst if worst is not None and lacking[worst] else None


def _place(answer: Answer, atlas: Atlas) -> str:
    if answer.case.place is None:
        return "no place at all"
    name = escape(atlas.regions[answer.case.place].names[0])
    return name if answer.case.tip.place_known else f"{name}, no place told"


def _accused(answer: Answer) -> str:
    if answer.case.kinds == ANY_OFFICIAL:
        return "any official"
    return " ".join(kind.value.replace("_", " ") for kind in answer.case.kinds) or "nobody"


def _cell(answer: Answer) -> str:
    return f"[{COLOURS[answer.level]}]{len(answer.pool)}{MARKS[answer.level]}[/]"


def _leads(roster: Roster) -> int:
    return sum(person.card.role is Role.LEAD for person in roster.people)


def assumed() -> str:
    learning = DEFAULT.learning
    return ASSUMED.format(
        **{house.value: share for house, share in learning.houses.items()},
        tied=learning.tied,
        local=learning.local,
        national=learning.national,
    )
