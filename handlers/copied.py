"""What somebody's own messages in the item of a crowd say of who may not read his case: he need not name them twice, and what strangers
wrote into the same item says nothing of his. Kept in his thread, since the item's messages are sealed; as a gate file keeps facts: ids, no
names, no text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from routing.exclusion import exclusions
from routing.gate import together
from routing.people import Roster, TipFacts
from sealing.age import OpenError
from triage.tip import AgencyKind, Child


def copied(before: TipFacts | None, own: TipFacts, roster: Roster, now: datetime) -> TipFacts:
    """`before`: of what was sealed earlier; `own`: of these messages alone. Whom a name shuts out is kept by his id."""
    said, unnamed = exclusions(roster, own, now), exclusions(roster, _unnamed(own), now)
    people = frozenset(person for person in said if said[person] != unnamed[person])
    now_kept = replace(_unnamed(own), people=people, urgent=False, language=None)
    return now_kept if before is None else _both(now_kept, before)


def with_copied(facts: TipFacts, before: TipFacts | None) -> TipFacts:
    """What he says now, and said in the crowd."""
    return facts if before is None else _both(facts, before)


def _both(facts: TipFacts, before: TipFacts) -> TipFacts:
    """Where it happens is known only if both say so: officials whom the one shuts out, the other does not let in."""
    return replace(together(facts, before), place_known=facts.place_known and before.place_known)


def _unnamed(facts: TipFacts) -> TipFacts:
    return replace(facts, people=frozenset(), names=frozenset())


def to_json(facts: TipFacts) -> dict[str, object]:
    return {
        "regions": sorted(facts.regions),
        "agencies": sorted(facts.agencies),
        "kinds": sorted(facts.kinds),
        "people": sorted(facts.people),
        "place_known": facts.place_known,
        "child": facts.child,
        "could_involve_child": facts.could_involve_child,
        "asks_help": facts.asks_help,
    }


def from_json(fields: Mapping[str, object]) -> TipFacts:
    """Raises OpenError."""
    try:
        return TipFacts(
            received=datetime.fromtimestamp(0, UTC),
            regions=_texts(fields, "regions"),
            agencies=_texts(fields, "agencies"),
            kinds=frozenset(AgencyKind(kind) for kind in _texts(fields, "kinds")),
            people=_texts(fields, "people"),
            place_known=fields["place_known"] is True,
            child=Child(str(fields["child"])),
            could_involve_child=fields["could_involve_child"] is True,
            asks_help=fields["asks_help"] is True,
        )
    except (KeyError, ValueError):
        raise OpenError("not what was kept of a crowd") from None


def _texts(fields: Mapping[str, object], name: str) -> frozenset[str]:
    """Raises KeyError, OpenError."""
    if not isinstance(given := fields[name], list):
        raise OpenError("not what was kept of a crowd")
    return frozenset(map(str, given))
