"""The parent's side of the translation child: starts it with an empty environment, asks, and kills it when it is silent for too long."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from translations.packages import Pack, Shelf, shelf
from triage.language import Translation
from triage.sensitive import Sensitive

_LONGEST_LINE = 1 << 24
"""Bytes of one answer."""
_TEST_S = 300
"""Seconds for a self-test, which loads a large model from a cold disk."""


@dataclass(frozen=True, slots=True)
class Direction:
    """A way between two languages, direct or through English. `chrf` is that of its weakest package."""

    source: str
    target: str
    package: str
    quality: str
    chrf: float | None
    trusted: bool


class ChildTranslator:
    """Implements handlers.ports.Translator. One request at a time; for one event loop; `close()` at the end."""

    def __init__(self, packs_dir: Path, timeout_s: float = 20) -> None:
        self._packs_dir = packs_dir
        self._timeout_s = timeout_s
        self._shelf = shelf(packs_dir)
        self._turn = asyncio.Lock()
        self._ids = count(1)
        self._child: asyncio.subprocess.Process | None = None
        self.network: str | None = None
        """What keeps the child off the network, as it said when it last started: `namespace`, `seccomp` or `open`."""

    async def translate(self, text: Sensitive[str], source: str, target: str) -> Translation | None:
        """None = not translated: no package for these languages, or the child died or took longer than `timeout_s`. Raises nothing."""
        route = self._shelf.route(_base(source), _base(target))
        if not route:
            return None
        async with self._turn:
            answer = await self._ask(text, [pack.name for pack in route])
        if answer is None:
            return None
        way = _direction(route)
        return Translation(text=answer, package=way.package, quality=way.quality, chrf=way.chrf or 0.0, trusted=way.trusted)

    async def start(self) -> str | None:
        """Starts the child before the first tip needs it; what keeps it off the network, None when it does not start."""
        async with self._turn:
            await self._ask(Sensitive(""), [])
        return self.network

    def directions(self) -> list[Direction]:
        """Every pair of languages that can be translated, direct or through English."""
        codes = sorted({code for pack in self._shelf.packs for code in (pack.source, pack.target)})
        routes = (self._shelf.route(source, target) for source in codes for target in codes)
        return [_direction(route) for route in routes if route]

    def refresh(self) -> Shelf:
        """Reads the packs folder again, after a package was added."""
        self._shelf = shelf(self._packs_dir)
        return self._shelf

    async def close(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            child.kill()
        await child.communicate()

    async def _ask(self, text: Sensitive[str], packs: Sequence[str]) -> Sensitive[str] | None:
        """One question to the child. After anything but a whole answer it is killed: a late answer must not be taken for the next one's."""
        number = next(self._ids)
        question = {"id": number, "texts": [text.reveal()], "packs": list(packs)}
        translated: str | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                if self._child is not None:
                    translated = _text(await _exchange(self._child, question), number)
                if translated is None:  # none yet, or it ended since it last answered: a fresh one is asked once
                    translated = _text(await _exchange(await self._started(), question), number)
        except (TimeoutError, OSError):
            pass
        finally:
            if translated is None:
                await self.close()
        return Sensitive(translated) if translated is not None else None

    async def _started(self) -> asyncio.subprocess.Process:
        """Raises OSError when no process can be made."""
        await self.close()
        child = self._child = await asyncio.create_subprocess_exec(
            *child_command(),
            env=child_environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_LINE,
        )
        ready = await _exchange(child, {"packs": str(self._packs_dir.resolve())})
        self.network = str(ready.get("network")) if isinstance(ready, dict) else None
        return child


def translate_once(packs_dir: Path, packs: Sequence[str], texts: Sequence[str]) -> list[str] | None:
    """Translates in a child of its own, waiting for it; for self-tests and the command line. None when the child died or took too long."""
    lines = [{"packs": str(packs_dir.resolve())}, {"id": 1, "texts": list(texts), "packs": list(packs)}]
    try:
        done = subprocess.run(  # noqa: S603 our own interpreter and module
            child_command(),
            env=child_environment(),
            input="".join(json.dumps(line) + "\n" for line in lines).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TEST_S,
            check=True,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, OSError, ValueError, IndexError):
        return None
    return [str(text) for text in answer["texts"]] if isinstance(answer, dict) and "texts" in answer else None


def child_command() -> list[str]:
    """`-P`: only PYTHONPATH is searched, not the folder we happen to stand in."""
    return [sys.executable, "-P", "-X", "utf8", "-m", "translations.child"]


def child_environment() -> dict[str, str]:
    """Nothing of ours: no secret, no HOME, no proxy. The path puts our rooms before the `tests` that argostranslate's wheel ships."""
    return {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}


async def _exchange(child: asyncio.subprocess.Process, message: dict[str, object]) -> object:
    """Writes a line, reads a line. None when the child is gone or speaks no JSON."""
    if child.stdin is None or child.stdout is None:
        return None
    try:
        child.stdin.write(json.dumps(message).encode() + b"\n")
        await child.stdin.drain()
        answer: object = json.loads(await child.stdout.readline())
    except (OSError, ValueError):
        return None
    return answer


def _text(answer: object, number: int) -> str | None:
    match answer:
        case {"id": int(id), "texts": [str(text)]} if id == number:
            return text
    return None


def _direction(route: Sequence[Pack]) -> Direction:
    scores = [pack.chrf for pack in route]
    return Direction(
        source=route[0].source,
        target=route[-1].target,
        package=" + ".join(pack.name for pack in route),
        quality="practice" if any(pack.quality == "practice" for pack in route) else "package",
        chrf=None if None in scores else min(score for score in scores if score is not None),
        trusted=all(pack.trusted for pack in route),
    )


def _base(code: str) -> str:
    """Packages are named by the bare language: "es-MX" -> "es"."""
    return code.split("-", 1)[0]
