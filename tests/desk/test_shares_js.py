"""Shares between Python (pyshamir) and the browser (shamir-secret-sharing), in both directions, run by Node."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest

from sealing import age, plaintexts, shares
from sealing.shares import Bundle, Share
from tests.desk.test_open_js import Js, JsError, js, raw

__all__ = ["js"]

CASE = "0" * 31 + "1"
pytestmark = pytest.mark.enable_socket


def bundled(dealt: list[bytes], recipient: str, reader: str, case: str = CASE, needed: int = 2) -> bytes:
    sealed = [age.seal(shares.share_text(Share(case, 1, recipient, needed, share)), reader) for share in dealt]
    return shares.bundle(Bundle(CASE, 1, tuple(sealed)))


@pytest.fixture(scope="module")
def keys() -> tuple[str, str, str, str]:
    """(case identity, its recipient, reader's identity, his recipient)."""
    return (*age.generate(), *age.generate())


@pytest.mark.parametrize("needed", [2, 3])
def test_the_browser_combines_what_python_split(js: Js, keys: tuple[str, str, str, str], needed: int) -> None:
    identity, recipient, reader, to = keys
    dealt = shares.split(identity.encode(), needed, 4)[:needed]
    assert js("openKeyFile", raw(bundled(dealt, recipient, to, needed=needed)), reader, CASE, 1) == identity


def test_a_wrong_and_a_repeated_share_do_no_harm_where_enough_are_right(js: Js, keys: tuple[str, str, str, str]) -> None:
    identity, recipient, reader, to = keys
    dealt = shares.deal(identity.encode(), 2, [False, True, True])
    assert js("openKeyFile", raw(bundled([dealt[1], *dealt], recipient, to)), reader, CASE, 1) == identity


def test_too_few_foreign_or_another_readers_shares_open_nothing(js: Js, keys: tuple[str, str, str, str]) -> None:
    identity, recipient, reader, to = keys
    first, second = shares.split(identity.encode(), 2, 2)
    for held in (
        bundled([first], recipient, to),
        bundled([first, first], recipient, to),
        bundled([first, second], recipient, to, case="0" * 32),
        bundled([first, second], to, to),
        bundled([first, second], recipient, recipient),
    ):
        with pytest.raises(JsError, match="too_few_shares"):
            js("openKeyFile", raw(held), reader, CASE, 1)
    with pytest.raises(JsError, match="other_case"):
        js("openKeyFile", raw(bundled([first, second], recipient, to)), reader, CASE, 2)
    with pytest.raises(JsError, match="not_ours"):
        js("openKeyFile", raw(b"{}"), reader, CASE, 1)


SPLIT = """
import { split } from "shamir-secret-sharing";
const shares = await split(new TextEncoder().encode(process.argv[1]), 4, 3);
console.log(JSON.stringify(shares.map((share) => Buffer.from(share).toString("base64"))));
"""


def test_python_combines_what_the_browsers_library_split(node_tree: Path, keys: tuple[str, str, str, str]) -> None:
    identity = keys[0]
    command = ["node", "--input-type=module", "-e", SPLIT, identity]
    told = subprocess.run(command, cwd=node_tree, capture_output=True, text=True, timeout=60, check=True).stdout
    dealt = [base64.b64decode(share) for share in json.loads(told)]
    assert shares.combine(dealt[1:]) == identity.encode()
    assert shares.combine(dealt[:2]) != identity.encode()


def test_a_key_file_still_opens(js: Js, keys: tuple[str, str, str, str]) -> None:
    identity, _, reader, to = keys
    assert js("openKeyFile", raw(age.seal(plaintexts.key_file(CASE, 1, identity), to)), reader, CASE, 1) == identity
