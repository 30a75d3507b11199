"""The signed form of an incoming text message, and the length of texts on the air."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.channels import Refused, pieces
from handlers.text import (
    MAX_BODY,
    MAX_FIELDS,
    MAX_TEXT,
    SIGNATURE_HEADER,
    Encoding,
    Told,
    TwilioWebhook,
    address_of,
    fit_sms,
    form_items,
    parse_form,
    sms_units,
)
from sealing.rows import Receipt
from tests.peers.twilio import PRACTICE_SID, incoming, pictures, signed_form, status, whatsapp
from triage.sensitive import Sensitive
from triage.tip import Control, Form, Inbound

TOKEN = "practice-twilio-token"
URL, PATH = "https://line.example.org", "/twilio/message"
LINE, SOURCE, BUSINESS = "+15005550006", "+34612345678", "+15005550009"
NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)

WEBHOOK = TwilioWebhook(PRACTICE_SID, Sensitive(TOKEN), URL, LINE, BUSINESS)


def read(fields: dict[str, str], url: str = URL + PATH, token: str = TOKEN) -> Inbound | Refused:
    body, headers = signed_form(url, token, fields)
    items = parse_form(body)
    assert not isinstance(items, Refused)
    return WEBHOOK.read(items, headers[SIGNATURE_HEADER], PATH, NOW)


def test_a_signed_message() -> None:
    fields = incoming(SOURCE, LINE, "Mi hermana está encerrada, ayuda\n")
    message = read(fields)
    assert message == Inbound(
        channel="sms",
        address=Sensitive(SOURCE),
        text=Sensitive("Mi hermana está encerrada, ayuda\n"),
        provider_id=fields["MessageSid"],
        received=NOW,
        ref=fields["MessageSid"],
    )


def test_blank_fields_are_part_of_the_signature() -> None:
    fields = incoming(SOURCE, LINE, "hello")
    assert fields["ToCity"] == ""
    assert isinstance(read(fields), Inbound)
    body, headers = signed_form(URL + PATH, TOKEN, fields)
    items = parse_form(body)
    assert not isinstance(items, Refused)
    without = [(name, value) for name, value in items if name != "ToCity"]
    assert WEBHOOK.read(without, headers[SIGNATURE_HEADER], PATH, NOW) is Refused.BAD_SIGNATURE


@pytest.mark.parametrize(
    "url", ["http://line.example.org/twilio/message", "https://other.example.org/twilio/message", URL + "/twilio/other"]
)
@pytest.mark.claim("T14")
def test_a_signature_for_another_url(url: str) -> None:
    assert read(incoming(SOURCE, LINE, "hello"), url=url) is Refused.BAD_SIGNATURE


def test_the_url_with_its_port_is_the_same_url() -> None:
    assert isinstance(read(incoming(SOURCE, LINE, "hello"), url="https://line.example.org:443" + PATH), Inbound)


@pytest.mark.claim("T14")
def test_another_token_no_signature_or_a_changed_word() -> None:
    fields = incoming(SOURCE, LINE, "hello")
    assert read(fields, token="another") is Refused.BAD_SIGNATURE
    body, headers = signed_form(URL + PATH, TOKEN, fields)
    items = parse_form(body)
    assert not isinstance(items, Refused)
    changed = [(name, "help" if name == "Body" else value) for name, value in items]
    for tried, signature in ((items, ""), (items, "ñ" * 28), (changed, headers[SIGNATURE_HEADER])):
        assert WEBHOOK.read(tried, signature, PATH, NOW) is Refused.BAD_SIGNATURE


def test_a_message_to_another_number_or_channel_is_not_for_us() -> None:
    assert read(incoming(SOURCE, "+15005550007", "hello")) is Refused.NOT_FOR_US
    assert read(incoming(f"whatsapp:{SOURCE}", f"whatsapp:{LINE}", "hello")) is Refused.NOT_FOR_US


@pytest.mark.parametrize("name", ["MessageSid", "From", "To"])
def test_a_message_without_its_address_or_id_is_unreadable(name: str) -> None:
    fields = incoming(SOURCE, LINE, "hello")
    assert read({k: v for k, v in fields.items() if k != name}) is Refused.UNREADABLE
    if name != "To":
        assert read(fields | {name: ""}) is Refused.UNREADABLE
        assert read(fields | {name: "x" * 65}) is Refused.UNREADABLE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("MessageSid", "SM" + "0" * 31),
        ("MessageSid", "SM" + "0" * 33),
        ("MessageSid", "SM" + "0" * 31 + "G"),
        ("MessageSid", "SM" + "0" * 32 + "\n"),
        ("MessageSid", "AC" + "0" * 32),
        ("From", "whatsapp:" + SOURCE),
        ("From", SOURCE + "FromCity"),
        ("From", SOURCE + "\n"),
        ("From", "+123456"),
        ("From", ""),
        ("From", "é"),
        ("From", "+３４６１２３４５６７８"),
        ("From", "TwelveLetter"),
        ("AccountSid", "AC" + "0" * 32),
        ("AccountSid", ""),
    ],
)
def test_an_id_sender_or_account_of_another_form_is_unreadable(field: str, value: str) -> None:
    assert read(incoming(SOURCE, LINE, "hello", **{field: value})) is Refused.UNREADABLE


@pytest.mark.parametrize("sender", [SOURCE, "+1234567", "262626", "Harbour 1"])
def test_numbers_short_codes_and_names_are_senders(sender: str) -> None:
    message = read(incoming(sender, LINE, "hello", MessageSid="MM" + "0f" * 16))
    assert isinstance(message, Inbound)
    assert message.address.reveal() == sender


def _moved(fields: dict[str, str], to: str, *cut: str) -> dict[str, str]:
    """The same signed letters, cut elsewhere: the fields `cut` hang on the value of `to`."""
    gone = [(name, fields[name]) for name in cut]
    return {**{name: value for name, value in fields.items() if name not in cut}, to: fields[to] + "".join(map("".join, gone))}


@pytest.mark.claim("T14")
@pytest.mark.parametrize(
    ("to", "cut"),
    [
        ("MessageSid", ["NumMedia"]),
        ("From", ["FromCity", "FromCountry", "FromState", "FromZip"]),
        ("AccountSid", ["ApiVersion"]),
        ("From", ["FromCity"]),
    ],
)
def test_a_captured_form_that_is_cut_elsewhere_is_no_new_message(to: str, cut: list[str]) -> None:
    fields = incoming(SOURCE, LINE, "hello", FromCity="")
    _, headers = signed_form(URL + PATH, TOKEN, fields)
    replay = _moved(fields, to, *cut)
    _, signed = signed_form(URL + PATH, TOKEN, replay)
    assert signed[SIGNATURE_HEADER] == headers[SIGNATURE_HEADER], "the signature cannot tell them apart"
    assert read(replay) is Refused.UNREADABLE


@pytest.mark.claim("T14")
def test_who_writes_field_names_into_his_text_cannot_cut_it_into_anothers_message() -> None:
    """Once it made a "9" of any number out of one captured request, with an id that was never seen."""
    other, victim = "SM" + "c" * 32, "+34600000009"
    sly = incoming(SOURCE, LINE, f"9From{victim}MessageSid{other}To{LINE}Z")
    forged = {name: value for name, value in sly.items() if name < "Body"} | {"From": victim, "MessageSid": other, "To": LINE, "Body": "9"}
    rest = "".join(name + sly[name] for name in sorted(sly) if name > "Body")
    items = [*forged.items(), ("Z", rest)]
    _, headers = signed_form(URL + PATH, TOKEN, sly)
    assert WEBHOOK.told(items, headers[SIGNATURE_HEADER], PATH, "") is Refused.UNREADABLE, "the signature holds"
    assert WEBHOOK.read(items, headers[SIGNATURE_HEADER], PATH, NOW) is Refused.UNREADABLE


def test_a_reply_on_whatsapp_names_another_message() -> None:
    reply = whatsapp(SOURCE, BUSINESS, "Sí", OriginalRepliedMessageSid="SM" + "d" * 32)
    assert isinstance(read(reply), Inbound)


def test_a_picture_without_words_is_a_message() -> None:
    message = read(incoming(SOURCE, LINE, "", NumMedia="1", MediaUrl0="https://api.twilio.com/media"))
    assert isinstance(message, Inbound)
    assert (message.text.reveal(), message.media) == ("", 1)


@pytest.mark.parametrize(("number", "media"), [("10", 10), ("2", 2), ("0", 0), ("", 0), ("-1", 0), ("many", 0), ("٣", 0), ("999", 0)])
def test_pictures_are_counted(number: str, media: int) -> None:
    message = read(incoming(SOURCE, LINE, "mira", MessageSid="MM" + "1" * 32) | pictures(3) | {"NumMedia": number})
    assert isinstance(message, Inbound)
    assert (message.media, message.ref, message.text.reveal()) == (media, "MM" + "1" * 32, "mira")


def test_a_whatsapp_message_to_the_lines_own_sender() -> None:
    message = read(whatsapp(SOURCE, BUSINESS, "ayuda"))
    assert isinstance(message, Inbound)
    assert (message.channel, message.address.reveal(), message.text.reveal(), message.form) == ("whatsapp", SOURCE, "ayuda", Form.TEXT)


@pytest.mark.parametrize(
    ("sender", "to"),
    [
        (f"whatsapp:{SOURCE}", f"whatsapp:{LINE}"),
        (f"whatsapp:{SOURCE}", BUSINESS),
        (SOURCE, f"messenger:{BUSINESS}"),
        (SOURCE, "whatsapp:"),
    ],
)
def test_each_channel_has_its_own_number(sender: str, to: str) -> None:
    assert read(incoming(sender, to, "hello")) is Refused.NOT_FOR_US


@pytest.mark.parametrize("sender", [SOURCE, f"messenger:{SOURCE}", "whatsapp:", "whatsapp:262626", "whatsapp:Name", f"whatsapp:{SOURCE}\n"])
def test_a_sender_of_another_channel_is_unreadable(sender: str) -> None:
    assert read(incoming(sender, f"whatsapp:{BUSINESS}", "hello")) is Refused.UNREADABLE


@pytest.mark.parametrize("name", ["ES.13491208655302741918", "US.ENT.11815799212886844830", "BR.ABC123xyz"])
def test_somebody_who_shows_no_number_on_whatsapp_is_heard(name: str) -> None:
    message = read(whatsapp(SOURCE, BUSINESS, "ayuda", From=f"whatsapp:{name}"))
    assert isinstance(message, Inbound)
    assert message.address.reveal() == name


def test_a_shared_location_is_words() -> None:
    place = {"Latitude": "-8.0751", "Longitude": "-79.12", "Address": "Calle Grau 2", "Label": "Bar Norte"}
    message = read(whatsapp(SOURCE, BUSINESS, "", **place))
    assert isinstance(message, Inbound)
    assert (message.text.reveal(), message.form) == ("Bar Norte\nCalle Grau 2\n-8.0751, -79.12", Form.PLACE)
    bare = read(whatsapp(SOURCE, BUSINESS, "aquí", Latitude="1", Longitude="2.5"))
    assert isinstance(bare, Inbound)
    assert (bare.text.reveal(), bare.form) == ("aquí\n1, 2.5", Form.PLACE)
    spoilt = read(whatsapp(SOURCE, BUSINESS, "aquí", Latitude="1e5", Longitude="x"))
    assert isinstance(spoilt, Inbound)
    assert (spoilt.text.reveal(), spoilt.form) == ("aquí", Form.TEXT)


def test_a_text_message_has_no_location_or_button() -> None:
    message = read(incoming(SOURCE, LINE, "hola", Latitude="1", Longitude="2", ButtonText="Yes", Forwarded="true"))
    assert isinstance(message, Inbound)
    assert (message.text.reveal(), message.form) == ("hola", Form.TEXT)


@pytest.mark.parametrize(
    ("body", "more", "text"),
    [
        ("", {"ButtonText": "Sí"}, "Sí"),
        ("Sí", {"ButtonText": "Sí", "ButtonPayload": "canary"}, "Sí"),
        ("", {"ListTitle": "Lima", "ListId": "canary"}, "Lima"),
        ("otra", {"ListTitle": "Lima"}, "otra\nLima"),
    ],
)
def test_what_was_chosen_from_buttons_and_lists_is_words(body: str, more: dict[str, str], text: str) -> None:
    message = read(whatsapp(SOURCE, BUSINESS, body, **more))
    assert isinstance(message, Inbound)
    assert message.text.reveal() == text


@pytest.mark.parametrize(("more", "form"), [({}, Form.TEXT), ({"Forwarded": "true"}, Form.FORWARDED), ({"Forwarded": "false"}, Form.TEXT)])
def test_a_forwarded_message_is_somebody_elses_words(more: dict[str, str], form: Form) -> None:
    message = read(whatsapp(SOURCE, BUSINESS, "ayuda", **more))
    often = read(whatsapp(SOURCE, BUSINESS, "ayuda", FrequentlyForwarded="true"))
    assert isinstance(message, Inbound)
    assert isinstance(often, Inbound)
    assert (message.form, often.form) == (form, Form.FORWARDED)


@pytest.mark.parametrize(
    ("body", "opt_out", "control"),
    [
        ("STOP", None, Control.STOP),
        (" Stop\n", None, Control.STOP),
        ("revoke", None, Control.STOP),
        ("END", None, Control.STOP),
        ("STOP PLEASE", None, None),
        ("the beatings must stop", None, None),
        ("HELP", None, None),
        ("HELP", "HELP", None),
        ("START", "START", None),
        ("ARRET", "STOP", Control.STOP),
        ("ayuda", "STOPNumMedia0", None),
    ],
)
def test_what_makes_twilio_block_our_texts_is_a_stop(body: str, opt_out: str | None, control: Control | None) -> None:
    message = read(incoming(SOURCE, LINE, body, **({} if opt_out is None else {"OptOutType": opt_out})))
    assert isinstance(message, Inbound)
    assert (message.control, message.text.reveal()) == (control, body)


def test_twilio_blocks_nobody_on_whatsapp_for_a_word() -> None:
    message = read(whatsapp(SOURCE, BUSINESS, "STOP"))
    blocked = read(whatsapp(SOURCE, BUSINESS, "ARRET", OptOutType="STOP"))
    assert isinstance(message, Inbound)
    assert isinstance(blocked, Inbound)
    assert (message.control, blocked.control) == (None, Control.STOP)


STATUS, SENDING = "/twilio/status", "0a" * 32


def told(fields: dict[str, str], query: str, signed: str | None = None) -> Told | Refused | None:
    body, headers = signed_form(URL + STATUS + (f"?{query}" if query else "") if signed is None else signed, TOKEN, fields)
    items = parse_form(body)
    assert not isinstance(items, Refused)
    return WEBHOOK.told(items, headers[SIGNATURE_HEADER], STATUS, query)


@pytest.mark.parametrize(
    ("word", "receipt"),
    [
        ("delivered", Receipt.DELIVERED),
        ("read", Receipt.DELIVERED),
        ("failed", Receipt.FAILED),
        ("undelivered", Receipt.FAILED),
        ("sent", None),
        ("queued", None),
        ("canary", None),
    ],
)
def test_what_became_of_a_text(word: str, receipt: Receipt | None) -> None:
    sid = "SM" + "2" * 32
    expected = None if receipt is None else Told(SENDING, sid, receipt)
    assert told(status(sid, LINE, SOURCE, word), f"id={SENDING}") == expected


def test_one_part_that_arrived_says_nothing_of_the_whole_text() -> None:
    sid = "SM" + "2" * 32
    assert told(status(sid, LINE, SOURCE, "delivered"), f"id={SENDING}&parts=3") is None
    assert told(status(sid, LINE, SOURCE, "failed"), f"id={SENDING}&parts=3") == Told(SENDING, sid, Receipt.FAILED)


@pytest.mark.claim("T14")
def test_a_status_that_is_not_signed_with_its_whole_address_is_refused() -> None:
    fields = status("SM" + "2" * 32, LINE, SOURCE, "failed")
    for signed in (
        URL + STATUS,
        f"{URL}{STATUS}?id={'0b' * 32}",
        f"{URL}{PATH}?id={SENDING}",
        f"https://evil.example{STATUS}?id={SENDING}",
    ):
        assert told(fields, f"id={SENDING}", signed=signed) is Refused.BAD_SIGNATURE


@pytest.mark.parametrize(
    "query",
    ["", "id=", "id=12", f"id={SENDING}0", f"id={SENDING.upper()}", f"id={SENDING}&id={SENDING}", f"x=1&id={SENDING}", "id=%30a" * 32],
)
def test_a_status_of_no_ledger_id_is_unreadable(query: str) -> None:
    assert told(status("SM" + "2" * 32, LINE, SOURCE, "failed"), query) is Refused.UNREADABLE


def test_a_status_without_its_message_is_unreadable() -> None:
    fields = status("SM" + "2" * 32, LINE, SOURCE, "failed")
    for missing in ("MessageSid", "MessageStatus"):
        assert told({name: value for name, value in fields.items() if name != missing}, f"id={SENDING}") is Refused.UNREADABLE


def test_a_public_address_with_a_port_signs_with_and_without_it() -> None:
    """Twilio's own signing is inconsistent there."""
    webhook = TwilioWebhook(PRACTICE_SID, Sensitive(TOKEN), "https://line.example.org:8443", LINE)
    for base in ("https://line.example.org:8443", "https://line.example.org"):
        body, headers = signed_form(base + PATH, TOKEN, incoming(SOURCE, LINE, "hello"))
        items = parse_form(body)
        assert not isinstance(items, Refused)
        assert isinstance(webhook.read(items, headers[SIGNATURE_HEADER], PATH, NOW), Inbound)


