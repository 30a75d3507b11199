class TwilioException(Exception): ...

class TwilioRestException(TwilioException):
    status: int
    code: int | None

class TwilioServiceException(TwilioException):
    status: int
    code: int
