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
    """`before`: of what was sealed earlier; `own`: of these messages alone. Whom a name shuts out, as kin, too, is kept by his id."""
    unnamed = replace(own, people=frozenset(), names=frozenset(), urgent=False, language=None)
    shut_out = frozenset[str]()
    if own.people or own.names:
        said, without = exclusions(roster, own, now), exclusions(roster, unnamed, now)
        shut_out = frozenset(person for person in said if said[person] != without[person])
    return with_copied(replace(unnamed, kept_from=shut_out), before)


def with_copied(facts: TipFacts, before: TipFacts | None) -> TipFacts:
    """What he says now, and said in the crowd: as if all of it stood in one tip (handlers/facts.py). A text without a place that he sent
    on does not make his own place unknown."""
    if before is None:
        return facts
    child = next(child for child in (Child.YES, Child.NO, Child.UNKNOWN) if child in {facts.child, before.child})
    return replace(together(facts, before), place_known=facts.place_known or before.place_known, child=child)


def to_json(facts: TipFacts) -> dict[str, object]:
    return {
        "regions": sorted(facts.regions),
        "agencies": sorted(facts.agencies),
        "kinds": sorted(facts.kinds),
        "kept_from": sorted(facts.kept_from),
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
            kept_from=_texts(fields, "kept_from"),
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
