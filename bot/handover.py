"""Handing the settings to the child processes, whose environment is empty."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from bot.channels import channels_of, told_of
from bot.notice_settings import notices_of, notices_told
from bot.settings import Mode, Settings
from handlers.slots import Slots
from triage.sensitive import Sensitive

T = TypeVar("T")


class Role(StrEnum):
    """The processes that settings are handed to."""

    WEB = "web"
    WORKER = "worker"


class SettingsError(ValueError):
    """What a process was handed is not settings. Carries no content."""


def to_child(settings: Settings, role: Role) -> dict[str, object]:
    """What a child is told over its pipe, JSON-able; its environment stays empty.

    Both processes need Twilio's auth token (one to check signatures, one to send) and the database; the web process nothing that says who
    reads.
    """
    told: dict[str, object] = {
        "mode": settings.mode.value,
        "home": str(settings.home),
        "database_url": settings.database_url.reveal(),
        "port": settings.port,
        "public_url": settings.public_url,
        "channels": told_of(settings.channels, web=role is Role.WEB),
        "notices": notices_told(settings.notices, web=role is Role.WEB),
        "metrics_port": settings.metrics_port,
        "credentials": _text(settings.credentials),
        "languages": list(settings.languages),
        "slots": str(settings.slots),
        "silence_s": settings.silence_s,
        "purge_days": settings.purge_days,
        "trustees_needed": settings.trustees_needed,
        "line": settings.line,
    }
    if role is Role.WORKER:
        told["language_packs"] = _text(settings.language_packs)
        told["regions"] = _text(settings.regions)
        told["vetters"] = _text(settings.vetters)
        told["vetters_root"] = settings.vetters_root
    return told


def from_child(told: Mapping[str, object]) -> Settings:
    """The settings that `to_child` told. SettingsError when it is not that."""
    try:
        metrics = told["metrics_port"]
        slots = Slots.parse(_as(str, told["slots"]))
        if slots is None:
            raise SettingsError("a process was handed slots that are none")
        return Settings(
            mode=Mode(_as(str, told["mode"])),
            home=Path(_as(str, told["home"])),
            database_url=Sensitive(_as(str, told["database_url"])),
            port=_as(int, told["port"]),
            public_url=_as(str, told["public_url"]),
            channels=channels_of(_as(dict, told["channels"])),
            language_packs=_path_of(told.get("language_packs")),
            languages=tuple(_as(str, code) for code in _as(list, told["languages"])),
            regions=_path_of(told.get("regions")),
            vetters=_path_of(told.get("vetters")),
            vetters_root=None if (root := told.get("vetters_root")) is None else _as(str, root),
            slots=slots,
            silence_s=_as(int, told["silence_s"]),
            purge_days=_as(int, told["purge_days"]),
            trustees_needed=_as(int, told["trustees_needed"]),
            line=_as(str, told["line"]),
            metrics_port=None if metrics is None else _as(int, metrics),
            notices=notices_of(told),
            credentials=_path_of(told.get("credentials")),
        )
    except (KeyError, ValueError, TypeError):
        raise SettingsError("a process was handed something that is not settings") from None


def _as(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path_of(told: object) -> Path | None:
    return None if told is None else Path(_as(str, told))
