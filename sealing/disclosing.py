"""Why people could not read a case, for two auditors together. The codes are sealed to a key of their own; each trustee holds a share of
that, under `shares.CODES` in the place of an epoch, and never sends it to one auditor alone.

What a trustee makes of his share is sealed twice for each of the two: inside to him who reads it, outside to the other, who must take his
lock off first. By the trustee to the gate key: "disclose"; under the release lock: "disclosed"; from one auditor to the other, with the
outer lock taken off: "handover".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sealing import age, plaintexts
from sealing.age import OpenError, padded_json, read_json
from sealing.shares import CODES, HEAD, MOST, put_together, read_share


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What a trustee's device sends. `shares`: fingerprint of an auditor's card -> S other (S auditor (share))."""

    case: str
    shares: Mapping[str, bytes]


def for_auditors(own: bytes, identity: str, case: str, auditors: Mapping[str, str]) -> Disclosed:
    """On the trustee's device: his share, opened with his `identity`. `auditors`: fingerprint -> age recipient of the two cards. Raises
    OpenError, also when it is a share of anything else than this case's codes; ValueError unless they are two."""
    text = age.unseal(own, identity)
    share = read_share(text)
    if (share.case, share.epoch) != (case, CODES):
        raise OpenError("not a share of these codes")
    (one, to_one), (other, to_other) = auditors.items()
    return Disclosed(case, {one: age.two_locks(text, to_one, to_other), other: age.two_locks(text, to_other, to_one)})


def disclose(value: Disclosed) -> bytes:
    return padded_json({"v": 1, "kind": "disclose", "case": value.case, "shares": _written(value.shares)})


def read_disclose(plaintext: bytes) -> Disclosed:
    """Raises OpenError."""
    fields = read_json(plaintext, "disclose")
    return Disclosed(str(fields.get("case")), _of_two(fields))


def disclosed(own: bytes, shares: Mapping[str, bytes]) -> bytes:
    """What lies under the outer lock of a share that was given: the trustee's own, for another time, and what he sent."""
    return padded_json({"v": 1, "kind": "disclosed", "own": _b64(own), "shares": _written(shares)})


def read_disclosed(inner: bytes) -> tuple[bytes, Mapping[str, bytes]]:
    """(own share, what he sent). Raises OpenError."""
    fields = read_json(inner, "disclosed")
    return _sealed(fields.get("own")), _of_two(fields)


def handover(case: str, shares: Sequence[bytes], identity: str) -> bytes:
    """For the other auditor, what the line handed out to this one, without this one's lock. Raises OpenError."""
    return padded_json({"v": 1, "kind": "handover", "case": case, "shares": [_b64(age.unseal(share, identity)) for share in shares]})


def read_handover(data: bytes) -> tuple[str, tuple[bytes, ...]]:
    """(case, shares, each S auditor). Raises OpenError."""
    fields = read_json(data, "handover")
    listed = fields.get("shares")
    if not isinstance(listed, list) or len(listed) > MOST:
        raise OpenError("not a handover")
    return str(fields.get("case")), tuple(_sealed(share) for share in listed)


def open_codes(note: bytes, case: str, shares: Sequence[bytes], identity: str) -> Mapping[str, Sequence[str]]:
    """Person id -> exclusion codes. `note`: S codes; `shares`: what the other auditor handed over. Raises OpenError, SharesError."""
    plaintext = age.unseal(note, put_together(shares, identity, case, CODES))
    if read_json(plaintext, "codes").get("case") != case:
        raise OpenError("another case's codes")
    return plaintexts.read_codes(plaintext)


def _written(shares: Mapping[str, bytes]) -> dict[str, str]:
    return {card: _b64(share) for card, share in shares.items()}


def _of_two(fields: Mapping[str, object]) -> Mapping[str, bytes]:
    shares = fields.get("shares")
    if not isinstance(shares, dict) or len(shares) != 2:
        raise OpenError("not for two auditors")
    return {card: _sealed(share) for card, share in shares.items()}


def _sealed(value: object) -> bytes:
    """An age file."""
    try:
        raw = base64.b64decode(value if isinstance(value, str) else "-", validate=True)
    except binascii.Error:
        raise OpenError("wrong fields") from None
    if not raw.startswith(HEAD):
        raise OpenError("not a sealed share")
    return raw


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
