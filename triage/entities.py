"""Phones and ages in the words of the source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import phonenumbers

from triage.plain import Plain
from triage.study import Study
from triage.tip import Asked, Entity, EntityType

_PHONE = re.compile(r"(?<![\w.,$€£])\+?\(?\d(?:[ .*_\-/()\u2010-\u2013]{0,2}\d){6,14}(?![\w])")
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}")
_OTHER_NUMBER = re.compile(
    r"(?:imo|mmsi|usd|eur|lat|lon|id|dni|pasaporte|passport|\$|€|s/\.?)[ :#.]*(?:no|nr|n°|number|numero)?[ :#.]*$", re.IGNORECASE
)
_LOOK_BACK = 24
_MOST_PHONES = 50
OLDEST = 110
ADULT = 18


def phones(plain: Plain, regions: Sequence[str]) -> Iterator[Entity]:
    """E.164 when it is a valid number (of one of the regions, ISO 3166 codes, when it has no +), else its bare digits."""
    for n, match in enumerate(_PHONE.finditer(plain.text)):
        if n == _MOST_PHONES:
            return
        before = plain.text[max(0, match.start() - _LOOK_BACK) : match.start()]
        if not _DATE.fullmatch(match.group()) and not _OTHER_NUMBER.search(before):
            yield Entity(EntityType.PHONE, _normal(match.group(), regions), *plain.span(match.start(), match.end()))


def _normal(written: str, regions: Sequence[str]) -> str:
    digits = "".join(str(int(c)) for c in written if c.isdecimal())
    if written.startswith("+"):
        tries: list[tuple[str, str | None]] = [("+" + digits, None)]
    else:
        tries = [(digits, region) for region in regions]
    for number, region in tries:
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return digits


def ages(study: Study) -> list[tuple[int, int]]:
    """(word, age) of every stated age, by place. A bare number is one when age was asked; "0" there means: skip."""
    not_ages = study.covered("not_age")
    stated: dict[int, int] = {}
    for found in study.found:
        if found.code == "age":
            stated |= {at: value for at, value in study.numbers(found) if value <= OLDEST and at not in not_ages}
    if study.asked is Asked.AGE:
        everything = [(at, value) for at in range(len(study.words)) for value in study.number_at(at) if 0 < value <= OLDEST]
        stated |= dict(everything) if not stated else {}
    return sorted(stated.items())


def age_entities(study: Study) -> list[Entity]:
    return [Entity(EntityType.AGE, str(value), *study.span(at, at + 1)) for at, value in ages(study)]
