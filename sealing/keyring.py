"""Server-held secrets, read from two folders: the web process's opens nothing, the worker's opens what the line must handle.

web/:    dedupe.pepper, custody.public, intake.recipient ("<epoch> age1…": the newest that web has seen; it never takes a lower one)
worker/: <purpose>-<epoch>.key (age identity), custody.seed, index.pepper, sending.pepper, draw.secret, row.key
Peppers and keys are 64 hex digits (32 bytes) unless said. What never changes may come from another folder, such as systemd's credentials.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from argon2.low_level import Type, hash_secret_raw

from sealing import age, signing
from sealing.epochs import Epochs
from sealing.rows import EpochRow, EpochState, Purpose
from sealing.secret_files import KeyFolder, KeyringError, read, read_hex, write_new, write_over

__all__ = [
    "KeyringError",
    "WebKeys",
    "WorkerKeys",
    "announced",
    "announcement",
    "load_web",
    "load_worker",
    "make_secrets",
    "pin_line",
    "pin_recipient",
]

PEPPERS = ("index.pepper", "sending.pepper", "draw.secret", "row.key")
SEED = "custody.seed"
RECIPIENT = "intake.recipient"
CUSTODY = "custody.public"
DEDUPE = "dedupe.pepper"


@dataclass(slots=True)
class Newest:
    """The intake recipient that new messages are sealed to."""

    number: int
    recipient: str


@dataclass(frozen=True, slots=True)
class WebKeys:
    """Nothing in here opens anything. `custody` = base64 public half of the key that signs epochs."""

    intake_epoch: int
    intake_recipient: str
    dedupe_pepper: bytes
    custody: str = ""
    newest: Newest = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "newest", Newest(self.intake_epoch, self.intake_recipient))

    def __repr__(self) -> str:
        return "WebKeys(…)"

    def seal_intake(self, plaintext: bytes) -> tuple[int, bytes]:
        number, recipient = self.newest.number, self.newest.recipient
        return number, age.seal(plaintext, recipient)

    def learn(self, row: EpochRow) -> bool:
        """Seals to this intake epoch from now on. False = refused: not signed by the line, not an intake key, or not newer than what we
        have: whoever writes to the database cannot bring back an old key, nor one of his own."""
        if row.purpose is not Purpose.INTAKE or row.number <= self.newest.number or not announced(row, self.custody):
            return False
        self.newest.number, self.newest.recipient = row.number, row.recipient
        return True

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

    def __post_init__(self) -> None:
        if not isinstance(self.epochs, Epochs):
            object.__setattr__(self, "epochs", Epochs(self.epochs))

    def __repr__(self) -> str:
        return "WorkerKeys(…)"

    @property
    def shelf(self) -> Epochs:
        """`epochs`, as whoever rotates them changes them: for every holder of these keys at once."""
        return cast(Epochs, self.epochs)  # __post_init__ sees to it

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
        """Takes the release epoch's outer lock off. Raises age.OpenError."""
        return self.open_any(Purpose.RELEASE, sealed)

    def open_any(self, purpose: Purpose, sealed: bytes) -> bytes:
        """What does not say its epoch: tries those held, newest first. Raises age.OpenError."""
        identities = self.epochs[purpose]
        for number in sorted(identities, reverse=True):
            try:
                return age.unseal(sealed, identities[number])
            except age.OpenError:
                continue
        raise age.OpenError("no epoch opens it")

    def index_tag(self, channel: str, address: str) -> str:
        """HMAC(index pepper, argon2id(address)): 19 MiB, t 2, p 1 (OWASP's smallest), salt from the pepper. Hex. About 30 ms."""
        salt = hashlib.sha256(b"tipline index salt" + self.index_pepper).digest()[:16]
        return _mac(self.index_pepper, _slow(f"{channel}\0{address}", salt))

    def link_tag(self, identifier: str) -> str:
        """HMAC(row key, argon2id(identifier of a matter)), as slow as `index_tag`: who has the keys cannot try all phones of a country."""
        salt = hashlib.sha256(b"tipline link salt" + self.row_key).digest()[:16]
        return _mac(self.row_key, b"link\0" + _slow(identifier, salt))

    def sending_id(self, cause: str) -> str:
        """One cause, one sending."""
        return _mac(self.sending_pepper, cause.encode())

    def grant_id(self, case_id: str, epoch: int, person: str) -> str:
        """Tells nobody without the row key whose grant it is: the gate file alone says who stands in the order."""
        return _mac(self.row_key, f"grant\0{case_id}\0{epoch}\0{person}".encode())[:32]

    def share_id(self, case_id: str, epoch: int, person: str) -> str:
        """One for each trustee, case and epoch."""
        return _mac(self.row_key, f"share\0{case_id}\0{epoch}\0{person}".encode())[:32]

    def person_tag(self, person: str) -> str:
        """Stands in custody entries of a person's cards: that they are one person's, and not whose."""
        return _mac(self.row_key, f"person\0{person}".encode())[:32]

    def coins(self, case_id: str) -> bytes:
        """32 bytes. Case ids are made before a tip is opened, so the coins are committed before it is known."""
        return hmac.digest(self.draw_secret, f"coins\0{case_id}".encode(), "sha256")

    def draw_commitment(self) -> str:
        """Hex SHA-256: logged before the first tip, so that the secret behind the coins cannot be chosen afterwards."""
        return hashlib.sha256(b"tipline draw secret\0" + self.draw_secret).hexdigest()

    def seal_gate(self, case_id: str, body: bytes) -> bytes:
        """Padded with spaces, which JSON allows: no size tells how many people a gate file names."""
        return self._seal_own(Purpose.GATE, case_id, body.ljust(age.padme(len(body)), b" "))

    def open_gate(self, case_id: str, sealed: bytes) -> bytes:
        """Without the spaces behind it. Raises age.OpenError when it does not open, or was not sealed by this worker for this case."""
        return self._open_own(Purpose.GATE, case_id, sealed).rstrip(b" ")

    def seal_contact(self, case_id: str, body: bytes) -> bytes:
        """The way back to a source: no reader can make one of his own, and so choose whom the line writes to."""
        return self._seal_own(Purpose.DELIVERY, case_id, body)

    def open_contact(self, case_id: str, sealed: bytes) -> bytes:
        """Raises age.OpenError when it does not open, or was not sealed by this worker for this case."""
        return self._open_own(Purpose.DELIVERY, case_id, sealed)

    def seal_duty(self, person: str, body: bytes) -> bytes:
        """A person's duty hours, beside his card."""
        return self._seal_own(Purpose.ROSTER, f"duty {person}", body)

    def open_duty(self, person: str, sealed: bytes) -> bytes:
        """Raises age.OpenError when it does not open, or was not sealed by this worker for this person."""
        return self._open_own(Purpose.ROSTER, f"duty {person}", sealed)

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


