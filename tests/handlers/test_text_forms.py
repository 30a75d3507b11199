"""The body of a form, in whatever pieces and however damaged it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.channels import Refused
from handlers.text import MAX_BODY, MAX_FIELDS, form_items, parse_form
from tests.handlers.test_text import words
from tests.handlers.texts import LINE, NOW, PATH, SOURCE, WEBHOOK, read
from tests.peers.twilio import incoming
from triage.tip import Inbound


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.mark.asyncio
async def test_a_body_in_pieces() -> None:
    assert await form_items(_chunks(b"Body=caf%C3", b"%A9+solo&Empty=&", b"A=1&A=2")) == (
        ("Body", "café solo"),
        ("Empty", ""),
        ("A", "1"),
        ("A", "2"),
    )


@pytest.mark.asyncio
async def test_a_body_without_end_is_not_read_to_its_end() -> None:
    taken = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1024
            yield b"x" * 1024

    assert await form_items(flood()) is Refused.UNREADABLE
    assert taken <= MAX_BODY + 1024


@pytest.mark.parametrize(
    "body", [b"Body", b"Body=%FF", b"Body=%ED%A0%80", b"Body=\xc3\xa9", b"A=1&" * MAX_FIELDS + b"A=1", b"B=" + b"x" * MAX_BODY]
)
def test_what_is_no_form(body: bytes) -> None:
    assert parse_form(body) is Refused.UNREADABLE


@given(st.binary(max_size=300))
def test_parsing_and_reading_are_total(body: bytes) -> None:
    items = parse_form(body)
    assert isinstance(items, Refused) or WEBHOOK.read(items, "", PATH, NOW) is Refused.BAD_SIGNATURE


@given(words, words)
def test_any_text_arrives_as_it_was_sent(text: str, more: str) -> None:
    message = read(incoming(SOURCE, LINE, text, Extra=more))
    assert isinstance(message, Inbound)
    assert message.text.reveal() == text


@given(st.lists(st.tuples(words.filter(bool), words), min_size=1, max_size=20))
def test_a_form_comes_back_whole_and_in_order(items: list[tuple[str, str]]) -> None:
    assert parse_form(urlencode(items).encode()) == tuple(items)
