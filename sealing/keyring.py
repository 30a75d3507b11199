"""Server-held secrets, read from two folders: the web process's opens nothing, the worker's opens what the line must handle.

web/:    dedupe.pepper, intake.recipient ("<epoch> age1…")
worker/: <purpose>-<epoch>.key (age identity), custody.seed, index.pepper, sending.pepper, draw.secret, row.key
Peppers and keys are 64 hex digits (32 bytes) unless said. One epoch a purpose until rotation exists; its number is in every row.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw

from sealing import age, signing
from sealing.rows import EpochRow, EpochState, Purpose

PEPPERS = ("index.pepper", "sending.pepper", "draw.secret", "row.key")
KEY_FILE = re.compile(r"([a-z]+)-([1-9][0-9]*)\.key")


class KeyringError(Exception):
    """A secret is missing, unreadable or readable by others. Names the file, never its content."""


@dataclass(frozen=True, slots=True)
class WebKeys:
    """Nothing in here opens anything."""

    intake_epoch: int
    intake_recipient: str
    dedupe_pepper: bytes

    def __repr__(self) -> str:
        return "WebKeys(…)"

    def seal_intake(self, plaintext: bytes) -> tuple[int, bytes]:
        return self.intake_epoch, age.seal(plaintext, self.intake_recipient)

    def dedupe_tag(self, channel: str, provider_id: str) -> str:
        return _mac(self.dedupe_pepper, f"{channel}\0{provider_id}".encode())


@dataclass(frozen=True, slots=True)
class WorkerKeys:
    """The worker's private halves. `epochs[purpose]` = epoch number -> age identity."""

    epochs: Mapping[Purpose, Mapping[int, str]]
    custody_seed: str
    index_pepper: bytes
    sending_pepper: bytes
    draw_secret: bytes
    row_key: bytes

    def __repr__(self) -> str:
        return "WorkerKeys(…)"

    def recipient(self, purpose: Purpose) -> tuple[int, str]:
        """(epoch, recipient) of the newest epoch."""
        newest = max(self.epochs[purpose])
        return newest, age.recipient_of(self.epochs[purpose][newest])

    def seal(self, purpose: Purpose, plaintext: bytes) -> tuple[int, bytes]:
        epoch, recipient = self.recipient(purpose)
        return epoch, age.seal(plaintext, recipient)

    def open(self, purpose: Purpose, epoch: int, sealed: bytes) -> bytes:
        """Raises age.OpenError, also when the epoch's key is gone."""
        identity = self.epochs[purpose].get(epoch)
        if identity is None:
            raise age.OpenError("the epoch's key is gone")
        return age.unseal(sealed, identity)

    def peel(self, sealed: bytes) -> bytes:
        """Takes the release epoch's outer lock off. Tries the epochs held, newest first: rows carry no release epoch."""
        identities = self.epochs[Purpose.RELEASE]
        for number in sorted(identities, reverse=True):
            try:
                return age.unseal(sealed, identities[number])
            except age.OpenError:
                continue
        raise age.OpenError("no release epoch opens it")

    def index_tag(self, channel: str, address: str) -> str:
        """HMAC(index pepper, argon2id(address)): 19 MiB, t 2, p 1 (OWASP's smallest), salt from the pepper. Hex. About 30 ms."""
        salt = hashlib.sha256(b"tipline index salt" + self.index_pepper).digest()[:16]
        slow = hash_secret_raw(f"{channel}\0{address}".encode(), salt, 2, 19 * 1024, 1, 32, Type.ID)
        return _mac(self.index_pepper, slow)

    def sending_id(self, cause: str) -> str:
        """One cause, one sending."""
        return _mac(self.sending_pepper, cause.encode())

    def grant_id(self, case_id: str, epoch: int, person: str) -> str:
        """Tells nobody without the row key whose grant it is: the gate file alone says who stands in the order."""
        return _mac(self.row_key, f"grant\0{case_id}\0{epoch}\0{person}".encode())[:32]

    def coins(self, case_id: str) -> bytes:
        """32 bytes. Case ids are made before a tip is opened, so the coins are committed before it is known."""
        return hmac.digest(self.draw_secret, f"coins\0{case_id}".encode(), "sha256")

    def draw_commitment(self) -> str:
        """Hex SHA-256: logged before the first tip, so that the secret behind the coins cannot be chosen afterwards."""
        return hashlib.sha256(b"tipline draw secret\0" + self.draw_secret).hexdigest()

    def seal_gate(self, case_id: str, body: bytes) -> bytes:
        return self._seal_own(Purpose.GATE, case_id, body)

    def open_gate(self, case_id: str, sealed: bytes) -> bytes:
        """Raises age.OpenError when it does not open, or was not sealed by this worker for this case."""
        return self._open_own(Purpose.GATE, case_id, sealed)

    def seal_contact(self, case_id: str, body: bytes) -> bytes:
        """The way back to a source: no reader can make one of his own, and so choose whom the line writes to."""
        return self._seal_own(Purpose.DELIVERY, case_id, body)

    def open_contact(self, case_id: str, sealed: bytes) -> bytes:
        """Raises age.OpenError when it does not open, or was not sealed by this worker for this case."""
        return self._open_own(Purpose.DELIVERY, case_id, sealed)

    def _seal_own(self, purpose: Purpose, case_id: str, body: bytes) -> bytes:
        """Anybody can seal to our public halves, so the worker's row key authenticates what is inside, bound to its use and case."""
        _, sealed = self.seal(purpose, body + b"\n" + self._own_mac(purpose, case_id, body))
        return sealed

    def _open_own(self, purpose: Purpose, case_id: str, sealed: bytes) -> bytes:
        for number in sorted(self.epochs[purpose], reverse=True):
            try:
                body, mac = self.open(purpose, number, sealed).rsplit(b"\n", 1)
            except (age.OpenError, ValueError):
                continue
            if hmac.compare_digest(mac, self._own_mac(purpose, case_id, body)):
                return body
        raise age.OpenError("not sealed by this worker for this case")

    def _own_mac(self, purpose: Purpose, case_id: str, body: bytes) -> bytes:
        return _mac(self.row_key, f"tipline/v1/{purpose.value}\n{case_id}\n".encode() + body).encode()

    def inner_hash(self, sealed: bytes) -> str:
        """Names a key file in stubs and custody entries: hex SHA-256 of what is under the outer lock, which a rotation does not change."""
        return hashlib.sha256(self.peel(sealed)).hexdigest()

    def public_epochs(self) -> tuple[EpochRow, ...]:
        """What the epoch table holds: public halves only, each signed."""
        return tuple(
            self._announced(purpose, number, age.recipient_of(identity))
            for purpose, held in self.epochs.items()
            for number, identity in held.items()
        )

    def _announced(self, purpose: Purpose, number: int, recipient: str) -> EpochRow:
        state = EpochState.CURRENT if number == max(self.epochs[purpose]) else EpochState.DRAINING
        signature = signing.sign(self.custody_seed, signing.Use.EPOCH, announcement(purpose, number, recipient))
        return EpochRow(purpose, number, recipient, state, base64.b64encode(signature).decode())


