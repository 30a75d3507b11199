"""What is inside each ciphertext: it comes back as it went in, and what is of another kind, case or shape is refused without content."""

from __future__ import annotations

import base64
import json
import re
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import age, plaintexts
from sealing.plaintexts import Contact, Outgoing, Stub
from tests.desk.tips import NOTHING_FOUND, spanish_tip
from triage.sensitive import Sensitive
from triage.tip import Asked, Inbound

CASE, OTHER = "ab" * 16, "cd" * 16
SECRET = "the blue house by the harbour"
AT = datetime(2026, 11, 21, 14, 37, 12, tzinfo=UTC)
MESSAGE = Inbound("sms", Sensitive("+34600000001"), Sensitive(SECRET), "SM1", AT)
CONTACT = Contact("sms", Sensitive("+34600000001"), "es", "Latn", pull=True)
STUB = Stub(
    case=CASE,
    epoch=1,
    grant=OTHER,
    designation="teal heron",
    urgency="asks_help",
    kinds=("forced_labour",),
    country="Valdoria",
    agency_kinds=("police",),
    child="no",
    language="es",
    translation="none",
    key_file_sha256="e" * 64,
    card="f" * 64,
    gate_recipient="age1g",
    delivery_recipient="age1d",
)


def fields(plaintext: bytes) -> dict[str, object]:
    value = json.loads(plaintext)
    assert isinstance(value, dict)
    return value


def remade(plaintext: bytes, **changed: object) -> bytes:
    """The same plaintext with fields changed; a field changed to `...` is left out."""
    merged = {**fields(plaintext), **changed}
    return age.padded_json({name: value for name, value in merged.items() if value is not ...})


words = st.text(max_size=200)  # surrogates and NUL among them


@given(words, words, words, st.datetimes(timezones=st.just(UTC)))
def test_a_message_comes_back_from_its_intake_plaintext(address: str, text: str, provider_id: str, at: datetime) -> None:
    sent = Inbound("sms", Sensitive(address), Sensitive(text), provider_id, at)
    assert plaintexts.read_inbound(plaintexts.inbound(sent)) == sent


def test_a_message_is_kept_in_utc_wherever_it_was_received() -> None:
    zone = timezone(timedelta(hours=8))
    read = plaintexts.read_inbound(plaintexts.inbound(replace(MESSAGE, received=AT.astimezone(zone))))
    assert (read.received, read.received.utcoffset()) == (AT, timedelta(0))


@pytest.mark.parametrize("changed", [{"received": "yesterday"}, {"received": ...}, {"text": ...}, {"kind": "outgoing"}, {"v": 2}])
def test_what_is_no_message_is_refused_without_its_words(changed: dict[str, object]) -> None:
    with pytest.raises(age.OpenError) as caught:
        plaintexts.read_inbound(remade(plaintexts.inbound(MESSAGE), **changed))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_case_key_file_is_a_stock_identity_file_that_names_its_case_and_epoch() -> None:
    identity, recipient = age.generate()
    text = plaintexts.key_file(CASE, 3, identity)
    assert plaintexts.read_key_file(text) == (CASE, 3, identity)
    lines = text.decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [identity], "nothing but comments and one identity: `age -d -i` reads it"
    assert age.unseal(age.seal(b"x", recipient), lines[-1]) == b"x"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"AGE-SECRET-KEY-1ABC\n",
        b"# tipline person key v1\n# person: x\n# sign: x\nAGE-SECRET-KEY-1ABC\n",
        plaintexts.key_file("short", 1, "AGE-SECRET-KEY-1ABC"),
        plaintexts.key_file(CASE, -1, "AGE-SECRET-KEY-1ABC"),
        plaintexts.key_file(CASE, 1, "age1abc"),
        plaintexts.key_file(CASE, 1, "AGE-SECRET-KEY-1ABC") + b"AGE-SECRET-KEY-1DEF\n",
        plaintexts.key_file(CASE, 1, "AGE-SECRET-KEY-1ABC").replace(b"kind: case", b"kind: escrow"),
        plaintexts.key_file(CASE, 1, "AGE-SECRET-KEY-1ABC").replace(b"v1", b"v2"),
        "# tipline key file v1\n# kind: case\n# case: é".encode(),
    ],
)
def test_a_key_file_of_another_kind_is_refused(text: bytes) -> None:
    with pytest.raises(age.OpenError):
        plaintexts.read_key_file(text)


