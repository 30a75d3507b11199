"""Why people could not read a case, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from handlers.designation import designation
from routing.people import Code

WHY = {
    Code.E1: "not active, or vetted after the tip",
    Code.E2: "named in the tip",
    Code.E3: "in the implicated office or its chain of command",
    Code.E4: "that kind of official, with a say there",
    Code.E5: "lives, works or worked there",
    Code.E6: "family there or in that office",
    Code.E7: "perhaps a child, not cleared for children",
    Code.E8: "vetting too old, or by fewer than two",
    Code.E9: "declared a conflict with somebody named",
}
EVERYBODY = (
    "Everybody of the roster when the case was sealed: also leads, trustees and auditors. Who of them was drawn, with which chance, "
    "`tipline routing explain` says on the server. Whoever was struck later is not told here."
)
KEEP = "Whoever holds this page knows whom the source names. That you asked, and which trustees let you, stands in the custody log."


def show(case: str, codes: Mapping[str, Sequence[str]], out: Console) -> None:
    eligible = sorted(person for person, found in codes.items() if not found)
    out.print(f"[bold]Case {case}[/]")
    out.print(f'"{designation(case)}": {len(eligible)} of {len(codes)} people were eligible.')
    _say(out, EVERYBODY)
    for why, people in kept_out(codes).items():
        _head(out, f"Not eligible, {len(people)}: {why}")
        for person in people:
            _say(out, person)
    _head(out, f"Eligible, {len(eligible)}")
    for person in eligible:
        _say(out, person)
    out.print()
    out.print(KEEP)


def kept_out(codes: Mapping[str, Sequence[str]]) -> Mapping[str, list[str]]:
    """Reasons in words -> who was kept from it for these, the most first. A code of a later version is told as it is."""
    found: dict[str, list[str]] = {}
    for person, given in sorted(codes.items()):
        if given:
            found.setdefault("; ".join(_words(code) for code in given), []).append(person)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def table_of(codes: Mapping[str, Sequence[str]], name: Callable[[str], str], title: str) -> Table:
    """With names, for practice alone."""
    table = Table("why not", "who", show_lines=True, title=title, title_justify="left")
    for why, people in kept_out(codes).items():
        table.add_row(why, f"[bold]{len(people)}[/]: {', '.join(sorted(map(name, people)))}")
    return table


def _words(code: str) -> str:
    return WHY[Code(code)] if code in list(Code) else code


def _head(out: Console, text: str) -> None:
    out.print()
    out.print(Text(text, style="bold"))


def _say(out: Console, text: str) -> None:
    out.print(Padding(Text(text), (0, 0, 0, 2)))
