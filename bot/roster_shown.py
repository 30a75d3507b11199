"""The roster as an operator sees it: ids and states, never a name or a tie."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from bot.terminal import spoken_hour
from handlers.enrolment import status_of
from handlers.ports import Tx
from handlers.roster import Vetters, held_card, read_book, read_member
from sealing.keyring import WorkerKeys

NO_CARD = "its card does not hold"


@dataclass(frozen=True, slots=True)
class Shown:
    """`until`: when the state changes by itself, "" = not. `announced`: whether another card waits for its time;
    `announced_card`: its fingerprint, "" = none, or one that does not hold."""

    person: str
    role: str
    state: str
    until: str
    expires: str
    number: int
    card: str
    announced: bool
    announced_card: str

    def plain(self) -> dict[str, object]:
        return asdict(self)

    def cells(self) -> tuple[str, ...]:
        """Days, no hours: it fits a narrow terminal."""
        state = f"{self.state}, next card announced" if self.announced else self.state
        return (self.person, self.role, state, self.until[:10], self.expires)


async def shown_roster(tx: Tx, keys: WorkerKeys, vetters: Vetters, hour: int) -> list[Shown]:
    """In the order of ids."""
    book, people = await read_book(tx, keys, vetters), list[Shown]()
    for row in await tx.people():
        member = read_member(row, keys, vetters, book, hour)
        coming = None if row.next is None else held_card(replace(row, card=row.next), keys, vetters)
        announced = (row.next is not None, "" if coming is None else coming.card_fingerprint)
        if member is None:
            people.append(Shown(row.id, "", NO_CARD, "", "", 0, "", *announced))
            continue
        card, standing = member.card, member.standing
        state = status_of(member, hour) + (", declared a tie" if standing.tied else "")
        until = "" if standing.until is None else spoken_hour(standing.until)
        fields = (card.expires.isoformat(), card.sequence, member.card_fingerprint)
        people.append(Shown(row.id, card.role.value, state, until, *fields, *announced))
    return people
