"""Chance with a seed, and what every generated request is made of: marked words, hostile JSON, broken bytes, odd headers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

HOST = b"line.example.org"
MARK = "qzvxkanarie"
"""In every generated text. Nothing with it may be found afterwards, in any form."""
PHONE = "+3461190"
"""How every generated phone begins."""
CHAT = "4242424242"
"""How every generated chat id begins."""
LONGEST = 3000
"""Characters of a text: no channel's limit is met by a valid one."""

Headers = tuple[tuple[bytes, bytes], ...]


class Effect(StrEnum):
    """What must become of a request. No fault, whatever it is."""

    TAKEN = "taken"  # 2xx, and one row, unless it is a repeat
    ANSWERED = "answered"  # 2xx, no row
    REFUSED = "refused"  # 4xx, no row
    NOT_TAKEN = "not_taken"  # any answer, no row
    ANY = "any"  # authentic and odd: a row or none
    READY = "ready"  # no row; 503 is right, too, as no worker runs


@dataclass(frozen=True, slots=True)
class Request:
    """`kind`: for the count. `then`: the request that follows from a 200 and its body. `cut`: the client goes before its body is whole."""

    kind: str
    effect: Effect
    method: str
    path: str
    query: bytes = b""
    headers: Headers = ()
    body: tuple[bytes, ...] = (b"",)
    then: Callable[[bytes], Request] | None = None
    cut: bool = False
    repeat: bool = False


class Chance(random.Random):
    """One for a run: the same seed makes the same requests."""

    marked = 0

    def one_in(self, n: int) -> bool:
        return self.randrange(n) == 0

    def word(self) -> str:
        """A canary, unlike any other."""
        self.marked += 1
        return f"{MARK}{self.marked:x}"

    def text(self) -> str:
        """What a source may write: a few lines, any script, now and then nothing but a canary or something very long."""
        said = (self.word(), *(self.choice(SAID) for _ in range(self.randrange(6))))
        return (" ".join(said) * (self.randrange(2, 40) if self.one_in(40) else 1))[:LONGEST]

    def phone(self) -> str:
        return f"{PHONE}{self.randrange(10_000):04d}"

    def chat(self) -> int:
        return int(f"{CHAT}{self.randrange(100_000):05d}")

    def hex(self, digits: int) -> str:
        return f"{self.getrandbits(4 * digits):0{digits}x}"

    def broken(self, raw: bytes) -> bytes:
        """A few bytes changed, put in, taken out, or the end cut off."""
        body = bytearray(raw or b"x")
        for _ in range(self.randrange(1, 5)):
            at = self.randrange(len(body) + 1)
            match self.randrange(4):
                case 0:
                    body[at : at + 1] = bytes([self.randrange(256)])
                case 1:
                    body[at:at] = self.choice(BYTES)
                case 2:
                    del body[at : at + self.randrange(1, 9)]
                case _:
                    del body[max(1, at) :]
        return bytes(body)

    def odd_json(self, value: object) -> object:
        """A copy in which one value is of another kind, gone, or far too much."""
        if isinstance(value, dict) and value and not self.one_in(6):
            name = self.choice(sorted(value))
            rest = {key: kept for key, kept in value.items() if key != name}
            match self.randrange(4):
                case 0:
                    return rest
                case 1:
                    return rest | {name: self.odd_scalar()}
                case 2:
                    return rest | {name: value[name], self.word(): self.odd_scalar()}
                case _:
                    return rest | {name: self.odd_json(value[name])}
        return self.odd_scalar()

    def odd_scalar(self) -> object:
        match self.randrange(4):
            case 0:
                return [self.odd_scalar() for _ in range(self.randrange(3))]
            case 1:
                return {self.word(): self.choice(ODD)}
            case _:
                return self.choice(ODD)

    def odd_headers(self) -> Headers:
        return tuple(self.choice(HEADERS) for _ in range(self.randrange(1, 4)))

    def pieces(self, body: bytes) -> tuple[bytes, ...]:
        """As the network may cut it, empty pieces too."""
        if not self.one_in(4):
            return (body,)
        at = sorted(self.randrange(len(body) + 1) for _ in range(self.randrange(1, 5)))
        return tuple(body[start:end] for start, end in zip([0, *at], [*at, len(body)], strict=True))

    def dressed(self, request: Request) -> Request:
        """The same request as another client might send it: its effect stays."""
        headers = (*request.headers, *(self.odd_headers() if self.one_in(5) else ()))
        return to_host(replace(request, headers=headers, body=self.pieces(b"".join(request.body))))


def to_host(request: Request) -> Request:
    return replace(request, headers=((b"host", HOST), *request.headers))


def packed(value: object) -> bytes:
    """As Python's own JSON, which writes NaN and lone surrogates, too."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


SAID = (
    "hola", "necesito ayuda", "the girls at the farm", "le chef de police", "ηελπ με", "помогите мне", "ساعدوني", "請幫幫我", "कृपया मदद करें",
    "👩🏽‍🦱🆘", "<script>alert(1)</script>", "'; DROP TABLE inbound; --", "%s%n{0}{to}", "\x00", "\ufeff", "\u202e", "a\u0301\u0301\u0301",
    "\r\nSet-Cookie: a=b", "1", "9", "STOP", "/start", "\U0010ffff", "=&;+%26", "9" * 400, "\t \u2028",
)  # fmt: skip
ODD: tuple[object, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 10**4299, 1e308, -0.0, float("nan"), float("inf"), "", " ", "\x00",
    "\ud800", "\udfff\ud800", "null", "1", "-1", "9" * 5000, "private", "9999-12-31T23:59:59Z", "x" * 3000, [], {}, [[]], [{}],
    {"": ""}, [None] * 50, {"id": None}, {"a": {"b": {"c": {}}}},
)  # fmt: skip
BYTES = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\xc3", b'"', b"{", b"[" * 2000, b"&", b"=", b"%", b"%zz", b"\r\n", b"\xf0\x9f\x98", b"1e999",
    b"\\ud800",
)  # fmt: skip
HEADERS: Headers = (
    (b"cookie", b"session=" + MARK.encode()), (b"x-forwarded-host", b"evil.example"), (b"x-forwarded-proto", b"http"),
    (b"x-forwarded-for", b"10.0.0.1, \xff\xfe"), (b"accept-encoding", b"gzip, \x00"), (b"range", b"bytes=0-99999999999999999999"),
    (b"expect", b"100-continue"), (b"content-encoding", b"gzip"), (b"transfer-encoding", b"chunked, identity"),
    (b"x-odd", b"\xc3\x28" * 40), (b"x-long", b"a" * 8000), (b"accept-language", b"*;q=9"), (b"if-none-match", b"*"),
    (b"authorization", b"Bearer " + MARK.encode()), (b"authorization", b"\xff\xff"), (b"authorization", b"Practice"),
    (b"content-length", b"-1"), (b"content-length", b"99999999999"), (b"origin", b"null"), (b"", b""), (b"upgrade", b"websocket"),
    (b"content-type", b"multipart/form-data"),
)  # fmt: skip
