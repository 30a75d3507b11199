"""The bench's own reading of who may not be given a tip, to hold the product's answers against; not written from its code."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from benchmarks.exposure.people import Human, agency_id
from benchmarks.exposure.setting import TOWNS, Sort
from benchmarks.exposure.world import Tip
from routing.people import Card, Code
from triage.tip import Child

VETTED = timedelta(days=365)


def barred(tip: Tip, human: Human, card: Card) -> frozenset[Code]:
    """By the card alone: what nobody declared, nobody can exclude by."""
    facts = tip.facts
    tests = {
        Code.E1: card.issued > facts.received or not human.since <= tip.day < human.until,
        Code.E2: card.person in facts.people,
        Code.E3: not _line(facts.agencies).isdisjoint((card.agency, *card.past_agencies)),
        Code.E4: bool(facts.kinds) and _has_jurisdiction(tip, human),
        Code.E5: _within(tip.region, (card.home, card.posting, *card.past_postings)),
        Code.E6: _within(tip.region, [kin.region for kin in card.kin if kin.region]),
        Code.E7: facts.child is not Child.NO and not card.child_clearance,
        Code.E8: facts.received - card.issued > VETTED or len(set(human.vetters)) < 2,
    }
    return frozenset(code for code, holds in tests.items() if holds)


def _line(agencies: Iterable[str]) -> frozenset[str]:
    """District offices with the offices above them."""
    found: set[str] = set()
    for agency in agencies:
        found |= {agency, agency_id(Sort.REGIONAL, int(agency.rpartition("-")[2]) // TOWNS), agency_id(Sort.NATIONAL, 0)}
    return frozenset(found)


def _has_jurisdiction(tip: Tip, human: Human) -> bool:
    """Tips that implicate a kind of office implicate the police."""
    if human.sort is Sort.NATIONAL:
        return True
    if human.sort is Sort.REGIONAL:
        return human.works == tip.region
    [town] = tip.facts.regions
    return human.sort is Sort.DISTRICT and human.card.posting == town


def _within(region: int, places: Iterable[str]) -> bool:
    return any(place.startswith("land-") and int(place.split("-")[1]) == region for place in places)
