"""Settings of the line: read once from the environment, all problems at once, insecure or contradictory ones refused.

No problem sentence carries a value: it names the variable and what would be right.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from bot.channels import Channels, read_channels
from bot.notice_settings import NoticeWay, read_notices
from bot.variables import (
    GATEWAY,
    NAMES,
    SECRETS,
    TWILIO,
    URL_RULE,
    base_url,
    has_password,
    is_loopback,
    languages,
    sha256_hex,
    split,
    title,
    unknown,
    whole,
)
from handlers.closing import PURGE_DAYS
from handlers.escrow import NEEDED
from handlers.slots import Slots
from triage.sensitive import Sensitive

OTHERS = stat.S_IRWXG | stat.S_IRWXO
CHANNEL_PREFIXES = ("TIPLINE_TWILIO_", "TIPLINE_TELEGRAM_", "TIPLINE_GATEWAY_", "TIPLINE_NOTICE_")
PORT_RULE = "a whole number from 1 to 65535"
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

T = TypeVar("T")


class Mode(StrEnum):
    """LINE: `tipline serve`. PRACTICE: the demo, which must have no real channel. OFFLINE: commands that take no tips (analyse, roster)."""

    LINE = "line"
    PRACTICE = "practice"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Settings:
    mode: Mode
    home: Path
    database_url: Sensitive[str]
    """`sqlite:////absolute/path` or `postgresql://…`; can hold a password."""
    port: int
    public_url: str
    """Scheme and host, without a path or a slash at the end: also the origin of the desk."""
    channels: Channels
    language_packs: Path | None
    languages: tuple[str, ...]
    regions: Path | None
    vetters: Path | None
    """A file, or the folder of a chain of lists."""
    slots: Slots
    silence_s: int
    line: str
    metrics_port: int | None = None
    vetters_root: str | None = None
    purge_days: int = PURGE_DAYS
    trustees_needed: int = NEEDED
    notices: NoticeWay | None = None
    credentials: Path | None = None
    """Systemd's folder of credentials, which may hold long-lived secrets."""

    @property
    def practice(self) -> bool:
        return self.mode is Mode.PRACTICE


class Files(Protocol):
    """What is read of the disk, so that the reading of settings stays pure."""

    def read(self, path: str) -> str:
        """Raises OSError, UnicodeDecodeError."""
        ...

    def mode(self, path: str) -> int | None:
        """`st_mode` of what the path leads to; None when there is nothing."""
        ...


class DiskFiles:
    def read(self, path: str) -> str:
        return Path(path).read_text(encoding="utf-8")

    def mode(self, path: str) -> int | None:
        try:
            return Path(path).stat().st_mode
        except OSError:
            return None


def load_settings(env: Mapping[str, str], files: Files, mode: Mode = Mode.LINE) -> Settings | tuple[str, ...]:
    """The settings, or one sentence for each problem."""
    reader = _Reader(env, files, mode)
    settings = reader.settings()
    return tuple(reader.problems) if reader.problems else settings


