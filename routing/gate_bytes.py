"""A gate file as bytes, one way to write each. Final JSON form: keys of `_KEYS`, in that order, after "v":1 and "kind":"gate"; in "order"
the handlers, then the leads.
"""

from __future__ import annotations

from routing.fields import Fields, FieldsError, moment_text, read, write
from routing.gate import Consent, GateError, GateFile, Seat, Sla
from routing.lots import chances_read, chances_written
from routing.people import Flag, Role
from triage.tip import AgencyKind, Child

KIND = "gate"
LARGEST = 1 << 25
"""Bytes. It names everybody of the roster, with some 60 bytes for each who could be drawn: room for half a million."""
WIDEST, LOT = 22, 5
"""Bytes of a chance at most, and of what else `lots` has of a person besides his id."""
_KEYS = (
    "case", "epoch", "recipient", "sealed_at", "received", "sla", "agencies", "kinds", "regions", "place_known", "child",
    "could_involve_child", "asks_help", "excluded", "order", "pool", "chances", "flags", "consent",
)  # fmt: skip
_SEAT_KEYS = ("person", "role", "rank", "card")


def gate_bytes(gate: GateFile) -> bytes:
    """With room behind it, spaces. Raises GateError for a gate that would not come back the same."""
    try:
        data = _written(gate)
        same = _read(data) == gate
    except FieldsError:
        raise GateError("this gate cannot be written") from None
    if not same:
        raise GateError("this gate would not come back the same")
    return data + b" " * _room(gate)


def _room(gate: GateFile) -> int:
    """Bytes: as if every flag were there, every chance were written with all digits, and whoever is excluded had one. Else the size of a
    sealed gate file told that its case is linked, since most chances of such a case are 0.0, and how many people the tip shuts out."""
    if not gate.lots:
        return 0
    flags = sum(len(flag) for flag in Flag if flag not in gate.flags)
    chances = sum(WIDEST - len(repr(float(chance))) for chance in gate.chances.values())
    return flags + max(0, chances) + (WIDEST + LOT) * len(set(gate.excluded) - gate.chances.keys())


def parse_gate(data: bytes) -> GateFile:
    """Raises GateError for anything but the exact bytes that gate_bytes writes, with any room."""
    data = data.rstrip(b" ")
    try:
        gate = _read(data)
        same = _written(gate) == data
    except FieldsError:
        raise GateError("not a gate file") from None
    if not same:
        raise GateError("not the one way to write this gate file")
    return gate


def _written(gate: GateFile) -> bytes:
    fields: dict[str, object] = {key: getattr(gate, key) for key in _KEYS}
    fields["sealed_at"] = moment_text(gate.sealed_at)
    fields["received"] = moment_text(gate.received)
    fields["order"] = [{key: getattr(seat, key) for key in _SEAT_KEYS} for seat in gate.seats]
    fields["chances"] = chances_written(gate.chances, gate.lots)
    return write(KIND, fields)


def _read(data: bytes) -> GateFile:
    fields = read(data, KIND, _KEYS, LARGEST)
    seats = tuple(_seat(item) for item in fields.each("order", _SEAT_KEYS))
    chances, lots = chances_read(fields)
    return GateFile(
        case=fields.id("case"),
        epoch=fields.whole("epoch", 0),
        recipient=fields.key("recipient"),
        sealed_at=fields.moment("sealed_at"),
        received=fields.moment("received"),
        sla=fields.one_of("sla", Sla),
        agencies=fields.ids("agencies"),
        kinds=fields.some_of("kinds", AgencyKind),
        regions=fields.ids("regions"),
        place_known=fields.flag("place_known"),
        child=fields.one_of("child", Child),
        could_involve_child=fields.flag("could_involve_child"),
        asks_help=fields.flag("asks_help"),
        excluded=fields.ids("excluded"),
        order=tuple(seat for seat in seats if seat.role is not Role.LEAD),
        pool=fields.whole("pool", 0),
        chances=chances,
        flags=fields.some_of("flags", Flag),
        consent=fields.one_of("consent", Consent),
        lead_order=tuple(seat for seat in seats if seat.role is Role.LEAD),
        lots=lots,
    )


def _seat(fields: Fields) -> Seat:
    return Seat(fields.id("person"), fields.one_of("role", Role), fields.whole("rank", 1), fields.id("card"))
