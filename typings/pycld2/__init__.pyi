# ruff: noqa: N801, N803 (their names)
class error(Exception): ...

def detect(
    utf8Bytes: str | bytes,
    isPlainText: bool = ...,
    hintLanguage: str | None = ...,
    bestEffort: bool = ...,
) -> tuple[bool, int, tuple[tuple[str, str, int, float], ...]]: ...
