"""A key file may carry a quiet word; files without one are those of before."""

from __future__ import annotations

import pytest

from sealing import age, passphrase, signing
from sealing.passphrase import PersonKey


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "LOG_N", 10)


def person(quiet: str) -> PersonKey:
    return PersonKey("a" * 32, age.generate()[0], signing.generate()[0], quiet)


@pytest.mark.parametrize("quiet", ["", "heron", "grey harbour", "niebla: añil", "ضباب"])
def test_it_goes_to_and_fro_and_is_shown_by_no_repr(quiet: str) -> None:
    key = person(quiet)
    assert passphrase.unlock(passphrase.lock(key, "x", bytes(48)), "x") == key
    assert "# quiet:" not in key.text().decode() or quiet
    assert not quiet or quiet not in repr(key)


@pytest.mark.parametrize("quiet", ["two\nlines", "\r", "a\u2028b", "\x00"])
def test_it_is_one_line(quiet: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        passphrase.lock(person(quiet), "x", bytes(48))
