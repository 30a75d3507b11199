"""Public offices in a text: which, where, who, and what the text says they are to the crime.

To miss one is the dangerous error (a tip could reach the accused), so a mere mention counts and doubtful ranks count as police.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from triage.fold import fold
from triage.lexicon import Found
from triage.names import PARTICLES, name_from
from triage.study import Study
from triage.tip import AgencyKind, Asked, Official, Reason, Relation

RELATION_REACH, KIN_REACH, PLACE_REACH, LINK_REACH = 8, 3, 12, 3
"""How many words may lie between an office and what is said of it."""
_LINKS = frozenset({"de", "del", "la", "el", "los", "las", "of", "the", "al", "en", "in", "d"})
PLACE_LINKS = frozenset({"de", "del", "of", "in", "en", "at", "from", "for"})
_ARTICLES = frozenset({"la", "el", "los", "las", "the", "a", "an", "un", "una", "our", "este", "this"})
_IS = frozenset({"es", "is", "era", "was", "son", "are"})
_STRENGTH = (Relation.MENTIONED, Relation.KIN, Relation.PROTECTOR, Relation.FACILITATOR, Relation.PERPETRATOR)


@dataclass(frozen=True, slots=True)
class Office:
    """Words [first, last) that name an office, and what was found around it. Indices count words; `name` and `place` are word spans."""

    first: int
    last: int
    agencies: tuple[AgencyKind, ...]
    titled: bool
    """It has a head: "chief of police", not "the police"."""
    person: bool
    """Its last word is a title, so that a name follows rather than a place."""
    name: tuple[int, int] | None = None
    place: tuple[int, int] | None = None
    relation: Relation = Relation.MENTIONED
    negated: bool = False
    said: Found | None = None
    """The words that say the relation."""


def _agency_hits(study: Study) -> list[Found]:
    """official.* and rank.* findings; of overlapping ones the longest (coast guard, not guard). A ship's captain is none."""
    vessel = any(f.code.startswith("vessel") for f in study.found)
    asked = study.asked is Asked.WHO_NOT
    hits = [
        f
        for f in study.found
        if f.code.startswith(("official.", "rank.", "title"))
        or (asked and f.code.startswith("bare."))
        or (f.code.startswith("captain.") and (not vessel or _is_bought(study, f)))
    ]
    longest: list[Found] = []
    for hit in hits:  # sorted by first word, longest first
        if not any(_swallows(k, hit) for k in longest if k.last > hit.first):
            longest.append(hit)
    return longest


def _swallows(longer: Found, hit: Found) -> bool:
    """Both lie in one place, and `longer` alone says what the office is: a guard of the coast is none of a prison.

    But "inspector laboral cobra" is more than an inspector who takes bribes, and "policía de Puerto Lago" is of the police.
    """
    if not (longer.first <= hit.first and hit.last <= longer.last) or (longer.first, longer.last) == (hit.first, hit.last):
        return False
    if hit.code == "official.police":
        return (longer.code.startswith("official.") and hit.last > hit.first + 1) or longer.code == "title"
    return not hit.code.startswith("official.") or (longer.code.startswith("official.") and longer.code != "official.police")


def _is_bought(study: Study, hit: Found) -> bool:
    """Even near a ship: a captain who is paid or protects somebody may be of the police."""
    return bool(study.near(("relation.facilitator", "relation.protector"), hit.first - RELATION_REACH, hit.last + RELATION_REACH))


def _linked(study: Study, before: int, first: int) -> bool:
    """The words between two hits only tie them together: chief *of the* police."""
    between = study.words[before:first]
    return (
        study.words[before - 1].sentence == study.words[first].sentence
        and len(between) <= LINK_REACH
        and all(w.text in _LINKS for w in between)
        and not any(w.apart for w in study.words[before : first + 1])
    )


def _office(study: Study, hits: Sequence[Found]) -> Office | None:
    """Several linked hits are one office: its named agencies, or else those its ranks suggest. A bare title is none."""
    named = [h for h in hits if h.code.startswith("official.")]
    ranks = [h for h in hits if h.code.startswith(("rank.", "captain.", "bare."))]
    agencies = tuple(dict.fromkeys(AgencyKind(h.code.split(".")[1]) for h in named or ranks))
    first, last = min(h.first for h in hits), _before_place(study, min(h.first for h in hits), max(h.last for h in hits))
    titles = [h for h in (*hits, *study.near("title", first, last)) if h.code.startswith(("title", "rank.", "captain."))]
    if not agencies:
        return None
    return Office(first, last, agencies, titled=bool(titles), person=any(h.last == last for h in titles))


