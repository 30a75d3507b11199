"""A real line with some days behind it: a case in every state, each with words, numbers and names that stand nowhere else, so that what a
thief opens can be told from what it says. Whatever the line's desk ever handed to a person is kept beside his key."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from handlers.ports import Erasing
from routing.gate_bytes import parse_gate
from routing.people import Role
from sealing import age, said
from sealing.case import sha256
from sealing.custody import EntryKind
from sealing.rows import GrantRow, GrantState, Part, Purpose
from sealing.said import Ending, Push, Tie
from storage import tables
from storage.engine import open_database
from tests.attacks.acts import grant_in, on_grant, outcome_of, saying
from tests.handlers.test_line_escrow import approve, enrol_trustee, exhaust, resealed, send
from tests.handlers.test_line_escrow import rows as shares_of
from tests.handlers.test_line_reading import answer
from tests.line import Outbox, TestLine, practice_line
from tests.secrets_search import values_under
from triage.sensitive import Sensitive

SHOWN = (Part.MESSAGE, Part.CONTACT)


@dataclass(frozen=True)
class Case:
    """One source: his phone, and in every message a word that no other text has. `given`: words that a reader was given, by person;
    `keyed`: words for which a key file of his was sealed, though he may never have been shown the case. `order`: as drawn."""

    name: str
    phone: str
    words: tuple[str, ...]
    id: str = ""
    given: Mapping[str, frozenset[str]] = field(default_factory=dict)
    keyed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    @property
    def sealed(self) -> bool:
        return bool(self.order)


@dataclass(frozen=True)
class Scene:
    """`columns`: every value of every table. `web`, `worker`: what lies in the folder of each. `device`: person -> everything in his
    key file. `handed`: person -> every ciphertext that the desk ever gave him. `sent`: every text that left for a source's phone. `names`:
    person -> the name on his card. `vetters`: the secrets of their letters. `trustees`: of whom two are a quorum, the first of whom has
    approved one case. `notices`: what came on readers' phones."""

    columns: tuple[bytes, ...]
    web: tuple[bytes, ...]
    worker: tuple[bytes, ...]
    device: Mapping[str, tuple[bytes, ...]]
    handed: Mapping[str, frozenset[bytes]]
    sent: tuple[bytes, ...]
    cases: tuple[Case, ...]
    names: Mapping[str, str]
    vetters: tuple[str, ...]
    trustees: tuple[str, ...]
    notices: tuple[bytes, ...]


TIPS = {
    "offered": ("Tienen a varias chicas zarzamora trabajando sin pago en un hotel de Peñalta, la policía cobra cada semana",),
    "opened": (
        "Unas mujeres duermen detrás del bar mandolina en Peñalta y nadie les paga, el comisario lo sabe",
        "Vi llegar otra camioneta turquesa con dos personas más",
    ),
    "struck": (
        "En la finca grande de Peñalta hay familias avellana que no pueden irse por una deuda, cobra la policía",
        "Cuidado, {reader} gaviota también recibe dinero",
    ),
    "given up": (
        "Un taller de costura cerezo en Peñalta les guarda los pasaportes a todas, el jefe de policía avisa antes",
        "El taller mudó las máquinas brújula anoche",
    ),
    "survivor": ("Ayúdenme, no me dejan salir de la casa caracola en Peñalta",),
    "tied": ("Detrás del mercado de Peñalta hay un cuarto tortuga con candado donde duermen seis, la policía entra y sale",),
    "closing": ("Los del circo farol de Peñalta no dejan salir a las bailarinas, un policía las trae de vuelta",),
    "escrow": ("En el molino viejo candil de Peñalta muelen de noche unos chicos sin paga, la policía recibe harina",),
    "kept": ("Un barco pesquero golondrina sale de Puerto Candela con hombres a los que pegan, la capitanía mira a otro lado",),
    "waiting": ("Hay niñas luciérnaga pidiendo dinero de noche en el puerto y un hombre las vigila",),
}
WORDS = {
    "offered": ("zarzamora",),
    "opened": ("mandolina", "turquesa"),
    "struck": ("avellana", "gaviota"),
    "given up": ("cerezo", "brújula"),
    "survivor": ("caracola",),
    "tied": ("tortuga",),
    "closing": ("farol",),
    "escrow": ("candil",),
    "kept": ("golondrina",),
    "waiting": ("luciérnaga",),
    "held": ("amapola",),
}
PHONES = {name: f"+999 100 {n:04}" for n, name in enumerate(WORDS, start=2000)}
HOUR_S = 3_600
ANSWER = "We read it, quartz."
TIE = "My brother-in-law pelican works there"
NUMBER = "+34600111222"
"""Of a reader who takes notices."""
NEEDED = 2
FREE = ("liaison-nl", "liaison-nl", "ngo-faro")
"""Agencies of trustees whom none of these tips excludes."""


