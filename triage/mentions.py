"""Places and names of a text as mentions, with the regions and people that bear them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from triage.names import PARTICLES, name_from
from triage.officials import KIN_REACH, PLACE_LINKS, Office
from triage.study import Study
from triage.tip import Asked, NameMention, PlaceMention

_AFTER_TITLE, _BEFORE_TITLE = 5, 3
"""How many words from a title a single name of the roster still counts."""
_SHORT_ANSWER = 12
_POINTERS = ("title", "courtesy", "wish.secret", "cue.person", "ngo")
"""Near these even a first name alone is somebody of the roster."""


def places(study: Study, offices: Sequence[Office]) -> list[PlaceMention]:
    """Every place of the atlas that is not (part of) a person's name. Places the atlas does not know have no regions."""
    persons = [o.name for o in offices if o.name is not None]
    persons += [(first, last) for first, (last, _) in study.people.items() if last - first > 1]
    of_persons = {i for span in persons for i in range(*span)}
    found = {(first, last): regions for first, (last, regions) in study.places.items() if not of_persons.issuperset(range(first, last))}
    unknown = [o.place for o in offices if o.place is not None]
    unknown += _cued(study, "cue.place")
    if study.asked is Asked.PLACE and not found and _says_something(study):
        unknown.append((0, len(study.words)))
    taken = {i for span in found for i in range(*span)}
    found |= {span: () for span in unknown if taken.isdisjoint(range(*span))}
    no_scene = _no_scene(study)
    return [
        PlaceMention(study.cut(*span), regions, *study.span(*span), study.of, scene=span[0] not in no_scene)
        for span, regions in sorted(found.items())
    ]


def _no_scene(study: Study) -> set[int]:
    """First words of the places that are said not to be where it happens: where somebody is from or is taken to, a street, a family."""
    spans = {first: last for first, (last, _) in study.places.items()}
    starts = {last: first for first, last in spans.items()}
    found = {first for first in spans if first > 0 and study.words[first - 1].text in study.names and _joined(study, first)}
    for hit in study.around(spans, "scene."):
        if hit.code != "scene.denied" or not any(w.apart for w in study.words[hit.first + 1 : hit.last]):  # "no, in Lima" denies nothing
            found.add(starts.get(hit.last, hit.first))
    return found


def _joined(study: Study, at: int) -> bool:
    """No stop, comma or the like between this word and the one before."""
    return not study.words[at].apart and study.words[at].sentence == study.words[at - 1].sentence


def _cued(study: Study, cue: str) -> list[tuple[int, int]]:
    """Capitalised words right after a cue ("the town of", "se llama")."""
    spans = []
    for found in study.where(lambda code: code == cue):
        last = name_from(study.words, found.last, study.common, study.names, apart=False) if found.last < len(study.words) else None
        if last is not None and study.words[found.last].sentence == study.words[found.last - 1].sentence:
            spans.append((found.last, last))
    return spans


def _says_something(study: Study) -> bool:
    """Not a mere yes, no, digit, "don't know" or greeting."""
    empty = study.covered("answer.empty", "greeting")
    words = [w.text for i, w in enumerate(study.words) if i not in empty]
    return any(w.isalpha() and len(w) > 1 and w not in study.common for w in words)


def names(study: Study, offices: Sequence[Office]) -> list[NameMention]:
    """Names of the roster: whole ones and surnames anywhere, first names where somebody is accused or must not hear; and other names."""
    found: dict[tuple[int, int], frozenset[str]] = {(first, last): people for first, (last, people) in study.people.items()}
    others = {o.name for o in offices if o.name is not None} | set(_cued(study, "cue.name")) | set(_answered(study))
    owner = {i: span for span in others for i in range(*span)}
    taken = {i for span in found for i in range(*span)}
    near = _near_titles(study, offices) | owner.keys()
    for at in range(len(study.words)):
        if at in taken:
            continue
        last, people = _bearers(study, at, near)
        if people:
            span = owner.get(at, (at, last))
            found[span] = found.get(span, frozenset()) | people
    taken |= {i for span in found for i in range(*span)}
    found |= {span: frozenset() for span in others if taken.isdisjoint(range(*span))}
    return [NameMention(study.cut(*span), tuple(sorted(people)), *study.span(*span), study.of) for span, people in sorted(found.items())]


