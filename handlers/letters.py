"""Letters to vetters: what they must look at, sealed to each of them. An operator is told a code; what it is about, the vetters alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from handlers.ports import Clock, Entropy, Tx
from handlers.roster import Vetters
from sealing.age import seal
from sealing.rows import DAY_MS, LetterRow
from sealing.said import Letter, letter
from triage.sensitive import Sensitive

NO_WORDS = Sensitive("")


@dataclass(frozen=True, slots=True)
class Letters:
    vetters: Vetters
    clock: Clock
    entropy: Entropy

    async def write(
        self, tx: Tx, code: StrEnum, *, case: str = "", person: str = "", text: Sensitive[str] = NO_WORDS, apart_from: Collection[str] = ()
    ) -> int:
        """One to every vetter who gave an age recipient, in the caller's transaction; returns to how many. `apart_from`: agencies whose
        vetters must not hear of it."""
        sealed = letter(Letter(code.value, case, person, text))
        told = [name for name in self.vetters.recipients if self.vetters.agencies[name] not in apart_from]
        for name in told:
            day = self.clock.now_ms() // DAY_MS
            await tx.add_letter(LetterRow(self.entropy.draw(16).hex(), name, day, seal(sealed, self.vetters.recipients[name])))
        return len(told)