def test_a_repeated_field_signs_but_a_repeated_sender_is_unreadable() -> None:
    items = [*incoming(SOURCE, LINE, "hello").items()]
    assert isinstance(WEBHOOK.read(*_signed([*items, ("Extra", "b"), ("Extra", "a")]), PATH, NOW), Inbound)
    assert WEBHOOK.read(*_signed([*items, ("From", "+34600000000")]), PATH, NOW) is Refused.UNREADABLE


def _signed(items: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], str]:
    """Twilio's own rule, written out: sorted names, each name's distinct values sorted."""
    words = URL + PATH + "".join(name + value for name, value in sorted(set(items)))
    return items, base64.b64encode(hmac.new(TOKEN.encode(), words.encode(), hashlib.sha1).digest()).decode()


@pytest.mark.claim("T14")
def test_no_forbidden_field_is_kept() -> None:
    message = read(incoming(SOURCE, LINE, "hello", ProfileName="Canary Name"))
    assert isinstance(message, Inbound)
    kept = [message.channel, message.address.reveal(), message.text.reveal(), message.provider_id]
    assert not {"MALAGA", "29001", "Canary Name", "ES"} & set(kept)
    assert SOURCE not in repr(message)


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        (SOURCE, SOURCE),
        ("+34 612 345 678", SOURCE),
        ("22395", "22395"),
        ("MyBank", "MyBank"),
        ("+", "+"),
        ("+39 06 1234 5678", "+390612345678"),
    ],
)
def test_addresses(sender: str, address: str) -> None:
    assert address_of(sender) == address


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.mark.asyncio
async def test_a_body_in_pieces() -> None:
    assert await form_items(_chunks(b"Body=caf%C3", b"%A9+solo&Empty=&", b"A=1&A=2")) == (
        ("Body", "café solo"),
        ("Empty", ""),
        ("A", "1"),
        ("A", "2"),
    )