def _before_place(study: Study, first: int, last: int) -> int:
    """Where an office ends that runs into a place: "jefe de puerto" in "jefe de Puerto Lago"."""
    cut = next((at for at in range(first + 1, last) if at in study.places and study.places[at][0] > last), last)
    while cut < last and cut > first + 1 and study.words[cut - 1].text in _LINKS:
        cut -= 1
    return cut


def offices(study: Study) -> tuple[Office, ...]:
    groups: list[list[Found]] = []
    for hit in _agency_hits(study):
        end = max((h.last for h in groups[-1]), default=0) if groups else 0
        if groups and (hit.first < end or _linked(study, end, hit.first)):
            groups[-1].append(hit)
        else:
            groups.append([hit])
    found = [o for g in groups if (o := _office(study, g)) is not None]
    negated = _negated_words(study, found)
    described = [_described(study, o, negated) for o in found]
    taken = {o.place for o in described if o.place is not None}
    return tuple(o if o.place is not None else replace(o, place=_place_near(study, o, o.name, taken)) for o in described)


def _negated_words(study: Study, found: Sequence[Office]) -> set[int]:
    """The words of "no police", "la policía no está metida"; a comma ends a negation ("no, the police")."""
    ends = {o.first: o.last for o in found}
    hits = study.around(ends, "negation")
    spans = [range(h.first, h.last) for h in hits if not any(w.apart for w in study.words[h.first + 1 : h.last])]
    return {at for span in spans for at in span}


def _described(study: Study, office: Office, negated_words: set[int]) -> Office:
    place, after = _place_after(study, office)
    name = _name_after(study, after, apart=True) if after < len(study.words) else None
    if name is None and after != office.last:
        name = _name_after(study, office.last, apart=False)
    name = name or _name_before(study, office)
    said = _said(study, office, negated_words)
    negated = negated_words.issuperset(range(office.first, office.last))
    return replace(
        office,
        place=place or _place_before(study, office),
        name=name,
        relation=Relation.MENTIONED if negated or said is None else Relation(said.code.removeprefix("relation.")),
        said=None if negated else said,
        negated=negated,
    )


def _place_after(study: Study, office: Office) -> tuple[tuple[int, int] | None, int]:
    """ "chief of police of X": a place of the atlas, or any name in that position. Also gives the index after it."""
    at, stop = office.last, study.stops[office.last - 1]
    if at < stop and study.words[at].text in PLACE_LINKS:
        at += 1
    elif not (at < stop and at in study.places and not office.person):
        return None, office.last
    if at < stop and study.words[at].text in _ARTICLES and at not in study.places:
        at += 1
    if at >= stop:
        return None, office.last
    if at in study.places:
        return (at, study.places[at][0]), study.places[at][0]
    last = name_from(study.words[:stop], at, study.common, (), apart=False)
    word = study.words[at]
    if last is None and office.titled and word.text.isalpha() and len(word.text) > 2 and word.text not in study.known:
        last = at + 1
    return ((at, last), last) if last is not None else (None, office.last)


def _name_after(study: Study, at: int, *, apart: bool) -> tuple[int, int] | None:
    if at >= len(study.words) or (at and study.words[at].sentence != study.words[at - 1].sentence):
        return None
    cue = next((f.last for f in study.near("cue.name", at, at + 2)), at)  # "a sergeant called ...", "un sargento de apellido ..."
    at = cue if cue < len(study.words) else at
    person = study.people.get(at)
    if person is not None:
        return at, person[0]
    last = name_from(study.words, at, study.known, _callable_names(study, at), apart=apart)
    return (at, last) if last is not None else None


def _callable_names(study: Study, at: int) -> frozenset[str]:
    """Words near `at` that are a name even without a capital: common names, and names of the roster."""
    return study.names | {w.text for w in study.words[at : at + 4] if study.roster.part(w) and w.text not in study.common}


def _name_before(study: Study, office: Office) -> tuple[int, int] | None:
    """ "Ramos, the police chief" and "Ramos es policía"."""
    at = office.first - 1
    tied = study.words[office.first].apart
    while at >= 0 and study.words[at].text in _ARTICLES | _IS:
        tied = tied or study.words[at].apart or study.words[at].text in _IS
        at -= 1
    if not tied or at < 0 or study.words[at].sentence != study.words[office.first].sentence:
        return None
    last = at + 1
    while at >= 0 and last - at < 5 and study.words[at].sentence == study.words[last - 1].sentence:
        word = study.words[at]
        inner = word.text in PARTICLES and at + 1 < last
        if not (word.capital and word.text not in study.known) and word.text not in study.names and not inner:
            break
        at -= 1
    while at + 1 < last and study.words[at + 1].text in PARTICLES:
        at += 1
    return (at + 1, last) if at + 1 < last and at + 1 not in study.places else None


