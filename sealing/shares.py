"""A case key in shares (Shamir over GF(256), by pyshamir; desk/src/open.js reads the same): any `needed` of them are the key, fewer are
nothing. A share is the secret's length and one byte, its number. Shamir notices no wrong share, so a key counts only when it is the private
half of the case's public key.

Sealed to the trustee: "share"; by him to the gate key, with the share sealed to the reader inside: "reseal"; under the reader's outer lock,
in place of a key file: "shares".
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import pyshamir

from sealing import age, plaintexts
from sealing.age import OpenError, SealError, padded_json, read_json

CODES = 0
"""In the place of an epoch, which count from 1: the key of the case's exclusion codes (sealing/disclosing.py)."""
FEWEST = 2
MOST = 255
MOST_TRIED = 1_000
"""Sets of shares, before the reader is told that it is too few that agree."""
HEAD = b"age-encryption.org/v1\n"


class SharesError(ValueError):
    """These shares are not this key's, or too few of them are. Carries no content."""


@dataclass(frozen=True, slots=True)
class Share:
    """`recipient`: public half of the case's key in this epoch; `needed` of its shares are the key."""

    case: str
    epoch: int
    recipient: str
    needed: int
    share: bytes

    def __repr__(self) -> str:
        return f"Share({self.case}, {self.epoch}, …)"


@dataclass(frozen=True, slots=True)
class Resealed:
    """What a trustee's device sends: `share` = S reader of the plaintext that it opened; `card` = fingerprint of that reader's card."""

    case: str
    epoch: int
    card: str
    share: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is handed to a reader in place of a key file. `shares`: each S reader; what is needed of them, they say themselves."""

    case: str
    epoch: int
    shares: tuple[bytes, ...]


def split(secret: bytes, needed: int, among: int) -> list[bytes]:
    """`among` shares, of which any `needed` give the secret back. Raises SharesError unless 2 <= needed <= among <= 255."""
    if not FEWEST <= needed <= among <= MOST or not secret:
        raise SharesError("no such shares")
    return [bytes(share) for share in pyshamir.split(secret, among, needed)]


def deal(secret: bytes, needed: int, holds: Sequence[bool]) -> list[bytes]:
    """One for each trustee; who `holds` False gets a dummy: the same length, a number of its own, and nothing in it. Nobody tells from one
    share which it is. Fewer holders than `needed`: then the secret cannot come back. Raises SharesError."""
    real = iter(split(secret, needed, max(needed, len(holds))))
    return [share if held else _dummy(share) for held, share in zip(holds, real, strict=False)]


def _dummy(share: bytes) -> bytes:
    return secrets.token_bytes(len(share) - 1) + share[-1:]


def combine(shares: Sequence[bytes]) -> bytes:
    """What these shares give: another secret, silently, when one is wrong or one is missing. Raises SharesError where one number stands
    twice, lengths differ, or there are fewer than two."""
    try:
        return bytes(pyshamir.combine([bytearray(share) for share in shares]))
    except ValueError:
        raise SharesError("these are not shares of one secret") from None


def recover(shares: Sequence[bytes], recipient: str, needed: int) -> str:
    """The identity behind `recipient`: tries every `needed` of the shares, so that a wrong or repeated one does no harm while enough are
    right. Raises SharesError."""
    different = list(dict.fromkeys(shares))
    if not FEWEST <= needed <= len(different):
        raise SharesError("too few shares")
    for some in islice(combinations(different, needed), MOST_TRIED):
        try:
            identity = combine(some).decode("ascii")
            if age.recipient_of(identity) == recipient:
                return identity
        except (SharesError, SealError, UnicodeDecodeError):
            continue
    raise SharesError("no set of them is the key")


def share_text(value: Share) -> bytes:
    """What is sealed to a trustee, and by him to the reader, byte for byte."""
    fields = {"case": value.case, "epoch": value.epoch, "recipient": value.recipient, "needed": value.needed, "share": _b64(value.share)}
    return padded_json({"v": 1, "kind": "share", **fields})


def read_share(plaintext: bytes) -> Share:
    """Raises OpenError."""
    fields = read_json(plaintext, "share")
    raw = _raw(fields.get("share"))
    return Share(_text(fields, "case"), _whole(fields, "epoch"), _text(fields, "recipient"), _whole(fields, "needed"), raw)


def reseal(value: Resealed) -> bytes:
    return padded_json({"v": 1, "kind": "reseal", "case": value.case, "epoch": value.epoch, "card": value.card, "share": _b64(value.share)})


def read_reseal(plaintext: bytes) -> Resealed:
    """Raises OpenError."""
    fields = read_json(plaintext, "reseal")
    return Resealed(_text(fields, "case"), _whole(fields, "epoch"), _text(fields, "card"), _sealed(fields.get("share")))


def bundle(value: Bundle) -> bytes:
    shares = [_b64(share) for share in value.shares]
    return padded_json({"v": 1, "kind": "shares", "case": value.case, "epoch": value.epoch, "shares": shares})


def read_bundle(plaintext: bytes) -> Bundle:
    """Raises OpenError."""
    fields = read_json(plaintext, "shares")
    listed = fields.get("shares")
    if not isinstance(listed, list) or len(listed) > MOST:
        raise OpenError("not a bundle of shares")
    return Bundle(_text(fields, "case"), _whole(fields, "epoch"), tuple(_sealed(share) for share in listed))


def given(own: bytes, resealed: Resealed) -> bytes:
    """What lies under the outer lock of a share that was given: the trustee's own, for another time, and what he sent for the reader."""
    return padded_json({"v": 1, "kind": "given", "own": _b64(own), "card": resealed.card, "share": _b64(resealed.share)})


