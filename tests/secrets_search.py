"""Whatever in a line's files and tables could be a secret, tried on whatever could be a ciphertext, and again on what that opens."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from sealing import age

IDENTITY = re.compile(rb"AGE-SECRET-KEY-1[0-9A-Z]{58}")
HEADER = b"age-encryption.org/v1\n"
WRITTEN = re.compile(rb"YWdlLWVuY3J5cHRpb24ub3JnL3Yx[A-Za-z0-9+/]+={0,2}")
"""A ciphertext in base64, as it stands inside a plaintext: a contact's inner half, a handed-out key file."""
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_HRP = "age-secret-key-"


def identities_in(values: Iterable[bytes]) -> set[str]:
    """Written identities, and every 32 bytes (raw, hex or base64) taken as one."""
    found: set[str] = set()
    for value in values:
        found |= {written.decode() for written in IDENTITY.findall(value)}
        found |= {as_identity(raw) for raw in _thirty_two(value)}
    return found


def ciphertexts_in(values: Iterable[bytes]) -> set[bytes]:
    return {value for value in values if value.startswith(HEADER)}


def nested_in(plaintext: bytes) -> set[bytes]:
    """The ciphertexts inside a plaintext: the whole of it, or what it holds in base64."""
    return ciphertexts_in([plaintext]) | {base64.b64decode(written) for written in WRITTEN.findall(plaintext)}


def values_under(folder: Path) -> list[bytes]:
    """Every file, whole and by its words. The database's own files are read by their columns instead."""
    files = [file.read_bytes() for file in folder.rglob("*") if file.is_file() and ".db" not in file.name]
    return [part for whole in files for part in (whole, *whole.split())]


def opened_by(identities: set[str], ciphertexts: set[bytes]) -> list[bytes]:
    """Every plaintext that comes out, also of what lies inside; an identity found inside is tried on everything. Nothing of ours is sealed
    to two recipients: what one key opened is tried with no other."""
    opened: list[bytes] = []
    keys, layers, tried = set(identities), set(ciphertexts), set[tuple[str, bytes]]()
    while pairs := [(key, layer) for layer in layers for key in keys if (key, layer) not in tried]:
        tried.update(pairs)
        for key, layer in pairs:
            if layer not in layers or (inner := _unsealed(layer, key)) is None:
                continue
            opened.append(inner)
            layers.remove(layer)
            keys |= identities_in([inner, *inner.split()])
            layers |= nested_in(inner)
    return opened


@cache
def _unsealed(sealed: bytes, identity: str) -> bytes | None:
    """Many thieves try the same."""
    try:
        return age.unseal(sealed, identity)
    except (age.OpenError, age.SealError):
        return None


def _thirty_two(value: bytes) -> Sequence[bytes]:
    if len(value) == 32:
        return [value]
    try:
        if len(value) == 64:
            return [bytes.fromhex(value.decode("ascii"))]
        if len(value) == 44:
            return [base64.b64decode(value, validate=True)]
    except (ValueError, UnicodeDecodeError, binascii.Error):
        return []
    return []


def as_identity(raw: bytes) -> str:
    """32 bytes as an age X25519 identity (Bech32, BIP 173)."""
    bits = int.from_bytes(raw, "big") << 4
    data = [bits >> 5 * (51 - n) & 31 for n in range(52)]
    spread = [ord(c) >> 5 for c in _HRP] + [0] + [ord(c) & 31 for c in _HRP]
    checked = _polymod([*spread, *data, 0, 0, 0, 0, 0, 0]) ^ 1
    data += [checked >> 5 * (5 - n) & 31 for n in range(6)]
    return (_HRP + "1" + "".join(_BECH32[d] for d in data)).upper()


def _polymod(values: Sequence[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check
