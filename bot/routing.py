"""`tipline routing`: who reads, and why."""

from __future__ import annotations

import typer

from bot import explaining_shown, simulating

app = typer.Typer(no_args_is_help=True, help="Who reads, and why: of one case, and of a roster before its first tip.")
app.command(name="explain")(explaining_shown.explain_command)
app.command(name="simulate")(simulating.simulate)
