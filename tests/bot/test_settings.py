"""Settings: what is right passes, what is wrong is said, and no sentence carries a value."""

from __future__ import annotations

import json
import re
import stat
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handover import Role, SettingsError, from_child, to_child
from bot.settings import DiskFiles, Mode, Settings, load_settings
from bot.variables import NAMES, settings_lines
from tests.peers.twilio import PRACTICE_SID

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "0c6f8a-secret-token"
PASSWORD = "s3cret-database-word"

Disk = dict[str, tuple[int, str]]

DISK: Disk = {
    "/line": (stat.S_IFDIR | 0o700, ""),
    "/packs": (stat.S_IFDIR | 0o755, ""),
    "/etc/regions.json": (stat.S_IFREG | 0o644, "{}"),
    "/etc/vetters": (stat.S_IFREG | 0o644, ""),
    "/run/token": (stat.S_IFREG | 0o600, f"{TOKEN}\n"),
}

ENV = {
    "TIPLINE_HOME": "/line",
    "TIPLINE_PUBLIC_URL": "https://line.example.org/",
    "TIPLINE_TWILIO_ACCOUNT_SID": PRACTICE_SID,
    "TIPLINE_TWILIO_AUTH_TOKEN": TOKEN,
    "TIPLINE_TWILIO_NUMBER": "+15005550006",
    "TIPLINE_REGIONS": "/etc/regions.json",
    "TIPLINE_VETTERS": "/etc/vetters",
    "HOME": "/home/op",
    "PATH": "/usr/bin",
}


class FakeDisk:
    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def read(self, path: str) -> str:
        return self._disk[path][1]

    def mode(self, path: str) -> int | None:
        return self._disk[path][0] if path in self._disk else None


def good(env: dict[str, str], disk: Disk | None = None, mode: Mode = Mode.LINE) -> Settings:
    settings = load_settings(env, FakeDisk(DISK | (disk or {})), mode)
    assert isinstance(settings, Settings), settings
    return settings


def problems(env: dict[str, str], disk: Disk | None = None, mode: Mode = Mode.LINE) -> tuple[str, ...]:
    found = load_settings(env, FakeDisk(DISK | (disk or {})), mode)
    assert isinstance(found, tuple)
    return found


def test_a_real_line() -> None:
    settings = good(ENV)
    assert settings.home == Path("/line")
    assert settings.database_url.reveal() == "sqlite:////line/tipline.db"
    assert (settings.port, settings.public_url, settings.silence_s) == (8455, "https://line.example.org", 600)
    assert (settings.purge_days, good(ENV | {"TIPLINE_PURGE_DAYS": "30"}).purge_days) == (90, 30)
    assert problems(ENV | {"TIPLINE_PURGE_DAYS": "6"}) == ("TIPLINE_PURGE_DAYS must be days, 7 to 3650.",)
    assert (settings.trustees_needed, good(ENV | {"TIPLINE_TRUSTEES_NEEDED": "3"}).trustees_needed) == (2, 3)
    assert problems(ENV | {"TIPLINE_TRUSTEES_NEEDED": "1"}) == ("TIPLINE_TRUSTEES_NEEDED must be a number, 2 to 20.",)
    assert settings.languages == ("en", "es")
    assert settings.slots.times == (time(8), time(14), time(20))
    assert settings.channels.twilio is not None
    assert settings.channels.twilio.auth_token.reveal() == TOKEN
    assert settings.channels.twilio.api_url == "https://api.twilio.com"
    assert not settings.practice
    assert TOKEN not in repr(settings)


def test_practice_needs_nothing_and_is_quick() -> None:
    settings = good({"HOME": "/home/op"}, mode=Mode.PRACTICE)
    assert settings.home == Path("/home/op/.tipline-practice")
    assert settings.channels.twilio is None
    assert settings.slots.every_s == 5
    assert (settings.silence_s, settings.public_url) == (20, "http://127.0.0.1:8455")


def test_offline_commands_need_no_channel_and_no_roster() -> None:
    assert good({"TIPLINE_HOME": "/line", "TIPLINE_LANGUAGES": "en"}, mode=Mode.OFFLINE).channels.twilio is None


