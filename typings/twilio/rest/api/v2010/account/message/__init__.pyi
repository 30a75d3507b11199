from collections.abc import Iterator
from datetime import datetime

class Media:
    sid: str
    async def delete_async(self) -> bool: ...

class MediaList:
    async def list_async(self) -> list[Media]: ...

class MessageInstance:
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

class MessagePage(Iterator[MessageInstance]):
    @property
    def next_page_url(self) -> str | None: ...
    def __next__(self) -> MessageInstance: ...

class MessageList:
    def __call__(self, sid: str) -> MessageContext: ...
    async def create_async(self, *, to: str, from_: str, body: str, status_callback: str = ...) -> MessageInstance: ...
    async def page_async(self, *, to: str, date_sent_after: datetime, page_size: int) -> MessagePage: ...
    async def get_page_async(self, target_url: str) -> MessagePage: ...
