"""`tipline routing explain`: the draw of one case in plain words, for whoever audits the line, on the worker's machine. Ids, no names."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bot.doctor_line import no_database
from bot.explaining import Chance, Commitment, Explained, ExplainError, Follows, Place, explain
from bot.keyrings import worker_keys
from bot.settings import Mode, Settings
from bot.terminal import settings_of, spoken_hour
from bot.wiring import SystemClock
from handlers.designation import designation
from routing.people import Flag, Role
from storage.engine import open_database
from storage.store import SqlStore

MOST_SHOWN = 40
"""People of a role, without --all."""
LEAST_SHOWN = 0.001
ID = re.compile(r"[0-9a-f]{32}")
FLAGS = {
    Flag.SMALL_POOL: "Small pool: too few could read it for the usual three readers, or for the usual highest chance of one in five.",
    Flag.OVER_CAPACITY: "Somebody who was drawn had as many cases as his card lets him have.",
    Flag.OFF_DUTY: "Somebody who was drawn was off duty.",
    Flag.OTHER_LANGUAGE: "Somebody who was drawn does not read the language of the source.",
    Flag.TWO_VETTERS_REVIEW: "Urgent, and a small pool: it went out at once, and two vetters were asked to look at it afterwards.",
    Flag.FEW_LEADS: "Few leads: too few could lead it for the usual highest chance. A lead reads nothing before a reader asks for one.",
    Flag.LINKED: "Linked: it has the readers of an earlier tip of the same matter. Its own coins drew nobody; they gave them their turns.",
}
FOLLOWS = {
    Follows.YES: "[green]yes[/]",
    Follows.NO: "[bold red]NO[/]: somebody changed who was drawn, or what from",
    Follows.SHARED: "not these: the order is that of an earlier tip of the same matter",
    Follows.UNKNOWN: "cannot be told: sealed by a version that kept too little of the draw",
}
NOT_SHOWN = (
    "The reasons are not shown: they would tell whom the source names. They are sealed to a key of their own, which neither the readers "
    "nor this machine have. Two auditors of two agencies together are told them, by enough trustees' shares: tipline auditor ask"
)
CHANCES = (
    "Who is in the order was drawn again from the chances below. How those came about, and who of those drawn comes first, is not kept: it "
    "takes the tip, the roster of that day and what earlier outcomes taught."
)
KEEP = "Whoever holds this page knows who reads the case and who comes next. That it was made stands in the custody log (explain)."


def explain_command(
    case: Annotated[str, typer.Argument(help="The case's id, as the vetters' letters have it.")],
    practice: Annotated[bool, typer.Option("--practice", help="The practice line of `tipline demo`.")] = False,
    everybody: Annotated[bool, typer.Option("--all", help="Also everybody who could not be drawn, and lists of any length.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object, with everything.")] = False,
) -> None:
    """How the readers of one case were drawn, and whether its coins give that order. Exit code 1 = they do not. The look is logged."""
    settings = settings_of(Mode.PRACTICE if practice else Mode.OFFLINE)
    if not ID.fullmatch(case):
        raise ExplainError("A case's id has 32 hexadecimal digits.")
    if not settings.home.is_dir() or no_database(settings):
        raise ExplainError("There is no database yet: start the line once.")
    told = asyncio.run(_explained(settings, case))
    if as_json:
        sys.stdout.write(json.dumps(plain(told)) + "\n")
    else:
        show(told, Console(highlight=False), everybody=everybody)
    raise typer.Exit(0 if sound(told) else 1)


async def _explained(settings: Settings, case: str) -> Explained:
    async with open_database(settings.database_url.reveal()) as database:
        return await explain(SqlStore(database), worker_keys(settings), SystemClock(), case)


def sound(told: Explained) -> bool:
    """Nothing speaks against the draw."""
    return told.commitment.holds and Follows.NO not in {told.order_follows, told.leads_follow}


def plain(told: Explained) -> dict[str, object]:
    fields = asdict(told)
    return {**fields, "sealed_at": told.sealed_at.isoformat(), "sound": sound(told), "codes": "sealed with the case"}


def show(told: Explained, out: Console, *, everybody: bool = False) -> None:
    out.print(f"[bold]Case {told.case}[/]")
    urgent = ", urgent" if told.urgent else ""
    out.print(f'"{designation(told.case)}", {told.state.value}{urgent}; sealed {_moment(told.sealed_at)}.')
    _head(out, "The draw")
    _say(out, _pool(told))
    for flag in told.flags:
        _say(out, FLAGS[flag])
    _head(out, "Readers, in the order drawn")
    if not any(place.drawn for place in told.order):
        _say(out, "Nobody was drawn: the tip was held, and its key went to the trustees alone.")
    _order(out, told.order, "not shown the case")
    if not all(place.drawn for place in told.order):
        _say(out, "Who was seated later was drawn with coins of his own; what from is not kept.")
    if told.unchecked:
        entries = "1 log entry" if told.unchecked == 1 else f"{told.unchecked} log entries"
        _say(out, f"Left out: {entries} about them, signed by no key that is known today.")
    _head(out, "Leads: key files sealed, none of them released")
    if told.leads:
        _order(out, told.leads, "not asked, shown nothing")
    else:
        _say(out, "Nobody: no lead was eligible in an agency of which no reader is.")
    _head(out, "Coins")
    _coins(out, told)
    _head(out, "Chances")
    _people(out, told.chances, everybody=everybody)
    _head(out, "Not eligible")
    _say(out, f"{len(told.barred)} people of today's roster could not be drawn, or came later. {NOT_SHOWN}")
    if everybody:
        for person in told.barred:
            _say(out, person)
    out.print()
    out.print(KEEP)


def _pool(told: Explained) -> str:
    readers = told.of(Role.HANDLER)
    if Flag.LINKED in told.flags:
        return "Nobody was drawn for this tip alone."
    highest = max((one.chance for one in readers), default=0.0)
    return f"{told.pool} people could read it. Nobody's chance to be among those drawn was above {highest:.1%}."


def _order(out: Console, places: Sequence[Place], nothing: str) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    table.add_column()
    for place in places:
        became = [f"{what} {day}" for what, day in place.became] or [nothing]
        if not place.drawn:
            became = ["seated later, as nobody was left", *became]
        table.add_row(str(place.rank), place.person, "; ".join(became))
    out.print(Padding(table, (0, 0, 0, 2)))


def _coins(out: Console, told: Explained) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_row("Committed before the tip", _committed(told.commitment))
    table.add_row("Those drawn follow from them", FOLLOWS[told.order_follows])
    if told.leads:
        table.add_row("The leads follow", FOLLOWS[told.leads_follow])
    out.print(Padding(table, (0, 0, 0, 2)))
    _say(out, "This case's coins, and no other's:")
    _say(out, told.coins)
    _say(out, CHANCES)


def _committed(made: Commitment) -> str:
    if made.logged is None:
        return "[bold red]NO[/]: the log has no commitment to the secret that they come from"
    when = spoken_hour(made.logged)
    if not made.first:
        return f"[bold red]NO[/]: the log's commitment, {when}, is not its first entry: it may have been chosen when the tip was there"
    more = f"; the log has {made.others} to other secrets, too" if made.others else ""
    return f"[green]yes[/], {when}{more}"


def _people(out: Console, chances: Sequence[Chance], *, everybody: bool) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("person", no_wrap=True)
    table.add_column("role")
    table.add_column("chance", justify="right")
    roles = [[one for one in chances if one.role is role] for role in (Role.HANDLER, Role.LEAD)]
    shown = [one for of_role in roles for one in (of_role if everybody else of_role[:MOST_SHOWN])]
    for one in shown:
        table.add_row(one.person, one.role.value, "<0.1%" if one.chance < LEAST_SHOWN else f"{one.chance:.1%}")
    out.print(Padding(table, (0, 0, 0, 2)))
    if len(shown) < len(chances):
        _say(out, f"and {len(chances) - len(shown)} more: --all")


def _head(out: Console, text: str) -> None:
    out.print()
    out.print(Text(text, style="bold"))


def _say(out: Console, text: str) -> None:
    out.print(Padding(Text(text), (0, 0, 0, 2)))


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
