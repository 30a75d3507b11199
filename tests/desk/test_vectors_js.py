"""The browser reads what a line sealed when the formats became final (tests/sealing/vectors.json), and signs and pads the same."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from sealing import age, signing
from tests.desk.test_open_js import Js, JsError, js, obj, raw
from tests.sealing.vectors import ACT, CASE, FILE, GRANT, WORDS

__all__ = ["js"]

VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
JSON_KINDS = [name for name in VECTORS["plaintexts"] if name != "key file"]
pytestmark = pytest.mark.enable_socket


def b64(name: str) -> bytes:
    return base64.b64decode(VECTORS["plaintexts"][name]["sealed"])


@pytest.mark.parametrize("name", JSON_KINDS)
def test_every_kind_opens_to_the_same_fields(js: Js, name: str) -> None:
    kind = name.partition(" ")[0]
    expected = age.read_json(base64.b64decode(VECTORS["plaintexts"][name]["plaintext"]), kind)
    assert obj(js("unsealJson", raw(b64(name)), VECTORS["identity"], kind)) == expected


def test_the_readers_own_functions_take_them(js: Js) -> None:
    sealed = {name: VECTORS["plaintexts"][name]["sealed"] for name in VECTORS["plaintexts"]}
    assert js("openKeyFile", raw(b64("key file")), VECTORS["identity"], CASE, 1) == VECTORS["identity"]
    stub = obj(js("openStub", {"stub": sealed["stub"], "case": CASE, "grant": GRANT, "epoch": 1}, VECTORS["identity"]))
    assert stub["designation"] == "teal heron"
    assert obj(js("openHandout", sealed["handout"], VECTORS["identity"], ACT))["result"] == "opened"


def test_a_persons_file_opens(js: Js) -> None:
    person = VECTORS["person"]
    key = obj(js("unlock", raw(person["file"].encode()), person["passphrase"]))
    assert (key["person"], key["identity"]) == (ACT, VECTORS["identity"])
    assert obj(key["seed"])["$bytes"] == VECTORS["seed"]


@pytest.mark.parametrize("use", [use.value for use in signing.Use])
def test_signatures_are_the_same(js: Js, use: str) -> None:
    signature = obj(js("sign", raw(base64.b64decode(VECTORS["seed"])), use, raw(WORDS.encode())))
    assert signature["$bytes"] == VECTORS["derived"][f"signature {use}"]


def test_the_browser_makes_the_entry_that_the_vector_holds(js: Js) -> None:
    """The bytes of an act are signed as they stand: whoever writes them differently is refused."""
    entry = json.loads(base64.b64decode(VECTORS["exact"]["act"]))
    stub = {
        "case": CASE,
        "key_file_sha256": entry["sha256"],
        "card": entry["card"],
        "gate_recipient": age.recipient_of(VECTORS["identity"]),
    }
    key = {"person": ACT, "identity": VECTORS["identity"], "seed": raw(base64.b64decode(VECTORS["seed"]))}
    made = obj(js("openAct", key, stub, GRANT, entry["hour"] * 3_600_000 + 1))
    sealed, signature = (base64.b64decode(str(made[name])) for name in ("sealed", "signature"))
    body = age.unseal(sealed, VECTORS["identity"])
    assert body == base64.b64decode(VECTORS["exact"]["act"])
    assert signing.verify(VECTORS["derived"]["public key"], signing.Use.OPEN, body, signature)


def test_the_browser_puts_a_case_key_together_from_shares(js: Js) -> None:
    bundle = raw(base64.b64decode(VECTORS["escrow"]["bundle"]))
    assert js("openKeyFile", bundle, VECTORS["identity"], CASE, 1) == VECTORS["escrow"]["identity"]
    with pytest.raises(JsError):
        js("openKeyFile", bundle, VECTORS["identity"], CASE, 2)


def test_the_browser_names_a_card_by_the_same_fingerprint(js: Js) -> None:
    assert js("digest", raw(base64.b64decode(VECTORS["exact"]["key card"]))) == VECTORS["derived"]["key card fingerprint"]


def test_the_padme_table_is_the_same(js: Js) -> None:
    assert {length: js("padme", int(length)) for length in VECTORS["padme"]} == VECTORS["padme"]
