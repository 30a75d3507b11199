"""THREAT_MODEL.md and the tests that carry its claims say the same."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODEL = (ROOT / "THREAT_MODEL.md").read_text(encoding="utf-8")
CLAIM = re.compile(r"^\| (T[0-9]+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
GAP = re.compile(r"^\| (G[0-9]+) \|", re.MULTILINE)
NAMED = re.compile(r"`([a-z_/]+\.(?:py|js))`")


def claims_of(source: str) -> list[str]:
    """The claim of every `@pytest.mark.claim("…")` that decorates a test."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.claim":
                found += [ast.literal_eval(argument) for argument in mark.args]
    return found


@cache
def marked() -> dict[str, set[str]]:
    """Test file -> its claims. Not while tests are collected: every worker does that, and this takes two seconds."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return {file.relative_to(ROOT).as_posix(): set(found) for file in files if (found := claims_of(file.read_text(encoding="utf-8")))}


CLAIMS = {number: (set(NAMED.findall(where)), set(NAMED.findall(shown))) for number, _, where, shown in CLAIM.findall(MODEL)}


def test_markers_are_found_on_any_test_and_nowhere_else() -> None:
    source = """
@pytest.mark.parametrize("x", [1])
@pytest.mark.claim("T7")
async def test_a(): ...
class TestB:
    @pytest.mark.claim("T8")
    def test_b(self): ...
@pytest.mark.claim("T9")
def helper(): ...
text = '@pytest.mark.claim("T10")'
"""
    assert claims_of(source) == ["T7", "T8"]


def test_every_claim_has_a_test_and_every_marker_a_claim() -> None:
    carried = set().union(*marked().values())
    assert CLAIMS
    assert carried == CLAIMS.keys()


@pytest.mark.parametrize("number", CLAIMS)
def test_a_claim_names_files_that_exist_and_tests_that_carry_it(number: str) -> None:
    where, shown = CLAIMS[number]
    assert where
    assert shown
    assert [file for file in where if not (ROOT / file).is_file()] == []
    assert [file for file in shown if number not in marked().get(file, ())] == []


@pytest.mark.parametrize(("letter", "pattern"), [("T", CLAIM), ("G", GAP)])
def test_numbers_run_without_gap_or_repeat(letter: str, pattern: re.Pattern[str]) -> None:
    found = [match[1] for match in pattern.finditer(MODEL)]
    assert found == [f"{letter}{n}" for n in range(1, len(found) + 1)]


def test_what_the_documents_refer_to_is_there() -> None:
    """`T7` and `G18`, wherever our documents say them."""
    known = Counter([*CLAIMS, *GAP.findall(MODEL)])
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    said = {(page.name, number) for page in pages for number in re.findall(r"\b[TG][0-9]{1,2}\b", page.read_text(encoding="utf-8"))}
    assert said
    assert [(name, number) for name, number in sorted(said) if number not in known] == []
