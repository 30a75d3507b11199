"""A person's key file: an age passphrase file at scrypt 2^16 (C2SP age, section "scrypt recipient").

pyrage offers no work factor and takes 2^19-2^20, which needs up to 1 GiB: too much for a cheap phone (DESIGN 4). So the header
is written here, from `cryptography`'s primitives, and read by stock age, pyrage and typage alike (tests hold all three).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pyrage import DecryptError
from pyrage import passphrase as age_passphrase

from sealing.age import OpenError

LOG_N = 16
CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class PersonKey:
    """The private halves of one person. `identity` = age secret key; `sign_seed` = base64 Ed25519 seed. `quiet`: a word of his own that
    tells the line, without anybody seeing it, that he is being pressured; "" = he has none."""

    person: str
    identity: str
    sign_seed: str
    quiet: str = ""

    def __repr__(self) -> str:
        return f"PersonKey({self.person}, …)"

    def text(self) -> bytes:
        """Also a plain age identity file: comment lines, then the secret key. Raises ValueError for a quiet word that is not one line."""
        if not self.quiet.isprintable():
            raise ValueError("a quiet word is one line")
        quiet = f"# quiet: {self.quiet}\n" if self.quiet else ""
        return f"# tipline person key v1\n# person: {self.person}\n# sign: {self.sign_seed}\n{quiet}{self.identity}\n".encode()


def lock(key: PersonKey, passphrase: str, entropy: bytes) -> str:
    """Armoured age file. `entropy` = 48 fresh random bytes (salt 16, file key 16, payload nonce 16)."""
    salt, file_key, nonce = entropy[:16], entropy[16:32], entropy[32:48]
    plaintext = key.text()
    if len(nonce) != 16 or len(plaintext) > CHUNK:
        raise ValueError("48 bytes of entropy and a short key file")
    wrap_key = Scrypt(salt=b"age-encryption.org/v1/scrypt" + salt, length=32, n=2**LOG_N, r=8, p=1).derive(passphrase.encode())
    wrapped = ChaCha20Poly1305(wrap_key).encrypt(bytes(12), file_key, None)
    head = f"age-encryption.org/v1\n-> scrypt {_bare(salt)} {LOG_N}\n{_bare(wrapped)}\n---".encode()
    mac = HMAC(_hkdf(file_key, b"", b"header"), SHA256())
    mac.update(head)
    stream_key = _hkdf(file_key, nonce, b"payload")
    body = ChaCha20Poly1305(stream_key).encrypt(bytes(11) + b"\x01", plaintext, None)
    return _armour(head + b" " + _bare(mac.finalize()).encode() + b"\n" + nonce + body)


def unlock(armoured: str, passphrase: str) -> PersonKey:
    """Raises OpenError: wrong passphrase, or not a Tipline person key."""
    try:
        lines = age_passphrase.decrypt(armoured.encode(), passphrase).decode().splitlines()
    except (DecryptError, UnicodeDecodeError):
        raise OpenError("wrong passphrase or not an age file") from None
    fields = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)
    secret = next((line for line in lines if line.startswith("AGE-SECRET-KEY-1")), None)
    if lines[:1] != ["# tipline person key v1"] or secret is None or not {"person", "sign"} <= fields.keys():
        raise OpenError("not a Tipline person key")
    return PersonKey(fields["person"], secret, fields["sign"], fields.get("quiet", ""))


def _hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


def _bare(raw: bytes) -> str:
    """Base64 without padding, as age headers want it."""
    return base64.b64encode(raw).decode().rstrip("=")


def _armour(raw: bytes) -> str:
    text = base64.b64encode(raw).decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN AGE ENCRYPTED FILE-----", *lines, "-----END AGE ENCRYPTED FILE-----", ""])
