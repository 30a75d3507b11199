"""A Twilio account's log of messages: what the Messages and Media resources show, page by page, and what can be deleted from it.

Shapes from https://www.twilio.com/docs/messaging/api/message-resource and https://www.twilio.com/docs/messaging/api/media-resource.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

UNSENT = frozenset({"accepted", "scheduled", "queued", "sending"})
UNFINISHED = UNSENT | {"sent", "receiving"}
"""Not deleted yet: of a text that was sent, a carrier's word is waited for. https://www.twilio.com/docs/api/errors/20009"""


@dataclass
class Entry:
    """A message in the log. `media`: ids of its attachments. `callback`: where its status is told."""

    sid: str
    direction: str
    sender: str
    to: str
    body: str
    status: str
    at: datetime
    media: list[str] = field(default_factory=list)
    callback: str | None = None
    error: int = 0


def media_sids(count: int) -> list[str]:
    return ["ME" + secrets.token_hex(16) for _ in range(count)]


@dataclass
class AccountLog:
    account: str
    entries: dict[str, Entry] = field(default_factory=dict)

    def add(self, entry: Entry) -> Entry:
        self.entries[entry.sid] = entry
        return entry

    def listed(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Newest first, so many on a page, and the address of the next one. Filters know whole days."""
        size = min(int(query.get("PageSize", "50")), 1000)
        found = sorted(filter(lambda entry: _asked_for(entry, query), self.entries.values()), key=lambda entry: entry.at, reverse=True)
        start = _after(found, query.get("PageToken", ""))
        page, number = found[start : start + size], int(query.get("Page", "0"))
        following = None
        if start + size < len(found):
            kept = {name: value for name, value in query.items() if name not in ("Page", "PageToken")}
            following = {**kept, "PageSize": str(size), "Page": str(number + 1), "PageToken": f"PA{page[-1].sid}"}
        uri = f"/2010-04-01/Accounts/{self.account}/Messages.json"
        return {
            "messages": [self.shown(entry) for entry in page],
            "first_page_uri": f"{uri}?{urlencode({'PageSize': size, 'Page': 0})}",
            "next_page_uri": None if following is None else f"{uri}?{urlencode(following)}",
            "previous_page_uri": None,
            "page": number,
            "page_size": size,
            "start": start,
            "end": start + len(page) - 1,
            "uri": f"{uri}?{urlencode(query)}",
        }

    def shown(self, entry: Entry) -> dict[str, Any]:
        uri = f"/2010-04-01/Accounts/{self.account}/Messages/{entry.sid}"
        at = format_datetime(entry.at)
        return {
            "account_sid": self.account,
            "api_version": "2010-04-01",
            "body": entry.body,
            "date_created": at,
            "date_sent": None if entry.status in UNSENT else at,
            "date_updated": at,
            "direction": entry.direction,
            "error_code": entry.error or None,
            "error_message": None,
            "from": entry.sender,
            "messaging_service_sid": None,
            "num_media": str(len(entry.media)),
            "num_segments": "1",
            "price": None,
            "price_unit": None,
            "sid": entry.sid,
            "status": entry.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "tags": None,
            "to": entry.to,
            "uri": f"{uri}.json",
        }

    def media_shown(self, entry: Entry) -> dict[str, Any]:
        uri = f"/2010-04-01/Accounts/{self.account}/Messages/{entry.sid}/Media"
        at = format_datetime(entry.at)
        kept = {"account_sid": self.account, "parent_sid": entry.sid, "content_type": "image/jpeg", "date_created": at, "date_updated": at}
        return {
            "media_list": [{**kept, "sid": sid, "uri": f"{uri}/{sid}.json"} for sid in entry.media],
            "first_page_uri": f"{uri}.json?PageSize=50&Page=0",
            "next_page_uri": None,
            "previous_page_uri": None,
            "page": 0,
            "page_size": 50,
            "start": 0,
            "end": max(0, len(entry.media) - 1),
            "uri": f"{uri}.json",
        }


def _asked_for(entry: Entry, query: Mapping[str, str]) -> bool:
    day = entry.at.astimezone(UTC).date()
    return (
        query.get("To", entry.to) == entry.to
        and query.get("From", entry.sender) == entry.sender
        and ("DateSent>" not in query or day >= date.fromisoformat(query["DateSent>"][:10]))
        and ("DateSent<" not in query or day <= date.fromisoformat(query["DateSent<"][:10]))
    )


def _after(found: Sequence[Entry], token: str) -> int:
    """A page begins after the last message of the one before, whatever has come since."""
    sids = [entry.sid for entry in found]
    return sids.index(token.removeprefix("PA")) + 1 if token else 0
