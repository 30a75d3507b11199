"""What a phone posts becomes a message only when it is signed and stands where the settings say; a text goes out inside the JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.channels import Refused
from handlers.gateway import DEFAULT_BODY, DEFAULT_FIELDS, FieldMap, GatewayWebhook, SendMap
from tests.peers.gateway import FIELDS, SEND_BODY, SIGNING_KEY, received, signed
from triage.sensitive import Sensitive
from triage.tip import Control, Inbound

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOURCE = "+84912345678"


def webhook(fields: str = FIELDS, key: str = SIGNING_KEY) -> GatewayWebhook:
    parsed = FieldMap.parse(fields)
    assert parsed is not None
    return GatewayWebhook(Sensitive(key), parsed)


def read(post: object, fields: str = FIELDS, timestamp: int | None = None) -> Inbound | Refused:
    body, headers = signed(post, timestamp=timestamp)
    return webhook(fields).read(body, headers["X-Signature"], headers["X-Timestamp"], NOW)


def message(post: object, fields: str = FIELDS) -> Inbound:
    found = read(post, fields)
    assert isinstance(found, Inbound), found
    return found


def test_a_post_of_the_app_is_a_message() -> None:
    at = datetime(2026, 11, 19, 18, 30, tzinfo=timezone(timedelta(hours=7)))
    found = message(received("+84 91 234 56 78", "họ giữ hộ chiếu của tôi", at))
    assert (found.channel, found.address.reveal(), found.text.reveal()) == ("gateway", SOURCE, "họ giữ hộ chiếu của tôi")
    assert (found.received, found.sent, found.written) == (NOW, at, at)
    assert (found.ref, found.media, found.control) == ("", 0, None)


def test_a_documented_signature_is_what_we_compute() -> None:
    """HMAC-SHA256(key, body + timestamp) in hex, computed by `openssl dgst -sha256 -hmac`."""
    right = "376bb1155f689835841f83d8722a820c7ec9ea6cb121a30800a639a6cb3b9775"
    body = b'{"id":1,"from":"a","text":"b"}'
    hook = webhook(DEFAULT_FIELDS, "key-of-sixteen-c")
    assert isinstance(hook.read(body, right, "1700000000", NOW), Inbound)
    assert isinstance(hook.read(body, right.upper(), "1700000000", NOW), Inbound)


@pytest.mark.claim("T30")
@pytest.mark.parametrize("name", ["message", "sender"])
def test_nothing_signed_can_be_changed(name: str) -> None:
    post = received(SOURCE, "tip")
    body, headers = signed(post)
    other, _ = signed({**post, "payload": {**post["payload"], name: "+1"}})
    hook = webhook()
    for case in (
        (other, headers["X-Signature"], headers["X-Timestamp"]),
        (body, headers["X-Signature"], str(int(headers["X-Timestamp"]) + 1)),
        (body, headers["X-Signature"][:-1], headers["X-Timestamp"]),
        (body, "", headers["X-Timestamp"]),
        (body, "é" * 64, headers["X-Timestamp"]),
        (body, headers["X-Signature"], ""),
        (body, headers["X-Signature"], "١٧٠٠"),
        (body, signed(post, "another-signing-key")[1]["X-Signature"], headers["X-Timestamp"]),
    ):
        assert hook.read(*case, NOW) is Refused.BAD_SIGNATURE


@given(st.integers(1, 400))
def test_a_captured_post_cut_elsewhere_is_none(cut: int) -> None:
    """Body and timestamp are signed without anything between them."""
    body, headers = signed(received(SOURCE, "tip 2026"), timestamp=1_700_000_000)
    whole = body + headers["X-Timestamp"].encode()
    at = len(whole) - min(cut, len(whole) - 1)
    if at == len(body):
        return
    found = webhook().read(whole[:at], headers["X-Signature"], whole[at:].decode(), NOW)
    assert isinstance(found, Refused)


def test_a_phone_whose_clock_is_wrong_loses_no_tip() -> None:
    assert isinstance(read(received(SOURCE, "tip"), timestamp=0), Inbound)
    assert isinstance(read(received(SOURCE, "tip"), timestamp=4_000_000_000), Inbound)


def test_two_messages_have_two_ids_and_a_repeat_has_the_same() -> None:
    at = NOW - timedelta(days=1)
    first = received(SOURCE, "tip", at)
    again = {**first, "id": "another-attempt-of-an-export"}
    same_hash = received(SOURCE, "tip", at + timedelta(seconds=1), messageId=first["payload"]["messageId"])
    one, two, other = (message(post).provider_id for post in (first, again, same_hash))
    assert one == two != other


def test_joined_ids_do_not_run_into_each_other() -> None:
    fields = "id=a+b,from=from,text=text"
    posts = [{"a": a, "b": b, "from": SOURCE, "text": "x"} for a, b in ((1, 23), (12, 3), ("1", "23"))]
    first, second, third = (message(post, fields).provider_id for post in posts)
    assert first != second
    assert first == third  # a number that the app writes as a string later is the same number


def test_other_events_are_not_for_us_and_a_wrong_field_map_is_noticed() -> None:
    post = received(SOURCE, "tip")
    assert read({**post, "event": "system:ping", "payload": {}}) is Refused.NOT_FOR_US
    assert read({"payload": {}}) is Refused.NOT_FOR_US
    assert read(post, DEFAULT_FIELDS) is Refused.UNREADABLE
    assert read({**post, "payload": None}) is Refused.UNREADABLE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"1",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"1" * 5000,
        b'{"event":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_object_is_unreadable(body: bytes) -> None:
    assert read(body) is Refused.UNREADABLE
    assert read(body, DEFAULT_FIELDS) is Refused.UNREADABLE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", None),
        ("id", True),
        ("from", " "),
        ("from", "a\nb"),
        ("from", "1" * 65),
        ("from", {}),
        ("text", None),
        ("text", []),
    ],
)
def test_a_field_that_is_no_text_is_unreadable(field: str, value: object) -> None:
    assert read({"id": "1", "from": SOURCE, "text": "x", field: value}, DEFAULT_FIELDS) is Refused.UNREADABLE


def test_twilio_sender_without_a_number_and_texts_without_words_are_messages() -> None:
    for sender, address in ((6505551212, "6505551212"), ("VM-HDFCBK", "VM-HDFCBK"), (" +441632960001 ", "+441632960001"), ("+x", "+x")):
        found = message({"id": 7, "from": sender, "text": ""}, DEFAULT_FIELDS)
        assert (found.address.reveal(), found.text.reveal(), found.sent) == (address, "", None)


@pytest.mark.parametrize(
    ("text", "control"), [("STOP", Control.STOP), (" stop\n", Control.STOP), ("stop them", None), ("they stop us", None), ("", None)]
)
def test_a_stop_word_alone_asks_for_silence(text: str, control: Control | None) -> None:
    assert message({"id": 1, "from": SOURCE, "text": text}, DEFAULT_FIELDS).control is control


def test_halves_of_a_character_are_joined_or_told() -> None:
    body = b'{"id":"\\ud800","from":"+441632960001","text":"\\ud83d\\ude22 \\ud83d x"}'
    found = message(body, DEFAULT_FIELDS)
    assert found.text.reveal() == "😢 \ufffd x"
    found.provider_id.encode()


@pytest.mark.parametrize(("days", "believed"), [(30, True), (399, True), (401, False), (56 * 365, False)])
def test_a_phone_that_lost_its_clock_makes_no_tip_older_than_everybodys_card(days: int, believed: bool) -> None:
    at = NOW - timedelta(days=days)
    assert message(received(SOURCE, "tip", at)).written == (at if believed else NOW)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("2026-11-19T18:30:00.000+07:00", datetime(2026, 11, 19, 11, 30, tzinfo=UTC)),
        ("2026-11-19T11:30:00Z", datetime(2026, 11, 19, 11, 30, tzinfo=UTC)),
        (1_795_000_000, datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)),
        (1_795_000_000_500, datetime(2026, 11, 18, 11, 6, 40, 500_000, tzinfo=UTC)),
        ("2026-11-19T11:30:00", None),
        ("yesterday", None),
        (10**40, None),
        (-1, None),
        (None, None),
    ],
)
def test_when_it_was_written(value: object, sent: datetime | None) -> None:
    assert message({"id": 1, "from": SOURCE, "text": "x", "at": value}, f"{DEFAULT_FIELDS},sent=at").sent == sent


@pytest.mark.parametrize("text", [DEFAULT_FIELDS, FIELDS, "text=a, from=b.c ,id=d+e.f"])
def test_field_maps_that_are_right(text: str) -> None:
    assert FieldMap.parse(text) == FieldMap(text)


@pytest.mark.parametrize(
    "text", ["", "id=a,from=b", "id=a,from=b,text=c,text=d", "id=a,from=b,text=c,x=y", "id=a,from=b,text=c,if=event", "id=,from=b,text=c"]
)
def test_field_maps_that_are_wrong(text: str) -> None:
    assert FieldMap.parse(text) is None


@pytest.mark.parametrize("text", [DEFAULT_BODY, SEND_BODY])
@given(st.text(), st.text())
def test_a_text_stays_one_string_whatever_is_in_it(text: str, to: str, words: str) -> None:
    body = SendMap(text).fill(to, words, "17")
    found = json.loads(body)
    strings = [found["to"], found["text"]] if text == DEFAULT_BODY else [found["phoneNumbers"][0], found["textMessage"]["text"]]
    assert strings == [to, words]
    assert found["id"] == "17"


def test_places_are_filled_once_and_only_in_values() -> None:
    body = SendMap('{"{to}": ["a {to} b", 1, null], "t": {"u": "{text}{id}"}}').fill("{text}", '{to}","x":"', "9")
    assert json.loads(body) == {"{to}": ["a {text} b", 1, None], "t": {"u": '{to}","x":"9'}}


@pytest.mark.parametrize("text", ["", "{", "[]", '"{to}{text}"', '{"{to}": "{text}"}', '{"to": "{to}"}', '{"a":' * 20_000])
def test_send_maps_that_are_wrong(text: str) -> None:
    assert SendMap.parse(text) is None
