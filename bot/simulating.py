"""`tipline routing simulate`: how a line's own roster would bear tips, before the first one. Needs no key, no database and no network."""

from __future__ import annotations

import io
import json
import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from bot.atlas import load_atlas
from bot.roster_file import Described, RosterFileError, read_roster
from bot.simulated import Simulated, Week, shown
from bot.terminal import err
from handlers.facts import offices
from routing import coverage
from routing.recruiting import gravest, recruits

DATA = Path(__file__).resolve().parent / "data"
PRACTICE, TEMPLATE = DATA / "practice.toml", DATA / "roster_template.toml"
WIDTH = 80
FONTS = re.compile(r"@font-face\s*\{[^}]*\}")


def simulate(
    roster: Annotated[Path | None, typer.Option(help="The people: TOML, JSON or CSV. Without it: the practice roster.")] = None,
    regions: Annotated[Path | None, typer.Option(help="The line's regions file, where the roster's file has no regions.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="A language that tips come in; may be repeated.")] = None,
    template: Annotated[bool, typer.Option("--template", help="Print a roster to fill in, explained, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every kind of tip, a line each.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Also write the result as a picture.")] = None,
) -> None:
    """How exposed a roster would be, before the first tip: where too few could read, what keeps them out, whom to recruit next."""
    if template:
        sys.stdout.write(TEMPLATE.read_text(encoding="utf-8"))
        return
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        described = read_roster(roster or PRACTICE, None if regions is None else load_atlas(regions), now)
    except RosterFileError as fault:
        for problem in fault.problems:
            err.print(problem, markup=False)
        raise typer.Exit(1) from None
    if roster is not None and described.conflicts:
        err.print(f"Not looked at: the conflicts of {described.conflicts} people. They are names, and no tip here names anybody.")
    if not coverage.at_home(described.roster.atlas):
        err.print("The regions file has no public office: no place is tried, and nobody is accused. Add the police and other offices.")
    found = simulated(described, tuple(language or ()), now)
    if svg is not None:
        title = "Simulated: the practice roster" if roster is None else "Simulated"
        try:
            svg.write_text(picture(found, title, every=every), encoding="utf-8")
        except OSError:
            err.print("The picture cannot be written there.")
            raise typer.Exit(1) from None
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), ensure_ascii=False) + "\n")
        return
    out = Console(highlight=False)
    out.print(shown(found, every=every), width=min(out.width, WIDTH))


def simulated(described: Described, languages: tuple[str, ...], now: datetime) -> Simulated:
    """`languages`: of tips, besides those that the roster's people read."""
    roster = described.roster
    answers = tuple(coverage.ask(roster, case, now) for case in coverage.cases(roster.atlas, offices, now))
    read = {language for person in coverage.handlers(roster) for language in person.card.languages}
    gaps = coverage.gaps(answers)
    return Simulated(
        roster=roster,
        answers=answers,
        gaps=tuple(gaps),
        gravest=len(gravest(gaps)),
        blocks=tuple(coverage.blocks(answers, roster)),
        idle=tuple(coverage.idle(answers, roster)),
        recruits=tuple(recruits(roster, gaps, now)),
        exposure=coverage.exposure(answers, roster),
        languages={one: tuple(coverage.speakers(each, roster, one) for each in answers) for one in sorted(read | set(languages))},
        week=_week(described, answers, now),
    )


def _week(described: Described, answers: tuple[coverage.Answer, ...], now: datetime) -> Week | None:
    """The coming week, in the time zone of most of the hours. None = no hours are given."""
    if not described.duty:
        return None
    [(zone, _)] = Counter(duty.zone for duty in described.duty.values()).most_common(1)
    local = now.astimezone(ZoneInfo(zone))
    monday = (local + timedelta(days=7 - local.weekday())).replace(hour=0, minute=0, second=0)
    return Week(zone, coverage.uncovered(answers, described.duty, int(monday.timestamp() * 1000)))


def picture(found: Simulated, title: str, *, every: bool = False) -> str:
    """SVG of what the terminal shows. Without the fonts that rich would have the viewer fetch from elsewhere."""
    canvas = Console(record=True, file=io.StringIO(), width=WIDTH, highlight=False, force_terminal=True, color_system="truecolor")
    canvas.print(shown(found, every=every))
    return FONTS.sub("", canvas.export_svg(title=title, unique_id="simulate"))