def test_a_stub_says_what_it_may_and_whose_it_is() -> None:
    own = plaintexts.with_reader(replace(STUB, line="key"), CASE, "9" * 64, "{}")
    said = fields(plaintexts.stub(own))
    assert (said["grant"], said["card"]) == (CASE, "9" * 64)
    assert (said["v"], said["kind"], said["kinds"], said["agency_kinds"]) == (1, "stub", ["forced_labour"], ["police"])
    assert set(said) == {"v", "kind", *Stub.__slots__}
    assert replace(own, grant=OTHER, card="f" * 64, own="", line="") == STUB, "nothing else is changed"
    assert fields(plaintexts.stub(STUB)).keys() == said.keys() - {"own", "line"}, "a stub of before had neither"


def test_a_message_in_the_case_carries_what_the_line_makes_of_it() -> None:
    told = spanish_tip()
    made = plaintexts.message_in(CASE, 2, 5, "a" * 64, Sensitive(told.text), AT, "es", told.translation, told.found, Asked.WHO_NOT)
    said = fields(made)
    assert (said["case"], said["epoch"], said["seq"], said["prev"], said["direction"]) == (CASE, 2, 5, "a" * 64, "in")
    assert (said["text"], said["language"], said["asked"]) == (told.text, "es", "who_not")
    assert said["received"] == "2026-11-21T14:00Z", "the minute betrays a source whose phone was seen"
    assert told.translation is not None
    assert said["translation"] == {
        "text": told.translation.text.reveal(),
        "quality": "practice",
        "package": told.translation.package,
        "trusted": False,
    }
    assert said["officials"] == [
        {"agency": "police", "place": "Puerto Esperanza", "name": "Ramos", "relation": "protector", "negated": False}
    ]
    (place,) = told.found.places
    assert said["places"] == [{"text": place.text, "start": place.start, "end": place.end, "of": "original"}]
    reasons = said["reasons"]
    assert isinstance(reasons, list)
    assert [r["code"] for r in reasons] == [r.code for r in told.found.reasons]
    assert (said["urgency"], said["kinds"], said["child"]) == ("asks_help", ["sex_trafficking"], "unknown")


def test_an_untranslated_message_to_no_question_says_so() -> None:
    said = fields(plaintexts.message_in(CASE, 1, 1, "", Sensitive(SECRET), AT, "und", None, NOTHING_FOUND, None))
    assert (said["translation"], said["asked"], said["officials"], said["reasons"]) == (None, None, [], [])


def test_a_readers_answer_is_kept_in_his_own_words() -> None:
    said = fields(plaintexts.message_out(CASE, 1, 7, "b" * 64, Sensitive("Thank you."), AT))
    assert (said["direction"], said["text"], said["seq"], said["prev"]) == ("out", "Thank you.", 7, "b" * 64)
    assert set(said) == {"v", "kind", "case", "epoch", "seq", "prev", "direction", "received", "language", "text"}


def test_the_length_of_a_short_text_does_not_show() -> None:
    lengths = {len(plaintexts.message_out(CASE, 1, 1, "", Sensitive("x" * n), AT)) for n in (0, 1, 500, 1500)}
    assert lengths == {age.FLOOR}


def test_a_contact_comes_back_only_for_its_own_case() -> None:
    inner = plaintexts.contact_inner(CASE, 3, "c1", CONTACT)
    assert plaintexts.read_contact_inner(inner, CASE) == (3, CONTACT)
    with pytest.raises(age.OpenError, match="another case's contact"):
        plaintexts.read_contact_inner(inner, OTHER)


@pytest.mark.parametrize(("said", "pull"), [(True, True), (False, False), (..., True), ("no", True), (None, True), (0, True)])
def test_only_a_plain_no_lets_us_write_first(said: object, pull: bool) -> None:
    _, contact = plaintexts.read_contact_inner(remade(plaintexts.contact_inner(CASE, 3, "c1", CONTACT), pull=said), CASE)
    assert contact.pull is pull


def test_the_reader_holds_the_way_back_but_no_address() -> None:
    delivery, delivery_recipient = age.generate()
    inner = age.seal(plaintexts.contact_inner(CASE, 3, "c1", CONTACT), delivery_recipient)
    outer = plaintexts.contact_outer(CASE, 1, 4, "c1", inner)
    said = fields(outer)
    assert (said["case"], said["epoch"], said["seq"], said["contact_id"]) == (CASE, 1, 4, "c1")
    assert b"34600000001" not in outer + base64.b64decode(str(said["inner"]))
    assert plaintexts.read_contact_inner(age.unseal(base64.b64decode(str(said["inner"])), delivery), CASE) == (3, CONTACT)


