"""A person's own key file, on his own device: the commands that speak with a desk as he does in his browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import typer

from bot.reader import DeskRefused, Reader
from bot.variables import URL_RULE, base_url
from sealing.age import OpenError
from sealing.passphrase import PersonKey, unlock

TIMEOUT_S = 30.0


NOT_LET_IN = (
    "The desk does not let this key in: its person is not enrolled here, or his card is suspended, revoked, expired or another's by now. "
    "Ask your vetters."
)
REFUSED = {"login": NOT_LET_IN, "no_card": NOT_LET_IN}
"""What a refusal of the desk means, where its own code does not say it."""


class DeskError(Exception):
    """Why a person's command came to nothing: one plain sentence without a name or an address."""


def own_key(file: Path, passphrase_file: Path | None) -> PersonKey:
    """Asks for the passphrase where no file holds it. Raises DeskError."""
    try:
        held = file.read_text(encoding="ascii")
        spoken = None if passphrase_file is None else passphrase_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise DeskError("The key file or the passphrase file cannot be read.") from None
    if spoken is None:
        spoken = str(typer.prompt("Passphrase", hide_input=True, err=True))
    try:
        return unlock(held, spoken)
    except OpenError:
        raise DeskError("The passphrase is wrong, or the file is no person's key.") from None


@asynccontextmanager
async def at_desk(address: str, key: PersonKey, transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[Reader]:
    """Logged in at the desk of this address. `transport`: another way than the network. Raises DeskError, also of what is done there."""
    origin = base_url(address)
    if origin is None:
        raise DeskError(f"The desk's address must be {URL_RULE}.")
    try:
        async with httpx.AsyncClient(base_url=origin, transport=transport, timeout=TIMEOUT_S, trust_env=False) as client:
            reader = Reader(client, key, origin)
            await reader.login()
            yield reader
    except DeskRefused as refused:
        raise DeskError(REFUSED.get(refused.code, f"The desk refuses: {refused.code.replace('_', ' ')}.")) from None
    except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError, OpenError):  # their messages hold addresses and answers
        raise DeskError("The desk cannot be reached, or does not answer as a desk does.") from None
