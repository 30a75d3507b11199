"""When two names could be the same person's. Errs towards yes: a wrong yes costs one reader, a wrong no can cost a life."""

from __future__ import annotations

from collections.abc import Iterable

from triage.fold import fold

_PARTICLES = frozenset(
    ("al", "bin", "da", "das", "de", "del", "den", "der", "di", "do", "dos", "du", "el", "la", "las", "le", "los", "van", "von", "y")
)
_BREAKS = str.maketrans(dict.fromkeys("-‐‑–—.,;:'’`´·/()\"_", " "))

Words = tuple[str, ...]


def words(name: str) -> Words:
    """Folded words of a name, without the particles that half a country shares (unless nothing else is left)."""
    every = tuple(fold(name).translate(_BREAKS).split())
    return tuple(word for word in every if word not in _PARTICLES and len(word) > 1) or every


def could_be(one: Words, other: Words) -> bool:
    """One name is part of the other ("Ramos", "Luis Ramos Vega"), or they share more than a first name ("Lucho Ramos")."""
    if not one or not other:
        return False
    if set(one) <= set(other) or set(other) <= set(one):
        return True
    return bool(set(one[1:]) & set(other[1:])) or len(set(one) & set(other)) > 1


def any_could_be(names: Iterable[str], sought: Iterable[Words]) -> bool:
    looked_for = tuple(sought)
    return bool(looked_for) and any(could_be(words(name), other) for name in names for other in looked_for)
