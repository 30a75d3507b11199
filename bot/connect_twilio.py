"""What `tipline channels connect` tells Twilio: where texts to the line's number are posted.

https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

from __future__ import annotations

from bot.channels import Twilio
from bot.connect import ConnectError
from bot.twilio_route import TWILIO_PATH
from handlers.channels import NOT_WRITTEN
from handlers.twilio_client import UNANSWERED, Refusal, TwilioAccount

TIMEOUT_S = 15.0
UNAUTHORIZED = (401, 403)


async def connect_twilio(twilio: Twilio, public_url: str) -> tuple[str, ...]:
    """What was done, a sentence each. Can be repeated. Raises ConnectError."""
    account = TwilioAccount(twilio.account_sid, twilio.auth_token, twilio.api_url, TIMEOUT_S)
    try:
        await _point(account, twilio.number, public_url + TWILIO_PATH)
    except Refusal as refusal:
        if refusal.status in UNAUTHORIZED:
            raise ConnectError("Twilio refuses the account's id or token.") from None
        raise ConnectError(f"Twilio did not take it (HTTP {refusal.status}, code {refusal.code}).") from None
    except (*NOT_WRITTEN, *UNANSWERED):
        raise ConnectError("Twilio does not answer; nothing is lost, try again.") from None
    finally:
        await account.close()
    told = f"Twilio posts texts to the number to {public_url}{TWILIO_PATH}, and once more there when that fails."
    by_hand = f"Twilio's console alone sets where WhatsApp messages go: put {public_url}{TWILIO_PATH} into both fields of the sender."
    return (told,) if twilio.whatsapp is None else (told, by_hand)


async def _point(account: TwilioAccount, number: str, url: str) -> None:
    """The fallback is the same address: without one a text that meets a restart is tried once. An application, where one is set, takes
    the texts whatever the addresses say, so none is."""
    found = await account.api.incoming_phone_numbers.list_async(phone_number=number, limit=1)
    if not found or found[0].sid is None:
        raise ConnectError("The account at Twilio does not have the number of TIPLINE_TWILIO_NUMBER.")
    await account.api.incoming_phone_numbers(found[0].sid).update_async(
        sms_application_sid="", sms_url=url, sms_method="POST", sms_fallback_url=url, sms_fallback_method="POST"
    )
