"""What every way in does alike: take a message and tell the log that, or refuse a request and tell the log why."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from bot.logs import Event, event
from handlers.channels import Refused
from handlers.intake import Acceptor
from sealing.rows import Accepted
from triage.tip import Inbound

STATUS = {Refused.BAD_SIGNATURE: 403, Refused.NOT_FOR_US: 200, Refused.UNREADABLE: 400}


async def take(acceptor: Acceptor, message: Inbound) -> None:
    """Durable on return. Raises StorageDown, which the application answers with 503."""
    accepted = await acceptor.accept(message)
    event(Event.ACCEPTED if accepted is Accepted.NEW else Event.DUPLICATE)


def refused(why: Refused) -> Response:
    event(Event.REQUEST_REFUSED, why=why)
    return PlainTextResponse("", STATUS[why])
