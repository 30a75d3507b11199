"""What a line remembers of dead cards outlives processes, power cuts and databases; a damaged memory lets nobody in."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sealing.dead_cards import DeadCards, DeadCardsError

A, B, C = "a" * 64, "b" * 64, "c" * 64


def test_it_remembers_over_processes(tmp_path: Path) -> None:
    file = tmp_path / "cards.dead"
    first, other = DeadCards(file), DeadCards(file)
    first.replace([A, B])
    other.revoke(C)
    first.add_leaf(b"leaf one\n")
    other.add_leaf(b"leaf two\n")
    again = DeadCards(file)
    assert (again.replaced, again.revoked, again.leaves) == ({A, B}, {C}, {b"leaf one\n", b"leaf two\n"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_is_written_twice_nor_without_need(tmp_path: Path) -> None:
    file = tmp_path / "cards.dead"
    dead = DeadCards(file)
    dead.replace([])
    assert not file.exists()
    for _ in range(2):
        dead.replace([A])
        dead.revoke(A)
        dead.add_leaf(b"x")
    assert len(file.read_text().splitlines()) == 3


def test_without_a_file_it_remembers_as_long_as_it_lives() -> None:
    dead = DeadCards()
    dead.revoke(A)
    assert dead.revoked == {A}


@pytest.mark.parametrize("before", [f"dead {A}\n", ""])
def test_half_a_line_of_a_power_cut_is_cut_off_at_the_next(tmp_path: Path, before: str) -> None:
    file = tmp_path / "cards.dead"
    file.write_text(f"{before}revoked bbbb")
    dead = DeadCards(file)
    assert dead.revoked == set()
    assert file.read_text().endswith("bbbb")  # who only looks changes nothing
    dead.revoke(C)
    assert file.read_text() == f"{before}revoked {C}\n"


def test_a_disk_that_takes_half_is_told_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cards.dead"
    dead = DeadCards(file)
    dead.revoke(A)
    truly = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: truly(descriptor, data[:9]))
    with pytest.raises(OSError, match="cut short"):
        dead.revoke(B)
    assert dead.revoked == {A}
    monkeypatch.undo()
    dead.revoke(B)
    assert file.read_text() == f"revoked {A}\nrevoked {B}\n"


@pytest.mark.parametrize("line", ["dead abc", "revoked", "lief YQ==", "leaf !", f"dead {A} ", "é"])
def test_a_damaged_memory_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "cards.dead"
    file.write_text(f"dead {A}\n{line}\ndead {B}\n", encoding="utf-8")
    with pytest.raises(DeadCardsError) as caught:
        DeadCards(file)
    assert A not in str(caught.value)
