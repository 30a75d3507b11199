"""Rows of what was learned: none passes for another, for another kind, or for a case's gate file."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from sealing.age import OpenError
from sealing.keyring import load_worker, make_secrets
from sealing.learned_rows import bound_to

NAME = "a" * 32


def test_a_row_opens_as_what_it_is_and_as_nothing_else(tmp_path: Path) -> None:
    make_secrets(tmp_path, secrets.token_bytes)
    worker = load_worker(tmp_path / "worker")
    sealed = worker.seal_gate(bound_to("lesson", NAME), b"{}")
    assert worker.open_gate(bound_to("lesson", NAME), sealed) == b"{}"
    for other in (NAME, bound_to("link", NAME), bound_to("lesson", "b" * 32)):
        with pytest.raises(OpenError):
            worker.open_gate(other, sealed)
