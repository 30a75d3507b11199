"""Settings of the notices: a sender that is not the line's, one text that says nothing, and who is told what of it."""

from __future__ import annotations

import pytest

from bot.handover import Role, SettingsError, from_child, to_child
from bot.notice_settings import MOST_CHARACTERS, NoticeWay, notice_sender
from bot.settings import Mode
from handlers.gateway_sender import GatewaySender
from handlers.twilio_sender import TwilioSender
from tests.bot.test_settings import ENV, good, problems

NUMBER = {"TIPLINE_NOTICE_TWILIO_NUMBER": "+15005550009"}
OTHER = {"TIPLINE_NOTICE_GATEWAY_URL": "https://phone.example.org/message", "TIPLINE_NOTICE_GATEWAY_AUTH": "Basic b3RoZXI="}
GATEWAY = {
    "TIPLINE_GATEWAY_SECRET": "x" * 20,
    "TIPLINE_GATEWAY_SEND_URL": "https://phone.example.org/message",
    "TIPLINE_GATEWAY_SEND_AUTH": "Basic bGluZQ==",
}


def test_a_line_sends_no_notices_unless_it_is_told_how() -> None:
    assert good(ENV).notices is None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("given", "text", "kind"),
    [
        (NUMBER, "Please look at your desk.", TwilioSender),
        ({**OTHER, "TIPLINE_NOTICE_TEXT": "Por favor, mira tu escritorio."}, "Por favor, mira tu escritorio.", GatewaySender),
        ({**GATEWAY, **OTHER}, "Please look at your desk.", GatewaySender),
    ],
)
async def test_a_second_number_or_a_second_gateway(given: dict[str, str], text: str, kind: type[TwilioSender | GatewaySender]) -> None:
    settings = good(ENV | given)
    assert settings.notices is not None
    assert settings.notices.text == text
    sender = notice_sender(settings.notices, settings.channels)
    assert isinstance(sender, kind)
    await sender.close()
    assert "b3RoZXI=" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"TIPLINE_NOTICE_TWILIO_NUMBER": ENV["TIPLINE_TWILIO_NUMBER"]}, "the line's own number"),
        ({**NUMBER, "TIPLINE_TWILIO_WHATSAPP": NUMBER["TIPLINE_NOTICE_TWILIO_NUMBER"]}, "the line's own number"),
        ({**GATEWAY, **OTHER, "TIPLINE_NOTICE_GATEWAY_AUTH": GATEWAY["TIPLINE_GATEWAY_SEND_AUTH"]}, "the line's own gateway"),
        ({**NUMBER, **OTHER}, "and one"),
        ({"TIPLINE_NOTICE_TEXT": "Look."}, "a sender of their own"),
        ({"TIPLINE_NOTICE_TWILIO_NUMBER": "600 000"}, "E.164"),
        ({"TIPLINE_NOTICE_GATEWAY_URL": "http://phone.example.org/"}, "https"),
        ({**NUMBER, "TIPLINE_NOTICE_TEXT": "2 cases wait."}, "without a digit"),
        ({**NUMBER, "TIPLINE_NOTICE_TEXT": "x" * (MOST_CHARACTERS + 1)}, "at most"),
        ({**OTHER, "TIPLINE_NOTICE_GATEWAY_BODY": "{}"}, "{to}"),
    ],
)
def test_what_would_give_readers_away_or_cannot_be_is_refused_at_the_start(given: dict[str, str], said: str) -> None:
    [problem] = problems(ENV | given)
    assert said in problem
    assert not any(value in problem for value in given.values())


def test_a_second_number_needs_the_account_and_practice_sends_none() -> None:
    without = {name: value for name, value in ENV.items() if "TWILIO" not in name}
    assert any("Twilio account" in problem for problem in problems(without | GATEWAY | NUMBER))
    assert any("Practice takes no real channel" in problem for problem in problems({"HOME": "/home/op", **OTHER}, mode=Mode.PRACTICE))


@pytest.mark.parametrize("given", [NUMBER, OTHER, {}])
def test_the_worker_is_told_how_and_web_only_whether(given: dict[str, str]) -> None:
    settings = good(ENV | given)
    assert from_child(to_child(settings, Role.WORKER)).notices == settings.notices
    web = from_child(to_child(settings, Role.WEB)).notices
    assert web == (NoticeWay("") if given else None)
    assert not any(value in str(to_child(settings, Role.WEB)) for value in given.values())


def test_what_is_no_way_is_refused() -> None:
    told = to_child(good(ENV | OTHER), Role.WORKER)
    for wrong in ("x", [1], ["text", "", "url"], ["text", "", "url", "auth", "no map"]):
        with pytest.raises(SettingsError):
            from_child({**told, "notices": wrong})