def announcement(purpose: Purpose, number: int, recipient: str) -> bytes:
    """The bytes under an epoch's signature."""
    return f"{purpose.value} {number} {recipient}".encode()


def make_secrets(folder: Path, entropy: Callable[[int], bytes]) -> None:
    """Both folders, once. Raises KeyringError when any of it exists: secrets are never made anew over old data."""
    web, worker = folder / "web", folder / "worker"
    if web.exists() or worker.exists():
        raise KeyringError("secrets exist already")
    for made in (web, worker):
        made.mkdir(parents=True, mode=0o700)
    for purpose in Purpose:
        identity, recipient = age.generate()
        _write(worker / f"{purpose.value}-1.key", identity)
        if purpose is Purpose.INTAKE:
            _write(web / "intake.recipient", f"1 {recipient}")
    _write(worker / "custody.seed", signing.generate()[0])
    for name in PEPPERS:
        _write(worker / name, entropy(32).hex())
    _write(web / "dedupe.pepper", entropy(32).hex())


def load_web(folder: Path) -> WebKeys:
    """Raises KeyringError."""
    number, _, recipient = _read(folder / "intake.recipient").partition(" ")
    if not number.isdigit() or not recipient.startswith("age1"):
        raise KeyringError("intake.recipient is unreadable")
    return WebKeys(int(number), recipient, _secret(folder / "dedupe.pepper"))


def load_worker(folder: Path) -> WorkerKeys:
    """Raises KeyringError."""
    epochs: dict[Purpose, dict[int, str]] = {purpose: {} for purpose in Purpose}
    for file in sorted(folder.glob("*.key")):
        if named := KEY_FILE.fullmatch(file.name):
            epochs[Purpose(named[1])][int(named[2])] = _read(file)
    if missing := [purpose.value for purpose, held in epochs.items() if not held]:
        raise KeyringError(f"no key for {', '.join(missing)}")
    index, sending, draw, row = (_secret(folder / name) for name in PEPPERS)
    return WorkerKeys(epochs, _read(folder / "custody.seed"), index, sending, draw, row)


def _mac(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, "sha256").hexdigest()


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(text + "\n")


def _read(file: Path) -> str:
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise KeyringError(f"{file.name} is missing or unreadable") from None
    if stat.S_IMODE(mode) & 0o077:
        raise KeyringError(f"{file.name} can be read by others; chmod 600 it")
    return text


def _secret(file: Path) -> bytes:
    try:
        secret = bytes.fromhex(_read(file))
    except ValueError:
        raise KeyringError(f"{file.name} is not hex") from None
    if len(secret) != 32:
        raise KeyringError(f"{file.name} is not 32 bytes")
    return secret
