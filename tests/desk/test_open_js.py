"""The browser's half (desk/src/open.js), run by Node against what Python seals, opens, signs and verifies: both directions."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyrage
import pytest

from sealing import age, custody, passphrase, plaintexts, signing
from sealing.rows import Envelope
from tests.desk.cases import FakeCase
from tests.desk.fake import FakeLine, b64
from tests.desk.tips import Told, new_reader, random_id, spanish_tip

RUNNER = """
import { createInterface } from "node:readline";
const parts = ["bytes", "open", "words", "statements", "epochs", "ties", "times", "duty", "keymaking"];
const known = Object.assign({}, ...(await Promise.all(parts.map((part) => import(`./${part}.js`)))));
const revive = (v) => {
  if (v === null || typeof v !== "object") return v;
  if (v.$bytes !== undefined) return new Uint8Array(Buffer.from(v.$bytes, "base64"));
  if (v.$map) return new Map(v.$map);
  return Array.isArray(v) ? v.map(revive) : Object.fromEntries(Object.entries(v).map(([k, inner]) => [k, revive(inner)]));
};
const dump = (k, v) => (v instanceof Uint8Array ? { $bytes: Buffer.from(v).toString("base64") } : v);
for await (const line of createInterface({ input: process.stdin })) {
  const { call, args } = JSON.parse(line);
  let told;
  try {
    told = { value: await known[call](...args.map(revive)) };
  } catch (error) {
    told = { error: error.code ?? String(error) };
  }
  process.stdout.write(`${JSON.stringify(told, dump)}\\n`);
}
"""

Js = Callable[..., object]


class JsError(Exception):
    pass


def raw(value: bytes) -> dict[str, str]:
    return {"$bytes": b64(value)}


def obj(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


@pytest.fixture(scope="module")
def js(node_tree: Path) -> Iterator[Js]:
    """Calls one function of the desk's modules in one Node process."""
    (node_tree / "run.mjs").write_text(RUNNER, encoding="utf-8")
    with subprocess.Popen(["node", "run.mjs"], cwd=node_tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        to_node, from_node = node.stdin, node.stdout
        assert to_node is not None
        assert from_node is not None

        def call(name: str, *args: object) -> object:
            to_node.write(json.dumps({"call": name, "args": args}) + "\n")
            to_node.flush()
            told = json.loads(from_node.readline())
            if "error" in told:
                raise JsError(told["error"])
            return told.get("value")

        yield call
        to_node.close()


@pytest.fixture(scope="module")
def line() -> FakeLine:
    return FakeLine()


@pytest.fixture(scope="module")
def opened(line: FakeLine) -> FakeCase:
    return line.open_case(line.enrol("Ana Practice", "Harbour Trust"), [spanish_tip(), Told("Es la casa azul.")])


def js_key(found: FakeCase) -> dict[str, object]:
    key = found.reader.key
    return {"person": key.person, "identity": key.identity, "seed": raw(base64.b64decode(key.sign_seed))}


def rows(found: FakeCase) -> list[dict[str, object]]:
    return [row(e) for e in found.envelopes]


def row(e: Envelope) -> dict[str, object]:
    return {"epoch": e.epoch, "seq": e.seq, "part": e.part.value, "day": e.day, "sha256": e.sha256, "sealed": b64(e.sealed)}


def read(js: Js, found: FakeCase, envelopes: list[dict[str, object]], epoch: int = 1) -> dict[str, object]:
    return obj(js("readCase", envelopes, found.key.case_id, {"$map": [[epoch, found.key.identity]]}, {"$map": []}))


# ---- the passphrase file


def test_unlocks_a_file_that_python_locked(js: Js) -> None:
    reader = new_reader("Ana", "Harbour Trust")
    told = obj(js("unlock", raw(reader.file.encode()), reader.spoken))
    assert told["person"] == reader.key.person
    assert told["identity"] == reader.key.identity
    assert told["seed"] == {"$bytes": reader.key.sign_seed}


def test_unlocks_windows_line_ends_and_the_binary_form(js: Js) -> None:
    reader = new_reader("Ana", "Harbour Trust")
    binary = base64.b64decode("".join(reader.file.splitlines()[1:-1]))
    for file in (binary, reader.file.replace("\n", "\r\n").encode(), b"\n" + reader.file.encode()):
        assert obj(js("unlock", raw(file), reader.spoken))["person"] == reader.key.person


def test_unlocks_a_work_factor_of_2_to_the_18(js: Js, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "LOG_N", 18)
    key = passphrase.PersonKey(random_id(), age.generate()[0], signing.generate()[0])
    assert obj(js("unlock", raw(passphrase.lock(key, "pässword ✓", os.urandom(48)).encode()), "pässword ✓"))["person"] == key.person


@pytest.mark.parametrize("damage", ["passphrase", "flip", "cut"])
def test_refuses_a_wrong_passphrase_and_a_changed_file(js: Js, damage: str) -> None:
    reader = new_reader("Ana", "Harbour Trust")
    binary = bytearray(base64.b64decode("".join(reader.file.splitlines()[1:-1])))
    if damage == "flip":
        binary[-1] ^= 1
    if damage == "cut":
        del binary[-20:]
    with pytest.raises(JsError, match="wrong_passphrase"):
        js("unlock", raw(bytes(binary)), "another" if damage == "passphrase" else reader.spoken)


def test_refuses_what_is_no_person_key(js: Js) -> None:
    with pytest.raises(JsError, match="not_a_key"):
        js("unlock", raw(b"hello"), "x")
    key = passphrase.PersonKey(random_id(), age.generate()[0], b64(b"short"))
    with pytest.raises(JsError, match="not_a_key"):
        js("unlock", raw(passphrase.lock(key, "x", os.urandom(48)).encode()), "x")


# ---- what a person says to the line


@pytest.mark.claim("T22")
def test_login_is_bound_to_person_origin_and_challenge(js: Js, opened: FakeCase) -> None:
    sent = obj(js("loginRequest", js_key(opened), "https://line.example", "c-1"))
    body, signature = base64.b64decode(str(sent["body"])), base64.b64decode(str(sent["signature"]))
    person = opened.reader.key.person
    assert json.loads(body) == {"v": 1, "kind": "login", "origin": "https://line.example", "person": person, "challenge": "c-1"}
    assert signing.verify(opened.reader.verify_key, signing.Use.LOGIN, body, signature)
    assert not signing.verify(opened.reader.verify_key, signing.Use.OPEN, body, signature)


def stub_of(js: Js, found: FakeCase) -> dict[str, object]:
    listed = {"case": found.key.case_id, "grant": found.grant, "epoch": 1, "stub": b64(found.stub)}
    return obj(js("openStub", listed, found.reader.key.identity))


def test_open_request_is_the_custody_entry_that_the_worker_logs(js: Js, line: FakeLine, opened: FakeCase) -> None:
    now = 1_795_000_000_000
    act = obj(js("openAct", js_key(opened), stub_of(js, opened), "a" * 32, now))
    assert (act["id"], act["case"], act["kind"]) == ("a" * 32, opened.key.case_id, "open")
    statement = age.unseal(base64.b64decode(str(act["sealed"])), line.gate)
    signature = base64.b64decode(str(act["signature"]))
    assert signing.verify(opened.reader.verify_key, signing.Use.OPEN, statement, signature)
    entry = custody.parse_body(statement)
    key_file_sha256 = str(stub_of(js, opened)["key_file_sha256"])
    assert entry == custody.Entry(
        now // 3_600_000, custody.EntryKind.OPEN, opened.key.case_id, key_file_sha256, opened.reader.card_fingerprint
    )
    assert entry.body() == statement
    assert custody.holds(custody.leaf(statement, opened.reader.verify_key, signature), opened.reader.verify_key)


@pytest.mark.parametrize("length", [1, 1500, 6000])
def test_answer_is_read_by_python_and_padded(js: Js, line: FakeLine, opened: FakeCase, length: int) -> None:
    found = read(js, opened, rows(opened))
    contact = obj(found["contact"])
    text = "¿" * length
    reply = {"epoch": 1, "sequence": 1, "contact": contact["sha256"], "inner": contact["inner"], "text": text}
    act = obj(js("answerAct", js_key(opened), stub_of(js, opened), "b" * 32, reply))
    statement = age.unseal(base64.b64decode(str(act["sealed"])), line.delivery)
    assert signing.verify(opened.reader.verify_key, signing.Use.ANSWER, statement, base64.b64decode(str(act["signature"])))
    answer = plaintexts.read_answer(statement)
    assert (answer.case, answer.epoch, answer.sequence, answer.text.reveal()) == (opened.key.case_id, 1, 1, text)
    _, way = plaintexts.read_contact_inner(age.unseal(answer.inner, line.delivery), opened.key.case_id)
    assert way.address.reveal() == "+9990000001"
    assert len(statement) == age.padme(len(statement.rstrip(b" ")))


@pytest.mark.parametrize("length", [0, 1, 2047, 2048, 2049, 2112, 2113, 4095, 4097, 65_535, 65_537, 1_000_003])
def test_padme_is_the_same_on_both_sides(js: Js, length: int) -> None:
    assert js("padme", length) == age.padme(length)


# ---- what the line says


def test_key_file_opens_only_for_its_reader_case_and_epoch(js: Js, line: FakeLine, opened: FakeCase) -> None:
    sealed, identity, case_id = raw(age.unseal(opened.key_file, line.release)), opened.reader.key.identity, opened.key.case_id
    assert js("openKeyFile", sealed, identity, case_id, 1) == opened.key.identity
    for other_case, epoch in ((random_id(), 1), (case_id, 2)):
        with pytest.raises(JsError, match="other_case"):
            js("openKeyFile", sealed, identity, other_case, epoch)
    with pytest.raises(JsError, match="not_for_you"):
        js("openKeyFile", sealed, age.generate()[0], case_id, 1)
    with pytest.raises(JsError, match="not_for_you"):
        js("openKeyFile", raw(opened.key_file), identity, case_id, 1)  # the outer lock is still on
    person_key = raw(age.seal(opened.reader.key.text(), opened.reader.recipient))
    with pytest.raises(JsError, match="not_ours"):
        js("openKeyFile", person_key, identity, case_id, 1)


def test_stub_must_speak_of_its_own_grant(js: Js, opened: FakeCase) -> None:
    assert stub_of(js, opened)["designation"] == "teal heron"
    with pytest.raises(JsError, match="other_case"):
        js("openStub", {"case": opened.key.case_id, "grant": random_id(), "epoch": 1, "stub": b64(opened.stub)}, opened.reader.key.identity)


def test_handout_must_answer_this_act(js: Js, opened: FakeCase) -> None:
    sealed = b64(age.seal(plaintexts.handout("c" * 32, "refused", "stale", None), opened.reader.recipient))
    assert obj(js("openHandout", sealed, opened.reader.key.identity, "c" * 32))["code"] == "stale"
    with pytest.raises(JsError, match="not_ours"):
        js("openHandout", sealed, opened.reader.key.identity, "d" * 32)
    answer = b64(age.seal(opened.stub, opened.reader.recipient))
    with pytest.raises(JsError, match="not_ours"):
        js("openHandout", answer, opened.reader.key.identity, "c" * 32)


def problems(found: dict[str, object]) -> list[tuple[int, str]]:
    listed = found["problems"]
    assert isinstance(listed, list)
    return [(p["seq"], p["code"]) for p in listed]


def texts(found: dict[str, object]) -> list[str]:
    listed = found["messages"]
    assert isinstance(listed, list)
    return [m["text"] for m in listed]


def test_a_whole_case_reads_in_order_whatever_order_the_line_lists(js: Js, opened: FakeCase) -> None:
    found = read(js, opened, rows(opened)[::-1])
    assert texts(found) == [spanish_tip().text, "Es la casa azul."]
    assert problems(found) == []
    assert obj(found["contact"])["sha256"] == opened.envelopes[-1].sha256


@pytest.fixture
def four(line: FakeLine) -> FakeCase:
    made = line.open_case(line.enrol("Bea Practice", "Harbour Trust"), [Told("one"), Told("two")])
    for text in ("three", "four"):
        made.tell(Told(text))
    return made


@pytest.mark.claim("T21")
def test_a_missing_message_breaks_the_chain(js: Js, four: FakeCase) -> None:
    listed = [r for r in rows(four) if r["seq"] != 2]
    found = read(js, four, listed)
    assert texts(found) == ["one", "three", "four"]
    assert problems(found) == [(4, "prev")]


def test_a_missing_first_message_is_told_apart(js: Js, four: FakeCase) -> None:
    assert problems(read(js, four, rows(four)[1:])) == [(2, "earlier")]


@pytest.mark.claim("T21")
def test_a_message_in_another_place_is_not_shown(js: Js, four: FakeCase) -> None:
    listed = rows(four)
    listed[3] = {**listed[0], "seq": 4}
    found = read(js, four, listed)
    assert texts(found) == ["one", "two", "four"]
    assert (4, "mismatch") in problems(found)


@pytest.mark.claim("T21")
def test_another_case_s_words_under_this_case_s_key_are_not_shown(js: Js, four: FakeCase) -> None:
    four.tell(Told("five"), case_id=random_id())
    found = read(js, four, rows(four))
    assert "five" not in texts(found)
    assert problems(found) == [(6, "mismatch")]


@pytest.mark.claim("T21")
def test_a_changed_ciphertext_is_told(js: Js, four: FakeCase) -> None:
    listed = rows(four)
    sealed = bytearray(four.envelopes[1].sealed)
    sealed[-1] ^= 1
    listed[1] = {**listed[1], "sealed": b64(bytes(sealed))}
    found = read(js, four, listed)
    assert texts(found) == ["one", "three", "four"]
    assert problems(found) == [(2, "hash"), (2, "unreadable"), (4, "prev")]


@pytest.mark.claim("T21")
def test_two_messages_with_one_number_are_told(js: Js, four: FakeCase) -> None:
    listed = rows(four)
    assert (2, "twice") in problems(read(js, four, [*listed, listed[1]]))


def test_an_epoch_without_a_key_is_counted_not_guessed(js: Js, four: FakeCase) -> None:
    listed = rows(four)
    listed[3] = {**listed[3], "epoch": 2}
    found = read(js, four, listed)
    assert found["closed"] == 1
    assert texts(found) == ["one", "two", "four"]
    assert problems(found) == []  # the chain is over ciphertexts, so what is closed still holds it together


def test_half_a_surrogate_pair_does_not_hide_the_words(js: Js, line: FakeLine) -> None:
    made = line.open_case(line.enrol("Cyd Practice", "Harbour Trust"), [Told("help \ud83d me")])
    (text,) = texts(read(js, made, rows(made)))
    assert text.startswith("help ")
    assert text.endswith(" me")


# ---- reasons and replies


def test_marks_count_code_points_and_overlap(js: Js) -> None:
    text = "🙏🏽 ¡ayuda! está encerrada"
    reasons = [
        {"code": "help.asks", "text": "ayuda", "start": text.index("ayuda"), "end": text.index("ayuda") + 5},
        {"code": "danger.locked_in", "text": "está encerrada", "start": text.index("está"), "end": len(text)},
        {"code": "child.x", "text": "encerrada", "start": text.index("encerrada"), "end": len(text)},
        {"code": "wrong", "text": "not there", "start": 0, "end": 3},
        {"code": "outside", "text": "", "start": 90, "end": 99},
    ]
    assert js("marked", text, reasons) == [
        {"text": "🙏🏽 ¡", "codes": []},
        {"text": "ayuda", "codes": ["help.asks"]},
        {"text": "! ", "codes": []},
        {"text": "está ", "codes": ["danger.locked_in"]},
        {"text": "encerrada", "codes": ["danger.locked_in", "child.x"]},
    ]
    assert js("marked", "", []) == []


@pytest.mark.parametrize(
    ("reply", "held"),
    [
        ("See https://help.example/x", "link"),
        ("Mira www.ayuda", "link"),
        ("escribe a t.me/someone", "link"),
        ("go to help-now.ORG please", "link"),
        ("write ana@help.example", "email"),
        ("I am @ana_helps there", "handle"),
        ("call +52 (999) 123-45-67", "phone"),
        ("llama ٠١٢٣٤٥٦٧٨", "phone"),
        ("Call 911 now. We come at 18:30, house 24.", None),
        ("Stay away from the door.Then wait.", None),
        ("¿Estás sola? Vamos a las 5 p.m.", None),
        ("", None),
    ],
)
def test_a_reply_that_holds_a_way_to_reach_somebody_is_seen(js: Js, reply: str, held: str | None) -> None:
    assert js("contactInReply", reply) == held


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("danger.locked_in", "Danger: locked in"),
        ("kind.forced_labour.said", "Kind: forced labour"),
        ("kind.sex_trafficking.forced_prostitution", "Kind: sexual exploitation, forced prostitution"),
        ("help.asks", "Asks for help"),
        ("official.border_guard", "Office: border guard"),
        ("something_new", "something new"),
    ],
)
def test_codes_become_plain_words(js: Js, code: str, words: str) -> None:
    assert js("reasonWords", code) == words


def test_pyrage_and_the_browser_agree_on_the_other_direction(js: Js) -> None:
    identity, recipient = age.generate()
    sealed = obj(js("seal", raw(b"from the browser"), recipient))
    assert age.unseal(base64.b64decode(str(sealed["$bytes"])), identity) == b"from the browser"
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(base64.b64decode(str(sealed["$bytes"])), [pyrage.x25519.Identity.generate()])
