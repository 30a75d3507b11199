from collections.abc import MutableMapping

from twilio.http import HttpClient
from twilio.rest.api.v2010.account.incoming_phone_number import IncomingPhoneNumberList
from twilio.rest.api.v2010.account.message import MessageList

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
    def incoming_phone_numbers(self) -> IncomingPhoneNumberList: ...
    @property
    def messages(self) -> MessageList: ...