def test_a_value_from_a_file_is_stripped() -> None:
    env = {k: v for k, v in ENV.items() if k != "TIPLINE_TWILIO_AUTH_TOKEN"} | {"TIPLINE_TWILIO_AUTH_TOKEN_FILE": "/run/token"}
    twilio = good(env).channels.twilio
    assert twilio is not None
    assert twilio.auth_token.reveal() == TOKEN


def test_empty_variables_count_as_left_out() -> None:
    assert good(ENV | {"TIPLINE_PORT": "", "TIPLINE_LANGUAGE_PACKS": " "}).port == 8455


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("TIPLINE_PUBLIC_URL", "http://localhost:8455", "http://localhost:8455"),
        ("TIPLINE_PUBLIC_URL", "http://[::1]:8455/", "http://[::1]:8455"),
        ("TIPLINE_PUBLIC_URL", "https://LINE.example.org:443", "https://line.example.org"),
        ("TIPLINE_LANGUAGES", "en, es,zh-Hant,tl,pt-BR", ("en", "es", "zh-Hant", "tl", "pt-BR")),
        ("TIPLINE_PORT", "1024", 1024),
        ("TIPLINE_LINE", "Línea azul", "Línea azul"),
    ],
)
def test_right_values(name: str, value: str, kept: object) -> None:
    assert getattr(good(ENV | {name: value}), name.removeprefix("TIPLINE_").lower()) == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIPLINE_PROT", "1"),
        ("TIPLINE_PORT", "0"),
        ("TIPLINE_PORT", "65536"),
        ("TIPLINE_PORT", "eighty"),
        ("TIPLINE_PUBLIC_URL", "http://line.example.org"),
        ("TIPLINE_PUBLIC_URL", "https://user:word@line.example.org"),
        ("TIPLINE_PUBLIC_URL", "https://line.example.org/tips"),
        ("TIPLINE_PUBLIC_URL", "https://line.example.org:99999"),
        ("TIPLINE_PUBLIC_URL", "line.example.org"),
        ("TIPLINE_TWILIO_API_URL", "http://api.twilio.example"),
        ("TIPLINE_TWILIO_NUMBER", "500 555 0006"),
        ("TIPLINE_TWILIO_NUMBER", "+1 500 555 0006"),
        ("TIPLINE_TWILIO_ACCOUNT_SID", "AC123"),
        ("TIPLINE_TWILIO_AUTH_TOKEN", "two words"),
        ("TIPLINE_LANGUAGES", "en,xx"),
        ("TIPLINE_LANGUAGES", "en,en"),
        ("TIPLINE_LANGUAGES", "en,und"),
        ("TIPLINE_LANGUAGES", "EN"),
        ("TIPLINE_DATABASE_URL", "mysql://h/n"),
        ("TIPLINE_DATABASE_URL", "sqlite://"),
        ("TIPLINE_DATABASE_URL", "sqlite:///tipline.db"),
        ("TIPLINE_DATABASE_URL", "sqlite:///:memory:"),
        ("TIPLINE_DATABASE_URL", f"postgresql://tip:{PASSWORD}@db/tip"),
        ("TIPLINE_DATABASE_URL", f"postgresql://db/tip?password={PASSWORD}"),
        ("TIPLINE_HOME", "line"),
        ("TIPLINE_HOME", "/etc/vetters"),
        ("TIPLINE_REGIONS", "/nowhere"),
        ("TIPLINE_REGIONS", "/packs"),
        ("TIPLINE_VETTERS", "vetters"),
        ("TIPLINE_LANGUAGE_PACKS", "/etc/vetters"),
        ("TIPLINE_SLOTS", "5s"),
        ("TIPLINE_SLOTS", "08:00,25:00"),
        ("TIPLINE_SLOTS", "08:00 Europe/Atlantis"),
        ("TIPLINE_SILENCE", "0"),
        ("TIPLINE_LINE", "x" * 61),
    ],
)
def test_wrong_values_are_one_sentence_each(name: str, value: str) -> None:
    found = problems(ENV | {name: value})
    assert len(found) == 1
    assert name in found[0]
    assert found[0].endswith(".")


def test_a_typing_mistake_is_met_with_the_right_name_and_test_variables_pass() -> None:
    assert problems(ENV | {"TIPLINE_PROT": "1"}) == ("TIPLINE_PROT is no setting of Tipline; perhaps TIPLINE_PORT is meant.",)
    good(ENV | {"TIPLINE_TEST_POSTGRES": "x", "TIPLINE_CHROMIUM": "/usr/bin/chromium"})


