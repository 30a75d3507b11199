"""Who can read what: each adversary of the design is given exactly what he holds, on a real line with cases in every state, and whatever
opens is counted. The table is the claim; the summary of the run prints it with numbers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import pytest

from sealing.card import parse_signed_card
from sealing.shares import SharesError, read_share, recover
from tests.attacks.scene import ANSWER, NEEDED, NUMBER, TIE, Case, Scene, scene
from tests.secrets_search import identities_in, nested_in, opened_by

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]

ALL, NONE = True, False


@dataclass(frozen=True)
class Thief:
    """What one adversary holds. `keys`: values among which his secrets are. `ciphertexts`: all that he can try them on. `told`: what he
    sees without opening anything. `own`: words that the line gave him, or lets be reached together with him."""

    keys: frozenset[bytes]
    ciphertexts: Collection[bytes]
    told: Collection[bytes] = ()
    own: frozenset[str] = frozenset()
    person: str = ""


def given_to(cases: Collection[Case], person: str) -> frozenset[str]:
    return frozenset().union(*(case.given.get(person, frozenset()) for case in cases))


def keyed_to(cases: Collection[Case], person: str) -> frozenset[str]:
    return frozenset().union(*(case.keyed.get(person, frozenset()) for case in cases))


def case_named(s: Scene, name: str) -> Case:
    return next(case for case in s.cases if case.name == name)


def reader_of(s: Scene, name: str) -> str:
    """The first who was given the case."""
    return next(iter(case_named(s, name).given))


def investigator(s: Scene, person: str) -> Thief:
    return Thief(frozenset(s.device[person]), s.handed[person], own=given_to(s.cases, person), person=person)


def with_database(s: Scene, person: str) -> Thief:
    return Thief(frozenset(s.device[person]), {*s.handed[person], *s.columns}, s.columns, given_to(s.cases, person), person)


def never_offered(s: Scene) -> str:
    """Stands in somebody's drawn order and was never given anything."""
    drawn = {person for case in s.cases for person in case.order}
    return min(person for person in drawn if not given_to(s.cases, person))


def with_server(s: Scene, person: str) -> Thief:
    """Operator and reader together: every key file that was ever sealed to him opens, unlogged."""
    return Thief(
        frozenset({*s.worker, *s.device[person]}), s.columns, s.columns, keyed_to(s.cases, person) | given_to(s.cases, person), person
    )


def trustees(s: Scene, who: Collection[str], server: Collection[bytes] = ()) -> Thief:
    keys = {secret for person in who for secret in s.device[person]}
    handed = {sealed for person in who for sealed in s.handed[person]}
    return Thief(frozenset(keys.union(server)), handed.union(s.columns), s.columns)


HOLDINGS: Mapping[str, Callable[[Scene], Thief]] = {
    "thief of the database": lambda s: Thief(frozenset(), s.columns, s.columns),
    "compromised web process": lambda s: Thief(frozenset(s.web), s.columns, (*s.columns, *s.web)),
    "thief of database and server keys": lambda s: Thief(frozenset({*s.web, *s.worker}), s.columns, s.columns),
    "corrupt investigator, struck": lambda s: investigator(s, reader_of(s, "struck")),
    "corrupt investigator, gave the case up": lambda s: investigator(s, reader_of(s, "given up")),
    "the same, with the database": lambda s: with_database(s, reader_of(s, "given up")),
    "reader of a survivor's case, with the database": lambda s: with_database(s, reader_of(s, "survivor")),
    "successor who copies the database": lambda s: with_database(s, never_offered(s)),
    "operator and reader together": lambda s: with_server(s, reader_of(s, "struck")),
    "vetter, with the database": lambda s: Thief(frozenset({s.vetters[0].encode()}), s.columns, s.columns),
    "all trustees, with the database": lambda s: trustees(s, s.trustees),
    "one trustee short of a quorum, with database and server keys": lambda s: trustees(s, s.trustees[: NEEDED - 1], s.worker),
    "a quorum of trustees, with database and server keys": lambda s: trustees(s, s.trustees[:NEEDED], s.worker),
    "friend who sees a reader's phone": lambda s: Thief(frozenset(), (), s.notices),
    "holder of the sources' phones": lambda s: Thief(frozenset(), (), s.sent),
}

WHAT = (
    "own words",
    "other words",
    "keys",
    "sources",
    "kept",
    "waiting",
    "answers",
    "ties",
    "gates",
    "stubs",
    "letters",
    "outcomes",
    "readers",
)
"""`own words`: given to this person, or with the operator keyed to him. `other words`: of every other sealed message. `keys`: cases whose
key came out and that are not his. `sources`: numbers behind sealed cases; with the operator behind those that are not his. `kept`: the
number of one who wrote by a channel that deletes only when asked, in the last three days. `waiting`: words and numbers that are not
sealed to a reader yet. `answers`: another's answer that waits for its source, and the number that it goes to. `ties`: whose card opens,
but his own. `gates`: cases whose drawn order opens. `stubs`: cases offered to others alone. `letters`: what somebody wrote for vetters.
`outcomes`: cases of which it opens how they ended. `readers`: numbers of those who take notices."""

ON_THE_SERVER = ("kept", "survivor")
"""Cases behind whose source the server can reach, until the message is deleted or the answer has left."""
NOTHING = dict.fromkeys(WHAT, NONE)
OWN = {**NOTHING, "own words": ALL}
SERVER = {**NOTHING, **dict.fromkeys(("kept", "waiting", "answers", "ties", "gates", "outcomes", "readers"), ALL)}

