"""The gate of a case: what was decided when it was sealed, and the one function that every grant and hand-over must pass.

The gate file is sealed to the gate key and authenticated outside (sealing). It holds ids, never names: people who were named, or tied
through a name, stand in `excluded`. Facts are only added, and only strike people from the drawn order; there is never a second draw.
How it is written: routing/gate_bytes.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from routing.exclusion import OF_THE_MOMENT, exclusions, ground_of, judge
from routing.lots import Lot, lots_of
from routing.people import Assignment, Atlas, Code, Flag, Person, RegionKind, Role, Roster, TipFacts
from triage.tip import AgencyKind, Child


class GateError(ValueError):
    """Not a gate file, or a case for which none can be drawn up. Carries no content."""


class Sla(StrEnum):
    URGENT = "urgent"
    NORMAL = "normal"


class Consent(StrEnum):
    """What the source allows (`may_act`); unknown until the source has said so."""

    UNKNOWN = "unknown"
    ACT = "act"
    ASK_FIRST = "ask_first"
    READ_ONLY = "read_only"


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in the drawn order of a role. `rank` counts from 1; `card` = fingerprint of the card that was drawn."""

    person: str
    role: Role
    rank: int
    card: str


@dataclass(frozen=True, slots=True)
class GateFile:
    """`recipient`: the case's public key. `excluded`: whom a fact of the tip excludes; who is
    merely inactive or unvetted is judged anew each time. Tuples of ids are sorted.

    `order`: handlers, who read in turn. `lead_order`: leads, who hold key files under the outer lock and read nothing until they are asked
    for. `lots`: of everybody in `chances`; empty in gate files of before. Of a shared order (Flag.LINKED) they are as of any other, and
    nobody outside it has a chance."""

    case: str
    epoch: int
    recipient: str
    sealed_at: datetime
    received: datetime
    sla: Sla
    agencies: tuple[str, ...]
    kinds: tuple[AgencyKind, ...]
    regions: tuple[str, ...]
    place_known: bool
    child: Child
    could_involve_child: bool
    asks_help: bool
    excluded: tuple[str, ...]
    order: tuple[Seat, ...]
    pool: int
    chances: Mapping[str, float]
    flags: tuple[Flag, ...]
    consent: Consent = Consent.UNKNOWN
    lead_order: tuple[Seat, ...] = ()
    lots: Mapping[str, Lot] = field(default_factory=dict)

    @property
    def seats(self) -> tuple[Seat, ...]:
        """Everybody for whom a key file is sealed: handlers, then leads; also those struck since."""
        return (*self.order, *self.lead_order)

    def standing(self) -> tuple[Seat, ...]:
        """The drawn order of handlers without those struck since. Empty = exhausted: hold, whoever leads."""
        return self._left(self.order)

    def leads(self) -> tuple[Seat, ...]:
        """The leads without those struck since."""
        return self._left(self.lead_order)

    def _left(self, seats: tuple[Seat, ...]) -> tuple[Seat, ...]:
        return tuple(seat for seat in seats if seat.person not in self.excluded)


class Refusal(StrEnum):
    NOT_IN_ORDER = "not_in_order"
    NOT_ASKED = "not_asked"
    STRUCK = "struck"
    NO_TRUSTEE = "no_trustee"
    NO_AUDITOR = "no_auditor"
    SEATED = "seated"


