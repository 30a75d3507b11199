"""What the browser says for a person, by Node against the worker's own reading of signed acts; and the desk's other pure parts."""

from __future__ import annotations

import base64
import json
import os

import pytest

from handlers.requests import Refusal, Request, read_request
from handlers.roster import Member
from routing.cards import parse_card
from routing.duty import DutyError, parse_duty
from routing.people import Person
from sealing import age, passphrase, plaintexts, said, signing
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys, load_worker, make_secrets
from sealing.rows import HOUR_MS, ActRow, Purpose
from tests.desk.fake import b64
from tests.desk.test_open_js import Js, JsError, js, obj, raw
from tests.desk.tips import Reader, new_reader

__all__ = ["js"]

pytestmark = pytest.mark.enable_socket
NOW = 1_795_000_000_000
CASE = "c" * 32


class Clock:
    def now_ms(self) -> int:
        return NOW


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> WorkerKeys:
    folder = tmp_path_factory.mktemp("secrets") / "secrets"
    make_secrets(folder, os.urandom)
    return load_worker(folder / "worker")


@pytest.fixture(scope="module")
def ana() -> Reader:
    return new_reader("Ana Practice", "Harbour Trust")


def key_of(reader: Reader) -> dict[str, object]:
    return {"person": reader.key.person, "identity": reader.key.identity, "seed": raw(base64.b64decode(reader.key.sign_seed))}


def to(reader: Reader, keys: WorkerKeys) -> dict[str, str]:
    return {
        "card": reader.card_fingerprint,
        "gate": keys.recipient(Purpose.GATE)[1],
        "delivery": keys.recipient(Purpose.DELIVERY)[1],
    }


def judged(reader: Reader, keys: WorkerKeys, made: object, kind: EntryKind) -> Request | Refusal:
    """As the worker reads it."""
    act = obj(made)
    row = ActRow(
        str(act["id"]),
        reader.key.person,
        str(act["case"]),
        str(act["kind"]),
        base64.b64decode(str(act["signature"])),
        base64.b64decode(str(act["sealed"])),
    )
    member = Member(Person(parse_card(reader.card), ("one", "two")), reader.card_fingerprint)
    return read_request(row, member, kind, keys, Clock())


STUB = {"case": CASE, "key_file_sha256": "e" * 64, "card": "unused"}