def test_reasons_of_exclusion_come_back() -> None:
    codes = {"p1": ["E3", "E5"], "p2": []}
    assert plaintexts.read_codes(plaintexts.codes_note(CASE, 1, 3, codes)) == codes
    wrongs: tuple[object, ...] = (None, [], "E3")
    for wrong in wrongs:
        with pytest.raises(age.OpenError, match="not a codes note"):
            plaintexts.read_codes(remade(plaintexts.codes_note(CASE, 1, 3, codes), codes=wrong))


@given(words, words)
def test_an_outgoing_text_comes_back(address: str, text: str) -> None:
    leaving = Outgoing("sms", Sensitive(address), Sensitive(text))
    assert plaintexts.read_outgoing(plaintexts.outgoing(leaving)) == leaving


def answer(**changed: object) -> bytes:
    said = {
        "v": 1,
        "kind": "answer",
        "case": CASE,
        "epoch": 1,
        "sequence": 2,
        "contact": "c" * 64,
        "inner": base64.b64encode(b"sealed").decode(),
        "text": SECRET,
    }
    return remade(age.padded_json(said), **changed)


def test_what_lies_at_a_provider_comes_back() -> None:
    told = plaintexts.Erasure("telegram", Sensitive("999100001"), "17")
    assert plaintexts.read_erasure(plaintexts.erasure(told)) == told


def test_a_message_was_written_when_the_provider_says_so_but_never_after_it_came() -> None:
    late = replace(MESSAGE, sent=AT - timedelta(days=30))
    assert (MESSAGE.written, late.written) == (AT, AT - timedelta(days=30))
    assert replace(MESSAGE, sent=AT + timedelta(days=1)).written == AT


def test_an_answer_comes_back() -> None:
    read = plaintexts.read_answer(answer())
    assert (read.case, read.epoch, read.sequence, read.contact, read.inner) == (CASE, 1, 2, "c" * 64, b"sealed")
    assert read.text.reveal() == SECRET
    assert SECRET not in repr(read)


@pytest.mark.parametrize("name", ["case", "epoch", "sequence", "contact", "inner", "text"])
@pytest.mark.parametrize("value", [..., None, 1.5, True, ["x"], {"x": 1}])
def test_an_answer_with_a_field_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(age.OpenError, match="not an answer") as caught:
        plaintexts.read_answer(answer(**{name: value}))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("inner", ["***", "QUJ", "é"])
def test_an_answer_whose_inner_contact_is_not_base64_is_refused(inner: str) -> None:
    with pytest.raises(age.OpenError, match="not an answer") as caught:
        plaintexts.read_answer(answer(inner=inner))
    assert caught.value.__suppress_context__


def test_a_handout_carries_the_key_file_or_a_code() -> None:
    opened = fields(plaintexts.handout("a1", "opened", "", b"key file"))
    assert (opened["act"], opened["result"], base64.b64decode(str(opened["key_file"]))) == ("a1", "opened", b"key file")
    refused = fields(plaintexts.handout("a1", "refused", "gate", None))
    assert (refused["result"], refused["code"], refused["key_file"]) == ("refused", "gate", None)


KINDS = {
    "inbound": plaintexts.inbound(MESSAGE),
    "stub": plaintexts.stub(STUB),
    "message": plaintexts.message_out(CASE, 1, 1, "", Sensitive("x"), AT),
    "address": plaintexts.contact_inner(CASE, 3, "c1", CONTACT),
    "contact": plaintexts.contact_outer(CASE, 1, 1, "c1", b""),
    "codes": plaintexts.codes_note(CASE, 1, 1, {}),
    "outgoing": plaintexts.outgoing(Outgoing("sms", Sensitive("+1"), Sensitive("x"))),
    "answer": answer(),
    "handout": plaintexts.handout("a1", "opened", "", None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_plaintext_passes_for_another_kind(kind: str) -> None:
    assert age.read_json(KINDS[kind], kind)["kind"] == kind
    for other in KINDS.keys() - {kind}:
        with pytest.raises(age.OpenError):
            age.read_json(KINDS[other], kind)


def test_all_plaintexts_but_the_key_file_are_padded() -> None:
    assert {kind: len(made) for kind, made in KINDS.items() if len(made) != age.padme(len(made)) or len(made) < age.FLOOR} == {}


def test_reprs_of_what_names_a_source_are_dull() -> None:
    shown = repr((MESSAGE, CONTACT, Outgoing("sms", Sensitive("+34600000001"), Sensitive(SECRET))))
    assert not re.search(rf"34600000001|{SECRET}", shown)
