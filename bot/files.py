"""Files that an operator keeps, read once at start."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path

from bot.keyrings import worker_folder
from bot.settings import Settings
from handlers.roster import Vetters
from handlers.roster_log import RosterLog
from sealing.dead_cards import NAME, DeadCards, DeadCardsError
from sealing.vetters import ChainError, VetterList, first_list, follow, parse_signed_list
from triage.lexicon import Lexicon

_LIST = re.compile(r"[1-9][0-9]*\.json")
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
LEXICONS = Path(__file__).resolve().parent.parent / "triage" / "data"


class VettersError(ValueError):
    """The pinned vetters cannot be used. One sentence, without a name."""


def pinned_vetters(settings: Settings, path: Path) -> Vetters:
    """The vetters of a line that was started once, with what it remembers of its roster. Raises VettersError."""
    try:
        dead = DeadCards(worker_folder(settings) / NAME)
    except DeadCardsError as fault:
        raise VettersError(str(fault)) from None
    return load_vetters(path, practice=settings.practice, root=settings.vetters_root, dead=dead)


def load_vetters(path: Path, *, practice: bool = False, root: str | None = None, dead: DeadCards | None = None) -> Vetters:
    """The newest list of the chain in `path`: a folder with 1.json, 2.json and so on, or the first list's file alone (sealing/vetters.py).
    `root`: hex SHA-256 that the first must have. `practice`: they vouch for practice cards. Raises VettersError."""
    lists = read_chain(path, root)
    now = lists[-1]
    return Vetters(
        now.keys,
        {vetter.fingerprint: vetter.agency for each in lists for vetter in each.vetters},
        now.one_house,
        practice,
        {vetter.fingerprint: vetter.recipient for vetter in now.vetters if vetter.recipient},
        lists=tuple(each.hash for each in lists),
        founding=frozenset(lists[0].keys),
        past={name: key for each in lists for name, key in each.keys.items()},
        log=RosterLog(dead),
    )


def read_chain(path: Path, root: str | None = None) -> tuple[VetterList, ...]:
    """Every list, each signed by more than half of the one before. Raises VettersError."""
    try:
        first, *later = [_bytes_of(file) for file in (_numbered(path) if path.is_dir() else [path])]
        lists = [first_list(first)]
        if root is not None and lists[0].hash != root:
            raise VettersError("the first list of vetters is not the one that TIPLINE_VETTERS_ROOT names")
        for data in later:
            lists.append(follow(lists[-1], parse_signed_list(data)))
    except ChainError as fault:
        raise VettersError(str(fault)) from None
    return tuple(lists)


def _numbered(folder: Path) -> list[Path]:
    try:
        if folder.stat().st_mode & OTHERS_WRITE:
            raise VettersError("other users of this machine can change the folder of vetters: chmod 755 it")
        found = {int(file.stem): file for file in folder.iterdir() if _LIST.fullmatch(file.name)}
    except OSError:
        raise VettersError("the folder of vetters cannot be read") from None
    if not found or sorted(found) != list(range(1, len(found) + 1)):
        raise VettersError("the folder of vetters needs the lists 1.json, 2.json and so on, without a gap")
    return [found[number] for number in sorted(found)]


def _bytes_of(file: Path) -> bytes:
    try:
        if file.stat().st_mode & OTHERS_WRITE:
            raise VettersError("other users of this machine can change a list of vetters: chmod 644 it")
        return file.read_bytes()
    except OSError:
        raise VettersError("a list of vetters cannot be read") from None


def load_lexicons() -> tuple[Lexicon, ...]:
    """Every lexicon file of triage/data."""
    return tuple(
        Lexicon.from_mapping(file.stem, tomllib.loads(file.read_text(encoding="utf-8"))) for file in sorted(LEXICONS.glob("*.toml"))
    )
