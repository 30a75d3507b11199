"""What is inside each ciphertext. Final: age does not say who sealed a file, so kind, case, epoch, sequence, previous hash and direction
stand inside the plaintext (DESIGN 4). All are padded JSON objects with "v":1 and "kind", but the key file, which is a plain age identity
file that stock `age -d -i` reads.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sealing.age import OpenError, padded_json, read_json
from triage.language import Translation
from triage.sensitive import Sensitive
from triage.tip import Asked, Assessment, Control, Form, Inbound


@dataclass(frozen=True, slots=True)
class Contact:
    """The way back to a source. `pull`: never write first, an answer waits until the source writes."""

    channel: str
    address: Sensitive[str]
    language: str
    alphabet: str
    pull: bool


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One text about to leave. `due`: ms, when a text of ours was to leave; 0 = it has no time after which it is stale. `language`,
    `alphabet`: of a question that may be answered when nothing else is remembered of its conversation."""

    channel: str
    address: Sensitive[str]
    text: Sensitive[str]
    due: int = 0
    language: str = ""
    alphabet: str = ""


@dataclass(frozen=True, slots=True)
class Erasure:
    """A message that lies at the provider, by which name it is deleted there."""

    channel: str
    address: Sensitive[str]
    ref: str


@dataclass(frozen=True, slots=True)
class Stub:
    """What a reader sees before opening: never a name, a town or a word of the tip, nor whether somebody stood before him in the order.

    `own` = his own key card, so that he sees his ties; `line` = base64 public half of the key that signs the line's epochs, so that the
    desk seals to today's and not to the recipients of the day of sealing.
    """

    case: str
    epoch: int
    grant: str
    designation: str
    urgency: str
    kinds: tuple[str, ...]
    country: str
    agency_kinds: tuple[str, ...]
    child: str
    language: str
    translation: str
    key_file_sha256: str
    card: str
    gate_recipient: str
    delivery_recipient: str
    own: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reader's signed reply. `contact` = SHA-256 of the contact envelope it was made from; `inner` = S delivery (contact)."""

    case: str
    epoch: int
    sequence: int
    contact: str
    inner: bytes
    text: Sensitive[str]


def inbound(message: Inbound) -> bytes:
    """What a plain text message does not have is left out, so that its bytes are those of the first version."""
    more = {
        "sent": None if message.sent is None else message.sent.astimezone(UTC).isoformat(),
        "form": None if message.form is Form.TEXT else message.form.value,
        "media": message.media or None,
        "control": None if message.control is None else message.control.value,
        "ref": message.ref or None,
    }
    return padded_json(
        {
            "v": 1,
            "kind": "inbound",
            "channel": message.channel,
            "address": message.address.reveal(),
            "text": message.text.reveal(),
            "provider_id": message.provider_id,
            "received": message.received.astimezone(UTC).isoformat(),
        }
        | {name: value for name, value in more.items() if value is not None}
    )


def read_inbound(plaintext: bytes) -> Inbound:
    """Raises OpenError."""
    fields = read_json(plaintext, "inbound")
    sent, control, media = fields.get("sent"), fields.get("control"), fields.get("media", 0)
    try:
        return Inbound(
            str(fields["channel"]),
            Sensitive(str(fields["address"])),
            Sensitive(str(fields["text"])),
            str(fields["provider_id"]),
            datetime.fromisoformat(str(fields["received"])),
            None if sent is None else datetime.fromisoformat(str(sent)),
            Form(str(fields.get("form", Form.TEXT.value))),
            media if type(media) is int else 0,
            None if control is None else Control(str(control)),
            str(fields.get("ref", "")),
        )
    except (KeyError, ValueError):
        raise OpenError("not an inbound message") from None


def key_file(case_id: str, epoch: int, identity: str) -> bytes:
    return f"# tipline key file v1\n# kind: case\n# case: {case_id}\n# epoch: {epoch}\n{identity}\n".encode()


KEY_FILE = re.compile(r"# tipline key file v1\n# kind: case\n# case: ([0-9a-f]{32})\n# epoch: ([0-9]+)\n(AGE-SECRET-KEY-1[0-9A-Z]+)\n")


