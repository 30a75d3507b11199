"""The practice channel: phones in a browser page. In practice alone; its texts live in the web process's memory and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

import httpx

from handlers.ports import Erasing, MaybeSent, NotSent, Sent, Unsent
from triage.sensitive import Sensitive
from triage.tip import Inbound

CHANNEL = "handset"
LONGEST = 4096
"""Characters of one message; the page's box takes no more."""
PHONE = re.compile(r"\+?[0-9 ]{3,24}")


def read_handset(fields: Mapping[str, object], received: datetime) -> Inbound | None:
    """None when it is not a message of the page."""
    phone, text, provider_id = (fields.get(name) for name in ("phone", "text", "id"))
    if not (isinstance(phone, str) and isinstance(text, str) and isinstance(provider_id, str)):
        return None
    if not PHONE.fullmatch(phone) or len(text) > LONGEST or not 0 < len(provider_id) <= 64 or not provider_id.isascii():
        return None
    return Inbound(CHANNEL, Sensitive(phone), Sensitive(text), provider_id, received)


class HandsetSender:
    """handlers.ports.Sender: hands a text to the web process's mailbox over loopback."""

    erasing = Erasing.NEVER
    receipts = False

    def __init__(self, base_url: str, token: Sensitive[str]) -> None:
        self._url = f"{base_url}/handset/deliver"
        self._headers = {"Authorization": f"Practice {token.reveal()}"}
        self._http = httpx.AsyncClient(timeout=5.0, trust_env=False)

    async def send(self, address: Sensitive[str], text: Sensitive[str], cause: str) -> Sent | Unsent:
        """Raises NotSent, MaybeSent."""
        del cause  # the mailbox has no place for a name of ours
        try:
            answer = await self._http.post(self._url, json={"phone": address.reveal(), "text": text.reveal()}, headers=self._headers)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise NotSent from None
        except httpx.HTTPError:
            raise MaybeSent from None
        if answer.status_code != 204:
            raise NotSent from None
        return Sent()

    async def erase(self, address: Sensitive[str], ref: str) -> None:
        """A practice phone keeps its own texts."""

    async def close(self) -> None:
        await self._http.aclose()
