"""`make mutate`: takes one guard after the other out of a copy of the tree, and runs the test that must then fail.

A mutation that its test does not notice survives: nothing holds that guard in place. One that breaks the program, so that the test cannot
even begin, shows nothing either. The tests are run once unchanged first: a test that fails anyway would notice anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("mutations.toml")
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "*.egg-info", "practice")
LONGEST_S = 300
SHOWN = 3_000
PLUGINS = tuple(f"-p{name}" for name in ("pytest_asyncio.plugin", "pytest_socket", "_hypothesis_pytestplugin"))
"""All that the tests need: each of the others takes its time to load."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """`find` stands in `file` exactly once; `attack` says what its absence would let through; `test` is a pytest node id."""

    id: str
    attack: str
    file: str
    find: str
    replace: str
    test: str

    def applied(self, source: str) -> str:
        """Raises MutationError unless the line is there once."""
        if source.count(self.find) != 1:
            raise MutationError(f"{self.id}: found {source.count(self.find)} times in {self.file}")
        return source.replace(self.find, self.replace)


class MutationError(Exception):
    """The list does not fit the tree, or a test fails before anything is changed."""


def listed() -> tuple[Mutation, ...]:
    return tuple(Mutation(**entry) for entry in tomllib.loads(FILE.read_text(encoding="utf-8"))["mutation"])


@dataclass(frozen=True, slots=True)
class Run:
    """`failures`: tests whose assertions failed. `errors`: tests that could not begin; no test at all is one, too. `told`: the end of what
    pytest printed."""

    failures: int
    errors: int
    told: str


def ran(tree: Path, tests: Iterable[str]) -> Run:
    """Raises subprocess.TimeoutExpired."""
    report = tree / "report.xml"
    report.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *PLUGINS,
        "-ojunit_family=xunit1",
        f"--junitxml={report}",
        *tests,
    ]
    models = os.environ.get("TIPLINE_TEST_MODELS", str(ROOT.parent / "shared" / "models"))
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment["TIPLINE_TEST_MODELS"] = models
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    suite = ET.parse(report).getroot().find("testsuite") if report.exists() else None
    if suite is None or int(suite.attrib["tests"]) == 0:
        return Run(0, 1, (done.stdout + done.stderr)[-SHOWN:])
    return Run(int(suite.attrib["failures"]), int(suite.attrib["errors"]), done.stdout[-SHOWN:])


def verdict(tree: Path, mutation: Mutation) -> str:
    """killed, survived, or broken: the program did not begin."""
    file = tree / mutation.file
    source = file.read_text(encoding="utf-8")
    file.write_text(mutation.applied(source), encoding="utf-8")
    try:
        run = ran(tree, [mutation.test])
    except subprocess.TimeoutExpired:
        return "broken"
    finally:
        file.write_text(source, encoding="utf-8")
    return "broken" if run.errors else "killed" if run.failures else "survived"


def main() -> None:
    console, wanted = Console(width=140), set(sys.argv[1:])
    mutations = [mutation for mutation in listed() if not wanted or mutation.id in wanted]
    shown = Table(title="One guard taken out at a time, and the test that must notice", title_justify="left")
    for name in ("mutation", "what would get through", "where", "verdict"):
        shown.add_column(name)
    with tempfile.TemporaryDirectory(prefix="tipline-mutate-") as made:
        tree = Path(made) / "tree"
        shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
        unchanged = ran(tree, sorted({mutation.test for mutation in mutations}))
        if unchanged.failures or unchanged.errors:
            console.print(unchanged.told, markup=False)
            raise MutationError("tests fail before anything is changed")
        verdicts = {}
        for mutation in mutations:
            verdicts[mutation.id] = verdict(tree, mutation)
            console.print(f"{mutation.id}: {verdicts[mutation.id]}")
    for mutation in mutations:
        shown.add_row(mutation.id, mutation.attack, mutation.file, verdicts[mutation.id])
    console.print(shown)
    if alive := [name for name, found in verdicts.items() if found != "killed"]:
        sys.exit(f"not noticed: {', '.join(alive)}")


if __name__ == "__main__":
    main()
