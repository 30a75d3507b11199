"""The signed form of an incoming text message."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import strategies as st

from handlers.channels import Refused
from handlers.text import SIGNATURE_HEADER, TwilioWebhook, address_of, parse_form
from tests.handlers.texts import BUSINESS, LINE, NOW, PATH, SOURCE, TOKEN, URL, WEBHOOK, read
from tests.peers.twilio import PRACTICE_SID, incoming, pictures, signed_form, whatsapp
from triage.sensitive import Sensitive
from triage.tip import Control, Form, Inbound


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


words = st.text(st.characters(exclude_categories=["Cs"]))