class _Reader:
    """Collects problems; each reading method answers with something usable, so that one problem does not hide the next."""

    def __init__(self, env: Mapping[str, str], files: Files, mode: Mode) -> None:
        self._files, self._mode, self._user_home = files, mode, env.get("HOME", "")
        self._credentials = env.get("CREDENTIALS_DIRECTORY", "")
        self.problems: list[str] = unknown(env)
        self._in_env = {name: env[name].strip() for name in NAMES if env.get(name, "").strip()}
        self._values = dict(self._in_env)
        self.given = set(self._in_env)
        """Named in either way, readable or not: a file that cannot be read is one problem, not a missing setting on top."""
        for name in NAMES:
            path = env.get(f"{name}_FILE", "").strip()
            if path:
                self.given.add(name)
                self._read_file(name, path)

    def settings(self) -> Settings:
        practice = self._mode is Mode.PRACTICE
        home = self._home()
        channels = self._channels()
        port = self.value("TIPLINE_PORT", lambda text: whole(text, 1, 65535), PORT_RULE, 8455)
        return Settings(
            mode=self._mode,
            home=home,
            database_url=Sensitive(self._database_url(home)),
            port=port,
            public_url=self._public_url(port),
            channels=channels,
            language_packs=self._path("TIPLINE_LANGUAGE_PACKS", stat.S_ISDIR, "folder"),
            languages=self.value("TIPLINE_LANGUAGES", languages, "language codes (BCP 47) with commas, each once", ("en", "es")),
            regions=self._signed_file("TIPLINE_REGIONS"),
            vetters=self._signed_file("TIPLINE_VETTERS", or_folder=True),
            vetters_root=self.value("TIPLINE_VETTERS_ROOT", sha256_hex, "64 hex digits: tipline vetters show", "") or None,
            slots=self._slots(),
            silence_s=self.value("TIPLINE_SILENCE", lambda text: whole(text, 1, 3600), "seconds, 1 to 3600", 20 if practice else 600),
            line=self.value("TIPLINE_LINE", title, "one line of at most 60 characters", "Practice line" if practice else "Tip line"),
            trustees_needed=self.value("TIPLINE_TRUSTEES_NEEDED", lambda text: whole(text, 2, 20), "a number, 2 to 20", NEEDED),
            purge_days=self.value("TIPLINE_PURGE_DAYS", lambda text: whole(text, 7, 3650), "days, 7 to 3650", PURGE_DAYS),
            metrics_port=self.value("TIPLINE_METRICS_PORT", lambda text: whole(text, 1, 65535), PORT_RULE, 0) or None,
            notices=read_notices(self, channels),
            credentials=Path(self._credentials) if self._credentials.startswith("/") else None,
        )

    def value(self, name: str, parse: Callable[[str], T | None], right: str, default: T) -> T:
        if name not in self._values:
            return default
        value = parse(self._values[name])
        if value is None:
            self.problems.append(f"{name} must be {right}.")
            return default
        return value

    def _read_file(self, name: str, path: str) -> None:
        mode = self._files.mode(path)
        if name in self._in_env:
            self.problems.append(f"{name} and {name}_FILE are both set: keep one.")
        elif mode is None:
            self.problems.append(f"{name}_FILE names a file that does not exist.")
        elif name in SECRETS and mode & self._others(path):
            self.problems.append(f"{name}_FILE names a secret that other users of this machine can read: chmod 600 it.")
        else:
            self._take(name, path)

    def _others(self, path: str) -> int:
        """Systemd lets a service's user read its credentials by an access list, which `st_mode` shows as the group's right to read
        (github.com/systemd/systemd/issues/29435). Their folder is closed to all others."""
        given = bool(self._credentials) and Path(path).parent == Path(self._credentials)
        return OTHERS & ~stat.S_IRGRP if given else OTHERS

    def _take(self, name: str, path: str) -> None:
        try:
            value = self._files.read(path).strip()
        except (OSError, UnicodeDecodeError):
            value = ""
        if value:
            self._values[name] = value
        else:
            self.problems.append(f"{name}_FILE names a file that is empty or cannot be read as text.")

    def _home(self) -> Path:
        folder = ".tipline-practice" if self._mode is Mode.PRACTICE else ".tipline"
        path = self._absolute(self._values.get("TIPLINE_HOME", f"~/{folder}"))
        if path is None:
            self.problems.append("TIPLINE_HOME must be an absolute path.")
            return Path("/nonexistent")
        mode = self._files.mode(str(path))
        if mode is not None and not stat.S_ISDIR(mode):
            self.problems.append("TIPLINE_HOME must be a folder.")
        elif mode is not None and mode & OTHERS:
            self.problems.append("TIPLINE_HOME can be opened by other users of this machine: chmod 700 it.")
        return path

    def _database_url(self, home: Path) -> str:
        name = "TIPLINE_DATABASE_URL"
        text = self._values.get(name, f"sqlite:///{home / 'tipline.db'}")
        url = split(text)
        if url is None or url.scheme not in ("sqlite", "postgresql"):
            self.problems.append(f"{name} must start with sqlite:////absolute/path or postgresql://.")
        elif url.scheme == "sqlite":
            self._check_sqlite(text)
        elif name in self._in_env and has_password(url):
            self.problems.append(f"{name} holds a password, which the environment shows to others: put the URL into {name}_FILE.")
        return text

    def _check_sqlite(self, text: str) -> None:
        path = text.removeprefix("sqlite:///")
        if not path.startswith("/") or "?" in path:
            self.problems.append("TIPLINE_DATABASE_URL must name an absolute path after sqlite:///, and nothing after it.")
        elif (self._files.mode(path) or 0) & OTHERS:
            self.problems.append("TIPLINE_DATABASE_URL names a file that other users of this machine can read: chmod 600 it.")

    def _public_url(self, port: int) -> str:
        name, local = "TIPLINE_PUBLIC_URL", f"http://127.0.0.1:{port}"
        if self._mode is Mode.LINE and name not in self.given:
            self.problems.append(f"{name} is missing: the address that Twilio and the investigators' browsers call.")
        url = self.value(name, base_url, URL_RULE, local)
        if self._mode is Mode.PRACTICE and not is_loopback(urlsplit(url).hostname or ""):
            self.problems.append(f"Practice is for this machine alone: leave {name} out.")
        return url

    def _channels(self) -> Channels:
        given = [name for name in NAMES if name in self.given and name.startswith(CHANNEL_PREFIXES)]
        if given and self._mode is Mode.PRACTICE:
            self.problems.append(f"Practice takes no real channel: leave {', '.join(given)} out.")
        channels = read_channels(self)
        if self._mode is Mode.LINE and channels.none:
            self.problems.append(
                f"No channel is set: give TIPLINE_TELEGRAM_TOKEN, or {', '.join(TWILIO)}, or {', '.join(GATEWAY)}; "
                "or try the line with `tipline demo`."
            )
        return channels

    def _slots(self) -> Slots:
        default = Slots((), "UTC", 5) if self._mode is Mode.PRACTICE else Slots((time(8), time(14), time(20)), "UTC")
        slots = self.value("TIPLINE_SLOTS", Slots.parse, "times of day and a time zone, as 08:00,14:00,20:00 Europe/Madrid", default)
        if slots.every_s is not None and self._mode is Mode.LINE:
            self.problems.append("TIPLINE_SLOTS in seconds is for practice alone: it would show when a tip came.")
        return slots

    def _signed_file(self, name: str, *, or_folder: bool = False) -> Path | None:
        """What decides who may read: it must be there, and not be writable by others."""
        if self._mode is Mode.LINE and name not in self.given:
            self.problems.append(f"{name} is missing: without it nobody can be kept from a case.")
        path = self._path(name, lambda mode: stat.S_ISREG(mode) or (or_folder and stat.S_ISDIR(mode)), "file")
        if path is not None and (self._files.mode(str(path)) or 0) & OTHERS_WRITE:
            self.problems.append(f"{name} names a file that other users of this machine can change: chmod 644 it.")
        return path

    def _path(self, name: str, is_right: Callable[[int], bool], what: str) -> Path | None:
        if name not in self._values:
            return None
        path = self._absolute(self._values[name])
        if path is None:
            self.problems.append(f"{name} must be an absolute path.")
            return None
        if not is_right(self._files.mode(str(path)) or 0):
            self.problems.append(f"{name} names a {what} that does not exist.")
        return path

    def _absolute(self, text: str) -> Path | None:
        path = Path(self._user_home, text[2:]) if text.startswith("~/") else Path(text)
        return path if path.is_absolute() and "\0" not in text else None
