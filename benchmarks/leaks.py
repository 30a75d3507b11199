"""Looks for what generated requests brought, in what the line has stored: the databases' files, and each row as PostgreSQL shows it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg

from benchmarks.chance import CHAT, MARK, PHONE
from tests.canary import Search

WORDS = {"text": MARK, "phone": PHONE, "chat": CHAT}
_SEARCH = Search(WORDS)
PIECE = 8 * 1024 * 1024
OVERLAP = 256
PLAIN = {f"{what}, plain" for what in WORDS}


def in_text(text: str) -> bool:
    return any(word in text for word in WORDS.values())


def in_database(url: str, *, wal: bool = True) -> dict[str, set[str]]:
    """Where was looked ("files", "rows") -> what was found. Files of PostgreSQL only where we may read them.

    `wal`: its log, too, which all databases of a server share; SQLite's own always.
    """
    if url.startswith("sqlite:///"):
        file = Path(url.removeprefix("sqlite:///"))
        return {"files": in_files(file.parent.glob(f"{file.name}*"))}
    with psycopg.connect(url, autocommit=True) as connection:
        found = {"rows": set(_in_rows(connection))}
        if (folders := _folders(connection, wal=wal)) is not None:
            found["files"] = in_files(file for folder in folders for file in folder.rglob("*"))
    return found


def _folders(connection: psycopg.Connection, *, wal: bool) -> list[Path] | None:
    """Once all is written to them. None on another machine, and for who may not ask."""
    [(mighty,)] = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not mighty:
        return None
    connection.execute("CHECKPOINT")
    asked = "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
    [(folder, number)] = connection.execute(asked)
    data = Path(folder)
    if not os.access(data, os.R_OK | os.X_OK):
        return None
    return [data / "base" / str(number), *([data / "pg_wal"] if wal else [])]


def _in_rows(connection: psycopg.Connection) -> Iterator[str]:
    names = [str(row[0]) for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    for name in names:
        with connection.cursor().copy(f'COPY "{name}" TO STDOUT'.encode()) as rows:
            yield from _in_pieces(name, (bytes(row) for row in rows))


def in_files(files: Iterable[Path]) -> set[str]:
    """By content, of any size. A file that cannot be read is an OSError: what was not looked at is not clean."""
    found: set[str] = set()
    for file in files:
        if file.is_file():
            with file.open("rb") as opened:
                found |= set(_in_pieces(file.name, iter(lambda: opened.read(PIECE), b"")))
    return found


def _in_pieces(where: str, pieces: Iterable[bytes]) -> Iterator[str]:
    """Joined to PIECE and more, each with the end of the one before, so that nothing hides between two."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= PIECE:
            yield from _SEARCH.within(where, bytes(held))
            del held[:-OVERLAP]
    yield from _SEARCH.within(where, bytes(held))


def plant(url: str) -> None:
    """All words, in clear, where the search must find them."""
    make, put = "CREATE TABLE planted (said text)", "INSERT INTO planted (said) VALUES ({})"
    said = (" ".join(WORDS.values()),)
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute(make)
        connection.execute(put.format("?"), said)
        connection.close()
    else:
        with psycopg.connect(url, autocommit=True) as opened:
            opened.execute(make.encode())
            opened.execute(put.format("%s").encode(), said)
