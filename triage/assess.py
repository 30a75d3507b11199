"""What triage makes of a text and its translation.

Every lexicon reads the original (people mix languages), the English one reads the translation. What only the translation says may add a
place, a name, an official, a kind, a danger, a child; it lifts nothing and calls nothing spam or out of scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from triage import entities, mentions, officials
from triage.accounts import accounts
from triage.identifiers import identifiers, numbered_vessels, plates, ship_words
from triage.kinds import COULD_INVOLVE_CHILD, child, child_reasons, kinds
from triage.lexicon import Found, Lexicon
from triage.names import RosterNames
from triage.places import Gazetteer
from triage.plain import Plain, plain
from triage.study import Study, study
from triage.tip import Asked, Assessment, Child, Entity, EntityType, Kind, Of, Reason, Urgency
from triage.vessels import named_vessels

__all__ = ["assess"]

LONGEST = 20_000
"""Code points read of a text. What a person types is far shorter; a pasted book must not hold the line up."""
_NAME_REACH = 3
"""Words after "the NGO" within which its name stands."""
_SERIOUS = ("danger.", "indicator.", "kind.", "official.", "rank.")
"""A text with one of these is a tip, whatever else it says."""
_TOPICS = ("danger.", "sector.sex", "sector.women", "sector.fishing", "sector.begging", "sector.domestic", "vessel")
"""A text with one of these, and a word of everyday life, may still be a tip ("girls at a party")."""
_NOT_SHOWN = ("official.", "child.yes", "relation.", "greeting")
"""Findings whose reasons depend on more than the words."""
_LINK = re.compile(r"https?://|www\.|\bt\.me/|\bbit\.ly/|\bwa\.me/", re.IGNORECASE)
_NOD = re.compile(r"[\s\U0001F44C-\U0001F44E\U0001F44B\U0001F642\U0001F60A\U0001F600\U0001F91D\u2705\u2764\ufe0f\U0001F3FB-\U0001F3FF]+\Z")
"""Thumbs, waves, smiles, hearts, in all colours of skin."""
_OF_PARCELS = ("danger.locked_in", "official.border_guard")
"""What a false parcel service says too ("retenido en aduana")."""
_MAP_LINK = re.compile(r"maps\.|/maps|goo\.gl|what3words|osm\.org|openstreetmap|waze", re.IGNORECASE)


def assess(
    text: str,
    translation: str | None,
    lexicons: Sequence[Lexicon],
    gazetteer: Gazetteer,
    roster: RosterNames,
    asked: Asked | None = None,
    regions: tuple[str, ...] = (),
    agencies: Gazetteer | None = None,
) -> Assessment:
    """Never raises, whatever the text. Reads its first `LONGEST` code points only, and as many of the translation.

    `regions`: ISO 3166 codes in which a phone number without + may be valid. `agencies`: names of the line's agencies -> their ids.
    """
    houses = agencies or Gazetteer({})
    original = study(text[:LONGEST], Of.ORIGINAL, asked, lexicons, gazetteer, roster, houses)
    studies = [original]
    if translation is not None:
        english = [lexicon for lexicon in lexicons if lexicon.language == "en"]
        studies.append(study(translation[:LONGEST], Of.TRANSLATION, asked, english, gazetteer, roster, houses))
    greeting = _is_greeting(original)
    offices = [() if greeting else officials.offices(s) for s in studies]  # "are you the police?" implicates nobody
    told = [{f.code for f in _telling(s, o, greeting=greeting)} for s, o in zip(studies, offices, strict=True)]
    codes, is_child = set().union(*told), child(studies)
    found_kinds = sorted({*kinds(told[0], is_child), *kinds(codes, is_child)}, key=list(Kind).index)  # a translation only adds
    about_self = any(_about_self(s) for s in studies)
    urgency = _urgency(original, codes, found_kinds, about_self=about_self, nothing=greeting or not _speaks(original))
    places = [p for s, o in zip(studies, offices, strict=True) for p in mentions.places(s, o)]
    names = [n for s, o in zip(studies, offices, strict=True) for n in mentions.names(s, o)]
    letters = plain(original.text)
    found = _entities(original, letters, regions, offices[0])
    return Assessment(
        urgency=urgency,
        kinds=tuple(found_kinds),
        child=is_child,
        officials=officials.merged(
            officials.as_officials(studies[0], offices[0]),
            officials.as_officials(studies[1], offices[1]) if len(studies) > 1 else (),
        ),
        places=tuple(places),
        names=tuple(names),
        entities=found,
        reasons=tuple(r for s, o in zip(studies, offices, strict=True) for r in _reasons(s, o)),
        about_self=about_self,
        vessel=any(code.startswith("vessel") for code in codes),
        greeting=greeting,
        could_involve_child=is_child is Child.UNKNOWN
        and (
            not COULD_INVOLVE_CHILD.isdisjoint(found_kinds)
            or urgency in (Urgency.DANGER_NOW, Urgency.ASKS_HELP)
            or any(code.startswith("help.") for code in codes)
        ),
        agencies=tuple(sorted({agency for s in studies for _, ids in s.agencies.values() for agency in ids})),
        all_ngos=any(_all_ngos(s) for s in studies),
        wish="wish.secret" in codes,
        identifiers=identifiers(letters, found),
    )


def _telling(study: Study, offices: Sequence[officials.Office], *, greeting: bool) -> Iterator[Found]:
    """What tells of a crime: not the chief in "chief of police" (work), not the customs that hold a parcel behind a link."""
    of_offices = {at for office in offices for at in range(office.first, office.last)}
    parcel = bool(_LINK.search(study.text)) and bool(study.starting("spam."))
    for found in study.found:
        at_work = found.code == "sector.work" and of_offices.issuperset(range(found.first, found.last))
        an_office = greeting and found.code.startswith(("official.", "rank.", "title"))
        if not (at_work or an_office or (parcel and found.code in _OF_PARCELS)):
            yield found


def _speaks(study: Study) -> bool:
    return bool(study.words)


def _is_greeting(study: Study) -> bool:
    """Every word belongs to a greeting or a question about the line ("es la policía" is one only with a question mark); or a mere nod."""
    if not study.words:
        return bool(_NOD.fullmatch(study.text))
    asks = "?" in study.text
    covered = study.covered("greeting", "question.us") if asks else study.covered("greeting")
    return len(covered) == len(study.words) and study.asked is not Asked.WHO_NOT


def _all_ngos(study: Study) -> bool:
    """An NGO is spoken of, but not by its name, where the source says who must not hear of this."""
    secret = {study.words[f.first].sentence for f in study.starting("wish.")}
    return any(
        not any(at in study.agencies for at in range(f.last, f.last + _NAME_REACH))
        for f in study.where(lambda code: code == "ngo")
        if study.asked is Asked.WHO_NOT or study.words[f.first].sentence in secret
    )


def _about_self(study: Study) -> bool:
    """A word for oneself ("me", "nos", "my" but not "my sister") inside what was found, or words that say so on their own."""
    of_kin = {at - 1 for at in study.covered("kin")} | study.covered("kin")
    oneself = study.covered("self.word") - of_kin
    told = [f for f in study.starting("danger.", "help.", "indicator.", "kind.") if f.code != "help.for_other"]
    own_age = study.covered("self.age")
    a_child = any(at in own_age and age < entities.ADULT for at, age in entities.ages(study))
    return a_child or bool(study.starting("self.victim")) or any(not oneself.isdisjoint(range(f.first, f.last)) for f in told)


def _urgency(original: Study, codes: set[str], found_kinds: Sequence[Kind], *, about_self: bool, nothing: bool) -> Urgency:
    """The first that fits. Missing a danger is worse than a false one, and a tip that is called spam is worse than spam among the tips."""
    own = {f.code for f in original.found}
    serious = bool(found_kinds) or any(code.startswith(_SERIOUS) for code in codes)
    asks = any(code.startswith("help.") for code in codes)
    a_topic = serious or any(code.startswith(_TOPICS) for code in codes) or bool(original.places or original.people)
    other_topic = any(code.startswith("out.") for code in own) and (not asks or "small_help" in own)
    if not serious and (nothing or (other_topic and not a_topic)):
        return Urgency.SPAM if not nothing and _is_spam(original, own) else Urgency.OUT_OF_SCOPE
    confined = "danger.locked_in" in codes
    hurt = not codes.isdisjoint(("indicator.violence", "indicator.threats"))
    now = any(code.startswith("danger.") and code != "danger.locked_in" for code in codes)
    if now or ((confined or hurt) and asks) or (confined and (about_self or "own_kin" in codes)):
        return Urgency.DANGER_NOW
    if asks or about_self:
        return Urgency.ASKS_HELP
    if not serious and _is_spam(original, own):
        return Urgency.SPAM
    if any(code.startswith("time.") for code in codes):
        return Urgency.TIME_CRITICAL
    return Urgency.GENERAL_TIP


def _is_spam(study: Study, codes: set[str]) -> bool:
    if any(code.startswith("spam.") for code in codes):
        return True
    tip = any(code.startswith(("sector.", "child.yes", "vessel", "time.")) for code in codes) or bool(study.places or study.people)
    return not tip and study.asked is None and bool(_LINK.search(study.text)) and not _MAP_LINK.search(study.text)


def _entities(study: Study, letters: Plain, regions: Sequence[str], offices: Sequence[officials.Office]) -> tuple[Entity, ...]:
    held = accounts(letters)
    found = [p for p in entities.phones(letters, regions) if all(p.end <= a.start or a.end <= p.start for a in held)]
    found += [*held, *entities.age_entities(study)]
    found += [*plates(letters), *numbered_vessels(letters), *named_vessels(study, ship_words(letters))]
    found += [Entity(EntityType.PLACE, p.text, p.start, p.end) for p in mentions.places(study, offices)]
    found += [Entity(EntityType.NAME, n.text, n.start, n.end) for n in mentions.names(study, offices)]
    return tuple(sorted(found, key=lambda e: (e.start, e.end, e.type)))


def _reasons(study: Study, offices: Sequence[officials.Office]) -> list[Reason]:
    named = [study.reason(Found("", first, last), "agency.named") for first, (last, _) in study.agencies.items()]
    plain = [study.reason(f) for f in study.found if not f.cue and not f.code.startswith(_NOT_SHOWN)]
    found = {*named, *plain, *child_reasons(study), *officials.reasons(study, offices)}
    return sorted(found, key=lambda r: (r.start, r.end, r.code))