@pytest.mark.asyncio
async def test_a_body_without_end_is_not_read_to_its_end() -> None:
    taken = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1024
            yield b"x" * 1024

    assert await form_items(flood()) is Refused.UNREADABLE
    assert taken <= MAX_BODY + 1024


@pytest.mark.parametrize(
    "body", [b"Body", b"Body=%FF", b"Body=%ED%A0%80", b"Body=\xc3\xa9", b"A=1&" * MAX_FIELDS + b"A=1", b"B=" + b"x" * MAX_BODY]
)
def test_what_is_no_form(body: bytes) -> None:
    assert parse_form(body) is Refused.UNREADABLE


@given(st.binary(max_size=300))
def test_parsing_and_reading_are_total(body: bytes) -> None:
    items = parse_form(body)
    assert isinstance(items, Refused) or WEBHOOK.read(items, "", PATH, NOW) is Refused.BAD_SIGNATURE


words = st.text(st.characters(exclude_categories=["Cs"]))


@given(words, words)
def test_any_text_arrives_as_it_was_sent(text: str, more: str) -> None:
    message = read(incoming(SOURCE, LINE, text, Extra=more))
    assert isinstance(message, Inbound)
    assert message.text.reveal() == text


@given(st.lists(st.tuples(words.filter(bool), words), min_size=1, max_size=20))
def test_a_form_comes_back_whole_and_in_order(items: list[tuple[str, str]]) -> None:
    assert parse_form(urlencode(items).encode()) == tuple(items)


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", Encoding.GSM7, 0, 0),
        ("a" * 160, Encoding.GSM7, 160, 1),
        ("a" * 161, Encoding.GSM7, 161, 2),
        ("a" * 306, Encoding.GSM7, 306, 2),
        ("a" * 307, Encoding.GSM7, 307, 3),
        ("€" * 80, Encoding.GSM7, 160, 1),
        ("a" * 152 + "€" + "a" * 152, Encoding.GSM7, 306, 3),  # the euro does not fit the first segment's last septet
        ("¿Estás?", Encoding.UCS2, 7, 1),
        ("¿Qué año, Ñandú ü à?".replace("ú", "u"), Encoding.GSM7, 20, 1),
        ("я" * 70, Encoding.UCS2, 70, 1),
        ("я" * 71, Encoding.UCS2, 71, 2),
        ("😀" * 35, Encoding.UCS2, 70, 1),
        ("😀" * 67, Encoding.UCS2, 134, 3),  # 33 whole pairs a segment, not 33 and a half
        ("it’s", Encoding.UCS2, 4, 1),
    ],
)
def test_sms_units(text: str, encoding: Encoding, units: int, segments: int) -> None:
    found = sms_units(text)
    assert (found.encoding, found.units, found.segments) == (encoding, units, segments)


def test_typographic_marks_become_plain_only_when_that_helps() -> None:
    assert fit_sms("“It’s safe” – yes…") == '"It\'s safe" - yes...'
    assert fit_sms("“Привет” – да") == "“Привет” – да"
    assert fit_sms("está – bien") == "está – bien"


@given(st.text())
def test_fitting_never_makes_a_text_dearer_in_kind(text: str) -> None:
    fitted = fit_sms(text)
    assert fitted == text or sms_units(fitted).encoding is Encoding.GSM7


@given(st.text(alphabet="ab \nñ😀", max_size=4000))
def test_parts_are_the_text_and_fit(text: str) -> None:
    parts = pieces(text, MAX_TEXT)
    assert "".join(parts) == text
    assert all(len(part.encode("utf-16-le")) // 2 <= MAX_TEXT for part in parts)


def test_parts_are_cut_between_words() -> None:
    first, second = pieces("word " * 321, MAX_TEXT)
    assert first.endswith("word ")
    assert second == "word "
    assert [len(part) for part in pieces("x" * 1601, MAX_TEXT)] == [1600, 1]
