"""Outcomes as records: of which area a case is, who was told of it by mouth, and the bytes that outlive the case.

One value has one byte string, as in routing/fields.py; but a line's whole past is read at each start, so records are lists, not objects:
{"v":1,"kind":"lessons","day","rows","of","events":[[day,area,verdict,informer,verified,[[person,prior,share],…],[[by,exposure],…]],…]}.
"of" only where there are any: names of 16 digits, in one text. Nothing in them tells of which case they are.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeGuard

from routing.exposure import areas_of, opened
from routing.fields import is_id
from routing.learning import MOST_OUTSIDE, Event, Heard, Opened, Verdict
from routing.people import Atlas, House, Person
from routing.policy import Learning

KIND = "lessons"
NOWHERE = ""
"""The area of a case whose place nobody knows."""

NAME = 16
"""Digits by which a record that was put together with others is known."""
_NAMES = re.compile(rf"(?:[0-9a-f]{{{NAME}}})*")
_VERDICTS = {verdict.value: verdict for verdict in Verdict}


class RecordError(ValueError):
    """Not a record of outcomes. Carries no content."""


@dataclass(frozen=True, slots=True)
class Record:
    """`events` in the order in which they are learned from; none = outcomes that teach nothing. `day` of the last, since 1970 UTC. `rows`:
    of how many records it is made; 1 = of one outcome. `of`: the names of these, of 16 lowercase hex digits: first those of the `events`,
    one for each in their order, then those that taught nothing."""

    day: int
    rows: int
    events: tuple[Event, ...]
    of: tuple[str, ...] = ()


def area_of(regions: Collection[str], atlas: Atlas) -> str:
    """The one network that an outcome counts for: below a country rather than a country, then where most of the places lie that the case
    could mean, then the first by id. NOWHERE when none is known."""

    def places(area: str) -> int:
        return sum((atlas.area(region) or region) == area for region in regions if region in atlas.regions)

    return max(areas_of(regions, atlas), key=lambda area: (atlas.area(area) is not None, places(area)), default=NOWHERE)


def reader(person: Person, area: str, atlas: Atlas, learning: Learning) -> Opened:
    """What the record keeps of a reader, by the card that he read with. A case of nowhere says nothing of whose network he serves, only
    whether he leaks at all."""
    told = opened(person, area, atlas, learning)
    return replace(told, share=0.0) if area == NOWHERE else told


def outside(told: Iterable[tuple[str, House, str | None]], area: str, atlas: Atlas, learning: Learning) -> tuple[Heard, ...]:
    """Who was told by mouth: by whom, a kind of office, and the region of its agency where that is known; without one it is taken to be of
    the case's own area. Of each teller's no more than can count."""
    found = [
        Heard(by, learning.houses[house] * (learning.own if _touches(region, area, atlas) else learning.other))
        for by, house, region in told
    ]
    counted, kept = Counter[str](), list[Heard]()
    for heard in sorted(found, key=lambda heard: (-heard.exposure, heard.by)):
        counted[heard.by] += 1
        if counted[heard.by] <= MOST_OUTSIDE:
            kept.append(heard)
    return tuple(kept)


def _touches(region: str | None, area: str, atlas: Atlas) -> bool:
    if region is None or area == NOWHERE or region not in atlas.regions or area not in atlas.regions:
        return True
    return region in atlas.above(area) or area in atlas.above(region)


def record_bytes(record: Record) -> bytes:
    """Raises RecordError for one that would not come back the same."""
    data = _written(record)
    if read_own(data) != record:
        raise RecordError("this record would not come back the same")
    return data


def parse_record(data: bytes) -> Record:
    """Raises RecordError for anything but the exact bytes that record_bytes writes."""
    record = read_own(data)
    if _written(record) != data:
        raise RecordError("not the one way to write this record")
    return record


def read_own(data: bytes) -> Record:
    """The same of bytes that are surely those of `record_bytes`, by a MAC over them: half the work. Raises RecordError."""
    try:
        return _record(json.loads(data))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RecordError("unreadable") from None


def _written(record: Record) -> bytes:
    events = [
        (
            *(e.day, e.area, e.verdict, e.informer, e.verified),
            [(r.person, r.prior, r.share) for r in e.readers],
            [(heard.by, heard.exposure) for heard in e.outside],
        )
        for e in record.events
    ]
    fields = {"v": 1, "kind": KIND, "day": record.day, "rows": record.rows}
    try:
        fields |= {"of": "".join(record.of)} if record.of else {}
        fields |= {"events": events}
        return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError):
        raise RecordError("a record cannot be written") from None


def _record(fields: dict[str, object]) -> Record:
    """Raises RecordError, or ValueError, TypeError and KeyError where the parts are other ones."""
    day, rows, events = fields["day"], fields["rows"], fields["events"]
    if (fields["v"], fields["kind"]) != (1, KIND) or not (_whole(day) and _whole(rows) and isinstance(events, list)):
        raise RecordError("not a record, or of another version")
    return Record(day, rows, tuple([_event(item) for item in events]), _names(fields.get("of", "")))


def _names(joined: object) -> tuple[str, ...]:
    if not isinstance(joined, str) or _NAMES.fullmatch(joined) is None:
        raise RecordError("names of records are other ones")
    return tuple([joined[at : at + NAME] for at in range(0, len(joined), NAME)])


def _event(item: list[object]) -> Event:
    """Raises the same."""
    day, area, verdict, informer, verified, readers, told = item
    if not (_whole(day) and isinstance(verified, bool) and isinstance(readers, list) and isinstance(told, list)):
        raise RecordError("an outcome's fields are other ones")
    people, heard = tuple([_opened(*item) for item in readers]), tuple([_heard(*item) for item in told])
    return Event(_id(area), people, _VERDICTS[str(verdict)], _id(informer), verified, day, heard)


@lru_cache(maxsize=1 << 16)
def _opened(person: object, prior: object, share: object) -> Opened:
    """The same readers come again and again."""
    if not (person and _chance(prior) and _chance(share)):
        raise RecordError("a reader's fields are other ones")
    return Opened(_id(person), prior, share)


def _heard(by: object, exposure: object) -> Heard:
    if not (by and _chance(exposure)):
        raise RecordError("fields of who was told are other ones")
    return Heard(_id(by), exposure)


def _whole(value: object) -> TypeGuard[int]:
    return type(value) is int and value >= 0


@lru_cache(maxsize=1 << 16)
def _id(value: object) -> str:
    """Or nothing: no area, and sources. The same ones come again and again: one text for all."""
    if not (isinstance(value, str) and (value == "" or is_id(value))):
        raise RecordError("an id is another one")
    return value


def _chance(value: object) -> TypeGuard[float]:
    return type(value) is float and 0 <= value <= 1
