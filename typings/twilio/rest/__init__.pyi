from collections.abc import MutableMapping

from twilio.http import HttpClient

class Message:
    sid: str

class MessageList:
    async def create_async(self, *, to: str, from_: str, body: str) -> Message: ...

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
