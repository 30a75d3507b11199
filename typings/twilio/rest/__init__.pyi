from collections.abc import Iterator, MutableMapping
from datetime import datetime

from twilio.http import HttpClient

class Media:
    sid: str
    async def delete_async(self) -> bool: ...

class MediaList:
    async def list_async(self) -> list[Media]: ...

class Message:
    sid: str | None
    from_: str | None
    to: str | None
    body: str | None
    num_media: str | None
    direction: str | None
    status: str | None
    date_created: datetime | None
    date_sent: datetime | None

class MessageContext:
    @property
    def media(self) -> MediaList: ...
    async def delete_async(self) -> bool: ...

class MessagePage(Iterator[Message]):
    @property
    def next_page_url(self) -> str | None: ...
    def __next__(self) -> Message: ...

class MessageList:
    def __call__(self, sid: str) -> MessageContext: ...
    async def create_async(self, *, to: str, from_: str, body: str, status_callback: str = ...) -> Message: ...
    async def page_async(self, *, to: str, date_sent_after: datetime, page_size: int) -> MessagePage: ...
    async def get_page_async(self, target_url: str) -> MessagePage: ...

class Api:
    base_url: str

class Client:
    def __init__(
        self,
        username: str,
        password: str,
        *,
        http_client: HttpClient,
        environment: MutableMapping[str, str],
    ) -> None: ...
    @property
    def api(self) -> Api: ...
    @property
    def messages(self) -> MessageList: ...
