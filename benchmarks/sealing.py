"""What sealing costs beyond the bare operations that it consists of: age by pyrage, Ed25519 by cryptography, with their keys parsed and
their plaintexts made beforehand. Ours includes all that the line does around them: JSON, padding, hashes, ids, keys read from text.

Each operation is timed in turns with its bare ones (ours, bare, ours, …), in the same run. ratio = bare / ours: 1 = the line adds nothing,
0.5 = as much again. The ratios are what to compare between machines; the microseconds are this machine's.
"""

from __future__ import annotations

import argparse
import base64
import gc
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyrage
import pyshamir
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.table import Table

from benchmarks.line import machine
from handlers.parts import worker_leaf
from handlers.requests import Request, read_request
from handlers.roster import Member
from routing.cards import card_bytes
from routing.gate_bytes import gate_bytes, parse_gate
from routing.people import Person
from sealing import age, plaintexts, shares, signing
from sealing.case import ReaderKey, codes_envelope, contact_envelope, envelope, grant, new_case_key, sha256
from sealing.custody import Entry, EntryKind
from sealing.keyring import WebKeys, WorkerKeys
from sealing.plaintexts import Contact, Stub
from sealing.rows import HOUR_MS, ActRow, Part, Purpose
from sealing.shares import Bundle, Share
from sealing.signing import Use
from tests.desk.tips import spanish_tip
from tests.sealing.vectors import the_card, the_gate
from triage.sensitive import Sensitive
from triage.tip import Inbound

LEAST = 0.5
NEEDED, TRUSTEES = 2, 3
CASE, GRANT, PERSON, HASH = "0123456789abcdef" * 2, "fedcba9876543210" * 2, "00112233445566778899aabbccddeeff", "5a" * 32
AT = datetime(2026, 11, 21, 14, 37, 12, tzinfo=UTC)
HOUR = 494_000

Work = Callable[[], object]


class SetClock:
    def now_ms(self) -> int:
        return HOUR * HOUR_MS


@dataclass(frozen=True, slots=True)
class Bare:
    """`name` says what it does, and with how many bytes."""

    name: str
    work: Work


@dataclass(frozen=True, slots=True)
class Operation:
    """What the line does, and every bare operation in it, each as often as it happens."""

    name: str
    ours: Work
    bare: tuple[Bare, ...]


@dataclass(frozen=True, slots=True)
class Timed:
    """Microseconds, medians over the rounds; `ratio` is taken round by round, then the median."""

    name: str
    made_of: str
    ours: float
    bare: float
    ratio: float


def encrypt(plaintext: bytes, recipient: str) -> Bare:
    to = [pyrage.x25519.Recipient.from_str(recipient)]
    return Bare(f"encrypt {len(plaintext)}", lambda: pyrage.encrypt(plaintext, to))


def decrypt(sealed: bytes, identity: str) -> Bare:
    own = [pyrage.x25519.Identity.from_str(identity)]
    return Bare(f"decrypt {len(pyrage.decrypt(sealed, own))}", lambda: pyrage.decrypt(sealed, own))


def sign(body: bytes, seed: str) -> Bare:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))
    return Bare(f"sign {len(body)}", lambda: key.sign(body))


def verify(use: Use, body: bytes, seed: str) -> Bare:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))
    public, said = key.public_key(), b"tipline/v1/" + use.value.encode() + b"\n" + body
    signature = key.sign(said)
    return Bare(f"verify {len(said)}", lambda: public.verify(signature, said))


def operations() -> tuple[Operation, ...]:
    return (*of_a_message(), *of_a_case(), *of_the_escrow(), *of_the_gate(), *of_an_act())


def worker() -> WorkerKeys:
    epochs = {purpose: {1: age.generate()[0]} for purpose in Purpose}
    return WorkerKeys(epochs, signing.generate()[0], b"\x02" * 32, b"\x03" * 32, b"\x04" * 32, b"\x05" * 32)