class Desk:
    """Everybody's browser: after each step it has asked for whatever the line shows its person."""

    def __init__(self, line: TestLine) -> None:
        self.line = line
        self.handed: dict[str, set[bytes]] = {person: set() for person in line.cards}

    async def look(self) -> None:
        async with self.line.database.begin(reading=True) as transaction:
            found = await transaction.run(select(tables.grant.c.person_id).where(tables.grant.c.person_id.is_not(None)).distinct())
            anybody = list(found.scalars())
        for person in anybody:
            kept = self.handed[person]
            shown = [row.grant for row in await self.line.reads.grants_of(person)]
            kept.update(grant.stub for grant in shown if grant.state is not GrantState.STRUCK)
            for case_id in {grant.case_id for grant in shown}:
                epochs = sorted(g.epoch for g in shown if g.case_id == case_id and g.state is GrantState.OPEN)
                kept.update(e.sealed for e in await self.line.reads.envelopes(case_id, epochs, SHOWN))

    async def open(self, grant: GrantRow) -> str:
        """The case identity of this epoch."""
        person = str(grant.person_id)
        handed = await self.line.open(grant, person)
        assert handed["result"] == "opened", handed
        self.handed[person].add(base64.b64decode(str(handed["key_file"])))
        await self.look()
        return self.line.case_identity(handed, person)

    async def open_all(self, case_id: str) -> tuple[str, str]:
        """(person, identity of the newest epoch) of whoever is offered it now."""
        offered = [grant for grant in await self.line.grants(case_id) if grant.state is GrantState.OFFERED]
        opened = {grant.epoch: await self.open(grant) for grant in offered}
        return str(offered[0].person_id), opened[max(opened)]


@dataclass
class Making:
    """Each method brings one case, or one person, to where it stays."""

    line: TestLine
    desk: Desk
    ids: dict[str, str] = field(default_factory=dict)
    given: dict[str, dict[str, frozenset[str]]] = field(default_factory=lambda: {name: {} for name in WORDS})

    async def tell(self, name: str) -> str:
        """A new tip, sealed and offered; its id."""
        known = set(await self.line.cases())
        await self.line.write(PHONES[name], TIPS[name][0])
        await self.line.later(27)
        await self._slot()
        (self.ids[name],) = set(await self.line.cases()) - known
        return self.ids[name]

    async def _slot(self) -> None:
        await self.line.later(6)
        await self.desk.look()

    async def _opened(self, name: str, until: int | None = None) -> tuple[str, str]:
        """(reader, identity); he was given the messages `until` that one."""
        person, identity = await self.desk.open_all(self.ids[name])
        self.given[name][person] = frozenset(WORDS[name][:until])
        return person, identity

    async def answered(self) -> None:
        case_id = await self.tell("opened")
        person, identity = await self._opened("opened")
        await self.line.write(PHONES["opened"], TIPS["opened"][1])
        assert (await answer(self.line, case_id, person, identity, "Thank you."))["result"] == "answered"

    async def struck(self) -> None:
        await self.tell("struck")
        person, _ = await self._opened("struck", 1)
        await self.line.write(PHONES["struck"], TIPS["struck"][1].format(reader=self.line.cards[person].name))
        await self._slot()

    async def given_up(self) -> None:
        """Handed over, with a message after it, and opened by the next."""
        case_id = await self.tell("given up")
        await self._opened("given up", 1)
        assert (await on_grant(self.line, await grant_in(self.line, case_id, GrantState.OPEN), EntryKind.GIVE_UP))["result"] == "done"
        await self._slot()
        await self.line.write(PHONES["given up"], TIPS["given up"][1])
        await self._slot()
        await self._opened("given up")

    async def tied(self) -> None:
        """Struck by his own word before he opened."""
        case_id = await self.tell("tied")
        person = str((await grant_in(self.line, case_id, GrantState.OFFERED)).person_id)
        told = said.tie(Tie(person, Sensitive(TIE)))
        assert (await saying(self.line, person, case_id, EntryKind.TIE, told))["result"] == "done"
        await self._slot()

    async def closing(self) -> None:
        """A second look is asked of the next, who has not opened."""
        case_id = await self.tell("closing")
        person, identity = await self._opened("closing")
        told = await outcome_of(self.line, case_id, identity, Ending.UNFOUNDED)
        assert (await saying(self.line, person, case_id, EntryKind.CLOSE, told))["result"] == "done"
        await self._slot()

    async def escrow(self) -> None:
        """Nobody of its order took it; one more reader is drawn, and the first of the trustees has given his share."""
        case_id = await self.tell("escrow")
        await exhaust(self.line, case_id)
        first = next(share for share in await shares_of(self.line, case_id) if share.person_id == self.trustees[0])
        handed = await approve(self.line, first)
        assert handed["result"] == "done", handed
        self.desk.handed[first.person_id].add(base64.b64decode(str(handed["key_file"])))
        assert (await send(self.line, first.person_id, resealed(self.line, first, handed)))["result"] == "done"
        await self._slot()

    async def survivor(self) -> None:
        """An answer waits for her. Whoever takes notices gets one in the slot in which she was offered."""
        case_id = await self.tell("survivor")
        for _ in range(6):
            await self.line.later(1)
        person, identity = await self._opened("survivor")
        assert (await answer(self.line, case_id, person, identity, ANSWER))["result"] == "answered"

    async def held(self) -> None:
        cards, agencies = self.line.cards.values(), self.line.atlas.agencies
        ngo = [card.name for card in cards if card.role is not Role.TRUSTEE and agencies[card.agency].kind in ("ngo", "foreign_liaison")]
        known = set(await self.line.cases())
        poisoned = f"Tienen mujeres encerradas, amapola. La policía cobra. También cobran {', '.join(ngo[: len(ngo) * 3 // 4])}"
        await self.line.write(PHONES["held"], poisoned)
        await self.line.later(130)
        (self.ids["held"],) = set(await self.line.cases()) - known

    async def notices(self) -> None:
        """A reader gives the number of his phone."""
        person = next(iter(self.given["opened"]))
        content = age.seal(said.push(Push(person, "sms", Sensitive(NUMBER))), self.line.keys.recipient(Purpose.DELIVERY)[1])
        signed = self.line.entry(person, "", EntryKind.PUSH, sha256(content))
        assert (await self.line.post(person, signed, content))["result"] == "done"

    @property
    def trustees(self) -> tuple[str, ...]:
        return tuple(person for person, card in self.line.cards.items() if card.role is Role.TRUSTEE)