@pytest.mark.parametrize("kind", ["give_up", "concur", "disagree"])
def test_an_act_on_a_case_names_its_key_file(js: Js, keys: WorkerKeys, ana: Reader, kind: str) -> None:
    made = js("actOnCase", key_of(ana), kind, STUB, to(ana, keys), "1" * 32, NOW)
    request = judged(ana, keys, made, EntryKind(kind))
    assert isinstance(request, Request)
    assert (request.entry.case, request.entry.sha256, request.entry.hour, request.content) == (CASE, "e" * 64, NOW // HOUR_MS, None)
    assert obj(made)["kind"] == kind
    other = EntryKind.CONCUR if kind != "concur" else EntryKind.GIVE_UP
    assert judged(ana, keys, made, other) is Refusal.NOT_YOURS


@pytest.mark.parametrize("text", ["Mi primo.", "أ" * 2000, "🙏" * 1000])
def test_a_tie_is_read(js: Js, keys: WorkerKeys, ana: Reader, text: str) -> None:
    made = js("tieAct", key_of(ana), STUB, to(ana, keys), "2" * 32, NOW, text)
    request = judged(ana, keys, made, EntryKind.TIE)
    assert isinstance(request, Request)
    assert request.content is not None
    plain = keys.open(Purpose.GATE, 1, request.content)
    tie = said.read_tie(plain)
    assert (tie.person, tie.text.reveal()) == (ana.key.person, text)
    assert len(plain) == age.padme(len(plain.rstrip(b" ")))


@pytest.mark.parametrize("contact", [None, {"sha256": "d" * 64, "inner": b64(b"inner")}])
def test_a_closing_is_read(js: Js, keys: WorkerKeys, ana: Reader, contact: dict[str, str] | None) -> None:
    made = js("closeAct", key_of(ana), STUB, to(ana, keys), "3" * 32, NOW, {"ending": "compromised", "contact": contact})
    request = judged(ana, keys, made, EntryKind.CLOSE)
    assert isinstance(request, Request)
    assert request.content is not None
    found = said.read_outcome(keys.open(Purpose.GATE, 1, request.content))
    reach = ("", b"") if contact is None else ("d" * 64, b"inner")
    assert found == said.Outcome(CASE, said.Ending.COMPROMISED, *reach)


def test_every_ending_can_be_chosen(js: Js) -> None:
    words = [str(js("endingWords", ending.value)) for ending in said.Ending]
    assert len(set(words)) == len(said.Ending)
    assert [word for word, ending in zip(words, said.Ending, strict=True) if word == ending.value.replace("_", " ")] == []


def test_every_refusal_has_words(js: Js) -> None:
    told = {code: str(js("refusedWords", code.value)) for code in Refusal}
    assert [code for code, words in told.items() if words.startswith("The line refused it")] == []


def test_pressure_suspends_his_own_card(js: Js, keys: WorkerKeys, ana: Reader) -> None:
    made = js("pressuredAct", key_of(ana), to(ana, keys), "4" * 32, NOW)
    assert (obj(made)["kind"], obj(made)["case"]) == ("pressured", "")
    request = judged(ana, keys, made, EntryKind.SUSPEND)
    assert isinstance(request, Request)
    assert (request.entry.sha256, request.entry.card) == (ana.card_fingerprint, ana.card_fingerprint)


def test_where_notices_go_is_sealed_to_delivery(js: Js, keys: WorkerKeys, ana: Reader) -> None:
    made = js("pushAct", key_of(ana), to(ana, keys), "5" * 32, NOW, {"channel": "sms", "address": "+9990000000100"})
    request = judged(ana, keys, made, EntryKind.PUSH)
    assert isinstance(request, Request)
    assert request.content is not None
    push = said.read_push(keys.open(Purpose.DELIVERY, 1, request.content))
    assert (push.person, push.channel, push.address.reveal()) == (ana.key.person, "sms", "+9990000000100")


def day(start: str, end: str) -> dict[str, str]:
    return {"from": start, "until": end}


WEEK = [day("08:00", "17:00")] * 5 + [None, None]
NIGHT = [None, None, None, None, None, None, day("22:00", "06:00")]


@pytest.mark.parametrize(
    ("days", "hours"),
    [
        (WEEK, [["08:00-17:00"]] * 5 + [[], []]),
        (NIGHT, [["00:00-06:00"], [], [], [], [], [], ["22:00-24:00"]]),
        ([day("06:00", "00:00"), *[None] * 6], [["06:00-24:00"], [], [], [], [], [], []]),
        ([day("09:00", "09:00"), day("05:00", "10:00"), *[None] * 5], [["09:00-24:00"], ["00:00-10:00"], [], [], [], [], []]),
        ([day("18:00", "00:30"), *[None] * 6], [["18:00-24:00"], ["00:00-00:30"], [], [], [], [], []]),
        ([day("20:00", "08:00"), day("08:00", "12:00"), *[None] * 5], [["20:00-24:00"], ["00:00-12:00"], [], [], [], [], []]),
    ],
)
def test_weekly_hours_are_those_that_python_reads(js: Js, keys: WorkerKeys, ana: Reader, days: object, hours: list[list[str]]) -> None:
    weekly = obj(obj(js("weekly", "Asia/Manila", days))["bytes"])
    request = judged(ana, keys, js("dutyAct", key_of(ana), to(ana, keys), "6" * 32, NOW, weekly), EntryKind.DUTY)
    assert isinstance(request, Request)
    assert request.content is not None
    plain = keys.open(Purpose.GATE, 1, request.content)
    data = plain.rstrip(b" ")
    assert len(plain) == age.padme(len(data))
    assert parse_duty(data).zone == "Asia/Manila"
    again = obj(js("readWeekly", data.decode()))
    assert js("weekly", again["zone"], again["days"]) == {"bytes": weekly}
    assert [json.loads(data)[name] for name in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")] == hours


def test_hours_that_the_form_cannot_show_are_told(js: Js) -> None:
    saved = '{"v":1,"kind":"duty","zone":"UTC","mon":["08:00-12:00","13:00-24:00"],"tue":[],"wed":[],"thu":[],"fri":[],"sat":[],"sun":[]}'
    assert js("readWeekly", saved) == {"zone": "UTC", "days": None, "told": [["mon", "08:00 to 12:00, 13:00 to 24:00"]]}
    assert js("readWeekly", "") is None


def test_hours_that_python_refuses_are_refused_before(js: Js) -> None:
    assert js("weekly", "UTC", [day("08:00", "13:59"), *[None] * 6]) == {"wrong": "short"}
    assert js("weekly", "UTC", [day("08:00", "17:00"), day("09:00", "09:59"), *[None] * 5]) == {"wrong": "brief"}
    assert js("weekly", "UTC", [day("8:00", "17:00"), *[None] * 6]) == {"wrong": "times"}
    assert js("weekly", "UTC", [day("", "17:00"), *[None] * 6]) == {"wrong": "times"}
    with pytest.raises(DutyError):
        parse_duty(b'{"v":1,"kind":"duty","zone":"UTC","mon":["08:00-13:59"],"tue":[],"wed":[],"thu":[],"fri":[],"sat":[],"sun":[]}')


# ---- the line's keys of today


def announced(keys: WorkerKeys) -> list[dict[str, object]]:
    rows = keys.public_epochs()
    return [{"purpose": e.purpose.value, "number": e.number, "recipient": e.recipient, "signature": e.signature} for e in rows]


def test_the_newest_signed_recipients_are_taken(js: Js, keys: WorkerKeys) -> None:
    line = signing.public_of(keys.custody_seed)
    found = obj(js("newestSigned", announced(keys), line))
    assert found == {
        "gate": {"number": 1, "recipient": keys.recipient(Purpose.GATE)[1]},
        "delivery": {"number": 1, "recipient": keys.recipient(Purpose.DELIVERY)[1]},
    }


@pytest.mark.parametrize("change", ["recipient", "number", "purpose", "signature", "line"])
@pytest.mark.claim("T55")
def test_a_recipient_that_the_line_did_not_sign_is_none(js: Js, keys: WorkerKeys, change: str) -> None:
    line = signing.public_of(keys.custody_seed)
    rows = [row for row in announced(keys) if row["purpose"] == ("intake" if change == "purpose" else "gate")]
    forged = {"recipient": age.generate()[1], "number": 2, "purpose": "gate", "signature": "", "line": None}
    if change == "line":
        line = signing.generate()[1]
    else:
        rows[0][change] = forged[change]
    assert js("newestSigned", rows, line) == {"gate": None, "delivery": None}


def test_a_key_is_named_alike(js: Js, ana: Reader) -> None:
    assert js("fingerprint", ana.verify_key) == signing.fingerprint(ana.verify_key)


# ---- his card, the times, his key


def test_his_card_is_read_only_where_the_stub_names_it(js: Js, ana: Reader) -> None:
    own = ana.card.decode()
    assert obj(js("ownCard", {"own": own, "card": ana.card_fingerprint}))["home"] == "puerto-alondra"
    for stub in ({"own": own + " ", "card": ana.card_fingerprint}, {"own": "", "card": "e" * 64}, {"card": ana.card_fingerprint}):
        assert js("ownCard", stub) is None
    assert js("ownCard", {"own": "{}", "card": obj({"card": js("digest", raw(b"{}"))})["card"]}) is None


@pytest.mark.parametrize(
    ("config", "wait"),
    [
        ({"list_at": [900, 1000, 1600, 1300], "list_every_ms": 70, "poll_ms": 5}, 300),
        ({"list_at": [900], "list_every_ms": 300, "poll_ms": 5}, 200),
        ({"list_at": None, "list_every_ms": None, "poll_ms": 5}, 5),
        ({"poll_ms": 5}, 5),
    ],
)
def test_when_the_list_is_looked_at_next(js: Js, config: dict[str, object], wait: int) -> None:
    assert js("untilNextLook", config, 1000) == wait


@pytest.mark.parametrize("quiet", ["", "Niebla gris: añil"])
def test_a_quiet_word_goes_to_and_fro(js: Js, monkeypatch: pytest.MonkeyPatch, quiet: str) -> None:
    made = obj(js("makeKey", "a" * 32, "four quiet words here", quiet))
    key = passphrase.unlock(str(made["file"]), "four quiet words here")
    assert (key.person, key.quiet) == ("a" * 32, quiet)
    head = base64.b64decode("".join(str(made["file"]).splitlines()[1:-1])).split(b"\n")[1]
    assert head.split(b" ")[3] == str(passphrase.LOG_N).encode(), "as costly to guess as Python's"
    monkeypatch.setattr(passphrase, "LOG_N", 10)
    back = obj(js("unlock", raw(passphrase.lock(key, "x", os.urandom(48)).encode()), "x"))
    assert (back["person"], back["identity"], back["quiet"]) == (key.person, key.identity, quiet)


@pytest.mark.parametrize(
    ("words", "person"),
    [
        ("a" * 32, "a" * 32),
        (f"Person: {'AB' * 16}\nagain {'ab' * 16}.", "ab" * 16),
        (f"{'a' * 32} {'b' * 32}", None),
        ("a" * 33, None),
        ("", None),
    ],
)
def test_an_invitation_names_one_person(js: Js, words: str, person: str | None) -> None:
    assert js("invited", words) == person


def test_stubs_and_handouts_say_more_than_they_did(js: Js, ana: Reader) -> None:
    sealed = b64(age.seal(plaintexts.handout("1" * 32, "opened", "", b"key", {"proposed": "unfounded"}), ana.recipient))
    assert obj(js("openHandout", sealed, ana.key.identity, "1" * 32))["proposed"] == "unfounded"
    with pytest.raises(JsError, match="not_for_you"):
        js("openHandout", sealed, age.generate()[0], "1" * 32)
