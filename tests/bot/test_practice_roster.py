"""The practice world: read whole, and large enough that a tip about any place finds readers; and the regions file's plain complaints."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.atlas import AtlasFileError, gazetteer_places, load_atlas, read_atlas
from bot.practice_roster import practice_cards, practice_people
from routing.cards import card_bytes, parse_card
from routing.draw import choose
from routing.exclusion import exclusions
from routing.learning import nothing_known
from routing.names import could_be, words
from routing.people import AtlasError, House, Person, RegionKind, Role, Roster, TipFacts
from triage.fold import fold
from triage.tip import AgencyKind, Child

FILE = Path(__file__).parents[2] / "bot" / "data" / "practice.toml"
WORLD: dict[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))
ATLAS = load_atlas(FILE)
TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OFFICERS = practice_people(WORLD, "officers")
KEYS = {person: (f"age1{person}", f"key-{person}") for person in (*practice_people(WORLD), *OFFICERS)}
CARDS = practice_cards(WORLD, TODAY, KEYS)
ROSTER = Roster(tuple(Person(card, ("vetter-a", "vetter-b")) for card in CARDS), ATLAS)
PLACES = {RegionKind.TOWN, RegionKind.PORT}
TOWN_NAMES = sorted({region.names[0] for region in ATLAS.regions.values() if region.kind in PLACES and "cs" in ATLAS.above(region.id)})
KINDS = (AgencyKind.POLICE, AgencyKind.LOCAL_GOVERNMENT, AgencyKind.PORT_AUTHORITY)


def tip_about(name: str, kind: AgencyKind, child: Child) -> TipFacts:
    """The office of that kind in a town, with its head's name, in every town of that name."""
    regions = frozenset(gazetteer_places(ATLAS)[name])
    offices = frozenset(a.id for a in ATLAS.agencies.values() if a.kind == House(kind.value) and a.region in regions)
    heads = frozenset(fold(official["name"]) for official in WORLD["officials"] if official["agency"] in offices)
    return TipFacts(NOW, regions, True, offices, frozenset({kind}), names=heads, child=child)


def eligible(tip: TipFacts) -> list[Person]:
    codes = exclusions(ROSTER, tip, NOW)
    return [one for one in ROSTER.people if not codes[one.id] and one.card.role is Role.HANDLER]


def agencies(people: list[Person]) -> int:
    return len({one.card.agency for one in people})


@pytest.mark.parametrize("child", [Child.UNKNOWN, Child.NO])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("town", TOWN_NAMES)
@pytest.mark.claim("T6")
def test_a_tip_about_any_office_leaves_readers_and_none_of_them_is_tied(town: str, kind: AgencyKind, child: Child) -> None:
    tip = tip_about(town, kind, child)
    pool = eligible(tip)
    assert len(pool) >= 8
    assert agencies(pool) >= 4
    areas = {ATLAS.area(region) for region in tip.regions}
    for one in pool:
        card = one.card
        assert not {ATLAS.area(place) for place in (card.home, card.posting, *card.past_postings)} & areas
        assert card.agency not in tip.agencies
    drawn = choose(ROSTER, tip, nothing_known(), b"c" * 32, NOW)
    assert drawn.hold is None
    assert drawn.order


@pytest.mark.parametrize("child", [Child.UNKNOWN, Child.NO])
@pytest.mark.parametrize("kinds", [frozenset[AgencyKind](), *(frozenset({kind}) for kind in KINDS)])
def test_a_tip_from_nowhere_leaves_readers_who_are_no_officials(kinds: frozenset[AgencyKind], child: Child) -> None:
    pool = eligible(TipFacts(NOW, kinds=kinds, child=child))
    assert len(pool) >= 6
    assert agencies(pool) >= 4
    assert {ATLAS.agencies[one.card.agency].kind for one in pool} == {House.NGO, House.FOREIGN_LIAISON}
    assert choose(ROSTER, TipFacts(NOW, kinds=kinds, child=child), nothing_known(), b"c" * 32, NOW).hold is None


def test_the_world_is_as_large_as_promised() -> None:
    kinds = Counter(region.kind for region in ATLAS.regions.values())
    assert kinds[RegionKind.REGION] >= 3
    assert kinds[RegionKind.TOWN] + kinds[RegionKind.PORT] >= 12
    assert kinds[RegionKind.SEA] == 1
    assert len({agency.kind for agency in ATLAS.agencies.values()}) >= 8
    assert len(CARDS) >= 30
    assert agencies(list(ROSTER.people)) >= 8
    assert len({ATLAS.area(card.posting) for card in CARDS} - {None}) >= 3
    assert ATLAS.chain("police-penalta") == {"police-penalta", "police-sz", "police-cs"}
    assert gazetteer_places(ATLAS)["San Jacinto"] == ("san-jacinto-vc", "san-jacinto-sz")