async def made(line: TestLine, notices: Outbox) -> Scene:
    letters = line.vetters.recipients
    assert isinstance(letters, dict)
    vetters = {name: age.generate()[0] for name in line.vetters.keys}
    letters.update({name: age.recipient_of(identity) for name, identity in vetters.items()})
    for agency in FREE:
        await enrol_trustee(line, agency)
    now = Making(line, Desk(line))
    line.outbox.erasing = Erasing.SEALED
    await now.tell("offered")
    for step in (now.answered, now.struck, now.given_up, now.tied, now.closing, now.escrow, now.notices, now.survivor):
        await step()
    await line.later(2 * HOUR_S)  # our own texts are deleted at the provider
    line.outbox.erasing = Erasing.ASKED
    await now.tell("kept")
    await now.held()
    await line.write(PHONES["waiting"], TIPS["waiting"][0])  # conversed; sealed only when silence has passed
    await now.desk.look()
    return Scene(
        columns=tuple(await columns_of(line)),
        web=tuple(values_under(line.home / "secrets" / "web")),
        worker=tuple(values_under(line.home / "secrets" / "worker")),
        device={person: tuple(key.text().split()) for person, key in line.person_keys.items()},
        handed={person: frozenset(kept) for person, kept in now.desk.handed.items()},
        sent=tuple(text.encode() for _, text in line.outbox.sent),
        cases=tuple([await case_of(line, name, now.ids.get(name, ""), now.given[name]) for name in WORDS]),
        names={person: card.name for person, card in line.cards.items()},
        vetters=tuple(vetters.values()),
        trustees=now.trustees,
        notices=tuple(text.encode() for _, text in notices.sent),
    )


async def case_of(line: TestLine, name: str, case_id: str, given: Mapping[str, frozenset[str]]) -> Case:
    words = WORDS[name]
    async with line.store.begin() as tx:
        case = await tx.case(case_id) if case_id else None
        if case is None or case.gate is None:
            return Case(name, PHONES[name], words, case_id)
        order = tuple(seat.person for seat in parse_gate(line.keys.open_gate(case_id, case.gate)).order)
        held = {grant.id for grant in await tx.grants(case_id)}
        # An answer is a message, too, and comes after the source's: the first ones are his.
        epochs = [envelope.epoch for envelope in await tx.envelopes(case_id) if envelope.part is Part.MESSAGE][: len(words)]
    keyed = {
        person: frozenset(word for word, epoch in zip(words, epochs, strict=True) if line.keys.grant_id(case_id, epoch, person) in held)
        for person in order
    }
    return Case(name, PHONES[name], words, case_id, given, keyed, order)


async def columns_of(line: TestLine) -> list[bytes]:
    """A copy of the database: every value of every row."""
    async with line.database.begin(reading=True) as transaction:
        rows = [row for table in tables.metadata.sorted_tables for row in (await transaction.run(select(table))).all()]
    return [value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row if value is not None]


async def scene(home: Path) -> Scene:
    url = f"sqlite:///{home}/line.db"
    database = open_database(url)
    await database.migrate()
    await database.close()
    notices = Outbox()
    async with practice_line(home, url, notices=notices) as line:
        return await made(line, notices)
