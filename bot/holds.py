"""Why tips are held, for the operator: how many two vetters could let go out, and how many are urgent. Of no case, and of no time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bot.finding import Finding, look, mend
from bot.keyrings import worker_keys
from bot.settings import Settings
from handlers.held import COVERED, held
from storage.engine import Database
from storage.store import SqlStore

ASK = "hand the letters to them (tipline vetters carry FILE); each signs: tipline vetters release CASE CODE FILE --key VETTER.key"


@dataclass(frozen=True, slots=True)
class Held:
    """`vetters`: how many wait for two vetters; `nobody`: how many nobody of the roster may read; `urgent_…`: how many of each."""

    vetters: int = 0
    nobody: int = 0
    urgent_vetters: int = 0
    urgent_nobody: int = 0

    @property
    def urgent(self) -> int:
        return self.urgent_vetters + self.urgent_nobody

    def findings(self) -> Iterator[Finding]:
        if self.vetters:
            say = mend if self.urgent_vetters else look
            yield say("held", f"{self.vetters} tip(s) or case(s) wait for two vetters{_of_them(self.urgent_vetters)}: {ASK}")
        if self.nobody:
            say = mend if self.urgent_nobody else look
            which = f"{self.nobody} tip(s) or case(s) nobody of the roster may read{_of_them(self.urgent_nobody)}"
            yield say("held", f"{which}: enlarge the roster.")


def _of_them(urgent: int) -> str:
    return f", {urgent} of them urgent" if urgent else ""


async def held_tips(settings: Settings, database: Database) -> Held:
    """A held tip whose record does not hold counts as one that nobody may read. A sealed case that waits for a next reader counts where a
    record says that none can be drawn; the others wait for trustees. Raises KeyringError, StorageDown."""
    keys, store, found = worker_keys(settings), SqlStore(database), Counter[tuple[bool, bool]]()
    cases = await store.held()
    async with store.begin() as tx:
        for case_id, urgent, is_held in cases:
            record = await held(tx, keys, case_id)
            if record is not None or is_held:
                found[record is not None and record.hold in COVERED, urgent] += 1
    return Held(found[True, False] + found[True, True], found[False, False] + found[False, True], found[True, True], found[False, True])