@pytest.mark.parametrize("name", ["TIPLINE_TWILIO_ACCOUNT_SID", "TIPLINE_TWILIO_AUTH_TOKEN", "TIPLINE_TWILIO_NUMBER"])
def test_twilio_is_all_or_none(name: str) -> None:
    assert problems({k: v for k, v in ENV.items() if k != name}) == (f"{name} is missing: Twilio's settings go together.",)


def test_a_line_without_a_channel_is_refused() -> None:
    found = problems({k: v for k, v in ENV.items() if "TWILIO" not in k})
    assert len(found) == 1
    assert "No channel" in found[0]


@pytest.mark.parametrize("name", ["TIPLINE_PUBLIC_URL", "TIPLINE_REGIONS", "TIPLINE_VETTERS"])
def test_a_line_needs_these(name: str) -> None:
    (found,) = problems({k: v for k, v in ENV.items() if k != name})
    assert found.startswith(f"{name} is missing")


@pytest.mark.parametrize("name", [n for n in NAMES if "TWILIO" in n])
@pytest.mark.claim("T23")
def test_practice_with_any_setting_of_a_real_channel_is_refused(name: str) -> None:
    found = problems({"TIPLINE_HOME": "/line", name: ENV.get(name, "https://api.twilio.com")}, mode=Mode.PRACTICE)
    assert f"Practice takes no real channel: leave {name} out." in found
    by_file = {"TIPLINE_HOME": "/line", f"{name}_FILE": "/run/absent"}
    assert f"Practice takes no real channel: leave {name} out." in problems(by_file, mode=Mode.PRACTICE)


@pytest.mark.claim("T23")
def test_practice_is_not_shown_to_the_world() -> None:
    (found,) = problems({"TIPLINE_HOME": "/line", "TIPLINE_PUBLIC_URL": "https://line.example.org"}, mode=Mode.PRACTICE)
    assert "TIPLINE_PUBLIC_URL" in found


def test_both_ways_at_once_are_refused() -> None:
    assert problems(ENV | {"TIPLINE_TWILIO_AUTH_TOKEN_FILE": "/run/token"}) == (
        "TIPLINE_TWILIO_AUTH_TOKEN and TIPLINE_TWILIO_AUTH_TOKEN_FILE are both set: keep one.",
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
@pytest.mark.claim("T24")
def test_a_secret_that_others_can_read_is_refused(mode: int) -> None:
    env = {k: v for k, v in ENV.items() if k != "TIPLINE_TWILIO_AUTH_TOKEN"} | {"TIPLINE_TWILIO_AUTH_TOKEN_FILE": "/run/token"}
    (found,) = problems(env, {"/run/token": (stat.S_IFREG | mode, TOKEN)})
    assert "TIPLINE_TWILIO_AUTH_TOKEN_FILE" in found
    assert "chmod 600" in found


def test_an_absent_or_empty_file_is_one_problem() -> None:
    env = {k: v for k, v in ENV.items() if k != "TIPLINE_TWILIO_AUTH_TOKEN"} | {"TIPLINE_TWILIO_AUTH_TOKEN_FILE": "/run/token"}
    assert problems(env | {"TIPLINE_TWILIO_AUTH_TOKEN_FILE": "/gone"}) == (
        "TIPLINE_TWILIO_AUTH_TOKEN_FILE names a file that does not exist.",
    )
    (found,) = problems(env, {"/run/token": (stat.S_IFREG | 0o600, " \n")})
    assert "empty" in found


@pytest.mark.parametrize(
    ("path", "mode"),
    [("/line", stat.S_IFDIR | 0o750), ("/line/tipline.db", stat.S_IFREG | 0o644), ("/etc/vetters", stat.S_IFREG | 0o666)],
)
@pytest.mark.claim("T24")
def test_what_others_can_open_or_change_is_refused(path: str, mode: int) -> None:
    (found,) = problems(ENV, {path: (mode, "")})
    assert "other users" in found


def test_a_password_in_a_file_is_taken() -> None:
    env = ENV | {"TIPLINE_DATABASE_URL_FILE": "/run/database"}
    settings = good(env, {"/run/database": (stat.S_IFREG | 0o600, f"postgresql://tip:{PASSWORD}@db/tip\n")})
    assert PASSWORD in settings.database_url.reveal()
    assert PASSWORD not in repr(settings)


def test_all_problems_come_at_once() -> None:
    assert len(problems(ENV | {"TIPLINE_PORT": "x", "TIPLINE_SILENCE": "y", "TIPLINE_HOMME": "/"})) == 3


values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1).map(lambda s: f"canary{s}")


