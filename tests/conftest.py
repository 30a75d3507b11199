"""What all tests share: no network in the pure rooms, and a last line that says what ran on what."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

from translations.packages import provision
from translations.selftest import score

pytest_plugins = ["tests.databases"]

# A landing must not hang on a draw: CI tries the same few examples every time, everybody's own machine tries new ones, and more.
settings.register_profile("ci", derandomize=True, max_examples=40)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")

PURE_ROOMS = ("triage", "routing", "sealing")
ROOT = Path(__file__).resolve().parent


ON_BOTH = ("storage", "faults")
"""What CI runs on both engines: where they differ. Elsewhere it takes SQLite; everybody's own `make test` takes both everywhere."""


def left_to_make_test(item: pytest.Item) -> bool:
    """CI has twelve minutes on two cores: what takes long and is shown by a shorter test, too, runs on everybody's own machine alone."""
    if item.get_closest_marker("thorough") is not None:
        return True
    callspec = getattr(item, "callspec", None)
    on_postgres = callspec is not None and "postgres" in callspec.params.values()
    return on_postgres and item.path.relative_to(ROOT).parts[0] not in ON_BOTH and item.get_closest_marker("both") is None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("CI") == "true":
        left = [item for item in items if left_to_make_test(item)]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    for item in items:
        room = item.path.relative_to(ROOT).parts[0]
        if room in PURE_ROOMS and item.get_closest_marker("enable_socket") is None:
            item.add_marker(pytest.mark.disable_socket)
    # Files with slow tests first: two workers then end together, not one of them a minute later.
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have to tell, how many ran on which engine and in a browser, and how many were left out for want of one."""
    ran: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        if report.when != "call":
            continue
        ran["all"] += 1
        for engine in ("sqlite", "postgres"):
            ran[engine] += engine in report.nodeid.partition("[")[2]
        ran["browser"] += "browser" in report.keywords
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.write_line(str(value))
    skipped = len(terminalreporter.getreports("skipped"))
    without = sum("browser" in report.keywords for report in terminalreporter.getreports("skipped"))
    terminalreporter.write_line(
        f"{ran['all']} tests ran: {ran['sqlite']} on SQLite, {ran['postgres']} on PostgreSQL, {ran['browser']} in Chromium. "
        f"{skipped} were skipped, {without} of them for want of a browser."
    )


@pytest.fixture(scope="session")
def models() -> Path:
    """The two small real translation packages beside the repository. CI without them fails."""
    folder = Path(os.environ.get("TIPLINE_TEST_MODELS", ROOT.parent.parent / "shared" / "models"))
    if not any(folder.glob("*.argosmodel")):
        if os.environ.get("CI") == "true":
            pytest.fail("CI has no translation packages: ../shared/models or TIPLINE_TEST_MODELS")
        pytest.skip("no translation packages (../shared/models, TIPLINE_TEST_MODELS)")
    return folder


@pytest.fixture(scope="session")
def packs(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packs folder with the practice packages, really added: unpacked, pinned, self-tested."""
    folder = tmp_path_factory.mktemp("line") / "packs"
    provision(folder, [models], score)
    return folder
