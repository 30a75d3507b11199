"""From reason codes to kinds of trafficking and to whether a child is concerned.

An indicator (ILO 2012: passport kept, wages withheld, ...) tells that somebody is exploited, a sector tells in what: together a kind.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from triage.entities import ADULT, ages
from triage.lexicon import Found
from triage.study import Study
from triage.tip import Asked, Child, Kind, Of, Reason

_SECTORS = {
    "sector.fishing": Kind.FORCED_LABOUR_FISHING,
    "sector.domestic": Kind.DOMESTIC_SERVITUDE,
    "sector.scam": Kind.FORCED_SCAMMING,
    "sector.begging": Kind.FORCED_BEGGING,
    "sector.sex": Kind.SEX_TRAFFICKING,
}
_WITH_A_CHILD = {
    "sector.sex": Kind.SEX_TRAFFICKING,
    "sector.online": Kind.ONLINE_CHILD_EXPLOITATION,
    "sector.begging": Kind.FORCED_BEGGING,
    "sector.marriage": Kind.FORCED_MARRIAGE,
    "sector.work": Kind.CHILD_LABOUR,
    "sector.fishing": Kind.CHILD_LABOUR,
    "sector.domestic": Kind.CHILD_LABOUR,
}
_LABOUR = ("indicator.documents", "indicator.wages", "indicator.overtime", "indicator.forced_work", "indicator.living")
"""Indicators that speak of work even when no sector is named."""
_ALSO_INDICATORS = ("danger.locked_in", "help.wants_out")
COULD_INVOLVE_CHILD = frozenset(
    {
        Kind.SEX_TRAFFICKING,
        Kind.ONLINE_CHILD_EXPLOITATION,
        Kind.CHILD_LABOUR,
        Kind.FORCED_BEGGING,
        Kind.FORCED_MARRIAGE,
        Kind.DOMESTIC_SERVITUDE,
        Kind.MISSING_PERSON,
    }
)
"""ROUTING E7."""


def kinds(codes: Collection[str], child: Child) -> tuple[Kind, ...]:
    """In the order of the enumeration."""
    found = {Kind(code.split(".")[1]) for code in codes if code.startswith("kind.")}
    indicated = {code for code in codes if code.startswith("indicator.") or code in _ALSO_INDICATORS}
    if indicated or found:
        if {"sector.venue", "sector.women"} <= set(codes):
            found.add(Kind.SEX_TRAFFICKING)
        found |= {kind for sector, kind in _SECTORS.items() if sector in codes}
    if child is Child.YES:
        found |= {kind for sector, kind in _WITH_A_CHILD.items() if sector in codes}
    if "indicator.debt" in indicated:
        found.add(Kind.DEBT_BONDAGE)
    in_a_sector = any(sector in codes for sector in _SECTORS)
    at_work = "sector.work" in codes or not indicated.isdisjoint(_LABOUR)
    if indicated - {"indicator.debt"} and at_work and not in_a_sector:
        found.add(Kind.FORCED_LABOUR)
    if not found and ("indicator.sale" in indicated or {"indicator.trafficking", "sector.women"} <= set(codes)):
        found.add(Kind.SEX_TRAFFICKING)
    return tuple(kind for kind in Kind if kind in found)


def child_words(study: Study) -> list[Found]:
    """Words that say: a child. Not those that are denied ("no hay niños"), unless only a translation denies them."""
    denied = study.covered("child.denied") if study.of is Of.ORIGINAL else set()
    return [f for f in study.starting("child.yes") if not denied.issuperset(range(f.first, f.last))]


def child(studies: Sequence[Study]) -> Child:
    """Yes by an age under 18 or a word for a child, in any of the texts. No by the original alone, when nothing speaks against it.

    That is: "all adults"; one stated age of 18 or more, or "adult", where no other person is spoken of (it could be the offender's); or the
    answer to how old the youngest is.
    """
    original = next(s for s in studies if s.of is Of.ORIGINAL)
    if any(child_words(s) or any(age < ADULT for _, age in ages(s)) for s in studies):
        return Child.YES
    stated = ages(original)
    if original.asked is Asked.AGE and stated:
        return Child.NO
    if original.starting("adult.all"):
        return Child.NO
    maybe = [f for s in studies for f in s.starting("child.maybe", "child.denied")]
    others = original.starting("several", "offender", "official.", "rank.")
    grown = (len(stated) == 1 and len(maybe) <= 1) or (bool(original.starting("adult.said")) and not maybe)
    return Child.NO if grown and not others else Child.UNKNOWN


def child_reasons(study: Study) -> list[Reason]:
    words = [study.reason(f) for f in child_words(study)]
    numbers = [
        study.reason(Found("", at, at + 1), "child.age_under_18" if age < ADULT else "adult.age_18_or_over") for at, age in ages(study)
    ]
    return words + numbers
