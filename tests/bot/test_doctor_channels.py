"""What the doctor says of the channels, asked over HTTP: each mistake that loses tips is told, and no secret with it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from bot.channels import Gateway, Telegram, Twilio
from bot.doctor_channels import Outside, clock, gateway, telegram, twilio
from bot.finding import Finding, Verdict
from handlers.gateway import FieldMap, SendMap
from tests.peers.api import ApiPeer
from tests.peers.gateway import AUTHORIZATION, GatewayPeer
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN
from triage.sensitive import Sensitive

pytestmark = [pytest.mark.asyncio, pytest.mark.enable_socket]
NOW = datetime.now(UTC)
PUBLIC = "https://line.example.org"
TOKEN = "123456:" + "secret_bot_token_of_thirty_chars"
ACCOUNT = f"/2010-04-01/Accounts/{PRACTICE_SID}"
NUMBER = {
    "sms_url": f"{PUBLIC}/twilio/message",
    "sms_method": "POST",
    "sms_fallback_url": f"{PUBLIC}/twilio/message",
    "sms_application_sid": "",
}
HOOK = {"url": f"{PUBLIC}/telegram/update", "pending_update_count": 0}


@pytest.fixture
def api() -> Iterator[ApiPeer]:
    with ApiPeer() as peer:
        yield peer


@pytest_asyncio.fixture
async def outside() -> AsyncIterator[Outside]:
    async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
        yield Outside(http)


def verdicts(found: list[Finding]) -> list[Verdict]:
    assert not any(secret in finding.text for finding in found for secret in (TOKEN, PRACTICE_TOKEN, AUTHORIZATION, "15005550006"))
    return [finding.verdict for finding in found]


async def ask_telegram(outside: Outside, api: ApiPeer, info: object, secret: str | None = "hook") -> list[Finding]:
    api.answers[f"GET /bot{TOKEN}/getMe"] = (200, {"ok": True, "result": {"id": 1}})
    api.answers[f"GET /bot{TOKEN}/getWebhookInfo"] = (200, {"ok": True, "result": info})
    settings = Telegram(Sensitive(TOKEN), None if secret is None else Sensitive(secret), api.url)
    return await telegram(outside, settings, PUBLIC, NOW)


@pytest.mark.parametrize(
    ("info", "secret", "expected"),
    [
        (HOOK, "hook", [Verdict.OK]),
        ({**HOOK, "allowed_updates": ["message", "edited_message"]}, "hook", [Verdict.OK]),
        ({**HOOK, "allowed_updates": ["message"]}, "hook", [Verdict.MEND]),
        ({**HOOK, "url": "https://other.example/telegram/update"}, "hook", [Verdict.MEND]),
        ({"url": "", "pending_update_count": 3}, "hook", [Verdict.MEND]),
        ({**HOOK, "pending_update_count": 500}, "hook", [Verdict.OK, Verdict.LOOK]),
        ({**HOOK, "last_error_date": 1, "last_error_message": "Wrong response from the webhook: 403 Forbidden"}, "hook", [Verdict.OK]),
        ({"url": "", "pending_update_count": 0}, None, [Verdict.OK]),
        (HOOK, None, [Verdict.MEND]),
        ("garbled", "hook", [Verdict.UNKNOWN]),
    ],
)
async def test_telegrams_webhook(outside: Outside, api: ApiPeer, info: object, secret: str | None, expected: list[Verdict]) -> None:
    assert verdicts(await ask_telegram(outside, api, info, secret)) == [Verdict.OK, *expected]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("Wrong response from the webhook: 403 Forbidden", "the secrets differ"),
        ("Wrong response from the webhook: 502 Bad Gateway", "our answer was 502"),
        ("Connection timed out", "no connection"),
    ],
)
async def test_what_telegram_could_not_deliver_lately(outside: Outside, api: ApiPeer, message: str, why: str) -> None:
    found = await ask_telegram(outside, api, {**HOOK, "last_error_date": int(NOW.timestamp()) - 60, "last_error_message": message})
    assert verdicts(found) == [Verdict.OK, Verdict.OK, Verdict.MEND]
    assert why in found[-1].text


async def test_a_bot_that_telegram_does_not_know(outside: Outside, api: ApiPeer) -> None:
    api.answers[f"GET /bot{TOKEN}/getMe"] = (401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
    settings = Telegram(Sensitive(TOKEN), None, api.url)
    found = await telegram(outside, settings, PUBLIC, NOW)
    assert verdicts(found) == [Verdict.MEND]
    assert "401" in found[0].text


async def ask_twilio(outside: Outside, api: ApiPeer, numbers: object, whatsapp: str | None = None) -> list[Finding]:
    api.answers.setdefault(f"GET {ACCOUNT}.json", (200, {"sid": PRACTICE_SID, "status": "active"}))
    api.answers[f"GET {ACCOUNT}/IncomingPhoneNumbers.json?PhoneNumber=%2B15005550006"] = (200, {"incoming_phone_numbers": numbers})
    return await twilio(outside, Twilio(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), "+15005550006", api.url, whatsapp), PUBLIC)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (NUMBER, [Verdict.OK]),
        ({**NUMBER, "sms_fallback_url": None, "sms_url": NUMBER["sms_url"] + "#rc=2&rp=all"}, [Verdict.OK]),
        ({**NUMBER, "sms_fallback_url": ""}, [Verdict.OK, Verdict.LOOK]),
        ({**NUMBER, "sms_url": "https://demo.twilio.com/welcome/sms/reply"}, [Verdict.MEND]),
        ({**NUMBER, "sms_url": None}, [Verdict.MEND]),
        ({**NUMBER, "sms_method": "GET"}, [Verdict.MEND]),
        ({**NUMBER, "sms_application_sid": "AP0"}, [Verdict.MEND]),
    ],
)
async def test_twilios_number(outside: Outside, api: ApiPeer, number: object, expected: list[Verdict]) -> None:
    assert verdicts(await ask_twilio(outside, api, [number])) == [Verdict.OK, *expected]
    basic = "Basic " + base64.b64encode(f"{PRACTICE_SID}:{PRACTICE_TOKEN}".encode()).decode()
    assert {authorization for _, authorization in api.asked} == {basic}


async def test_twilios_account(outside: Outside, api: ApiPeer) -> None:
    assert verdicts(await ask_twilio(outside, api, [])) == [Verdict.OK, Verdict.MEND]
    assert verdicts(await ask_twilio(outside, api, "garbled", "+15005550009")) == [Verdict.OK, Verdict.UNKNOWN, Verdict.UNKNOWN]
    for answer in ((401, {"code": 20003}), (200, {"status": "suspended"}), (200, b"<html>")):
        api.answers[f"GET {ACCOUNT}.json"] = answer
        assert verdicts(await ask_twilio(outside, api, [NUMBER])) == [Verdict.MEND]


async def test_a_network_that_is_away_is_one_sentence_each(outside: Outside) -> None:
    with ApiPeer() as gone:
        url = gone.url
    send = Gateway(Sensitive("k" * 16), FieldMap(), f"{url}/message", Sensitive(AUTHORIZATION), SendMap())
    assert verdicts(await telegram(outside, Telegram(Sensitive(TOKEN), None, url), PUBLIC, NOW)) == [Verdict.MEND]
    assert verdicts(await twilio(outside, Twilio(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), "+15005550006", url), PUBLIC)) == [Verdict.MEND]
    assert verdicts([await gateway(outside, send)]) == [Verdict.MEND]
    assert clock(outside.skews).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(("auth", "expected"), [(AUTHORIZATION, Verdict.OK), ("", Verdict.MEND), ("Basic é", Verdict.MEND)])
async def test_the_gateway_is_asked_and_sends_nothing(outside: Outside, auth: str, expected: Verdict) -> None:
    with GatewayPeer() as phone:
        settings = Gateway(Sensitive("k" * 16), FieldMap(), phone.url, Sensitive(auth), SendMap())
        assert verdicts([await gateway(outside, settings)]) == [expected]
        assert phone.sent == []


@pytest.mark.parametrize(
    ("ahead_s", "expected", "word"), [(0, Verdict.OK, "right"), (120, Verdict.MEND, "slow"), (-120, Verdict.MEND, "fast")]
)
async def test_the_clock_is_compared_with_the_providers(outside: Outside, ahead_s: float, expected: Verdict, word: str) -> None:
    with ApiPeer(slow_s=ahead_s) as api:
        await ask_twilio(outside, api, [NUMBER])
    found = clock(outside.skews)
    assert (found.verdict, word in found.text) == (expected, True)
