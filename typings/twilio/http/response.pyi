class Response:
    status_code: int
    text: str
    def __init__(self, status_code: int, text: str, headers: object | None = None) -> None: ...