def read_key_file(plaintext: bytes) -> tuple[str, int, str]:
    """(case, epoch, identity). Raises OpenError."""
    found = KEY_FILE.fullmatch(plaintext.decode("ascii", "replace"))
    if found is None:
        raise OpenError("not a case key file")
    return found[1], int(found[2]), found[3]


def with_reader(value: Stub, grant_id: str, card: str, own: str) -> Stub:
    return replace(value, grant=grant_id, card=card, own=own)


def stub(value: Stub) -> bytes:
    """`own` and `line` stand in it only where they say something."""
    fields = {name: _plain(getattr(value, name)) for name in value.__slots__}
    return padded_json({"v": 1, "kind": "stub", **{name: told for name, told in fields.items() if told or name not in ("own", "line")}})


def message_in(
    case_id: str,
    epoch: int,
    seq: int,
    previous: str,
    text: Sensitive[str],
    received: datetime,
    language: str,
    translation: Translation | None,
    assessment: Assessment,
    asked: Asked | None,
    form: Form = Form.TEXT,
    media: int = 0,
) -> bytes:
    """A message of the source with what the line makes of it. `previous` = SHA-256 of the case's last message envelope, or "".

    `form` and `media` stand in it only where they say something.
    """
    return padded_json(
        {
            **_message(case_id, epoch, seq, previous, "in", received, language, text),
            **({} if form is Form.TEXT else {"form": form.value}),
            **({"media": media} if media else {}),
            "translation": None
            if translation is None
            else {
                "text": translation.text.reveal(),
                "quality": translation.quality,
                "package": translation.package,
                "trusted": translation.trusted,
            },
            "asked": None if asked is None else asked.value,
            **_found(assessment),
        }
    )


def message_out(case_id: str, epoch: int, seq: int, previous: str, text: Sensitive[str], sent: datetime) -> bytes:
    """A reader's answer, kept in the case in his own words."""
    return padded_json(_message(case_id, epoch, seq, previous, "out", sent, "", text))


def contact_inner(case_id: str, seq: int, contact_id: str, contact: Contact) -> bytes:
    """Goes to the delivery key with the worker's own MAC (WorkerKeys.seal_contact). `seq` = the envelope that it belongs in: only the
    newest serves, since it alone knows what the source said last of the phone."""
    return padded_json(
        {
            "v": 1,
            "kind": "address",
            "case": case_id,
            "seq": seq,
            "contact_id": contact_id,
            "channel": contact.channel,
            "address": contact.address.reveal(),
            "language": contact.language,
            "alphabet": contact.alphabet,
            "pull": contact.pull,
        }
    )


def read_contact_inner(plaintext: bytes, case_id: str) -> tuple[int, Contact]:
    """(seq of its envelope, contact). Raises OpenError when it belongs to another case."""
    fields = read_json(plaintext, "address")
    seq = fields.get("seq")
    if fields.get("case") != case_id or type(seq) is not int:
        raise OpenError("another case's contact")
    channel, language, alphabet = (str(fields.get(name, "")) for name in ("channel", "language", "alphabet"))
    contact = Contact(channel, Sensitive(str(fields.get("address", ""))), language, alphabet, fields.get("pull") is not False)
    return seq, contact


def contact_outer(case_id: str, epoch: int, seq: int, contact_id: str, inner: bytes) -> bytes:
    """Goes to the case key: the reader holds it but cannot read the address inside."""
    return padded_json(
        {"v": 1, "kind": "contact", "case": case_id, "epoch": epoch, "seq": seq, "contact_id": contact_id, "inner": _b64(inner)}
    )


def codes_note(case_id: str, epoch: int, seq: int, reasons: dict[str, list[str]]) -> bytes:
    """Why each person of the roster may or may not read. Sealed to a key of its own, under the release lock: a code says who is named or
    whose kin lives where."""
    return padded_json({"v": 1, "kind": "codes", "case": case_id, "epoch": epoch, "seq": seq, "codes": reasons})


def read_codes(plaintext: bytes) -> dict[str, list[str]]:
    """Person id -> exclusion codes. Raises OpenError."""
    codes = read_json(plaintext, "codes").get("codes")
    if not isinstance(codes, dict):
        raise OpenError("not a codes note")
    return codes