def _place_before(study: Study, office: Office) -> tuple[int, int] | None:
    """ "the Tumbes police" """
    places = _places_around(study, office, office.first - PLACE_REACH, office.first)
    return next((p for p in places if p[1] == office.first), None)


def _place_near(study: Study, office: Office, name: tuple[int, int] | None, taken: Collection[tuple[int, int]]) -> tuple[int, int] | None:
    """The nearest place of the sentence that is not said of another office."""
    near = [
        (_distance(office, *place), place)
        for place in _places_around(study, office, office.first - PLACE_REACH, office.last + PLACE_REACH)
        if place not in taken and (name is None or place[1] <= name[0] or place[0] >= name[1])
    ]
    return min(near)[1] if near else None


def _places_around(study: Study, office: Office, first: int, last: int) -> list[tuple[int, int]]:
    sentence = study.words[office.first].sentence
    starts = [at for at in range(max(first, 0), last) if at in study.places and study.words[at].sentence == sentence]
    return [(at, study.places[at][0]) for at in starts]


def _distance(office: Office, first: int, last: int) -> int:
    return max(office.first - last, first - office.last, 0)


def _said(study: Study, office: Office, negated_words: set[int]) -> Found | None:
    """The nearest (then longest, then strongest) words of the sentence that say what the office is to the crime."""
    sentence = study.words[office.first].sentence
    near: list[tuple[int, int, int, Found]] = []
    for hit in study.near("relation.", office.first - 2 * RELATION_REACH, office.last + RELATION_REACH + 1):
        relation = Relation(hit.code.removeprefix("relation."))
        distance = _distance(office, hit.first, hit.last)
        reach = KIN_REACH if relation is Relation.KIN else RELATION_REACH
        denied = negated_words.issuperset(range(hit.first, hit.last))
        if study.words[hit.first].sentence == sentence and distance <= reach and not denied:
            first = 0 if relation is Relation.KIN else distance
            near.append((first, hit.first - hit.last, -_STRENGTH.index(relation), hit))
    return min(near, key=lambda n: n[:3])[3] if near else None


def as_officials(study: Study, found: Sequence[Office]) -> list[Official]:
    return [
        Official(
            agency=agency,
            place=study.cut(*o.place) if o.place is not None else None,
            name=study.cut(*o.name) if o.name is not None else None,
            relation=o.relation,
            negated=o.negated,
        )
        for o in found
        for agency in o.agencies
    ]


def reasons(study: Study, found: Sequence[Office]) -> list[Reason]:
    spans: list[Reason] = []
    for office in found:
        whole = Found("", office.first, office.last)
        spans += [study.reason(whole, f"official.{agency}") for agency in office.agencies]
        if office.said is not None:
            spans.append(study.reason(office.said))
    return spans


def merged(original: Sequence[Official], translated: Sequence[Official]) -> tuple[Official, ...]:
    """One entry for each office. What only a translation says is added; its negations are not, nor do they undo the original's."""
    kept: list[Official] = []
    for official, own in [*((o, True) for o in original), *((replace(o, negated=False), False) for o in translated)]:
        for i, other in enumerate(kept):
            if (both := _one(other, official, negations=own or not _vague(official))) is not None:
                kept[i] = both
                break
        else:
            kept.append(official)
    return tuple(dict.fromkeys(kept))


def _vague(official: Official) -> bool:
    return official.place is None and official.name is None


def _one(a: Official, b: Official, *, negations: bool) -> Official | None:
    """The two as one (negated as `a` is), when one adds to the other and neither contradicts it."""
    if a.agency is not b.agency or (negations and a.negated != b.negated):
        return None
    for x, y in ((a.place, b.place), (a.name, b.name)):
        if x is not None and y is not None and fold(x) != fold(y):
            return None
    if a.relation is not b.relation and Relation.MENTIONED not in (a.relation, b.relation) and not (_vague(a) or _vague(b)):
        return None
    stronger = max((a.relation, b.relation), key=_STRENGTH.index)
    return replace(a, place=a.place or b.place, name=a.name or b.name, relation=stronger)
