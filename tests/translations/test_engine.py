"""The real child, the real CTranslate2, the practice packages."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from handlers.ports import Translator
from translations import engine
from translations.child import MOST_REQUESTS
from translations.engine import ChildTranslator, child_command, child_environment, translate_once
from translations.packages import provision, shelf
from triage.sensitive import Sensitive

pytestmark = pytest.mark.enable_socket

PASSPORTS = "Nos quitaron los pasaportes cuando llegamos a la fábrica."
CANARY = "Zquirrelmantis"


@pytest_asyncio.fixture
async def translator(packs: Path) -> AsyncIterator[ChildTranslator]:
    made = ChildTranslator(packs)
    yield made
    await made.close()


async def english(translator: Translator, text: str) -> str | None:
    translation = await translator.translate(Sensitive(text), "es", "en")
    return translation.text.reveal() if translation is not None else None


def child_of(translator: ChildTranslator) -> int:
    assert translator._child is not None
    return translator._child.pid


@pytest.mark.asyncio
async def test_translates_and_says_what_the_translation_is_worth(translator: ChildTranslator) -> None:
    translation = await translator.translate(Sensitive(PASSPORTS), "es-MX", "en")
    assert translation is not None
    assert "passports" in translation.text.reveal()
    assert (translation.package, translation.quality) == ("translate-es_en-0_3", "practice")
    assert translation.trusted == (translation.chrf >= 45)
    assert CANARY not in repr(translation)
    assert "passports" not in repr(translation)


@pytest.mark.asyncio
async def test_keeps_lines_and_spaces_of_the_source(translator: ChildTranslator) -> None:
    text = await english(translator, "  Mi hermana está en casa.\n\nEl barco sale mañana.  Tengo miedo.\n")
    assert text is not None
    first, second = text.split("\n\n")
    assert first.startswith("  ")
    assert "sister" in first
    assert "tomorrow.  I" in second
    assert second.endswith("\n")


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ["", "   ", "👍", "x" * 3000, "\0", "a\nb\r\nc", "\u2028", '{"id": 1}', "палец", "\ud800"])
async def test_any_text_gets_an_answer_and_the_child_lives(translator: ChildTranslator, text: str) -> None:
    await english(translator, "Hola.")
    before = child_of(translator)
    assert await english(translator, text) is not None
    assert child_of(translator) == before


@pytest.mark.asyncio
async def test_no_package_is_an_answer_and_starts_no_child(translator: ChildTranslator, tmp_path: Path) -> None:
    assert await translator.translate(Sensitive("Selamat pagi"), "id", "en") is None
    assert await translator.translate(Sensitive("hello"), "en", "en") is None
    assert await translator.translate(Sensitive("hola"), "und", "en") is None
    assert translator._child is None
    empty = ChildTranslator(tmp_path / "none")
    assert await empty.translate(Sensitive(PASSPORTS), "es", "en") is None
    assert empty.directions() == []


@pytest.mark.asyncio
async def test_requests_at_the_same_time_each_get_their_own_answer(translator: ChildTranslator) -> None:
    texts = {"El barco es rojo.": "red", "El barco es verde.": "green", "El barco es azul.": "blue", "El barco es blanco.": "white"}
    answers = await asyncio.gather(*(english(translator, text) for text in texts))
    assert [word in (answer or "") for word, answer in zip(texts.values(), answers, strict=True)] == [True] * 4


@pytest.mark.asyncio
async def test_a_child_killed_between_two_requests_is_replaced(translator: ChildTranslator) -> None:
    assert await english(translator, PASSPORTS) is not None
    for _ in range(3):
        before = child_of(translator)
        os.kill(before, signal.SIGKILL)
        assert "passports" in (await english(translator, PASSPORTS) or "")
        assert child_of(translator) != before


@pytest.mark.asyncio
async def test_a_child_killed_while_it_works_is_replaced(translator: ChildTranslator) -> None:
    await english(translator, "Hola.")
    working = asyncio.create_task(english(translator, PASSPORTS * 20))
    await asyncio.sleep(0.05)
    assert not working.done()
    before = child_of(translator)
    os.kill(before, signal.SIGKILL)
    assert (await working or "").count("passports") > 1
    assert child_of(translator) != before


@pytest.mark.asyncio
async def test_a_child_ends_after_some_requests_and_nobody_notices(translator: ChildTranslator) -> None:
    children = set()
    for number in range(MOST_REQUESTS + 2):
        assert "green" in (await english(translator, "El barco es verde.") or ""), number
        children.add(child_of(translator))
    assert len(children) == 2


@pytest.mark.asyncio
async def test_a_child_that_is_too_slow_is_killed_and_its_late_answer_never_read(packs: Path) -> None:
    translator = ChildTranslator(packs)
    await english(translator, "Hola.")
    slow = child_of(translator)
    os.kill(slow, signal.SIGSTOP)
    translator._timeout_s = 0.3
    assert await english(translator, "El barco es rojo.") is None
    assert not Path(f"/proc/{slow}").exists()
    translator._timeout_s = 20
    assert "green" in (await english(translator, "El barco es verde.") or "")
    await translator.close()


@pytest.mark.asyncio
async def test_a_cancelled_request_leaves_no_answer_for_the_next(translator: ChildTranslator) -> None:
    await english(translator, "Hola.")
    request = asyncio.create_task(english(translator, "El barco es rojo. " * 100))
    await asyncio.sleep(0.05)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert "green" in (await english(translator, "El barco es verde.") or "")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "program", ["raise SystemExit(1)", "print('[]', flush=True); input(); input()", "print('x' * 99, flush=True); input()"]
)
async def test_a_child_that_does_not_speak_is_an_answer(packs: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(engine, "child_command", lambda: [sys.executable, "-c", program])
    translator = ChildTranslator(packs, timeout_s=5)
    assert await english(translator, PASSPORTS) is None
    assert translator._child is None
    assert translate_once(packs, ["translate-es_en-0_3"], [PASSPORTS]) is None


@pytest.mark.asyncio
async def test_a_package_added_later_is_used_after_refresh(models: Path, packs: Path, tmp_path: Path) -> None:
    translator = ChildTranslator(tmp_path)
    assert await english(translator, PASSPORTS) is None
    provision(tmp_path, [packs / "translate-es_en-0_3"], lambda _: 44.0)
    assert [pack.name for pack in translator.refresh().packs] == ["translate-es_en-0_3"]
    translation = await translator.translate(Sensitive(PASSPORTS), "es", "en")
    assert translation is not None
    assert (translation.chrf, translation.trusted) == (44.0, False)
    await translator.close()


@pytest.mark.linux
@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform != "linux", reason="Linux walls")
@pytest.mark.claim("T16")
async def test_the_child_says_that_it_has_no_network(translator: ChildTranslator) -> None:
    assert await translator.start() in {"namespace", "seccomp"}
    assert translator.network == await translator.start()


@pytest.mark.asyncio
@pytest.mark.claim("T16")
async def test_the_child_inherits_nothing(translator: ChildTranslator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIPLINE_SECRET", CANARY)
    await english(translator, CANARY)
    assert set(child_environment()) == {"PYTHONPATH"}
    folder = Path(f"/proc/{child_of(translator)}")
    if not folder.exists() or not os.access(folder / "environ", os.R_OK):
        pytest.skip("no readable /proc here")
    assert {entry.partition(b"=")[0] for entry in (folder / "environ").read_bytes().split(b"\0") if entry} <= {b"PYTHONPATH", b"LC_CTYPE"}
    assert CANARY.encode() not in (folder / "cmdline").read_bytes()
    assert not [fd for fd in (folder / "fd").iterdir() if int(fd.name) > 2 and "socket" in str(fd.readlink())]


def converse(requests: Sequence[object]) -> subprocess.CompletedProcess[bytes]:
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    return subprocess.run(child_command(), env=child_environment(), input=lines.encode(), capture_output=True, timeout=30, check=False)


def test_the_childs_standard_error_is_silent_about_the_words(packs: Path) -> None:
    done = converse([{"packs": str(packs)}, {"id": 1, "texts": [f"Mi amigo {CANARY} está aquí."], "packs": ["translate-es_en-0_3"]}])
    assert [json.loads(line).get("id") for line in done.stdout.splitlines()] == [None, 1]
    assert done.stderr == b""


def test_the_parent_throws_the_childs_standard_error_away(packs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A request that breaks the child: its traceback must not reach our own standard error."""

    async def broken() -> None:
        translator = ChildTranslator(packs)
        assert await translator._ask(Sensitive(CANARY), [f"no such package {CANARY}"]) is None
        await translator.close()

    asyncio.run(broken())
    assert converse([{"packs": str(packs)}, {"id": 1, "texts": [CANARY], "packs": ["no such package"]}]).stderr
    assert capfd.readouterr() == ("", "")


def test_works_from_a_command_line_too(packs: Path) -> None:
    translated = translate_once(packs, ["translate-es_en-0_3"], [PASSPORTS, "El barco es verde."])
    assert translated is not None
    assert "passports" in translated[0]
    assert "green" in translated[1]


def test_directions_and_the_self_test_agree(packs: Path) -> None:
    async def made() -> ChildTranslator:
        return ChildTranslator(packs)

    found = {(way.source, way.target): way for way in asyncio.run(made()).directions()}
    assert set(found) == {("es", "en"), ("en", "es")}
    scores = {(pack.source, pack.target): pack.chrf for pack in shelf(packs).packs}
    assert {direction: way.chrf for direction, way in found.items()} == scores
    assert all(way.quality == "practice" and way.trusted == ((way.chrf or 0) >= 45) for way in found.values())