def outgoing(value: Outgoing) -> bytes:
    fields = {"channel": value.channel, "address": value.address.reveal(), "text": value.text.reveal()}
    spoken = {"language": value.language, "alphabet": value.alphabet} if value.language else {}
    return padded_json({"v": 1, "kind": "outgoing", **fields, **({"due": value.due} if value.due else {}), **spoken})


def read_outgoing(plaintext: bytes) -> Outgoing:
    """Raises OpenError."""
    fields = read_json(plaintext, "outgoing")
    address, text, due = Sensitive(str(fields.get("address", ""))), Sensitive(str(fields.get("text", ""))), fields.get("due", 0)
    language, alphabet = (str(fields.get(name, "")) for name in ("language", "alphabet"))
    return Outgoing(str(fields.get("channel", "")), address, text, due if isinstance(due, int) else 0, language, alphabet)


def erasure(value: Erasure) -> bytes:
    return padded_json({"v": 1, "kind": "erasure", "channel": value.channel, "address": value.address.reveal(), "ref": value.ref})


def read_erasure(plaintext: bytes) -> Erasure:
    """Raises OpenError."""
    fields = read_json(plaintext, "erasure")
    return Erasure(str(fields.get("channel", "")), Sensitive(str(fields.get("address", ""))), str(fields.get("ref", "")))


def read_answer(plaintext: bytes) -> Answer:
    """Raises OpenError unless every field is of its type."""
    fields = read_json(plaintext, "answer")
    case_id, epoch, sequence, contact, inner, text = (
        fields.get(name) for name in ("case", "epoch", "sequence", "contact", "inner", "text")
    )
    if type(epoch) is not int or type(sequence) is not int:
        raise OpenError("not an answer")
    if not (isinstance(case_id, str) and isinstance(contact, str) and isinstance(inner, str) and isinstance(text, str)):
        raise OpenError("not an answer")
    try:
        return Answer(case_id, epoch, sequence, contact, base64.b64decode(inner, validate=True), Sensitive(text))
    except (ValueError, binascii.Error):
        raise OpenError("not an answer") from None


def handout(act_id: str, result: str, code: str, inner_key_file: bytes | None, more: Mapping[str, str] | None = None) -> bytes:
    """The worker's answer to one act. `result`: opened, answered, done or refused. `more`: what only some answers say."""
    key = None if inner_key_file is None else _b64(inner_key_file)
    return padded_json({"v": 1, "kind": "handout", "act": act_id, "result": result, "code": code, "key_file": key, **(more or {})})


def act(body: bytes, content: bytes | None = None) -> bytes:
    """What a person does at the desk: the custody entry that he signs; behind it, where he says something, that, as a ciphertext (S gate
    or S delivery) whose hash the entry names. `body` has no line end."""
    return body if content is None else body + b"\n" + base64.b64encode(content)


def read_act(plaintext: bytes) -> tuple[bytes, bytes | None]:
    """(exact bytes of the entry, ciphertext). Raises OpenError."""
    body, line, content = plaintext.partition(b"\n")
    if not line:
        return body, None
    try:
        return body, base64.b64decode(content, validate=True)
    except binascii.Error:
        raise OpenError("not an act") from None


def _message(
    case_id: str, epoch: int, seq: int, previous: str, direction: str, at: datetime, language: str, text: Sensitive[str]
) -> dict[str, object]:
    # Coarse: the minute betrays a source whose phone was seen (DESIGN 1).
    coarse = at.astimezone(UTC).strftime("%Y-%m-%dT%H:00Z")
    return {
        "v": 1,
        "kind": "message",
        "case": case_id,
        "epoch": epoch,
        "seq": seq,
        "prev": previous,
        "direction": direction,
        "received": coarse,
        "language": language,
        "text": text.reveal(),
    }


def _found(assessment: Assessment) -> dict[str, object]:
    return {
        "urgency": assessment.urgency.value,
        "kinds": [kind.value for kind in assessment.kinds],
        "child": assessment.child.value,
        "officials": [
            {"agency": o.agency.value, "place": o.place, "name": o.name, "relation": o.relation.value, "negated": o.negated}
            for o in assessment.officials
        ],
        "places": [{"text": p.text, "start": p.start, "end": p.end, "of": p.of.value} for p in assessment.places],
        "reasons": [{"code": r.code, "text": r.text, "start": r.start, "end": r.end, "of": r.of.value} for r in assessment.reasons],
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
