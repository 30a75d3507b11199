"""Sealing a case: who opens what, and everybody who does not. The refusals are named, one test each."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from itertools import combinations

import pytest

from sealing import age, case, plaintexts, signing
from sealing.case import CaseKey, ReaderKey
from sealing.passphrase import PersonKey
from sealing.plaintexts import Contact, Stub
from sealing.rows import Envelope, GrantRow, GrantState, Part
from triage.sensitive import Sensitive

CASE, OTHER, GRANT = "ab" * 16, "cd" * 16, "ef" * 16
CARD = "9" * 64
DAY = 20_778
BLANK = Stub(CASE, 1, GRANT, "teal heron", "asks_help", (), "", (), "no", "es", "none", "", CARD, "g", "d")


@dataclass(frozen=True)
class Pair:
    identity: str
    recipient: str


def pair() -> Pair:
    return Pair(*age.generate())


@dataclass(frozen=True)
class World:
    key: CaseKey
    reader: Pair
    other: Pair
    release: Pair
    delivery: Pair

    @property
    def case_identity(self) -> str:
        assert self.key.identity is not None
        return self.key.identity

    def grant(self, reader: Pair | None = None, release: Pair | None = None) -> GrantRow:
        to = ReaderKey("p1", (reader or self.reader).recipient, CARD)
        return case.grant(self.key, to, GRANT, (release or self.release).recipient, BLANK)

    def contact(self, case_id: str = CASE) -> Envelope:
        key = CaseKey(case_id, 1, self.key.recipient)
        way = Contact("sms", Sensitive("+34600000001"), "es", "Latn", pull=True)
        inner = age.seal(plaintexts.contact_inner(case_id, 2, "c1", way), self.delivery.recipient)
        return case.contact_envelope(key, 2, DAY, "c1", inner)


@pytest.fixture
def world() -> World:
    return World(case.new_case_key(CASE, 1), pair(), pair(), pair(), pair())


def opens(sealed: bytes, *identities: str) -> bool:
    """Whether these identities, outermost first, open all locks."""
    try:
        for identity in identities:
            sealed = age.unseal(sealed, identity)
    except age.OpenError:
        return False
    return not sealed.startswith(b"age-encryption.org/")


def test_each_epoch_has_a_key_of_its_own_that_no_repr_shows(world: World) -> None:
    second = case.new_case_key(CASE, 2)
    assert age.recipient_of(world.case_identity) == world.key.recipient != second.recipient
    assert world.case_identity not in repr(world.key)


def test_an_envelope_is_hashed_as_stored_and_opened_by_the_case_key_alone(world: World) -> None:
    made = case.envelope(world.key, 3, Part.MESSAGE, DAY, b"a tip")
    assert (made.case_id, made.epoch, made.seq, made.part, made.day) == (CASE, 1, 3, Part.MESSAGE, DAY)
    assert made.sha256 == hashlib.sha256(made.sealed).hexdigest() == case.sha256(made.sealed)
    assert age.unseal(made.sealed, world.case_identity) == b"a tip"
    assert not any(opens(made.sealed, p.identity) for p in (world.reader, world.release, world.delivery))


def test_a_public_half_is_enough_to_append_and_never_to_make_key_files(world: World) -> None:
    public = CaseKey(CASE, 1, world.key.recipient)
    made = case.envelope(public, 4, Part.MESSAGE, DAY, b"later words")
    assert age.unseal(made.sealed, world.case_identity) == b"later words"
    with pytest.raises(ValueError, match="only the sealer"):
        case.grant(public, ReaderKey("p1", world.reader.recipient, CARD), GRANT, world.release.recipient, BLANK)


def test_a_grant_leads_its_reader_to_the_case_key(world: World) -> None:
    row = world.grant()
    assert (row.id, row.case_id, row.epoch, row.person_id, row.state) == (GRANT, CASE, 1, None, GrantState.LOCKED)
    peeled = age.unseal(row.key_file, world.release.identity)
    assert plaintexts.read_key_file(age.unseal(peeled, world.reader.identity)) == (CASE, 1, world.case_identity)
    stub = age.read_json(age.unseal(age.unseal(row.stub, world.release.identity), world.reader.identity), "stub")
    peeled = age.unseal(row.key_file, world.release.identity)
    assert stub["key_file_sha256"] == case.sha256(peeled), "what the reader signs names this very ciphertext, whatever lock is around it"


@pytest.mark.claim("T3")
def test_swapped_recipient(world: World) -> None:
    """The key file of one reader opens for nobody else, and neither do the locks in another order."""
    row = world.grant()
    for sealed in (row.key_file, row.stub):
        assert opens(sealed, world.release.identity, world.reader.identity)
        assert not opens(sealed, world.release.identity, world.other.identity)
        assert not opens(sealed, world.reader.identity, world.release.identity)
        assert not opens(sealed, world.release.identity)
        assert not opens(sealed, world.reader.identity)


def test_wrong_release_epoch(world: World) -> None:
    assert not opens(world.grant(release=pair()).key_file, world.release.identity, world.reader.identity)


def test_wrong_case_epoch(world: World) -> None:
    """Whoever holds the key of one epoch reads nothing of the next: this is what striking a reader rests on."""
    second = case.new_case_key(CASE, 2)
    later = case.envelope(second, 5, Part.MESSAGE, DAY, b"after the strike")
    assert second.identity is not None
    assert opens(later.sealed, second.identity)
    assert not opens(later.sealed, world.case_identity)


def test_contact_of_another_case(world: World) -> None:
    """A contact moved into another case is refused by the worker, who alone opens it."""
    outer = age.read_json(age.unseal(world.contact(OTHER).sealed, world.case_identity), "contact")
    inner = age.unseal(base64.b64decode(str(outer["inner"])), world.delivery.identity)
    assert plaintexts.read_contact_inner(inner, OTHER)[1].address.reveal() == "+34600000001"
    with pytest.raises(age.OpenError, match="another case's contact"):
        plaintexts.read_contact_inner(inner, CASE)


@pytest.mark.claim("T27")
def test_the_address_needs_both_keys(world: World) -> None:
    sealed = world.contact().sealed
    opened = {"case": age.unseal(sealed, world.case_identity)}
    assert not opens(sealed, world.delivery.identity)
    inner = base64.b64decode(str(json.loads(opened["case"])["inner"]))
    assert b"34600000001" not in opened["case"] + inner
    assert not opens(inner, world.case_identity)
    assert opens(inner, world.delivery.identity)


@pytest.mark.claim("T11")
def test_exclusion_codes_need_release_and_case_key(world: World) -> None:
    made = case.codes_envelope(world.key, 3, DAY, world.release.recipient, {"p1": ["E3"]})
    assert made.part is Part.NOTE
    everyone = (world.release.identity, world.case_identity, world.reader.identity, world.delivery.identity)
    assert opens(made.sealed, world.release.identity, world.case_identity)
    assert not any(opens(made.sealed, one) for one in everyone)
    assert [two for two in combinations(everyone, 2) if opens(made.sealed, *two)] == [(world.release.identity, world.case_identity)]
    note = age.unseal(age.unseal(made.sealed, world.release.identity), world.case_identity)
    assert plaintexts.read_codes(note) == {"p1": ["E3"]}


def test_truncated(world: World) -> None:
    row = world.grant()
    peeled = age.unseal(row.key_file, world.release.identity)
    for cut in (1, 15, 16, 17, len(peeled) // 2, len(peeled)):
        assert not opens(row.key_file[:-cut], world.release.identity, world.reader.identity)
        assert not opens(peeled[:-cut], world.reader.identity)


def test_bit_flip(world: World) -> None:
    """At every place of header, MAC, nonce and body, of both locks."""
    row = world.grant()
    peeled = age.unseal(row.key_file, world.release.identity)
    for place in range(0, len(peeled), 7):
        assert not opens(flipped(peeled, place), world.reader.identity)
    for place in range(0, len(row.key_file), 13):
        assert not opens(flipped(row.key_file, place), world.release.identity, world.reader.identity)


def flipped(sealed: bytes, place: int) -> bytes:
    changed = bytearray(sealed)
    changed[place] ^= 1 << (place % 8)
    return bytes(changed)


def test_key_file_of_another_kind(world: World) -> None:
    """A person's own key, sealed to him in the shape of a key file, is not taken for a case's."""
    person = PersonKey("p1", world.reader.identity, signing.generate()[0])
    sealed = age.two_locks(person.text(), world.reader.recipient, world.release.recipient)
    text = age.unseal(age.unseal(sealed, world.release.identity), world.reader.identity)
    with pytest.raises(age.OpenError, match="not a case key file"):
        plaintexts.read_key_file(text)