def read_given(inner: bytes) -> tuple[bytes, str, bytes]:
    """(own share, fingerprint of the reader's card, the share sealed to him). Raises OpenError."""
    fields = read_json(inner, "given")
    return _sealed(fields.get("own")), _text(fields, "card"), _sealed(fields.get("share"))


def for_reader(own: bytes, identity: str, case: str, epoch: int, card: str, recipient: str) -> Resealed:
    """On the trustee's device: his share, opened with his `identity` and sealed to the reader of this `card`. Raises OpenError, also when
    it is a share of anything else than this case and epoch."""
    text = age.unseal(own, identity)
    share = read_share(text)
    if (share.case, share.epoch) != (case, epoch):
        raise OpenError("another case's share")
    return Resealed(case, epoch, card, age.seal(text, recipient))


def open_key(peeled: bytes, identity: str) -> tuple[str, int, str]:
    """(case, epoch, case identity) of what a reader is handed: a key file sealed to him, or shares that trustees sealed to him. Raises
    OpenError or SharesError."""
    if peeled.startswith(HEAD):
        return plaintexts.read_key_file(age.unseal(peeled, identity))
    held = read_bundle(peeled)
    return held.case, held.epoch, put_together(held.shares, identity, held.case, held.epoch)


def put_together(sealed: Sequence[bytes], identity: str, case: str, epoch: int) -> str:
    """The identity that these give, of those that open and are of this case and epoch. Raises SharesError."""
    opened = [share for share in (_opened(one, identity) for one in sealed) if share is not None]
    return _agreed([share for share in opened if (share.case, share.epoch) == (case, epoch)])


def _agreed(shares: Sequence[Share]) -> str:
    """Shares that name one key belong together; those whom most agree with are tried first."""
    together: dict[tuple[str, int], list[bytes]] = {}
    for share in shares:
        together.setdefault((share.recipient, share.needed), []).append(share.share)
    for (recipient, needed), same in sorted(together.items(), key=lambda item: -len(item[1])):
        try:
            return recover(same, recipient, needed)
        except SharesError:
            continue
    raise SharesError("no set of them is the key")


def _opened(sealed: bytes, identity: str) -> Share | None:
    """None = nothing of use: one trustee's mistake must not keep the others' shares from counting."""
    try:
        return read_share(age.unseal(sealed, identity))
    except OpenError:
        return None


def _text(fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise OpenError("wrong fields")
    return value


def _whole(fields: dict[str, object], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int:
        raise OpenError("wrong fields")
    return value


def _raw(value: object) -> bytes:
    try:
        return base64.b64decode(value if isinstance(value, str) else "-", validate=True)
    except binascii.Error:
        raise OpenError("wrong fields") from None


def _sealed(value: object) -> bytes:
    """An age file."""
    raw = _raw(value)
    if not raw.startswith(HEAD):
        raise OpenError("not a sealed share")
    return raw


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
