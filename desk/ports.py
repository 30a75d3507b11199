"""What the desk needs of the store: reads of ciphertext, and acts taken down. It can open nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sealing.rows import ActRow, DeskGrant, Envelope, EpochRow, Handout, Part, PersonRow, Purpose, ShareRow


class DeskStore(Protocol):
    async def person(self, id: str) -> PersonRow | None: ...
    async def save_challenge(self, tag: str, person_id: str, expires: int) -> None:
        """`person_id` "" = nobody's. Bounded: the oldest go."""
        ...

    async def take_challenge(self, tag: str, now: int) -> str | None:
        """Single use: the person it was made for, once."""
        ...

    async def grants_of(self, person_id: str) -> Sequence[DeskGrant]:
        """Offered, open and struck ones only."""
        ...

    async def shares_asked(self, person_id: str) -> Sequence[ShareRow]:
        """A trustee's shares of the cases that nobody is left to read."""
        ...

    async def epochs(self, purposes: Sequence[Purpose]) -> Sequence[EpochRow]:
        """The newest of each that is sealed to, with the line's signature."""
        ...

    async def envelopes(self, case_id: str, epochs: Sequence[int], parts: Sequence[Part]) -> Sequence[Envelope]: ...
    async def add_act(self, act: ActRow) -> bool:
        """Row and task in one transaction; False when the id exists."""
        ...

    async def acting(self, act_id: str, person_id: str) -> bool:
        """Whether an act of this person waits to be judged, or its handout to be fetched."""
        ...

    async def take_handout(self, act_id: str, person_id: str) -> Handout | None:
        """Deleted as it is fetched."""
        ...