@given(st.dictionaries(st.sampled_from(NAMES), values), st.sampled_from(Mode))
@pytest.mark.claim("T24")
def test_no_sentence_carries_a_value(env: dict[str, str], mode: Mode) -> None:
    found = load_settings(env, FakeDisk(DISK), mode)
    assert isinstance(found, Settings) or "canary" not in "".join(found)


def test_the_real_disk(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)
    assert DiskFiles().read(str(secret)) == TOKEN
    mode = DiskFiles().mode(str(secret))
    assert mode is not None
    assert stat.S_IMODE(mode) == 0o600
    assert DiskFiles().mode(str(tmp_path / "absent")) is None


def test_an_unreadable_file_is_a_problem_without_its_bytes(tmp_path: Path) -> None:
    broken = tmp_path / "token"
    broken.write_bytes(b"\xff canary")
    broken.chmod(0o600)
    env = {"TIPLINE_HOME": str(tmp_path / "home"), "TIPLINE_LINE_FILE": str(broken)}
    found = load_settings(env, DiskFiles(), Mode.OFFLINE)
    assert found == ("TIPLINE_LINE_FILE names a file that is empty or cannot be read as text.",)


def test_env_example_names_every_variable_once() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert text == settings_lines()
    assert re.findall(r"^# (TIPLINE_\w+)=", text, re.MULTILINE) == list(NAMES)
    assert not re.findall(r"^[^#\n]", text, re.MULTILINE)


@pytest.mark.parametrize("role", list(Role))
def test_settings_reach_a_child(role: Role) -> None:
    settings = good(ENV | {"TIPLINE_LANGUAGE_PACKS": "/packs", "TIPLINE_SLOTS": "09:30 Asia/Kathmandu"})
    told = from_child(json.loads(json.dumps(to_child(settings, role))))
    if role is Role.WORKER:
        assert told == settings
    else:
        assert (told.regions, told.vetters, told.language_packs) == (None, None, None)
        assert (told.channels, told.slots, told.port) == (settings.channels, settings.slots, settings.port)


def test_each_process_is_told_the_secrets_of_channels_that_it_needs_and_no_other() -> None:
    bot, hook, signing, header, inside = "7000001:" + "b" * 35, "h" * 32, "s" * 32, "Basic eA==", "an-api-key-in-the-body"
    channels = {
        "TIPLINE_TELEGRAM_TOKEN": bot,
        "TIPLINE_TELEGRAM_WEBHOOK_SECRET": hook,
        "TIPLINE_GATEWAY_SECRET": signing,
        "TIPLINE_GATEWAY_SEND_URL": "https://phone.example/message",
        "TIPLINE_GATEWAY_SEND_AUTH": header,
        "TIPLINE_GATEWAY_SEND_BODY": f'{{"to": "{{to}}", "text": "{{text}}", "key": "{inside}"}}',
    }
    settings = good(ENV | channels)
    told = {role: json.dumps(to_child(settings, role)) for role in Role}
    needed = {Role.WEB: {hook, signing}, Role.WORKER: {bot, header, inside}}
    assert {role: {secret for secret in (bot, hook, signing, header, inside) if secret in told[role]} for role in Role} == needed
    polls = good(ENV | {"TIPLINE_TELEGRAM_TOKEN": bot})
    assert all(bot in json.dumps(to_child(polls, role)) for role in Role), "a polling line's web process asks for updates itself"


def test_practice_reaches_a_child() -> None:
    settings = good({"TIPLINE_HOME": "/line"}, mode=Mode.PRACTICE)
    assert from_child(json.loads(json.dumps(to_child(settings, Role.WORKER)))) == settings


def test_a_child_takes_nothing_else() -> None:
    told = to_child(good(ENV), Role.WORKER)
    for broken in (
        {},
        told | {"port": "canary"},
        told | {"slots": "canary"},
        told | {"mode": "canary"},
        told | {"channels": {}},
        told | {"channels": {"twilio": {}, "telegram": None, "gateway": None}},
    ):
        with pytest.raises(SettingsError) as caught:
            from_child(broken)
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None
