"""What the line reads of an update, and that nothing in one can make the reading fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.channels import Refused
from handlers.telegram import ATTACHMENTS, TelegramWebhook, read_update
from sealing import plaintexts
from triage.sensitive import Sensitive
from triage.tip import Control, Form, Inbound

AT = datetime(2026, 11, 21, 14, 37, tzinfo=UTC)
WRITTEN = 1_795_271_820
PERSON = {"id": 77, "first_name": "Canaryfirst", "last_name": "Canarylast", "username": "canaryuser"}
PLACE = {"latitude": 36.72016, "longitude": -4.42034, "horizontal_accuracy": 12.5}


def message(**content: Any) -> dict[str, Any]:
    sender = PERSON | {"is_bot": False, "language_code": "es"}
    return {"message_id": 5, "from": sender, "chat": PERSON | {"type": "private"}, "date": WRITTEN, **content}


def update(**content: Any) -> dict[str, Any]:
    return {"update_id": 900, "message": message(**content)}


def read(data: object) -> Inbound:
    found = read_update(data, AT)
    assert isinstance(found, Inbound), found
    return found


def words(**content: Any) -> str:
    return read(update(**content)).text.reveal()


def command(text: str, length: int | None = None) -> dict[str, Any]:
    return update(text=text, entities=[{"type": "bot_command", "offset": 0, "length": length or len(text.split(maxsplit=1)[0])}])


def test_a_text() -> None:
    found = read(update(text="la casa azul 🏠"))
    assert found == Inbound(
        "telegram",
        found.address,
        found.text,
        f"900:5:{WRITTEN}",
        AT,
        sent=datetime.fromtimestamp(WRITTEN, UTC),
        ref="5",
    )
    assert (found.address.reveal(), found.text.reveal()) == ("77", "la casa azul 🏠")


def test_an_edit_is_another_message_that_says_so() -> None:
    first = update(text="a")
    edited = {"update_id": 901, "edited_message": message(text="b", edit_date=WRITTEN + 60)}
    found = read(edited)
    assert (found.form, found.text.reveal(), found.provider_id, found.ref) == (Form.EDITED, "b", f"901:5:{WRITTEN + 60}", "5")
    assert found.sent == datetime.fromtimestamp(WRITTEN + 60, UTC)
    assert read(first).provider_id != found.provider_id


def test_ids_that_start_again_do_not_make_two_messages_one() -> None:
    later = update(text="a") | {"message": message(text="a", date=WRITTEN + 8 * 86_400)}
    assert read(later).provider_id != read(update(text="a")).provider_id


ORIGINS: list[dict[str, Any]] = [
    {"type": "user", "date": 1, "sender_user": {"id": 4, "is_bot": False, "first_name": "Canaryorigin"}},
    {"type": "hidden_user", "date": 1, "sender_user_name": "Canaryorigin"},
    {"type": "channel", "date": 1, "chat": {"id": -4, "type": "channel", "title": "Canaryorigin"}, "message_id": 1},
    {"type": "a kind of tomorrow", "who": "Canaryorigin"},
]


@pytest.mark.claim("T29")
@pytest.mark.parametrize("origin", ORIGINS, ids=lambda origin: str(origin["type"]))
def test_a_forward_keeps_its_words_and_not_its_author(origin: dict[str, Any]) -> None:
    found = read(update(text="trabajo en el puerto", forward_origin=origin, forward_sender_name="Canaryorigin"))
    assert (found.form, found.text.reveal()) == (Form.FORWARDED, "trabajo en el puerto")
    assert b"Canary" not in plaintexts.inbound(found)


@pytest.mark.claim("T29")
def test_who_the_source_is_is_not_kept() -> None:
    kept = plaintexts.inbound(
        read(update(text="hola", author_signature="Canarysigned", via_bot=PERSON, reply_to_message=message(text="Canary")))
    )
    assert b"anary" not in kept
    assert b"hola" in kept


def test_a_contact_and_a_place_are_words_of_the_tip() -> None:
    contact = {"phone_number": "+34600111222", "first_name": "Ana", "last_name": "Ruiz", "user_id": 8, "vcard": "CANARY"}
    assert read(update(contact=contact)).form is Form.CONTACT
    assert words(contact=contact) == "Ana\nRuiz\n+34600111222"
    assert words(contact={"phone_number": "1", "first_name": "Ana"}) == "Ana\n1"


@pytest.mark.claim("T29")
def test_the_sources_own_contact_is_kept_from_the_reader() -> None:
    own = {"phone_number": "+34600111222", "first_name": "Ana", "user_id": PERSON["id"]}
    found = read(update(contact=own))
    assert (found.text.reveal(), found.media) == ("", 1)


def test_a_place_with_a_name_is_words_of_the_tip() -> None:
    assert read(update(location=PLACE)).form is Form.PLACE
    assert words(location=PLACE) == "36.720160, -4.420340"
    assert words(location={"latitude": 36, "longitude": -4}) == "36.000000, -4.000000"
    venue = {"location": PLACE, "title": "Bar Azul", "address": "Muelle 2", "google_place_id": "CANARY"}
    assert words(location=PLACE, venue=venue) == "Bar Azul\nMuelle 2\n36.720160, -4.420340"


@pytest.mark.parametrize(
    "place", [{"latitude": float("nan"), "longitude": 1}, {"latitude": 91, "longitude": 1}, {"latitude": 1, "longitude": 10**400}]
)
def test_a_place_that_is_none_is_unreadable(place: dict[str, Any]) -> None:
    assert read_update(update(location=place), AT) is Refused.UNREADABLE


@pytest.mark.parametrize("kind", sorted(ATTACHMENTS))
def test_an_attachment_is_counted_and_its_caption_is_the_text(kind: str) -> None:
    attached = {kind: [{"file_id": "CANARY"}] if kind == "photo" else {"file_id": "CANARY", "file_name": "CANARY"}}
    found = read(update(caption="mira", **attached))
    assert (found.text.reveal(), found.media, found.form) == ("mira", 1, Form.TEXT)
    assert (words(**attached), read(update(**attached)).media) == ("", 1)
    assert b"CANARY" not in plaintexts.inbound(found)


def test_an_animation_that_also_is_a_document_is_one() -> None:
    assert read(update(animation={"a": 1}, document={"a": 1})).media == 1


def test_where_a_hidden_link_leads_belongs_to_the_words() -> None:
    entities = [{"type": "text_link", "offset": 0, "length": 4, "url": "https://example.org/job"}]
    assert words(text="this job", entities=entities) == "this job\nhttps://example.org/job"
    assert words(caption="this job", caption_entities=entities, photo=[{}]) == "this job\nhttps://example.org/job"


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ("/start", Control.START),
        ("/start invite_7-a", Control.START),
        ("/START", Control.START),
        ("/stop", Control.STOP),
        ("/help", Control.HELP),
        ("/help@practice_line_bot", Control.HELP),
        ("/forget", Control.FORGET),
        ("/forget@practice_line_bot all of it", Control.FORGET),
    ],
)
def test_a_command_is_one_and_no_words(text: str, control: Control) -> None:
    found = read(command(text))
    assert (found.control, found.text.reveal()) == (control, "")


def test_words_behind_stop_are_kept_and_the_wish_too() -> None:
    found = read(update(text="/stop he reads my phone, Calle Sur 4", entities=[{"type": "bot_command", "offset": 0, "length": 5}]))
    assert (found.control, found.text.reveal()) == (Control.STOP, "stop he reads my phone, Calle Sur 4")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/help me they hold me", "help me they hold me"),
        ("/help@practice_line_bot me", "help me"),
        ("/start tengo miedo", "start tengo miedo"),
        ("/settings", "/settings"),
        ("/", "/"),
        ("/stopp", "/stopp"),
    ],
)
def test_words_behind_a_command_and_other_commands_are_words(text: str, told: str) -> None:
    found = read(command(text))
    assert (found.control, found.text.reveal()) == (None, told)


def test_a_command_in_the_middle_or_without_telegrams_mark_is_words() -> None:
    middle = update(text="me llaman /stop", entities=[{"type": "bot_command", "offset": 10, "length": 5}])
    assert (read(middle).control, read(middle).text.reveal()) == (None, "me llaman /stop")
    assert words(text="/stop") == "/stop"


NOT_FOR_US: list[Mapping[str, Any]] = [
    {"update_id": 1, "message": message(text="a", chat={"id": -5, "type": "group", "title": "g"})},
    {"update_id": 1, "message": message(text="a", chat={"id": -5, "type": "supergroup", "title": "g"})},
    {"update_id": 1, "message": message(text="a", chat={"id": 5, "type": "a kind of tomorrow"})},
    {"update_id": 1, "message": message(text="a", **{"from": PERSON | {"is_bot": True}})},
    {"update_id": 1, "message": {name: value for name, value in message(text="a").items() if name != "from"}},
    {"update_id": 1, "message": message(pinned_message=message(text="a"))},
    {"update_id": 1, "message": message(message_auto_delete_timer_changed={"message_auto_delete_time": 86_400})},
    {"update_id": 1, "message": message()},
    {"update_id": 1, "my_chat_member": {"chat": {"id": 5, "type": "private"}, "new_chat_member": {"status": "kicked"}}},
    {"update_id": 1, "channel_post": message(text="a")},
    {"update_id": 1, "callback_query": {"id": "1", "data": "a"}},
    {"update_id": 1, "a kind of tomorrow": {}},
    {},
]


@pytest.mark.parametrize("data", NOT_FOR_US)
def test_groups_channels_bots_and_notes_of_telegrams_own_are_not_for_us(data: Mapping[str, Any]) -> None:
    assert read_update(data, AT) is Refused.NOT_FOR_US


UNREADABLE: list[object] = [
    None,
    1,
    "a",
    [update(text="a")],
    {"update_id": 1, "message": 1},
    {"update_id": 1, "message": {}},
    {"update_id": "1", "message": message(text="a")},
    {"update_id": True, "message": message(text="a")},
    {"message": message(text="a")},
    update(text=1),
    update(text="a", date="1"),
    update(text="a", date=1 << 70),
    update(text="a", message_id=0),
    update(text="a", message_id=1 << 60),
    update(text="a", chat={"id": -7, "type": "private"}),
    update(text="a", chat={"type": "private"}),
    update(text="a", entities={"type": "bold"}),
    update(text="a", entities=[1]),
    update(text="a", entities=[{"type": "bold"}]),
    update(contact={"first_name": "a"}),
    update(venue={"location": PLACE}),
    {"update_id": 1, "edited_message": message(text="a", edit_date=-(1 << 70))},
]


@pytest.mark.parametrize("data", UNREADABLE)
def test_what_is_no_update_is_unreadable(data: object) -> None:
    assert read_update(data, AT) is Refused.UNREADABLE


def test_a_field_of_tomorrow_and_a_broken_one_that_is_not_read_change_nothing() -> None:
    odd = {"quote": 7, "reply_to_message": {"text": 1}, "sticker_of_tomorrow": [[]], "external_reply": "x", "link_preview_options": []}
    assert words(text="a", **odd) == "a"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["message_id", "date", "edit_date", "chat", "from", "text", "caption", "entities", "caption_entities", "contact", "location", "venue"]
)
parts = st.sampled_from(["id", "type", "is_bot", "offset", "length", "url", "latitude", "longitude", "title", "address", "phone_number"])
inner = (
    json_values | st.dictionaries(parts, json_values, max_size=4) | st.lists(st.dictionaries(parts, json_values, max_size=4), max_size=2)
)


@pytest.mark.claim("T29")
@given(json_values, st.sampled_from(["message", "edited_message"]), st.dictionaries(names, inner), st.booleans(), json_values)
def test_no_json_makes_the_reading_fail(any_json: object, kind: str, odd: dict[str, Any], whole: bool, id: object) -> None:
    """Anything at all; and real messages in which some fields hold anything."""
    assert isinstance(read_update(any_json, AT), Refused)
    data = {"update_id": id, kind: message(text="a") | odd if whole else odd}
    found = read_update(data, AT)
    if isinstance(found, Inbound):
        assert plaintexts.read_inbound(plaintexts.inbound(found)) == found


@given(st.dictionaries(names, inner))
def test_no_broken_field_lets_a_group_through(odd: dict[str, Any]) -> None:
    data = {"update_id": 1, "message": message(text="a") | odd | {"chat": {"id": 5, "type": "group"}}}
    assert isinstance(read_update(data, AT), Refused)


WEBHOOK = TelegramWebhook(Sensitive("practice-hook-secret"))


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"nul", b"[" * 100_000, b"9" * 5000, '{"a":1}'.encode("utf-16"), b'"\xed\xa0\x80"'])
def test_a_body_that_is_no_json_is_unreadable(body: bytes) -> None:
    assert WEBHOOK.read(body, AT) is Refused.UNREADABLE


def test_half_a_character_is_kept_and_can_be_sealed() -> None:
    found = WEBHOOK.read(json.dumps(update(text="a \ud83c b")).encode(), AT)
    assert isinstance(found, Inbound)
    assert plaintexts.read_inbound(plaintexts.inbound(found)).text.reveal() == "a \ud83c b"


def test_the_secret_alone_is_authentic() -> None:
    assert WEBHOOK.authentic(b"practice-hook-secret")
    assert not any(
        WEBHOOK.authentic(other) for other in (b"", b"practice-hook-secreT", b"practice-hook-secret ", "é".encode("latin-1"), b"\xff" * 9)
    )
