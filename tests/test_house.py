"""Rules of the house that no linter holds: who may open a Sensitive, no printing, small files, no room without a meaning."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("bot", "desk", "handlers", "routing", "sealing", "storage", "translations", "triage")
MOST_LINES = 400
FORBIDDEN = {"utils", "core", "common", "services", "models", "helpers"}

MAY_REVEAL = {
    "bot/analyse.py": "the operator's own text, back to him",
    "bot/channels.py": "secrets of channels, for a child, over its pipe",
    "bot/child.py": "the database's URL, to open it",
    "bot/connect.py": "the webhook's secret, to Telegram",
    "bot/demo.py": "the practice token, into the address that is shown",
    "bot/doctor_channels.py": "tokens, to ask Telegram, Twilio and the gateway with them",
    "bot/doctor_line.py": "the database's URL, to open it",
    "bot/explaining_shown.py": "the database's URL, to open it",
    "bot/handover.py": "settings for a child, over its pipe",
    "bot/keys.py": "the database's URL, to open it",
    "bot/mail.py": "a letter, to the vetter whose key opened it; the database's URL",
    "bot/notice_settings.py": "the gateway's authorization, for the worker, over its pipe",
    "bot/metrics.py": "the database's URL, to open it",
    "bot/recovery.py": "the database's URL, to open it",
    "bot/operating.py": "the database's URL, to open it",
    "bot/looking.py": "the database's URL, to open it",
    "bot/practice.py": "the practice token; a practice phone's own texts, to its page",
    "bot/practice_line.py": "the database's URL, to open it",
    "bot/run.py": "the database's URL and the practice token, for the children",
    "bot/story.py": "the database's URL and the practice token of the demo",
    "bot/vetting.py": "the database's URL, to open it",
    "handlers/answering.py": "a reader's answer, translated and checked for contacts",
    "handlers/erasing.py": "the address of a message at a provider, into the row's keyed id",
    "handlers/notices.py": "where a reader wants notices, to check and to seal it",
    "handlers/held.py": "two numbers about a pool, into the letter that has the release code",
    "handlers/hearing.py": "the words, to see a bare number or a word of the catalog",
    "handlers/delivery.py": "the address of a text about to leave, into its keyed tag",
    "handlers/gateway.py": "the signing key, into the signature's check",
    "handlers/gateway_sender.py": "a text and its number, to the line's own gateway; its Authorization header",
    "handlers/handset.py": "a text and its phone, to the practice mailbox",
    "handlers/intake.py": "the address, into the tag of its lane",
    "handlers/twilio_sender.py": "a text and its number, to Twilio",
    "handlers/talk.py": "the address, into its keyed tag; a first tip's words, into their fingerprint",
    "handlers/text.py": "the auth token, into the signature's check",
    "handlers/telegram.py": "the webhook's secret, to compare it",
    "handlers/telegram_client.py": "the bot's token, to the client",
    "handlers/telegram_sender.py": "a text and its chat, to Telegram",
    "handlers/twilio_client.py": "the auth token, to Twilio",
    "handlers/understanding.py": "the words, to language and triage",
    "sealing/plaintexts.py": "everything, into what is sealed",
    "sealing/said.py": "what people say at the desk, into what is sealed",
    "translations/engine.py": "the words, to the translation child",
    "triage/sensitive.py": "itself",
}
"""Module -> what it opens, and why it must."""


def product() -> Iterator[tuple[str, Path]]:
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            if "node_modules" not in file.parts:
                yield file.relative_to(ROOT).as_posix(), file


def names_in(source: str) -> Iterator[ast.expr]:
    """Every name and attribute, called or handed on."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute | ast.Name):
            yield node


def reveals(source: str) -> bool:
    """`x.reveal`, with or without brackets, by `getattr` or by a look behind the box."""
    attributes = {node.attr for node in names_in(source) if isinstance(node, ast.Attribute)}
    constants = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    return "reveal" in attributes or "reveal" in constants


def prints(source: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "print" for node in names_in(source))


def test_a_sensitive_value_is_opened_in_the_listed_modules_alone() -> None:
    found = {name for name, file in product() if reveals(file.read_text(encoding="utf-8"))}
    assert found - {"triage/sensitive.py"} == MAY_REVEAL.keys() - {"triage/sensitive.py"}


def test_the_box_is_looked_into_by_itself_alone() -> None:
    """`_value` belongs to triage/sensitive.py; whoever else names it goes around `reveal`."""
    inside = {
        name
        for name, file in product()
        for node in names_in(file.read_text(encoding="utf-8"))
        if isinstance(node, ast.Attribute) and node.attr == "_value" and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    }
    assert inside <= {"triage/sensitive.py"}


def test_these_searches_find_what_they_look_for() -> None:
    assert reveals("x.reveal()")
    assert reveals("map(Sensitive.reveal, xs)")
    assert reveals("getattr(x, 'reveal')()")
    assert not reveals("# x.reveal()\nrevealed = 1")
    assert prints("print(1)")
    assert prints("show = print")
    assert not prints("console.print(1)")


def test_the_product_prints_nothing() -> None:
    assert [name for name, file in product() if prints(file.read_text(encoding="utf-8"))] == []


def test_files_stay_small() -> None:
    files = [*product(), *((f.relative_to(ROOT).as_posix(), f) for f in (ROOT / "desk" / "src").glob("*.js"))]
    assert len(files) > 90
    lines = {name: len(file.read_text(encoding="utf-8").splitlines()) for name, file in files}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_no_folder_or_module_has_a_name_without_a_meaning() -> None:
    named = {part for name, _ in product() for part in Path(name).with_suffix("").parts}
    top = {folder.name for folder in ROOT.iterdir() if folder.is_dir()}
    assert (named | top) & FORBIDDEN == set()