def of_a_message() -> tuple[Operation, ...]:
    keys, key, tip = worker(), new_case_key(CASE, 1), spanish_tip()
    inbound = Inbound("sms", Sensitive("+999 100 0001"), Sensitive(tip.text), "SM1", AT)
    web = WebKeys(1, keys.recipient(Purpose.INTAKE)[1], b"\x01" * 32)
    waiting = web.seal_intake(plaintexts.inbound(inbound))[1]

    def written() -> bytes:
        return plaintexts.message_in(CASE, 1, 1, "", inbound.text, AT, "es", tip.translation, tip.found, None)

    way = Contact("sms", inbound.address, "es", "Latn", pull=True)
    inner = plaintexts.contact_inner(CASE, 2, GRANT, way)
    owned = keys.seal_contact(CASE, inner)
    outer = plaintexts.contact_outer(CASE, 1, 2, GRANT, owned)
    delivery = keys.recipient(Purpose.DELIVERY)[1]
    return (
        Operation(
            "accept: seal to intake",
            lambda: web.seal_intake(plaintexts.inbound(inbound)),
            (encrypt(plaintexts.inbound(inbound), web.intake_recipient),),
        ),
        Operation(
            "read what waits",
            lambda: plaintexts.read_inbound(keys.open(Purpose.INTAKE, 1, waiting)),
            (decrypt(waiting, keys.epochs[Purpose.INTAKE][1]),),
        ),
        Operation("seal a message", lambda: envelope(key, 1, Part.MESSAGE, 1, written()), (encrypt(written(), key.recipient),)),
        Operation(
            "seal a contact, nested",
            lambda: contact_envelope(key, 2, 1, GRANT, keys.seal_contact(CASE, plaintexts.contact_inner(CASE, 2, GRANT, way))),
            (encrypt(inner + b"\n" + b"0" * 64, delivery), encrypt(outer, key.recipient)),
        ),
        Operation(
            "open a nested contact",
            lambda: plaintexts.read_contact_inner(keys.open_contact(CASE, owned), CASE),
            (decrypt(owned, keys.epochs[Purpose.DELIVERY][1]),),
        ),
    )


def of_a_case() -> tuple[Operation, ...]:
    keys, key = worker(), new_case_key(CASE, 1)
    identity, recipient = age.generate()
    release = keys.recipient(Purpose.RELEASE)[1]
    reader, stub = ReaderKey(PERSON, recipient, HASH), the_stub(keys)
    made = grant(key, reader, GRANT, release, stub)
    generate = Bare("generate", lambda: pyrage.x25519.Identity.generate().to_public())
    text = plaintexts.key_file(CASE, 1, key.identity or "")
    shown = plaintexts.stub(replace(stub, key_file_sha256=HASH))
    reasons = {f"{n:032x}": ["E3", "E5"] for n in range(40)}
    note = plaintexts.codes_note(CASE, 1, 3, reasons)
    return (
        Operation("make a case key", lambda: new_case_key(CASE, 1), (generate,)),
        Operation(
            "key file and stub, two locks each",
            lambda: grant(key, reader, GRANT, release, stub),
            (
                encrypt(text, recipient), encrypt(age.seal(text, recipient), release),
                encrypt(shown, recipient), encrypt(age.seal(shown, recipient), release),
            ),
        ),
        Operation(
            "peel and open a key file",
            lambda: plaintexts.read_key_file(age.unseal(keys.peel(made.key_file), identity)),
            (decrypt(made.key_file, keys.epochs[Purpose.RELEASE][1]), decrypt(keys.peel(made.key_file), identity)),
        ),
        Operation(
            "codes note, two locks",
            lambda: codes_envelope(key, 3, 1, release, reasons),
            (encrypt(note, key.recipient), encrypt(age.seal(note, key.recipient), release)),
        ),
    )  # fmt: skip


def of_the_escrow() -> tuple[Operation, ...]:
    """Splitting and combining are pyshamir's; each share then goes under two locks."""
    keys, key = worker(), new_case_key(CASE, 1)
    secret, release = (key.identity or "").encode(), keys.recipient(Purpose.RELEASE)[1]
    trustees, holds = [age.generate() for _ in range(TRUSTEES)], [True] * TRUSTEES

    def written(dealt: bytes) -> bytes:
        return shares.share_text(Share(CASE, 1, key.recipient, NEEDED, dealt))

    def sealed() -> list[bytes]:
        dealt = shares.deal(secret, NEEDED, holds)
        return [age.two_locks(written(share), to, release) for (_, to), share in zip(trustees, dealt, strict=True)]

    one = shares.split(secret, NEEDED, TRUSTEES)[0]
    inner = age.seal(written(one), trustees[0][1])
    given = shares.bundle(Bundle(CASE, 1, tuple(age.seal(written(s), trustees[0][1]) for s in shares.split(secret, NEEDED, NEEDED))))
    bare = [share for _, to in trustees for share in (encrypt(written(one), to), encrypt(inner, release))]
    split = Bare(f"split {NEEDED} of {TRUSTEES}", lambda: pyshamir.split(secret, TRUSTEES, NEEDED))
    held = [bytearray(share) for share in shares.split(secret, NEEDED, NEEDED)]
    combine = Bare(f"combine {NEEDED}", lambda: pyshamir.combine(held))
    opening = [decrypt(share, trustees[0][0]) for share in shares.read_bundle(given).shares]
    return (
        Operation(f"shares for {TRUSTEES} trustees, two locks each", sealed, (split, *bare)),
        Operation("open a bundle of shares", lambda: shares.open_key(given, trustees[0][0]), (*opening, combine)),
    )


