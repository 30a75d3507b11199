"""Names of boats and ships: what stands with capitals, or in quotes, behind a word for one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from triage.fold import fold
from triage.plain import words as _words
from triage.study import Study
from triage.tip import Entity, EntityType

_SKIPPED = _words(
    "called named name llamado llamada llama se nombre de fishing pesquero pesquera pesca cargo carguero is that whose el la los las "
    "the chino china chinese peruano peruana peruvian ecuatoriano thai tailandes taiwanese taiwanes coreano korean vietnamese "
    "indonesian filipino blanco blanca white azul blue rojo roja red verde green negro negra black grande big small pequeno pequena "
    "viejo old"
)
"""Between the word for it and its name, small or with a capital."""
_OWNERS = _words("de del of")
"""What follows is whose boat it is, or where, unless a word for a name came before."""
_NAMING = _words("called named name llamado llamada llama nombre")
_INSIDE = _words("del de la el los las of the da do dos das y and")
_TITLES = _words("captain capitan capt cap don senor sr mr jefe patron")
_NUMERAL = re.compile(r"\d{1,4}|[ivx]{1,4}")
_QUOTED = re.compile(r"[^\w\"'“”«»‘’\n]{0,3}(?:\w{1,12} ){0,3}[\"'“«‘]([^\"'“”«»‘’\n]{3,40})[\"'”»’]")
_REACH, _LONGEST, _SHORTEST = 4, 6, 4
_MOST = 50


def named_vessels(study: Study, ships: Iterable[tuple[int, int]]) -> Iterator[Entity]:
    """`ships`: where words for one stand in the text."""
    starts = {word.start: at for at, word in enumerate(study.words)}
    ends = {word.end: at + 1 for at, word in enumerate(study.words)}
    for n, (start, end) in enumerate(ships):
        if n == _MOST:
            return
        quoted = _QUOTED.match(study.text, end)
        if quoted is not None and (value := _value(quoted[1].split())):
            yield Entity(EntityType.VESSEL, f"name:{value}", quoted.start(1), quoted.end(1))
        elif start in starts and end in ends and (span := _name(study, ends[end])) is not None:
            value = _value(word.text for word in study.words[span[0] : span[1]])
            yield Entity(EntityType.VESSEL, f"name:{value}", *study.span(*span))


def _name(study: Study, at: int) -> tuple[int, int] | None:
    """[first, last) of the words of the name that begins soon after word `at` - 1."""
    stop = study.stops[at - 1]
    first, naming = at, False
    while first < min(stop, at + _REACH) and study.words[first].text in _SKIPPED | _OWNERS:
        naming |= study.words[first].text in _NAMING
        if study.words[first].text in _OWNERS and not (naming or _follows(study, first, _NAMING)):
            return None
        first += 1
    last = first
    while last < min(stop, first + _LONGEST) and _goes_on(study, first, last):
        last += 1
    while last > first and study.words[last - 1].text in _INSIDE:
        last -= 1
    return (first, last) if _is_name(study, first, last) else None


def _follows(study: Study, at: int, words: frozenset[str]) -> bool:
    return at + 1 < len(study.words) and study.words[at + 1].text in words


def _goes_on(study: Study, first: int, at: int) -> bool:
    word = study.words[at]
    if word.apart and at > first:
        return False
    return word.capital or (at > first and (word.text in _INSIDE or bool(_NUMERAL.fullmatch(word.text))))


def _is_name(study: Study, first: int, last: int) -> bool:
    """Not a place, nor a person's title, nor one word that everybody uses."""
    words = [word.text for word in study.words[first:last]]
    if not words or words[0] in _TITLES - {"don"} or study.in_places.issuperset(range(first, last)):
        return False
    usual = study.common | study.known
    return len(words) > 1 or (len(words[0]) >= _SHORTEST and words[0] not in usual)


def _value(words: Iterable[str]) -> str:
    """Lower case, without accents, marks and articles in front."""
    return " ".join(fold(word).strip("'.,-") for word in words).strip()
