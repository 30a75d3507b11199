"""What a practice phone may send."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from handlers.handset import LONGEST, read_handset
from sealing.keyring import WebKeys
from triage.sensitive import Sensitive
from triage.tip import Inbound

AT = datetime(2026, 11, 21, 14, tzinfo=UTC)
SENT: dict[str, object] = {"phone": "+999 100 0001", "text": "hola \ud800", "id": "a1"}


def test_a_message_of_the_page_is_read_and_can_be_tagged() -> None:
    read = read_handset(SENT, AT)
    assert read == Inbound("handset", Sensitive("+999 100 0001"), Sensitive("hola \ud800"), "a1", AT)
    assert len(WebKeys(1, "", b"\x01" * 32).dedupe_tag(read.channel, read.provider_id)) == 64


@pytest.mark.parametrize(
    "changed",
    [
        {"phone": ""}, {"phone": "+34x"}, {"phone": 1}, {"phone": "+999 100 0001\n"}, {"text": None}, {"text": "x" * (LONGEST + 1)},
        {"id": ""}, {"id": "x" * 65}, {"id": 5}, {"id": "\ud800"},
    ],
)  # fmt: skip
def test_anything_else_is_none(changed: dict[str, object]) -> None:
    assert read_handset({**SENT, **changed}, AT) is None
    assert read_handset({}, AT) is None
