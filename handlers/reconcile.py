"""What Twilio's webhook missed: Twilio does not deliver a message again that met a 5xx, but keeps it until we have it deleted.

So its log is listed at the start and from time to time, and what we never took is accepted like any other message, with the time at which
it was sent: a late one is taken and not answered. https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from handlers.channels import NOT_WRITTEN, Refused
from handlers.intake import Acceptor
from handlers.text import MESSAGE_SID, PREFIX, LineNumbers, control_of, count_of
from handlers.twilio_client import UNANSWERED, Refusal, TwilioAccount
from sealing.points import Point, reached
from sealing.rows import Accepted
from triage.sensitive import Sensitive
from triage.tip import Inbound

if TYPE_CHECKING:  # a third of a second that no command line should wait for
    from twilio.rest.api.v2010.account.message import MessageInstance, MessagePage

OLDEST = timedelta(days=390)
"""Dedupe tags live 400 days: what is older would count as new."""
OVERLAP = timedelta(days=2)
"""Twilio's filter knows days, and a message can show late in its log."""
PAGE_SIZE = 100
MOST_PAGES = 10_000


class ListingFailed(Exception):
    """Twilio did not list. `status` of HTTP and `code` of its refusal, 0 where there was none. Try again later."""

    def __init__(self, status: int = 0, code: int = 0) -> None:
        super().__init__(status, code)
        self.status, self.code = status, code


class Known(Protocol):
    async def unseen(self, tags: Collection[str]) -> frozenset[str]:
        """Which of these dedupe tags no message bore. Raises sealing.rows.StorageDown."""
        ...


@dataclass(frozen=True, slots=True)
class Tally:
    """`taken` = messages that nobody had taken; `unreadable` = entries of the log that are no message we know."""

    taken: int = 0
    unreadable: int = 0


class TwilioLog:
    """Accepts what the webhook missed."""

    def __init__(self, account: TwilioAccount, numbers: LineNumbers, acceptor: Acceptor, known: Known) -> None:
        self._account, self._numbers, self._acceptor, self._known = account, numbers, acceptor, known
        self._since = dict[str, datetime]()

    async def reconcile(self) -> Tally:
        """The first time of the last 390 days, then of the days since the last time that went well.

        Raises ListingFailed, StorageDown; what was accepted before stays so.
        """
        now = datetime.fromtimestamp(self._acceptor.clock.now_ms() / 1000, UTC)
        taken = unreadable = 0
        for channel, number in self._numbers.by_channel.items():
            async for page in self._pages(PREFIX[channel] + number, self._since.get(channel, now - OLDEST)):
                reached(Point.LISTED)
                entries = [read_listed(entry, self._numbers, now) for entry in page]
                taken += await self._accept([entry for entry in entries if isinstance(entry, Inbound)])
                unreadable += entries.count(Refused.UNREADABLE)
            self._since[channel] = now - OVERLAP
        return Tally(taken, unreadable)

    async def close(self) -> None:
        await self._account.close()

    async def _accept(self, messages: Sequence[Inbound]) -> int:
        """What is known already is not even sealed: it would count against its sender's pace."""
        tags = {message.provider_id: self._acceptor.keys.dedupe_tag(message.channel, message.provider_id) for message in messages}
        unseen = await self._known.unseen(tags.values())
        missed = [message for message in messages if tags[message.provider_id] in unseen]
        return sum([await self._acceptor.accept(message) is Accepted.NEW for message in missed])

    async def _pages(self, to: str, since: datetime) -> AsyncIterator[Sequence[MessageInstance | None]]:
        """The oldest first, as they were written. Twilio lists the newest first: of all pages but one only the address is kept."""
        addresses: list[str | None] = [None]
        page = await self._page(to, since, None)
        while page.following is not None and len(addresses) < MOST_PAGES:
            addresses.append(page.following)
            page = await self._page(to, since, page.following)
        yield page.entries
        for address in reversed(addresses[:-1]):
            yield (await self._page(to, since, address)).entries

    async def _page(self, to: str, since: datetime, address: str | None) -> _Page:
        log = self._account.api.messages
        try:
            if address is None:
                return _oldest_first(await log.page_async(to=to, date_sent_after=since, page_size=PAGE_SIZE))
            return _oldest_first(await log.get_page_async(address))
        except Refusal as refusal:
            raise ListingFailed(refusal.status, refusal.code) from None
        except (*NOT_WRITTEN, *UNANSWERED):
            raise ListingFailed from None


@dataclass(frozen=True, slots=True)
class _Page:
    """`entries`: None for one that twilio's client cannot read. `following`: address of the next."""

    entries: Sequence[MessageInstance | None]
    following: str | None


def _oldest_first(page: MessagePage) -> _Page:
    """One entry that cannot be read must not hide the others."""
    entries: list[MessageInstance | None] = []
    while True:
        try:
            entries.append(next(page))
        except StopIteration:
            return _Page(entries[::-1], page.next_page_url)
        except (TypeError, ValueError, AttributeError):
            entries.append(None)


def read_listed(entry: MessageInstance | None, numbers: LineNumbers, now: datetime) -> Inbound | Refused:
    """A message to one of our numbers; NOT_FOR_US what is ours, older than we remember, or not wholly there yet."""
    if entry is None:
        return Refused.UNREADABLE
    sent = entry.date_sent or entry.date_created or now - OVERLAP  # without a date: late, so that it is not answered
    if entry.direction != "inbound" or entry.status == "receiving" or sent < now - OLDEST:
        return Refused.NOT_FOR_US
    sid, body = entry.sid or "", entry.body or ""
    whose = numbers.whose(entry.from_ or "", entry.to or "")
    if isinstance(whose, Refused):
        return whose
    if not MESSAGE_SID.fullmatch(sid):
        return Refused.UNREADABLE
    channel, address = whose
    media, control = count_of(entry.num_media), control_of(channel, body)
    return Inbound(channel, address, Sensitive(body), sid, now, sent=sent, media=media, control=control, ref=sid)
