class IncomingPhoneNumberInstance:
    sid: str | None

class IncomingPhoneNumberContext:
    async def update_async(
        self, *, sms_application_sid: str, sms_url: str, sms_method: str, sms_fallback_url: str, sms_fallback_method: str
    ) -> IncomingPhoneNumberInstance: ...

class IncomingPhoneNumberList:
    def __call__(self, sid: str) -> IncomingPhoneNumberContext: ...
    async def list_async(self, *, phone_number: str, limit: int) -> list[IncomingPhoneNumberInstance]: ...
