"""The recovery file: a line's long-lived secrets, opened by M of its trustees together and by nobody else. Kept apart from backups.

JSON {"v":1,"kind":"tipline recovery","line":base64 custody key,"signature":base64 over "body" as written,"body":base64 of
 {"generation","needed","shares":[base64 S trustee share, in no order that says whose],"sealed":base64 S fresh identity}}
A fresh identity seals the secrets; its own secret is in shares (sealing/shares.py). A trustee's device seals his share to a key made for
this one opening, so that no share travels open.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sealing import age, shares, signing
from sealing.age import OpenError, SealError, padded_json, read_json
from sealing.shares import SharesError
from sealing.signing import KeyFormatError, Use

KIND = "tipline recovery"


class RecoveryError(Exception):
    """One sentence for the operator or the trustee, without a value."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """A recovery file as anybody can read it. `line` = base64 public half of the line's custody key, which signed it."""

    line: str
    generation: int
    needed: int
    shares: tuple[bytes, ...]
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One trustee's share. `recipient`: public half of what the shares make together."""

    recipient: str
    share: bytes

    def __repr__(self) -> str:
        return "Part(…)"


def write(
    files: Mapping[str, str],
    generation: int,
    trustees: Sequence[str],
    needed: int,
    seed: str,
    shuffled: Callable[[list[bytes]], list[bytes]],
) -> bytes:
    """`files`: name -> text, the secrets. `trustees`: their age recipients. `seed`: the line's custody seed. Raises RecoveryError."""
    identity, recipient = age.generate()
    try:
        dealt = shares.split(identity.encode(), needed, len(trustees))
    except SharesError:
        raise RecoveryError(f"There are {len(trustees)} active trustees: at least two, and as many as must come together.") from None
    sealed = [age.seal(_text(Part(recipient, share)), trustee) for share, trustee in zip(dealt, trustees, strict=True)]
    secrets = age.seal(padded_json({"v": 1, "kind": "recovery", "generation": generation, "files": dict(files)}), recipient)
    fields = {"generation": generation, "needed": needed, "shares": [_b64(s) for s in shuffled(sealed)], "sealed": _b64(secrets)}
    body = json.dumps(fields, separators=(",", ":")).encode()
    signature = signing.sign(seed, Use.RECOVERY, body)
    told = {"v": 1, "kind": KIND, "line": signing.public_of(seed), "signature": _b64(signature), "body": _b64(body)}
    return json.dumps(told).encode() + b"\n"


def read(data: bytes) -> Recovery:
    """Raises RecoveryError unless it is whole, as the line signed it."""
    try:
        told = json.loads(data)
        line, body = str(told["line"]), _raw(told["body"])
        if (told["v"], told["kind"]) != (1, KIND) or not signing.verify(line, Use.RECOVERY, body, _raw(told["signature"])):
            raise RecoveryError("The recovery file was changed.")
        fields = json.loads(body)
        listed = tuple(_raw(share) for share in fields["shares"])
        return Recovery(line, int(fields["generation"]), int(fields["needed"]), listed, _raw(fields["sealed"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, KeyFormatError):
        raise RecoveryError("This is no recovery file.") from None


def part_of(recovery: Recovery, identity: str) -> Part:
    """On a trustee's device: his share. Raises RecoveryError when he has none in this file."""
    for sealed in recovery.shares:
        try:
            return _part(age.unseal(sealed, identity))
        except OpenError:
            continue
    raise RecoveryError("None of the shares in this file is for this key.")


def hand_over(part: Part, to: str) -> str:
    """The share for one opening, as a line of text. Raises RecoveryError."""
    try:
        return _b64(age.seal(_text(part), to))
    except SealError:
        raise RecoveryError("Nothing can be sealed to that key: it is the age1… that `tipline keys recovery open` shows.") from None


def take(text: str, identity: str) -> Part:
    """What a trustee handed over, opened with the key of this opening. Raises RecoveryError."""
    try:
        return _part(age.unseal(_raw(text.strip()), identity))
    except (OpenError, ValueError):
        raise RecoveryError("This is no share for this opening.") from None


def join(recovery: Recovery, parts: Sequence[Part]) -> dict[str, str]:
    """The secrets: name -> text. Raises RecoveryError: too few, or wrong ones among them."""
    for recipient in {part.recipient for part in parts}:
        same = [part.share for part in parts if part.recipient == recipient]
        try:
            fields = read_json(age.unseal(recovery.sealed, shares.recover(same, recipient, recovery.needed)), "recovery")
        except (SharesError, OpenError):
            continue
        files = fields.get("files")
        if fields.get("generation") != recovery.generation or not isinstance(files, dict):
            raise RecoveryError("The recovery file was changed.")
        return {str(name): str(text) for name, text in files.items()}
    raise RecoveryError("These shares do not open it.")


def _text(part: Part) -> bytes:
    return padded_json({"v": 1, "kind": "recovery share", "recipient": part.recipient, "share": _b64(part.share)})


def _part(plaintext: bytes) -> Part:
    """Raises OpenError."""
    fields = read_json(plaintext, "recovery share")
    try:
        return Part(str(fields["recipient"]), _raw(fields["share"]))
    except (KeyError, ValueError):
        raise OpenError("not a recovery share") from None


def _raw(value: object) -> bytes:
    """Raises ValueError."""
    return base64.b64decode(value if isinstance(value, str) else "-", validate=True)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
