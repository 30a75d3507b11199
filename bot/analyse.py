"""`tipline analyse`: what the line makes of a text. Reads JSON lines, writes JSON lines, stores nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from handlers.understanding import Understanding
from triage.report import analysis
from triage.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not {"id","text"}; `number` counts from 1."""

    number: int


async def analyse(lines: Iterable[bytes], understanding: Understanding, *, translate: bool) -> AsyncIterator[dict[str, object] | BadLine]:
    """One answer a line (UTF-8, whatever the locale), in order; empty lines are passed over."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            name, text = fields["id"], fields["text"]
        except (ValueError, KeyError, TypeError, RecursionError):
            yield BadLine(number)
            continue
        if not isinstance(name, str | int) or not isinstance(text, str):
            yield BadLine(number)
            continue
        understood = await understanding.of(Sensitive(text), None, None, {}, most=None if translate else 0)
        english = None if understood.translation is None else understood.translation.text.reveal()
        yield analysis(str(name), understood.identified, english, understood.assessment)