@dataclass(frozen=True, slots=True)
class Granted:
    """`same_card`: the card is the one that was drawn, so its key is the one that key files were sealed to."""

    seat: Seat
    same_card: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The code tells who is named: it is kept sealed, never shown to the refused."""

    code: Refusal | Code


def draw_up(
    case: str, epoch: int, recipient: str, sealed_at: datetime, tip: TipFacts, drawn: Assignment, cards: Mapping[str, str], roster: Roster
) -> GateFile:
    """The gate of a case at its sealing. `cards`: fingerprint of each drawn person's card; `roster`: what was drawn from. Raises GateError
    for an assignment on hold."""
    if drawn.hold is not None or not all(person in cards for person in (*drawn.order, *drawn.leads)):
        raise GateError("nobody is drawn for this case, or a drawn person's card is missing")
    chances = dict(sorted(drawn.chances.items()))
    return GateFile(
        case=case,
        epoch=epoch,
        recipient=recipient,
        sealed_at=sealed_at.astimezone(UTC).replace(microsecond=0),
        received=tip.received.astimezone(UTC).replace(microsecond=0),
        sla=Sla.URGENT if tip.urgent else Sla.NORMAL,
        agencies=tuple(sorted(tip.agencies)),
        kinds=tuple(sorted(tip.kinds)),
        regions=tuple(sorted(tip.regions)),
        place_known=tip.place_known,
        child=tip.child,
        could_involve_child=tip.could_involve_child,
        asks_help=tip.asks_help,
        excluded=tuple(sorted(person for person, codes in drawn.reasons.items() if not OF_THE_MOMENT.issuperset(codes))),
        order=_seats(drawn.order, Role.HANDLER, cards),
        pool=drawn.pool,
        chances=chances,
        flags=tuple(sorted(drawn.flags)),
        lead_order=_seats(drawn.leads, Role.LEAD, cards),
        lots=lots_of(chances, roster, urgent=tip.urgent),
    )


def _seats(people: Iterable[str], role: Role, cards: Mapping[str, str]) -> tuple[Seat, ...]:
    return tuple(Seat(person, role, rank, cards[person]) for rank, person in enumerate(people, start=1))


def may_read(gate: GateFile, person: Person, card_fingerprint: str, now: datetime, atlas: Atlas) -> Granted | Refused:
    """Judges the card as it is now: a card changed since the draw must pass all that the first one passed, and one signed after the tip
    never does (E1). A lead never passes yet: he needs the source's consent and a handler who asks for an operation, and no act does."""
    seat = next((seat for seat in gate.seats if seat.person == person.id), None)
    if seat is None:
        return Refused(Refusal.NOT_IN_ORDER)
    if barred := _barred(gate, person, now, atlas):
        return barred
    return Refused(Refusal.NOT_ASKED) if seat.role is Role.LEAD else Granted(seat, card_fingerprint == seat.card)


def may_approve(gate: GateFile, person: Person, now: datetime, atlas: Atlas) -> Refused | None:
    """Whether a trustee may have, and give on, his share of a case key: whom the case excludes from reading may hold no part of it."""
    if person.card.role is not Role.TRUSTEE:
        return Refused(Refusal.NO_TRUSTEE)
    return _barred(gate, person, now, atlas)


def may_keep(gate: GateFile, person: Person, now: datetime, atlas: Atlas) -> Refused | None:
    """Whether a trustee's share is a real one. By what the regions file has today: a fact that it lacks for a while must not make every
    share a dummy for ever. `may_approve` asks again, by all facts, before one is given."""
    if person.card.role is not Role.TRUSTEE:
        return Refused(Refusal.NO_TRUSTEE)
    facts = facts_of(gate)
    return _barred(
        replace(
            gate,
            regions=tuple(sorted(facts.regions & atlas.regions.keys())),
            agencies=tuple(sorted(facts.agencies & atlas.agencies.keys())),
        ),
        person,
        now,
        atlas,
    )


def may_audit(gate: GateFile, person: Person, now: datetime, atlas: Atlas) -> Refused | None:
    """Whether an auditor may be told why people could not read the case: as a trustee, and he never had a seat of it himself."""
    if person.card.role is not Role.AUDITOR:
        return Refused(Refusal.NO_AUDITOR)
    if any(seat.person == person.id for seat in gate.seats):
        return Refused(Refusal.SEATED)
    return _barred(gate, person, now, atlas)


def _barred(gate: GateFile, person: Person, now: datetime, atlas: Atlas) -> Refused | None:
    if person.id in gate.excluded:
        return Refused(Refusal.STRUCK)
    codes = judge(person, ground_of(atlas, facts_of(gate), now))
    return Refused(codes[0]) if codes else None


