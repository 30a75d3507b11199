"""Letters to vetters, out of the line's database: opened where the vetter's key is, or carried to him sealed as they are."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bot.enrol import EnrolError
from bot.settings import Settings
from handlers.enrolment import News
from handlers.leaving import Matter
from handlers.ports import Trouble
from handlers.releases import Freed
from handlers.reviews import Inquiry
from routing.people import Hold
from sealing import age
from sealing.rows import LetterRow
from sealing.said import Letter, read_letter
from storage.engine import open_database
from storage.store import SqlStore

DAY_S = 86_400
WORDS = {
    Matter.TIE.value: "A reader declared a tie, in his words below. He is drawn for nothing more until a new key card says it.",
    Matter.PRESSURED.value: "A reader says that he is being pressured. His access has ended, his cases move on. Do not ask him by phone.",
    Inquiry.REVIEW.value: (
        "Outcomes of several cases speak against this reader. It may be chance or slander: two of you look into it, ask, decide. "
        "Nothing follows by itself."
    ),
    Trouble.ORDER_EXHAUSTED.value: "A case has nobody left to read it. The trustees are asked, where the line has them.",
    Trouble.TWO_VETTERS_REVIEW.value: (
        "An urgent case went out at once although very few could read it. Look at the roster within 24 hours: who suspended whom?"
    ),
    Trouble.SILENT.value: "A case is not opened, or nothing is done in it, and for now it moves to nobody else by itself.",
    Trouble.UNCONCURRED.value: "A reader wants to close a case, and nobody is left for a second look. The trustees are asked.",
    Trouble.DISAGREED.value: "A second reader did not agree that a case be closed, and has it now.",
    Hold.NEEDS_TWO_VETTERS.value: (
        "A tip is held, as so few may read it that its reader is easy to guess. Two vetters, of different houses, can let it go out: "
        "tipline vetters release CASE CODE FILE --key YOUR.key"
    ),
    Hold.POISONED.value: (
        "A tip is held, or a case that its readers have left, as those whom it names would leave the draw to few. "
        "Two vetters, of different houses, can let it go on: tipline vetters release CASE CODE FILE --key YOUR.key"
    ),
    Hold.NOBODY_ELIGIBLE.value: (
        "A tip is held, or a case that its readers have left, as nobody of the roster may read it. Nobody can release it. A card that is "
        "signed after a tip does not help that tip: enlarge the roster before the next one."
    ),
    Freed.SIGNED.value: "A vetter signed that a held tip or case go on. It takes two, of different houses.",
    Freed.RELEASED.value: "Two vetters let a held tip or case go on.",
    News.CARD_ANNOUNCED.value: (
        "A new key card lifts something of the person's. It counts in a week, unless two vetters, of different houses, suspend or revoke "
        "that card; one vetter's suspension alone lapses after 72 hours."
    ),
    News.NAMESAKE.value: (
        "A card was loaded for a person with the name of another one of the roster. Are they two? Whoever has two cards is drawn twice: "
        "if it is one person, two of you revoke one of the cards."
    ),
    News.SUSPENDED.value: "A vetter suspended a person's card. Without a second vetter's signature it lapses after 72 hours.",
    News.STAYS.value: "A vetter suspended a person's card, and it stays suspended now, until two vetters lift that.",
    News.REVOKED.value: "A vetter signed that a person's card be revoked. It takes two.",
    News.DEAD.value: "A vetter signed that a person's card be revoked, as another had. It is revoked now, for ever.",
    News.LIFTED.value: "A vetter signed that a person's suspension be lifted. It takes two, and 7 days.",
}
"""What each code says in plain words; of another, the code itself."""


async def from_database(settings: Settings, mine: str, identity: str, *, keep: bool) -> list[str]:
    """`mine`: fingerprint of the vetter's key. Deleted once they are opened, unless `keep`; what does not open stays.

    Raises StorageDown."""
    async with open_database(settings.database_url.reveal()) as database:
        store = SqlStore(database)
        async with store.begin() as tx:
            found = list(await tx.letters(mine))
        told = opened(found, identity)
        if not keep:
            async with store.begin() as tx:
                await tx.drop_letters([row.id for row in found if _letter(row, identity) is not None])
        await database.compact()
    return told


async def carry(settings: Settings, file: Path, *, keep: bool) -> int:
    """Deleted from the database once the file is on disk, unless `keep`. Raises EnrolError, StorageDown."""
    async with open_database(settings.database_url.reveal()) as database:
        store = SqlStore(database)
        async with store.begin() as tx:
            found = await tx.all_letters()
        _write(file, found)
        if not keep:
            async with store.begin() as tx:
                await tx.drop_letters([row.id for row in found])
    return len(found)


def _write(file: Path, found: Sequence[LetterRow]) -> None:
    letters = [{"id": row.id, "to": row.to, "day": row.day, "sealed": base64.b64encode(row.sealed).decode()} for row in found]
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
            json.dump({"v": 1, "kind": "letters", "letters": letters}, out)
            out.flush()
            os.fsync(out.fileno())
    except OSError:
        raise EnrolError("The file cannot be written there.") from None


def read_carried(file: Path) -> list[LetterRow]:
    """Raises EnrolError."""
    try:
        fields = json.loads(file.read_bytes())
        if fields["v"] != 1 or fields["kind"] != "letters":
            raise EnrolError("The file is not one that `tipline vetters carry` wrote.")
        return [
            LetterRow(str(e["id"]), str(e["to"]), int(e["day"]), base64.b64decode(e["sealed"], validate=True)) for e in fields["letters"]
        ]
    except (OSError, ValueError, KeyError, TypeError, binascii.Error):
        raise EnrolError("The file is not one that `tipline vetters carry` wrote.") from None


def of(found: Sequence[LetterRow], mine: str) -> list[LetterRow]:
    return [row for row in found if row.to == mine]


def opened(found: Sequence[LetterRow], identity: str) -> list[str]:
    """Each letter as a person reads it, in the order of days."""
    return [_told(row, _letter(row, identity)) for row in sorted(found, key=lambda row: row.day)]


def _letter(row: LetterRow, identity: str) -> Letter | None:
    try:
        return read_letter(age.unseal(row.sealed, identity))
    except age.OpenError:
        return None


def _told(row: LetterRow, letter: Letter | None) -> str:
    day = datetime.fromtimestamp(row.day * DAY_S, UTC).date().isoformat()
    if letter is None:
        return f"{day}  A letter that your key does not open: was it written to an older key of yours?"
    lines = [f"{day}  {WORDS.get(letter.code, letter.code)}"]
    lines += [f"            {what}: {value}" for what, value in (("case", letter.case), ("person", letter.person)) if value]
    lines += [f"            | {line}" for line in letter.text.reveal().splitlines()]
    return "\n".join(lines)
