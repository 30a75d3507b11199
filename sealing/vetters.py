"""The chain of vetters' lists: the first is pinned, and each next one is signed by more than half of the vetters of the one before.

list = JSON {"v":1,"kind":"vetters","number":n,"previous":hex SHA-256 of the list before (of number 1: of its file),"one_house":bool,
"vetters":[{"name","agency","verify","age"?}]}. Signed list: {"v":1,"kind":"signed vetters","list":base64,"signatures":[{"key":fingerprint,
"signature":base64}],"before":[fingerprints of the vetters before]}. Number 1 is a file of its own form: JSON with `one_house` and `vetters`
alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sealing.age import SealError, seal
from sealing.signing import Use, fingerprint, public_of, sign, verify

_HASH = re.compile(r"[0-9a-f]{64}")


class ChainError(Exception):
    """A list, or the chain, does not hold. One sentence, without a name."""


@dataclass(frozen=True, slots=True)
class Vetter:
    """`verify` = base64 Ed25519. `recipient` = an age recipient, of who gets letters, or ""."""

    name: str
    agency: str
    verify: str
    recipient: str = ""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.verify)


@dataclass(frozen=True, slots=True)
class VetterList:
    """`hash`: hex SHA-256 of its exact bytes, by which the next names it."""

    number: int
    previous: str
    one_house: bool
    vetters: tuple[Vetter, ...]
    hash: str

    @property
    def keys(self) -> Mapping[str, str]:
        return {vetter.fingerprint: vetter.verify for vetter in self.vetters}


@dataclass(frozen=True, slots=True)
class SignedList:
    """`signatures` = (fingerprint of the vetter's key, 64 bytes). `before`: fingerprints of those whose signatures count, so that nobody
    else signs by mistake. Nothing is believed because of it: `follow` goes by the list before."""

    data: bytes
    signatures: tuple[tuple[str, bytes], ...] = ()
    before: tuple[str, ...] = ()

    def signed_by(self, seed: str) -> SignedList:
        """Signing twice changes nothing."""
        key = fingerprint(public_of(seed))
        if any(name == key for name, _ in self.signatures):
            return self
        return replace(self, signatures=(*self.signatures, (key, sign(seed, Use.VETTERS, self.data))))

    def to_bytes(self) -> bytes:
        signatures = [{"key": name, "signature": base64.b64encode(value).decode()} for name, value in self.signatures]
        fields = {"v": 1, "kind": "signed vetters", "list": base64.b64encode(self.data).decode(), "signatures": signatures}
        return json.dumps({**fields, "before": self.before}, separators=(",", ":")).encode()


def next_list(before: VetterList, one_house: bool, vetters: Sequence[Vetter]) -> SignedList:
    """The list that follows, not signed yet. Raises ChainError."""
    fields = {
        "v": 1,
        "kind": "vetters",
        "number": before.number + 1,
        "previous": before.hash,
        "one_house": one_house,
        "vetters": [
            {"name": v.name, "agency": v.agency, "verify": v.verify, **({"age": v.recipient} if v.recipient else {})} for v in vetters
        ],
    }
    data = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    read_list(data)
    return SignedList(data, before=tuple(before.keys))


def first_list(data: bytes) -> VetterList:
    """Number 1, from its file's bytes. Raises ChainError."""
    try:
        return _list(json.loads(data), 1, "", data)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ChainError("the vetters file is not JSON with a list of vetters, each with agency and verify key") from None


def read_list(data: bytes) -> VetterList:
    """A later one, by its own bytes alone. Raises ChainError."""
    try:
        fields = json.loads(data)
        number, previous = fields["number"], str(fields["previous"])
        if fields["v"] != 1 or fields["kind"] != "vetters" or type(number) is not int or number < 2 or not _HASH.fullmatch(previous):
            raise ChainError("a list of vetters is not one that `tipline vetters draft` wrote")
        return _list(fields, number, previous, data)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ChainError("a list of vetters is not one that `tipline vetters draft` wrote") from None


def parse_signed_list(data: bytes) -> SignedList:
    """Raises ChainError."""
    try:
        fields = json.loads(data)
        if fields["v"] != 1 or fields["kind"] != "signed vetters":
            raise ChainError("a later list of vetters is another kind of file")
        body = base64.b64decode(fields["list"], validate=True)
        signatures = tuple((str(s["key"]), base64.b64decode(s["signature"], validate=True)) for s in fields["signatures"])
        before = tuple(str(name) for name in fields.get("before", ()))
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise ChainError("a later list of vetters is not one that `tipline vetters draft` wrote") from None
    return SignedList(body, signatures, before)


def follow(before: VetterList, signed: SignedList) -> VetterList:
    """The next list, if more than half of the vetters before signed it. Raises ChainError."""
    after = read_list(signed.data)
    which = f"list {after.number} of the vetters"
    if after.number != before.number + 1:
        raise ChainError(f"{which} comes after list {before.number}: one is missing")
    if after.previous != before.hash:
        raise ChainError(f"{which} follows another list {before.number} than the one that is here")
    names = [name for name, _ in signed.signatures]
    if len(set(names)) != len(names):
        raise ChainError(f"{which} is signed twice by one vetter")
    keys = before.keys
    holding = [name for name, value in signed.signatures if name in keys and verify(keys[name], Use.VETTERS, signed.data, value)]
    if 2 * len(holding) <= len(keys):
        raise ChainError(f"{which} is signed by {len(holding)} of {len(keys)} vetters before it: more than half must")
    return after


def majority(vetters: int) -> int:
    """How many of so many vetters must sign the next list."""
    return vetters // 2 + 1


def _list(fields: Mapping[str, object], number: int, previous: str, data: bytes) -> VetterList:
    listed = fields["vetters"]
    if not isinstance(listed, list):
        raise TypeError
    vetters = tuple(_vetter(entry) for entry in listed)
    one_house = fields.get("one_house", False) is True
    if len(vetters) < 2 or len({vetter.fingerprint for vetter in vetters}) != len(vetters):
        raise ChainError("the vetters file needs at least two vetters, each key once")
    if not one_house and len({vetter.agency for vetter in vetters}) < 2:
        raise ChainError('all vetters are of one agency: add one from outside, or say "one_house": true')
    return VetterList(number, previous, one_house, vetters, hashlib.sha256(data).hexdigest())


def _vetter(entry: Mapping[str, object]) -> Vetter:
    """Raises KeyError, KeyFormatError, ChainError."""
    vetter = Vetter(str(entry.get("name", "")), str(entry["agency"]), str(entry["verify"]), str(entry.get("age", "")))
    fingerprint(vetter.verify)
    try:
        if vetter.recipient:
            seal(b"", vetter.recipient)
    except SealError:
        raise ChainError('a vetter\'s "age" is no key that letters can be sealed to') from None
    return vetter