def _bearers(study: Study, at: int, near: Collection[int]) -> tuple[int, frozenset[str]]:
    """The index after a part of a roster's name that begins here, and the people who bear it; none when the word is just a word."""
    word, roster = study.words[at], study.roster
    first_names = at in near or _is_accused(study, at)
    if not first_names and not _could_be_surname(study, at):
        return at + 1, frozenset()
    following = study.words[at + 1] if at + 1 < len(study.words) and _joined(study, at + 1) else None
    if following is not None and (people := roster.initial(word, following)):
        return at + 2, people
    if people := roster.part(word, first_names=first_names):
        return at + 1, people
    if word.text in study.known or word.text in study.names:
        return at + 1, frozenset()
    if following is not None and following.text not in study.known and (people := roster.cut_apart(word, following)):
        return at + 2, people
    return at + 1, roster.mistyped(word, first_names=first_names)


def _could_be_surname(study: Study, at: int) -> bool:
    """A word that is also a common name, a common word or a place takes more to be the name of a person of the roster."""
    word = study.words[at]
    if at in study.in_places:
        return False
    if word.text in study.common or word.text in study.known:
        return word.capital and not word.first
    return word.text not in study.names or word.capital or bool(study.near("relation.kin", at - KIN_REACH, at))


def _is_accused(study: Study, at: int) -> bool:
    """ "Beatriz cobra", "ramos avisa": what helpers of traffickers do. More would strike readers out for a victim's first name."""
    word = study.words[at]
    told = study.near(("relation.facilitator", "relation.protector"), at + 1, at + 2)
    return bool(told) and word.text not in study.common and at not in study.in_places and _joined(study, at + 1)


def _near_titles(study: Study, offices: Sequence[Office]) -> set[int]:
    """Words close to a title, an office, an NGO or a warning, or all words of the answer to "who must not hear of this"."""
    if study.asked is Asked.WHO_NOT:
        return set(range(len(study.words)))
    in_place = {i for first, (last, _) in study.places.items() if _is_plainly_place(study, first, last) for i in range(first, last)}
    titles = [(o.first, o.last) for o in offices] + [(f.first, f.last) for f in study.where(lambda c: c in _POINTERS)]
    near: set[int] = set()
    for first, last in titles:
        before = range(max(0, first - _BEFORE_TITLE), first)
        after = range(last, min(last + _AFTER_TITLE, len(study.words)))
        near |= {i for i in (*before, *after) if study.words[i].sentence == study.words[first].sentence}
    return {i for i in near - in_place if study.words[i].text not in study.common}


def _is_plainly_place(study: Study, first: int, last: int) -> bool:
    """Of several words, or after "of", "in": not the name of a person that is also a place."""
    return last - first > 1 or (first > 0 and study.words[first - 1].text in PLACE_LINKS)


def _answered(study: Study) -> list[tuple[int, int]]:
    """In a short answer to "who must not hear of this": runs of words that are no known words."""
    if study.asked is not Asked.WHO_NOT or len(study.words) > _SHORT_ANSWER:
        return []
    spans: list[tuple[int, int]] = []
    for at, word in enumerate(study.words):
        if not word.text.isalpha() or len(word.text) < 2 or word.text in study.known or word.text in PARTICLES or at in study.places:
            continue
        if spans and spans[-1][1] == at and not word.apart and not word.first:
            spans[-1] = (spans[-1][0], at + 1)
        else:
            spans.append((at, at + 1))
    return spans
