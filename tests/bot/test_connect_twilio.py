"""`tipline channels connect` tells Twilio where we are, by the real client; afterwards doctor finds nothing to mend."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from bot.channels import Twilio
from bot.connect import ConnectError
from bot.connect_twilio import connect_twilio
from bot.doctor_channels import Outside
from bot.doctor_channels import twilio as look_at
from bot.finding import Finding
from tests.peers.twilio_forms import PRACTICE_SID, PRACTICE_TOKEN
from tests.peers.twilio_numbers import NumbersPeer
from triage.sensitive import Sensitive

PUBLIC, OURS, OTHER = "https://line.example.org", "+15005550006", "+15005550007"
AT = f"{PUBLIC}/twilio/message"
pytestmark = pytest.mark.asyncio


@pytest.fixture
def peer() -> Iterator[NumbersPeer]:
    with NumbersPeer(OTHER, OURS) as made:
        yield made


def line(peer: NumbersPeer) -> Twilio:
    return Twilio(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), OURS, peer.url)


async def complaints(peer: NumbersPeer) -> list[str]:
    async with httpx.AsyncClient(trust_env=False) as http:
        found: list[Finding] = await look_at(Outside(http), line(peer), PUBLIC)
    return [str(finding) for finding in found if "connect" in str(finding)]


async def test_texts_to_the_line_s_number_are_posted_to_us_and_tried_again(peer: NumbersPeer) -> None:
    untouched = dict(peer.numbers[OTHER])
    assert await complaints(peer) != []
    for _ in range(2):
        (told,) = await connect_twilio(line(peer), PUBLIC)
        assert AT in told
        number = peer.numbers[OURS]
        assert (number["sms_url"], number["sms_method"], number["sms_application_sid"]) == (AT, "POST", None)
        assert (number["sms_fallback_url"], number["sms_fallback_method"]) == (AT, "POST")
    assert await complaints(peer) == []
    assert peer.numbers[OTHER] == untouched


async def test_whatsapp_is_said_to_be_left_to_the_operator(peer: NumbersPeer) -> None:
    told = await connect_twilio(replace(line(peer), whatsapp=OURS), PUBLIC)
    assert [("WhatsApp" in sentence, AT in sentence) for sentence in told] == [(False, True), (True, True)]


async def test_what_is_wrong_is_said_without_a_token_or_a_number(peer: NumbersPeer) -> None:
    settings = line(peer)
    gone = replace(settings, api_url="http://127.0.0.1:9")
    wrong = replace(settings, auth_token=Sensitive("not-the-token"))
    for given, said in ((wrong, "refuses"), (replace(settings, number="+15005550008"), "does not have"), (gone, "does not answer")):
        with pytest.raises(ConnectError, match=said) as fault:
            await connect_twilio(given, PUBLIC)
        shown = "".join(traceback.format_exception(fault.value))
        assert not any(secret in shown for secret in (PRACTICE_TOKEN, "not-the-token", "500555"))
    peer.garbled = True
    with pytest.raises(ConnectError, match="does not answer"):
        await connect_twilio(settings, PUBLIC)
