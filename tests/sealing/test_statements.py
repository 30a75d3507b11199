"""Vetters' statements in a file, and the code by which they release a held tip."""

from __future__ import annotations

import json

import pytest

from sealing import signing, statements
from sealing.custody import EntryKind, holds, read_leaf
from sealing.statements import StatementError

SEED, VERIFY = signing.generate()
CASE, OTHER, CARD = "1" * 32, "2" * 32, "a" * 64
HOLDS = ("needs_two_vetters", "poisoned")
NONCE = bytes(range(statements.NONCE_BYTES))


@pytest.mark.parametrize("kind", [EntryKind.SUSPEND, EntryKind.REVOKE, EntryKind.LIFT])
def test_a_statement_is_about_a_card_and_signed(kind: EntryKind) -> None:
    leaf = statements.signed_statement(kind, CARD, 480_000, SEED)
    entry = read_leaf(leaf)[0]
    assert (entry.kind, entry.case, entry.sha256, entry.card) == (kind, "", CARD, CARD)
    assert holds(leaf, VERIFY)


def test_a_release_is_about_a_case_and_a_reason_that_nobody_can_try() -> None:
    leaf = statements.signed_release(CASE, HOLDS[0], NONCE, 480_000, SEED)
    entry = read_leaf(leaf)[0]
    assert (entry.kind, entry.case, entry.card) == (EntryKind.RELEASE, CASE, "")
    assert holds(leaf, VERIFY)
    named = {statements.matter(case, hold, nonce) for case in (CASE, OTHER) for hold in HOLDS for nonce in (NONCE, bytes(16))}
    assert len(named) == 8
    assert entry.sha256 in named


@pytest.mark.parametrize("hold", HOLDS)
def test_the_code_of_a_letter_says_what_is_released(hold: str) -> None:
    code = statements.release_code(CASE, hold, NONCE)
    for typed in (code, code.lower(), code.replace("-", ""), code.replace("-", " ")):
        assert statements.matter_of_code(CASE, typed, HOLDS) == statements.matter(CASE, hold, NONCE)


def test_a_mistyped_code_or_another_cases_is_none() -> None:
    code = statements.release_code(CASE, HOLDS[0], NONCE)
    mistyped = ("B" if code[0] == "A" else "A") + code[1:]
    for case, typed, reasons in (
        (OTHER, code, HOLDS),
        (CASE, mistyped, HOLDS),
        (CASE, code, HOLDS[1:]),
        (CASE, "no!", HOLDS),
        (CASE, "", HOLDS),
    ):
        with pytest.raises(StatementError):
            statements.matter_of_code(case, typed, reasons)


def test_a_file_of_statements_comes_back() -> None:
    leaves = (statements.signed_statement(EntryKind.LIFT, CARD, 1, SEED), b"anything")
    assert statements.parse_statement(statements.statement_bytes(leaves)) == leaves


@pytest.mark.parametrize("changed", [{"v": 2}, {"kind": "card"}, {"leaves": 1}, {"leaves": ["é"]}, {"leaves": ["A"]}, {"leaves": [1]}])
def test_nothing_else_is_such_a_file(changed: dict[str, object]) -> None:
    fields = json.loads(statements.statement_bytes([b"x"]))
    for data in (
        json.dumps({**fields, **changed}).encode(),
        b"[]",
        b"{",
        json.dumps({k: fields[k] for k in fields if k not in changed}).encode(),
    ):
        with pytest.raises(StatementError):
            statements.parse_statement(data)
