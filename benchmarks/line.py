"""A line with every channel, for a benchmark: fresh secrets, fresh databases on both engines."""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from bot.channels import Channels, Gateway, Telegram, Twilio
from bot.keyrings import SECRETS
from bot.settings import Mode, Settings
from handlers.gateway import FieldMap, SendMap
from handlers.slots import Slots
from sealing.keyring import make_secrets
from storage.engine import open_database
from tests.databases import sqlite_url
from tests.peers.twilio import PRACTICE_SID, PRACTICE_TOKEN
from tests.postgres import GIVEN, postgres_server
from triage.sensitive import Sensitive

PUBLIC = "https://line.example.org"
NUMBER, WHATSAPP = "+15005550006", "+15005550007"
NOWHERE = "http://127.0.0.1:9"
"""Nobody listens there: no benchmark talks to a provider."""
HOOK_SECRET = "bench-hook-secret-0123456789"
GATEWAY_SECRET = "bench-gateway-secret-0123456789"

CHANNELS = Channels(
    Twilio(PRACTICE_SID, Sensitive(PRACTICE_TOKEN), NUMBER, NOWHERE, WHATSAPP),
    Telegram(None, Sensitive(HOOK_SECRET), NOWHERE),
    Gateway(Sensitive(GATEWAY_SECRET), FieldMap(), f"{NOWHERE}/message", Sensitive(""), SendMap()),
)


def line_settings(home: Path, url: str, port: int, channels: Channels = CHANNELS) -> Settings:
    """Of a real line, as its web process is told them. Makes the secrets that `home` lacks."""
    home.mkdir(mode=0o700, exist_ok=True)
    if not (home / SECRETS).exists():
        make_secrets(home / SECRETS, secrets.token_bytes)
    return Settings(
        mode=Mode.LINE,
        home=home,
        database_url=Sensitive(url),
        port=port,
        public_url=PUBLIC,
        channels=channels,
        language_packs=None,
        languages=("en", "es"),
        regions=None,
        vetters=None,
        slots=Slots((), "UTC", 60),
        silence_s=600,
        line="Bench line",
    )


def migrated(url: str) -> str:
    """The same URL, once its tables stand."""

    async def migrate() -> None:
        database = open_database(url)
        await database.migrate()
        await database.close()

    asyncio.run(migrate())
    return url


def sqlite_database(folder: Path) -> str:
    return migrated(sqlite_url(folder / f"{secrets.token_hex(4)}.db"))


def postgres_database(server: str) -> str:
    name = f"tipline_{secrets.token_hex(8)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return migrated(make_url(server).set(database=name).render_as_string(hide_password=False))


@contextmanager
def durable_postgres() -> Iterator[str]:
    """A server that waits for the disk at each commit: the tests' own does not, and that would be measuring memory."""
    with postgres_server() as server:
        if GIVEN not in os.environ:
            with psycopg.connect(server, autocommit=True) as connection:
                for name in (b"fsync", b"synchronous_commit", b"full_page_writes"):
                    connection.execute(b"ALTER SYSTEM SET " + name + b" = on")
                connection.execute("SELECT pg_reload_conf()")
        yield server


def machine() -> dict[str, object]:
    return {"cpus": os.cpu_count(), "cpu": _cpu(), "system": platform.system(), "python": platform.python_version()}


def _cpu() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
