"""The recovery file: any M of its trustees, nobody else, and nothing that was changed on the way."""

from __future__ import annotations

import base64
import json

import pytest

from sealing import age, signing
from sealing.recovery import Part, RecoveryError, hand_over, join, part_of, read, take, write

TRUSTEES = [age.generate() for _ in range(4)]
SEED, LINE = signing.generate()
FILES = {"worker/row.key": "00" * 32}
DATA = write(FILES, 3, [recipient for _, recipient in TRUSTEES], 3, SEED, lambda listed: listed[::-1])
ONCE, TO = age.generate()
EMPTY = base64.b64encode(age.seal(b'{"v":1,"kind":"recovery share"}', TO)).decode()


def handed(*trustees: int, data: bytes = DATA) -> list[Part]:
    return [take(hand_over(part_of(read(data), TRUSTEES[n][0]), TO), ONCE) for n in trustees]


@pytest.mark.claim("T43")
def test_any_three_of_four_open_it() -> None:
    found = read(DATA)
    assert (found.line, found.generation, found.needed) == (LINE, 3, 3)
    for some in ((0, 1, 2), (3, 1, 0), (0, 1, 2, 3)):
        assert join(found, handed(*some)) == FILES


@pytest.mark.parametrize("some", [(), (0,), (0, 1), (0, 1, 1)], ids=["none", "one", "two", "one twice"])
@pytest.mark.claim("T43")
def test_fewer_open_nothing(some: tuple[int, ...]) -> None:
    with pytest.raises(RecoveryError):
        join(read(DATA), handed(*some))


def test_foreign_and_wrong_shares_open_nothing_and_spoil_nothing() -> None:
    other = write(FILES, 3, [recipient for _, recipient in TRUSTEES], 3, SEED, list)
    foreign, ours = handed(0, 1, data=other), handed(0, 1)
    wrong = Part(ours[0].recipient, bytes(len(ours[0].share) - 1) + b"\x04")
    for parts in ([*ours, *foreign], [*ours, wrong]):
        with pytest.raises(RecoveryError):
            join(read(DATA), parts)
    assert join(read(DATA), [*foreign, wrong, *ours, *handed(2)]) == FILES


def test_who_is_no_trustee_has_no_share() -> None:
    with pytest.raises(RecoveryError, match="None of the shares"):
        part_of(read(DATA), age.generate()[0])


def test_a_share_on_its_way_opens_to_its_one_key() -> None:
    text = hand_over(part_of(read(DATA), TRUSTEES[0][0]), TO)
    for wrong in (text[:-8], "", "é", base64.b64encode(b"x").decode(), base64.b64encode(age.seal(b"{}", TO)).decode(), EMPTY):
        with pytest.raises(RecoveryError, match="no share"):
            take(wrong, ONCE)
    with pytest.raises(RecoveryError, match="no share"):
        take(text, age.generate()[0])
    with pytest.raises(RecoveryError, match="Nothing can be sealed"):
        hand_over(part_of(read(DATA), TRUSTEES[0][0]), "age1nobody")


@pytest.mark.parametrize("field", ["line", "signature", "body", "kind", "v"])
def test_a_changed_file_is_refused(field: str) -> None:
    told = json.loads(DATA)
    others = {"line": signing.generate()[1], "signature": base64.b64encode(bytes(64)).decode(), "kind": "tipline backup", "v": 2}
    if field == "body":
        body = json.loads(base64.b64decode(told["body"]))
        told["body"] = base64.b64encode(json.dumps(body | {"needed": 2}).encode()).decode()
    else:
        told[field] = others[field]
    with pytest.raises(RecoveryError):
        read(json.dumps(told).encode())


def test_a_generation_that_the_secrets_do_not_bear_is_refused() -> None:
    """Not even the line itself gives an old file a new number."""
    told = json.loads(DATA)
    body = json.dumps(json.loads(base64.b64decode(told["body"])) | {"generation": 4}).encode()
    signature = signing.sign(SEED, signing.Use.RECOVERY, body)
    told |= {"body": base64.b64encode(body).decode(), "signature": base64.b64encode(signature).decode()}
    with pytest.raises(RecoveryError, match="was changed"):
        join(read(json.dumps(told).encode()), handed(0, 1, 2))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"[" * 100_000, b"\xff", b'{"v":1,"kind":"tipline recovery","line":3}'])
def test_what_is_no_recovery_file_is_refused(data: bytes) -> None:
    with pytest.raises(RecoveryError):
        read(data)


@pytest.mark.parametrize(("trustees", "needed"), [(1, 2), (2, 3), (4, 1)])
def test_it_takes_two_and_as_many_as_must_come_together(trustees: int, needed: int) -> None:
    with pytest.raises(RecoveryError):
        write(FILES, 1, [recipient for _, recipient in TRUSTEES[:trustees]], needed, SEED, list)


def test_the_file_shows_no_secret_and_not_whose_a_share_is() -> None:
    shown = base64.b64decode(json.loads(DATA)["body"]).decode() + DATA.decode()
    assert not any(text in shown for text in (*FILES.values(), SEED, "AGE-SECRET-KEY", *(recipient for _, recipient in TRUSTEES)))
    assert repr(handed(0)[0]) == "Part(…)"