def test_cards_hold_relative_to_any_day_and_point_into_the_atlas() -> None:
    for day in (TODAY, date(2028, 2, 29)):
        for card in practice_cards(WORLD, day, KEYS):
            assert 30 <= (day - card.issued.date()).days <= 200
            assert (card.expires - card.issued.date()).days == 365
            assert card.practice
            assert parse_card(card_bytes(card)) == card
    for card in CARDS:
        assert {card.home, card.posting, *card.past_postings, *(kin.region for kin in card.kin if kin.region)} <= ATLAS.regions.keys()
        assert {card.agency, *card.past_agencies, *(kin.agency for kin in card.kin if kin.agency)} <= ATLAS.agencies.keys()
    assert {official["agency"] for official in WORLD["officials"]} <= ATLAS.agencies.keys()
    assert WORLD["practice"] is True


def test_the_roster_is_varied() -> None:
    cleared = sum(card.child_clearance for card in CARDS)
    assert len(CARDS) / 3 < cleared < len(CARDS) * 2 / 3
    assert {language for card in CARDS for language in card.languages} == {"en", "es"}
    assert any(card.kin for card in CARDS)
    assert any(card.conflicts for card in CARDS)
    assert any(card.past_agencies for card in CARDS)
    assert any(card.past_postings for card in CARDS)
    assert any(card.founder for card in CARDS)
    assert any((TODAY - card.issued.date()).days < 150 and not card.founder for card in CARDS)
    assert {card.role for card in CARDS} == {Role.HANDLER, Role.LEAD}


def test_no_two_people_share_a_name_so_naming_one_names_nobody_else() -> None:
    names = [
        words(name)
        for name in (*practice_people(WORLD).values(), *OFFICERS.values(), *(official["name"] for official in WORLD["officials"]))
    ]
    assert len(practice_people(WORLD)) == len(WORLD["people"])
    assert not [1 for n, one in enumerate(names) for other in names[:n] if could_be(one, other)]


def test_keys_are_each_persons_own() -> None:
    assert all((card.age_recipient, card.verify_key) == KEYS[card.person] for card in CARDS)


def test_naming_a_practice_investigator_excludes_him() -> None:
    tip = replace(tip_about("Peñalta", AgencyKind.POLICE, Child.NO), people=frozenset({eligible(TipFacts(NOW))[0].id}))
    assert not tip.people & {one.id for one in eligible(tip)}


# --- a line's own regions file ---

SMALL: dict[str, Any] = {
    "regions": [
        {"id": "land", "kind": "country", "names": ["Land"]},
        {"id": "t", "kind": "town", "parent": "land", "names": ["T", "T", "Té"]},
    ],
    "agencies": [{"id": "a", "kind": "police", "region": "t", "names": ["A"]}],
}


def test_a_file_without_people_is_read() -> None:
    atlas = read_atlas(SMALL)
    assert atlas.regions["t"].parent == "land"
    assert atlas.agencies["a"].kind is House.POLICE
    assert gazetteer_places(atlas) == {"Land": ("land",), "T": ("t",), "Té": ("t",)}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"regions": []}, "lacks regions"),
        ({"agencies": "a"}, "lacks agencies"),
        ({"people": []}, "unknown table: people"),
        ({"regions": ["t"]}, "regions, entry 1: not a table"),
        ({"regions": [{"kind": "town", "names": ["T"]}]}, "regions, entry 1: id must be a text"),
        ({"regions": [{"id": "San T", "kind": "town", "names": ["T"]}]}, "regions, entry 1: id must be lower-case"),
        ({"regions": [{"id": "t", "kind": "town", "names": []}]}, "regions, entry 1: names must be a list of texts"),
        ({"regions": [{"id": "t", "kind": "village", "names": ["T"]}]}, "regions, entry 1: kind must be one of country, region"),
        ({"regions": [{"id": "t", "kind": 1, "names": ["T"]}]}, "regions, entry 1: kind must be a text"),
        ({"regions": [{"id": "t", "kind": "town", "parent": "", "names": ["T"]}]}, "regions, entry 1: parent must be a text"),
        ({"agencies": [{"id": "a", "kind": "police", "region": "t", "name": "A"}]}, "agencies, entry 1: unknown field name"),
    ],
)
def test_a_wrong_file_is_refused_with_one_clear_sentence(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AtlasFileError, match=complaint):
        read_atlas(SMALL | changes)


def test_entries_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(AtlasError):
        read_atlas(SMALL | {"agencies": [{"id": "a", "kind": "police", "region": "lost", "names": ["A"]}]})


@pytest.mark.parametrize(("content", "complaint"), [(None, "cannot be read"), (b"regions = [", "is not TOML"), (b"\xff", "is not UTF-8")])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    file = tmp_path / "regions.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AtlasFileError, match=complaint):
        load_atlas(file)


def test_the_officers_are_a_quorum_and_two_auditors_of_two_agencies() -> None:
    cards = practice_cards(WORLD, TODAY, KEYS, "officers")
    assert all(parse_card(card_bytes(card)) == card for card in cards)
    assert Counter(card.role for card in cards) == {Role.TRUSTEE: 3, Role.AUDITOR: 2}
    one, other = [card.agency for card in cards if card.role is Role.AUDITOR]
    assert ATLAS.apart(one, other)
    assert OFFICERS.keys().isdisjoint(practice_people(WORLD))
