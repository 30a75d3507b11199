"""Sending text and WhatsApp messages through Twilio, knowing whether one left, and having it deleted there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from handlers.channels import NOT_WRITTEN, UNCERTAIN, pieces, whole
from handlers.ports import Erasing, MaybeSent, NotSent, Sent, Unsent, Wait
from handlers.text import MAX_TEXT, PREFIX, SMS, STATUS_PATH, fit_sms
from handlers.twilio_client import UNANSWERED, Refusal, TwilioAccount
from triage.sensitive import Sensitive

CLOSED = frozenset({21610, 63014, 63016})
"""Not before the source writes again: opted out, blocked us, outside WhatsApp's 24 hours. https://www.twilio.com/docs/api/errors"""

UNREACHABLE = frozenset({21211, 21214, 21217, 21612, 21614, 21635, 63003, 63024})
"""Codes that will stay so for this address: not a number, not a mobile, a landline, no route, not on WhatsApp."""

NOT_FINAL = frozenset({20009, 20409})
"""A message that Twilio still works on is not deleted: "wait several minutes" (docs/api/errors/20009)."""

SLOWER_MS = 10_000
NOT_FINAL_MS = 600_000
GONE = 404


class TwilioSender:
    """handlers.ports.Sender for numbers (`sms`) or for WhatsApp addresses (`whatsapp`)."""

    erasing = Erasing.SEALED

    def __init__(
        self,
        account_sid: str,
        auth_token: Sensitive[str],
        number: str,
        api_url: str,
        timeout_s: float = 15.0,
        *,
        channel: str = SMS,
        public_url: str | None = None,
    ) -> None:
        """`number`: the line's own on this channel. `public_url`: where Twilio tells what became of a text; None = it does not."""
        self._prefix = PREFIX[channel]
        self._number = self._prefix + number
        self._public_url = None if public_url is None else public_url.rstrip("/")
        self._twilio = TwilioAccount(account_sid, auth_token, api_url, timeout_s)

    @property
    def receipts(self) -> bool:
        return self._public_url is not None

    async def send(self, address: Sensitive[str], text: Sensitive[str], cause: str) -> Sent | Unsent:
        """One text, in as few requests as Twilio takes it.

        Raises NotSent (nothing left; its args are Twilio's HTTP status and code, or none), Wait, MaybeSent. A long text whose later part
        fails has left in part: MaybeSent.
        """
        refs: list[str] = []
        parts = pieces(fit_sms(whole(text.reveal())), MAX_TEXT)
        callback = self._callback(cause, len(parts))
        for part in parts:
            try:
                result = await self._post(address.reveal(), part, callback)
            except NotSent:
                if refs:
                    raise MaybeSent from None
                raise
            if isinstance(result, Unsent):
                if refs:
                    raise MaybeSent
                return result
            refs.append(result)
        return Sent(tuple(refs))

    def _callback(self, cause: str, parts: int) -> str | None:
        """Of a text in several parts, that one of them arrived tells nothing of the whole."""
        if self._public_url is None:
            return None
        return f"{self._public_url}{STATUS_PATH}?id={cause}" + (f"&parts={parts}" if parts > 1 else "")

    async def _post(self, to: str, body: str, callback: str | None) -> str | Unsent:
        """Twilio's id of the message."""
        more = {} if callback is None else {"status_callback": callback}
        try:
            made = await self._twilio.api.messages.create_async(to=self._prefix + to, from_=self._number, body=body, **more)
        except Refusal as refusal:
            return _unsent(refusal)
        except NOT_WRITTEN:
            raise NotSent from None
        except UNANSWERED:
            raise MaybeSent from None
        return str(made.sid)

    async def erase(self, address: Sensitive[str], ref: str) -> None:
        """The message's media, then the message. Raises NotSent, Wait (also while Twilio still works on it)."""
        del address  # Twilio knows a message by its id alone
        message = self._twilio.api.messages(ref)
        try:
            for media in await message.media.list_async():
                await _unless_gone(media.delete_async)
            await message.delete_async()
        except Refusal as refusal:
            _unerased(refusal)
        except (*NOT_WRITTEN, *UNANSWERED):
            raise NotSent from None

    async def close(self) -> None:
        await self._twilio.close()


def _unsent(refusal: Refusal) -> Unsent:
    """What a refusal of a text means. Raises NotSent, Wait, MaybeSent."""
    if refusal.code in CLOSED:
        return Unsent.CLOSED
    if refusal.code in UNREACHABLE:
        return Unsent.BLOCKED
    if refusal.slower:
        raise Wait(SLOWER_MS) from None
    if refusal.status in UNCERTAIN:
        raise MaybeSent from None
    raise NotSent(refusal.status, refusal.code) from None


async def _unless_gone(delete: Callable[[], Awaitable[bool]]) -> None:
    try:
        await delete()
    except Refusal as refusal:
        if refusal.status != GONE:
            raise


def _unerased(refusal: Refusal) -> None:
    """What a refusal to delete means: nothing when it is gone. Raises NotSent, Wait."""
    if refusal.status == GONE:
        return
    if refusal.slower:
        raise Wait(SLOWER_MS) from None
    if refusal.code in NOT_FINAL or refusal.status == 409:
        raise Wait(NOT_FINAL_MS) from None
    raise NotSent(refusal.status, refusal.code) from None