def announced(row: EpochRow, custody: str) -> bool:
    """Whether the line itself says that this is its key for this epoch. `custody` = base64 public half of its custody key."""
    try:
        signature = base64.b64decode(row.signature, validate=True)
        return signing.verify(custody, signing.Use.EPOCH, announcement(row.purpose, row.number, row.recipient), signature)
    except ValueError:  # no base64, or no key
        return False


def make_secrets(folder: Path, entropy: Callable[[int], bytes], *, hour: int = 0, given: Path | None = None) -> None:
    """Both folders, once, but for what `given` holds. Raises KeyringError when any of it exists: secrets are never made anew over old
    data. `hour`: since when the first epochs serve; 0 = since their files were written."""
    web, worker = folder / "web", folder / "worker"
    if web.exists() or worker.exists():
        raise KeyringError("secrets exist already")
    for made in (web, worker):
        made.mkdir(parents=True, mode=0o700)
    for purpose in Purpose:
        identity, recipient = age.generate()
        write_new(worker / f"{purpose.value}-1.key", f"# since: {hour}\n{identity}" if hour else identity)
        if purpose is Purpose.INTAKE:
            write_new(web / RECIPIENT, f"1 {recipient}")
    for name in (SEED, *PEPPERS):
        if given is None or not (given / name).exists():
            write_new(worker / name, signing.generate()[0] if name == SEED else entropy(32).hex())
    if given is None or not (given / DEDUPE).exists():
        write_new(web / DEDUPE, entropy(32).hex())
    pin_line(folder, load_worker(worker, given))


def pin_line(folder: Path, keys: WorkerKeys) -> None:
    """Tells web whose epochs it may believe. Raises KeyringError when it was told of another line."""
    pinned, public = folder / "web" / CUSTODY, signing.public_of(keys.custody_seed)
    if not pinned.exists():
        write_new(pinned, public)
    elif read(pinned) != public:
        raise KeyringError(f"{CUSTODY} is another line's")


def load_web(folder: Path, given: Path | None = None) -> WebKeys:
    """`given`: a folder that may hold what never changes, such as systemd's credentials. Raises KeyringError."""
    number, _, recipient = read(folder / RECIPIENT).partition(" ")
    if not number.isdigit() or not recipient.startswith("age1"):
        raise KeyringError(f"{RECIPIENT} is unreadable")
    custody = read(folder / CUSTODY)
    try:
        signing.fingerprint(custody)
    except signing.KeyFormatError:
        raise KeyringError(f"{CUSTODY} is no key") from None
    return WebKeys(int(number), recipient, read_hex(_held(folder, given, DEDUPE), DEDUPE), custody)


def pin_recipient(folder: Path, keys: WebKeys) -> None:
    """What web has seen stays seen: after its next start, too, it takes nothing older. Raises OSError."""
    write_over(folder / RECIPIENT, f"{keys.newest.number} {keys.newest.recipient}")


def load_worker(folder: Path, given: Path | None = None) -> WorkerKeys:
    """`given` as in `load_web`. Raises KeyringError."""
    if not folder.is_dir():
        raise KeyringError("there are no secrets")
    epochs = KeyFolder(folder).read()
    if missing := [purpose.value for purpose, held in epochs.items() if not held]:
        raise KeyringError(f"no key for {', '.join(missing)}")
    index, sending, draw, row = (read_hex(_held(folder, given, name), name) for name in PEPPERS)
    seed = _held(folder, given, SEED)
    try:
        signing.public_of(seed)
    except signing.KeyFormatError:
        raise KeyringError(f"{SEED} is no key") from None
    return WorkerKeys(epochs, seed, index, sending, draw, row)


def _held(folder: Path, given: Path | None, name: str) -> str:
    """Raises KeyringError, also when both folders hold it: nobody could say which one serves."""
    if given is None or not (given / name).exists():
        return read(folder / name)
    if (folder / name).exists():
        raise KeyringError(f"{name} lies among the credentials and in the secrets folder: keep one")
    return read(given / name, given=True)


def _slow(text: str, salt: bytes) -> bytes:
    return hash_secret_raw(text.encode("utf-8", "surrogatepass"), salt, 2, 19 * 1024, 1, 32, Type.ID)


def _mac(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, "sha256").hexdigest()
