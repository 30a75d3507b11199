"""Generated requests to the desk's routes without a session, and ones that are for no route at all."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.chance import HOST, MARK, Chance, Effect, Request, packed
from benchmarks.channels import JSON
from benchmarks.line import PUBLIC
from sealing import signing
from sealing.signing import Use

METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "", "get", "\u00ff")


@dataclass(frozen=True, slots=True)
class Desk:
    """`person` and his login key, as the roster has them: what he signs is right, and what is changed after it is not."""

    person: str
    seed: str

    def page(self, chance: Chance) -> Request:
        return Request("desk page", Effect.ANSWERED, "GET", chance.choice(("/desk", "/desk/config", "/healthz")))

    def login(self, chance: Chance) -> Request:
        """A challenge, the signed answer to it, and a look at his cases."""
        good = chance.one_in(2)
        asked = packed({"person": self.person})
        return _json("desk challenge", Effect.ANSWERED, "/desk/challenge", asked, lambda answer: self._signed(answer, chance, good=good))

    def _signed(self, answer: bytes, chance: Chance, *, good: bool) -> Request:
        said = {"v": 1, "kind": "login", "origin": PUBLIC, "person": self.person, "challenge": json.loads(answer)["challenge"]}
        odd = said if good else chance.odd_json(said)
        body = packed(odd)
        over = body if chance.one_in(2) else packed(said)
        fields = packed({"body": _b64(body), "signature": _b64(signing.sign(self.seed, Use.LOGIN, over))})
        if over != body:
            return _json("desk login forged", Effect.REFUSED, "/desk/login", fields)
        if odd == said:
            return _json("desk login", Effect.ANSWERED, "/desk/login", fields, self._cases)
        return _json("desk login odd", Effect.NOT_TAKEN, "/desk/login", fields)

    def _cases(self, answer: bytes) -> Request:
        token = json.loads(answer)["token"].encode()
        return Request("desk cases", Effect.ANSWERED, "GET", "/desk/cases", headers=((b"authorization", b"Bearer " + token),))


def asked_oddly(chance: Chance) -> Request:
    """A challenge or a login that is none, of any person."""
    path = chance.choice(("/desk/challenge", "/desk/login"))
    fields = {"person": chance.word(), "body": _b64(packed(chance.odd_scalar())), "signature": _b64(b"\0" * 64)}
    body = packed(chance.odd_json(fields))
    return _json("desk odd", Effect.NOT_TAKEN, path, chance.broken(body) if chance.one_in(3) else body)


def without_session(chance: Chance) -> Request:
    some_id = chance.choice((chance.hex(32), chance.word(), "%00", "\ud7ff", "a" * 3000, ".."))
    method, path = chance.choice(
        (
            ("GET", "/desk/cases"),
            ("GET", "/desk/epochs"),
            ("GET", f"/desk/cases/{some_id}"),
            ("POST", "/desk/acts"),
            ("GET", f"/desk/acts/{some_id}"),
        )
    )
    token = chance.choice((b"", b"Bearer", b"Bearer ", b"Bearer " + MARK.encode(), b"Bearer \xff", b"Basic Og==", b"bearer " + b"a" * 8000))
    act = packed(
        {
            "id": chance.hex(32),
            "case": chance.hex(32),
            "kind": "open",
            "signature": _b64(b"\0" * 64),
            "sealed": _b64(chance.text().encode()),
        }
    )
    return Request("desk stranger", Effect.REFUSED, method, path, headers=((b"authorization", token), JSON), body=(act,))


def probe(chance: Chance) -> Request:
    return Request("readyz", Effect.READY, "GET", "/readyz", b"x=" + chance.word().encode())


def nonsense(paths: tuple[str, ...]) -> Callable[[Chance], Request]:
    """Any method at any path, of ours and not, with any body."""

    def made(chance: Chance) -> Request:
        path = chance.choice(paths) if chance.one_in(2) else chance.choice(PATHS) + chance.word()
        path = path.replace("{id}", chance.word())
        query = b"&".join(chance.choice(QUERIES) for _ in range(chance.randrange(4))) * (
            chance.randrange(1, 200) if chance.one_in(9) else 1
        )
        name, kind = chance.choice(BODIES)
        return Request(
            "nonsense",
            Effect.READY if path == "/readyz" else Effect.NOT_TAKEN,
            chance.choice(METHODS),
            path,
            query,
            ((b"content-type", name), *chance.odd_headers()),
            (kind(chance),),
        )

    return made


def cut_short(paths: tuple[str, ...]) -> Callable[[Chance], Request]:
    """The client goes before its body is whole."""

    def made(chance: Chance) -> Request:
        path = chance.choice(paths).replace("{id}", chance.hex(32))
        return Request("cut short", Effect.NOT_TAKEN, "POST", path, headers=(JSON,), body=(chance.text().encode(),), cut=True)

    return made


def other_host(chance: Chance) -> Request:
    """For another name, or for none."""
    host = chance.choice((b"evil.example", b"", b"\xff", HOST + b".evil.example", b"127.0.0.2", b"[::1]:80:80", b"a" * 5000))
    return Request("other host", Effect.REFUSED, "GET", "/healthz", headers=((b"host", host),))


def _multipart(chance: Chance) -> bytes:
    part = (
        f'--b\r\nContent-Disposition: form-data; name="{chance.word()}"; filename="../{chance.word()}"\r\n\r\n{chance.text()}\r\n'.encode()
    )
    return chance.broken(part * chance.randrange(1, 4) + chance.choice((b"--b--", b"--b", b"", b"--b\r\n\r\n\r\n")))


def _deep(chance: Chance) -> bytes:
    opening = chance.choice((b"[", b'{"a":', b'[{"person":'))
    return opening * chance.choice((100, 3000, 60_000)) + chance.word().encode()


def _big(chance: Chance) -> bytes:
    return (chance.word().encode() + b"=%41&") * chance.choice((100, 5000, 20_000))


def _form(chance: Chance) -> bytes:
    return b"&".join(
        chance.choice((b"a=1", b"Body=%ff", b"=", b"a", b"From=%00", b"MessageSid=" + chance.word().encode())) for _ in range(300)
    )


BODIES: tuple[tuple[bytes, Callable[[Chance], bytes]], ...] = (
    (b"application/json", lambda chance: packed(chance.odd_scalar())),
    (b"application/json", lambda chance: chance.broken(packed({"person": chance.word()}))),
    (b"application/json; charset=utf-16", lambda chance: chance.text().encode("utf-16")),
    (b"application/json", _deep),
    (b"application/x-www-form-urlencoded", _form),
    (b"application/x-www-form-urlencoded", _big),
    (b"multipart/form-data; boundary=b", _multipart),
    (b"multipart/form-data", _multipart),
    (b"\xff/\xff", lambda chance: chance.randbytes(300)),
    (b"text/plain", lambda _: b""),
)
PATHS = (
    "/",
    "//",
    "/desk/",
    "/desk/cases/../",
    "/twilio/",
    "/telegram/update/",
    "/gateway/",
    "/.git/",
    "/metrics/",
    "/%2e%2e/",
    "/\u0000",
    "",
    "*",
)
QUERIES = (b"a=1", b"%00", b"\xff\xfe", b"=", b"&&", b"id=" + MARK.encode() * 20, b"a[]=1", b"a=%zz", b"?", b"#", b"x" * 500)


def _json(kind: str, effect: Effect, path: str, body: bytes, then: Callable[[bytes], Request] | None = None) -> Request:
    return Request(kind, effect, "POST", path, headers=(JSON,), body=(body,), then=then)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