def of_the_gate() -> tuple[Operation, ...]:
    keys, gate = worker(), the_gate()
    body = gate_bytes(gate)
    sealed, identity = keys.seal_gate(CASE, body), keys.epochs[Purpose.GATE][1]
    return (
        Operation(
            "seal a gate file",
            lambda: keys.seal_gate(CASE, body),
            (encrypt(body + b"\n" + b"0" * 64, keys.recipient(Purpose.GATE)[1]),),
        ),
        Operation("open a gate file", lambda: keys.open_gate(CASE, sealed), (decrypt(sealed, identity),)),
        Operation("open and parse a gate file", lambda: parse_gate(keys.open_gate(CASE, sealed)), (decrypt(sealed, identity),)),
    )


def of_an_act() -> tuple[Operation, ...]:
    keys = worker()
    seed, public = signing.generate()
    card = replace(the_card(), verify_key=public)
    named = sha256(card_bytes(card))
    member = Member(Person(card, ()), named)
    gate = keys.recipient(Purpose.GATE)[1]
    content = age.seal(b"x" * age.FLOOR, gate)
    made: list[Operation] = []
    for name, kind, behind in (("read and verify an act", EntryKind.OPEN, None), ("the same, with what it says", EntryKind.CLOSE, content)):
        body = Entry(HOUR, kind, CASE, HASH if behind is None else sha256(behind), named).body()
        signature = signing.sign(seed, Use(kind.value), body)
        act = ActRow(GRANT, PERSON, CASE, kind.value, signature, age.seal(plaintexts.act(body, behind), gate))
        bare = (decrypt(act.sealed, keys.epochs[Purpose.GATE][1]), verify(Use(kind.value), body, seed))
        made.append(Operation(name, _judging(act, member, kind, keys), bare))
    entry = Entry(HOUR, EntryKind.SEAL, CASE, HASH, "")
    return (*made, Operation("custody leaf of the worker", lambda: worker_leaf(keys, entry), (sign(entry.body(), keys.custody_seed),)))


def _judging(act: ActRow, member: Member, kind: EntryKind, keys: WorkerKeys) -> Work:
    def judge() -> object:
        read = read_request(act, member, kind, keys, SetClock())
        if not isinstance(read, Request):
            raise WrongAnswerError(f"the {kind.value} was refused")
        return read

    return judge


class WrongAnswerError(Exception):
    """The line refused what it should take: no number of such a run means anything."""


def the_stub(keys: WorkerKeys) -> Stub:
    """As they are today, with the reader's own card in it."""
    return Stub(
        CASE, 1, GRANT, "teal heron", "asks_help", ("sex_trafficking",), "Valdoria", ("police",), "unknown", "es", "practice", "", HASH,
        keys.recipient(Purpose.GATE)[1], keys.recipient(Purpose.DELIVERY)[1], card_bytes(the_card()).decode(),
        signing.public_of(keys.custody_seed),
    )  # fmt: skip


def measure(operation: Operation, rounds: int, seconds: float) -> Timed:
    """`seconds`: of each side, in each round."""
    times = max(3, int(seconds / max(_once(operation.ours, 3), 1e-6)))
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):
        ours.append(_once(operation.ours, times))
        bare.append(sum(_once(each.work, times) for each in operation.bare))
    ratio = statistics.median(b / o for o, b in zip(ours, bare, strict=True))
    made_of = " + ".join(f"{n} × {name}" if n > 1 else name for name, n in Counter(each.name for each in operation.bare).items())
    return Timed(operation.name, made_of, 1e6 * statistics.median(ours), 1e6 * statistics.median(bare), ratio)


def _once(work: Work, times: int) -> float:
    """Seconds of one, over so many: of the processor, so that neighbours do not count."""
    start = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - start) / times


def table(found: Sequence[Timed]) -> Table:
    shown = Table(title="Sealing, and the bare operations in it (bytes of plaintext)", title_justify="left")
    for name in ("operation", "consists of", "ours µs", "bare µs", "ratio"):
        shown.add_column(name, justify="left" if name in ("operation", "consists of") else "right")
    for each in found:
        shown.add_row(each.name, each.made_of, f"{each.ours:.0f}", f"{each.bare:.0f}", f"{each.ratio:.2f}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.03)
    asked = parser.parse_args()
    gc.disable()  # a collection would fall on one side by chance
    found = [measure(operation, asked.rounds, asked.seconds) for operation in operations()]
    console = Console(width=140)
    console.print(table(found))
    console.print(f"ratio = bare / ours, median of {asked.rounds} rounds; {machine()}")
    told = {each.name: {"ours_us": round(each.ours, 1), "bare_us": round(each.bare, 1), "ratio": round(each.ratio, 3)} for each in found}
    print("RESULT " + json.dumps({"bench": "sealing", "machine": machine(), "least": LEAST, "operations": told}))
    if slow := [each.name for each in found if each.ratio < LEAST]:
        sys.exit(f"more than as much again as the bare operations: {', '.join(slow)}")


if __name__ == "__main__":
    main()