EXPECTED: Mapping[str, Mapping[str, bool]] = {
    "thief of the database": NOTHING,
    "compromised web process": NOTHING,
    "thief of database and server keys": SERVER,
    "corrupt investigator, struck": OWN,
    "corrupt investigator, gave the case up": OWN,
    "the same, with the database": OWN,
    "reader of a survivor's case, with the database": OWN,
    "successor who copies the database": OWN,
    "operator and reader together": {**SERVER, "own words": ALL},
    "vetter, with the database": {**NOTHING, "letters": ALL},
    "all trustees, with the database": NOTHING,
    "one trustee short of a quorum, with database and server keys": SERVER,
    "a quorum of trustees, with database and server keys": {**SERVER, "other words": ALL, "keys": ALL, "sources": ALL},
    "friend who sees a reader's phone": NOTHING,
    "holder of the sources' phones": NOTHING,
}


@pytest.fixture(scope="module")
def the_scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return asyncio.run(scene(tmp_path_factory.mktemp("line")))


def seen_by(thief: Thief) -> list[bytes]:
    """All that he reads: what he sees as it is, and whatever his secrets open, layer by layer, also with the case keys that the shares
    among it give."""
    sealed = set().union(*(nested_in(value) for value in thief.ciphertexts))
    opened = opened_by(identities_in(thief.keys), sealed)
    keys = put_together(opened)
    return [
        *thief.told,
        *opened,
        *(f"# case: {case}".encode() for case in keys.values()),
        *opened_by({*keys, *identities_in(thief.keys)}, sealed),
    ]


def put_together(opened: Collection[bytes]) -> dict[str, str]:
    """Identity -> case, of every case whose shares are enough of them."""
    dealt: dict[tuple[str, str], set[bytes]] = {}
    for plaintext in opened:
        if b'"kind":"share"' in plaintext[:40]:
            share = read_share(plaintext)
            dealt.setdefault((share.case, share.recipient), set()).add(share.share)
    found: dict[str, str] = {}
    for (case, recipient), held in dealt.items():
        with contextlib.suppress(SharesError):
            found[recover(list(held), recipient, NEEDED)] = case
    return found


def there_is(s: Scene, thief: Thief) -> dict[str, frozenset[str]]:
    """Column -> everything that could be found."""
    sealed = [case for case in s.cases if case.sealed]
    waiting = [case for case in s.cases if not case.sealed]
    words = frozenset(word for case in sealed for word in case.words)
    with_operator = bool(thief.person) and thief.keys >= set(s.worker)
    his = {case.name for case in sealed if thief.own & set(case.words)}
    return {
        "own words": thief.own,
        "other words": words - thief.own,
        "keys": frozenset(case.id for case in sealed if case.name not in his),
        "sources": frozenset(case.phone for case in sealed if case.name not in ON_THE_SERVER and not (with_operator and case.name in his)),
        "kept": frozenset({case_named(s, "kept").phone}),
        "waiting": frozenset(fact for case in waiting for fact in (case.phone, *case.words)),
        "answers": frozenset({case_named(s, "survivor").phone} | ({ANSWER} if thief.person != reader_of(s, "survivor") else set())),
        "ties": frozenset(person for person in s.names if person != thief.person),
        "gates": frozenset(case.id for case in sealed),
        "letters": frozenset({TIE}),
        "outcomes": frozenset({case_named(s, "closing").id}),
        "readers": frozenset({NUMBER}),
        "stubs": frozenset(case.id for case in sealed if thief.person not in case.order),
    }


FORMS = {
    "keys": b"# case: %b",
    "gates": b'"kind":"gate","case":"%b"',
    "stubs": b'"kind":"stub","case":"%b"',
    "ties": b'"kind":"card","person":"%b"',
    "outcomes": b'"kind":"ended","case":"%b"',
}
"""What tells a plaintext of this kind by its case or person."""


def found_in(seen: list[bytes], there: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Words, numbers and texts wherever they stand; keys, cards, gate files and stubs by their form."""
    whole = b"\n".join([*seen, *(parse_signed_card(one.strip()).card for one in seen if one.startswith(b'{"v":1,"kind":"signed card"'))])
    return {
        column: frozenset(name for name in names if FORMS.get(column, b"%b") % name.encode() in whole) for column, names in there.items()
    }


@pytest.mark.parametrize("adversary", EXPECTED)
@pytest.mark.claim("T56")
def test_each_adversary_reads_what_the_table_says_and_nothing_else(
    the_scene: Scene, adversary: str, record_property: Callable[[str, object], None]
) -> None:
    thief = HOLDINGS[adversary](the_scene)
    assert thief.ciphertexts or thief.told, "he holds something"
    there = there_is(the_scene, thief)
    found = found_in(seen_by(thief), there)
    record_property("told", in_words(adversary, found, there))
    read = {column: sorted(found[column]) for column in WHAT}
    assert read == {column: sorted(there[column]) if EXPECTED[adversary][column] is ALL else [] for column in WHAT}


LABELS = {
    "keys": "case keys", "sources": "numbers of sources", "kept": "numbers kept for deletion", "waiting": "waiting words and numbers",
    "answers": "waiting answers and their numbers", "ties": "others' cards", "gates": "drawn orders", "stubs": "others' offers",
    "readers": "readers' numbers",
}  # fmt: skip


def in_words(adversary: str, found: Mapping[str, Collection[str]], there: Mapping[str, Collection[str]]) -> str:
    read = ", ".join(f"{len(found[column])} of {len(there[column])} {LABELS.get(column, column)}" for column in WHAT if found[column])
    hidden = ", ".join(f"{len(there[column])} {LABELS.get(column, column)}" for column in WHAT if there[column] and not found[column])
    return f"  {adversary} reads {read or 'nothing'}; not {hidden}."
