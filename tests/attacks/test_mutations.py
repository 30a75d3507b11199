"""The list of mutations fits the tree: each finds its line once, leaves a program, and names a test that is there. `make mutate` runs
them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.attacks import mutate
from tests.attacks.mutate import ROOT, Mutation, MutationError, listed

MUTATIONS = listed()
GRAVEST = 12


def named(mutation: Mutation) -> tuple[Path, str]:
    """(file, function) of its test, without parameters."""
    file, _, name = mutation.test.partition("::")
    return ROOT / file, name.partition("[")[0]


def test_the_gravest_are_there_each_under_its_own_name() -> None:
    assert len({mutation.id for mutation in MUTATIONS}) == len(MUTATIONS) >= GRAVEST


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.id)
def test_it_finds_its_line_once_and_leaves_a_program(mutation: Mutation) -> None:
    source = (ROOT / mutation.file).read_text(encoding="utf-8")
    changed = mutation.applied(source)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source)), "a comment holds no guard"
    assert not mutation.file.startswith("tests/")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.id)
def test_its_test_is_there(mutation: Mutation) -> None:
    file, name = named(mutation)
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert re.fullmatch(r"test_\w+", name)


def test_a_line_that_is_gone_or_doubled_is_an_error() -> None:
    lost = Mutation("x", "", "sealing/age.py", "no such line", "", "")
    for source in ("", "no such line no such line"):
        with pytest.raises(MutationError):
            lost.applied(source)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("def test_it() -> None:\n    assert guard()\n", "killed"),
        ("def test_it() -> None:\n    guard()\n", "survived"),
        ("assert guard()\ndef test_it() -> None: ...\n", "broken"),
    ],
    ids=["looks", "does not look", "cannot begin"],
)
def test_the_verdict(tmp_path: Path, test: str, said: str) -> None:
    (tmp_path / "guarded.py").write_text("def guard() -> bool:\n    return True\n", encoding="utf-8")
    (tmp_path / "test_it.py").write_text(f"from guarded import guard\n{test}", encoding="utf-8")
    mutation = Mutation("x", "", "guarded.py", "return True", "return False", "test_it.py::test_it")
    assert mutate.verdict(tmp_path, mutation) == said
    assert "return True" in (tmp_path / "guarded.py").read_text(encoding="utf-8"), "the tree is as it was"
