"""What a person's list looks like from outside: an answer of one size, whatever waits (DESIGN 3, step 10).

Whoever sees the line's traffic sees encrypted answers and their lengths. So every page of the list is filled up to the same number of
bytes, with random letters: a proxy that compresses would take spaces out again.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence

from sealing.rows import CaseState, DeskGrant, GrantState, ShareRow

PAGE = 48 * 1024
"""Bytes. Holds a dozen stubs; what is more stands on further pages of the same size."""
NO_STORE = {"Cache-Control": "no-store, no-transform"}
"""Kept nowhere, and compressed by no proxy, which would undo the filling."""

Row = tuple[str, Mapping[str, object]]
"""The list that it stands in, and the row."""


def rows_of(grants: Sequence[DeskGrant], shares: Sequence[ShareRow]) -> list[Row]:
    """What waits first; what was taken away, which stays listed for ever, last."""
    grants = sorted(grants, key=lambda row: row.grant.state is GrantState.STRUCK)
    return [*(("shares", _share(row)) for row in shares), *(("cases", _case(row)) for row in grants)]


def _case(row: DeskGrant) -> Mapping[str, object]:
    grant = row.grant
    return {
        "grant": grant.id,
        "case": grant.case_id,
        "epoch": grant.epoch,
        "state": grant.state.value,
        "closing": row.case_state is CaseState.CLOSING,
        "stub": "" if grant.state is GrantState.STRUCK else _b64(grant.stub),
    }


def _share(row: ShareRow) -> Mapping[str, object]:
    return {"id": row.id, "case": row.case_id, "epoch": row.epoch, "sealed": _b64(row.sealed)}


def page(rows: Sequence[Row], number: int) -> bytes:
    """JSON {"cases", "shares", "more", "pad"}; `number` counts from 1, one that is not there is empty. `more` = whether another follows.

    PAGE bytes; twice that, or thrice, only where a single row is longer than one.
    """
    pages = [[]] if not rows else _split(rows)
    of_it = pages[number - 1] if 0 < number <= len(pages) else []
    fields: dict[str, object] = {"cases": [], "shares": [], "more": number < len(pages)}
    for name in ("cases", "shares"):
        fields[name] = [row for listed, row in of_it if listed == name]
    return filled(fields)


def _split(rows: Sequence[Row]) -> list[list[Row]]:
    """As many rows to a page as it holds, in order."""
    room = PAGE - len(_json({"cases": [], "shares": [], "more": False, "pad": ""}))
    pages: list[list[Row]] = [[]]
    left = room
    for row in rows:
        needed = len(_json(row[1])) + 1
        if needed > left and pages[-1]:
            pages.append([])
            left = room
        pages[-1].append(row)
        left -= needed
    return pages


def filled(fields: Mapping[str, object]) -> bytes:
    """The JSON object with `pad`, so that it is a whole number of pages long."""
    bare = len(_json({**fields, "pad": ""}))
    missing = -bare % PAGE
    return _json({**fields, "pad": secrets.token_urlsafe(missing)[:missing]})


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