def append_seat(gate: GateFile, person: str, card: str) -> GateFile:
    """The gate with one more reader behind a drawn order that is exhausted, all of whom are out for the life of the case; its leads are
    not. `card`: the fingerprint of his card. Raises GateError for a lead of this case: there is one key file of an epoch for a person."""
    if any(lead.person == person for lead in gate.lead_order):
        raise GateError("a lead of the case cannot be its reader")
    seat = Seat(person, Role.HANDLER, len(gate.order) + 1, card)
    return replace(without(gate, [seat.person for seat in gate.order]), order=(*gate.order, seat))


def add_facts(gate: GateFile, roster: Roster, tip: TipFacts, now: datetime) -> tuple[GateFile, tuple[str, ...]]:
    """The gate with a later message's facts on top, and the ids newly struck from it, handlers in order and then leads.

    `tip` may hold all messages' facts or only the new ones. A place that becomes known lifts nothing; one of another region adds ties.
    Somebody who is merely inactive or unvetted today is not struck: `may_read` refuses him while it lasts. Nor does a fact strike whose
    region or agency the atlas lacks today, or an edit of the regions file would empty every case for ever: `may_read` refuses everybody
    while it lasts, and judges by that fact again when the atlas has it.
    """
    facts = together(facts_of(gate), tip)
    seen = _seen(facts, roster.atlas)
    passing = OF_THE_MOMENT | {Code.E4} if _place_is_lost(facts, seen, roster.atlas) else OF_THE_MOMENT
    out = {person for person, codes in exclusions(roster, seen, now).items() if not passing.issuperset(codes)}
    struck = tuple(seat.person for seat in (*gate.standing(), *gate.leads()) if seat.person in out)
    grown = replace(
        gate,
        sla=Sla.URGENT if facts.urgent else Sla.NORMAL,
        agencies=tuple(sorted(facts.agencies)),
        kinds=tuple(sorted(facts.kinds)),
        regions=tuple(sorted(facts.regions)),
        child=facts.child,
        could_involve_child=facts.could_involve_child,
        asks_help=facts.asks_help,
        excluded=tuple(sorted(out.union(gate.excluded))),
    )
    return grown, struck


def without(gate: GateFile, people: Iterable[str]) -> GateFile:
    """The gate without these people, for the life of the case."""
    return replace(gate, excluded=tuple(sorted({*gate.excluded, *people})))


def facts_of(gate: GateFile) -> TipFacts:
    """What the gate knows of the tip: no names, they became ids at sealing."""
    return TipFacts(
        received=gate.received,
        regions=frozenset(gate.regions),
        place_known=gate.place_known,
        agencies=frozenset(gate.agencies),
        kinds=frozenset(gate.kinds),
        people=frozenset(),
        child=gate.child,
        could_involve_child=gate.could_involve_child,
        asks_help=gate.asks_help,
        urgent=gate.sla is Sla.URGENT,
    )


def together(old: TipFacts, new: TipFacts) -> TipFacts:
    """Only added: of two answers the one that excludes more. Where it happens stays as known as it was."""
    return replace(
        old,
        regions=old.regions | new.regions,
        agencies=old.agencies | new.agencies,
        kinds=old.kinds | new.kinds,
        people=old.people | new.people,
        kept_from=old.kept_from | new.kept_from,
        names=old.names | new.names,
        child=next(child for child in (Child.YES, Child.UNKNOWN, Child.NO) if child in {old.child, new.child}),
        could_involve_child=old.could_involve_child or new.could_involve_child,
        asks_help=old.asks_help or new.asks_help,
        urgent=old.urgent or new.urgent,
    )


def _seen(facts: TipFacts, atlas: Atlas) -> TipFacts:
    """The facts that the atlas has: with any other the ground would be blind."""
    return replace(facts, regions=facts.regions & atlas.regions.keys(), agencies=facts.agencies & atlas.agencies.keys())


def _place_is_lost(facts: TipFacts, seen: TipFacts, atlas: Atlas) -> bool:
    """The atlas lacks the only places below a country: without them every official would seem to have jurisdiction (E4)."""
    below = any(atlas.regions[region].kind is not RegionKind.COUNTRY for region in seen.regions)
    return facts.place_known and seen.regions != facts.regions and not below
