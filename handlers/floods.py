"""When many phones send one text: which first messages are alike, and from when on they are one item for one reader. Pure.

Careful on purpose, for ten survivors who all write "help me" are ten people: only long texts are compared, only first messages count,
and the first few of a flood are cases of their own, since nobody could know yet. A text in a script without spaces is never compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b

from sealing.rows import HOUR_MS
from triage.fold import fold
from triage.tip import Asked, Assessment, Urgency

LETTERS = 40
WORDS = 8
"""A text with fewer, or with fewer words that differ, has no fingerprint and is like no other: too many people say the same in few."""
BITS = 64
DISTANCE = 6
"""Most bits in which the fingerprints of two copies differ. Unlike texts differ in about 32."""
ALIKE = 5
"""From the fifth on, copies are one item."""
WITHIN_MS = 6 * HOUR_MS
MINE = frozenset({Urgency.DANGER_NOW, Urgency.ASKS_HELP, Urgency.TIME_CRITICAL})
_WORD = re.compile(r"[^\W\d_]+")


def fingerprint(text: str) -> int | None:
    """64-bit simhash (Charikar 2002) of the word trigrams, without case, accents, digits and marks. None = too short to compare."""
    words = _WORD.findall(fold(text))
    if len(set(words)) < WORDS or sum(map(len, words)) < LETTERS:
        return None
    sums = [0] * BITS
    for trigram, times in Counter(zip(words, words[1:], words[2:], strict=False)).items():
        hashed = int.from_bytes(blake2b(" ".join(trigram).encode(), digest_size=BITS // 8).digest(), "big")
        for bit in range(BITS):
            sums[bit] += times if hashed >> bit & 1 else -times
    return sum(1 << bit for bit in range(BITS) if sums[bit] > 0)


def alike(one: int, other: int) -> bool:
    return (one ^ other).bit_count() <= DISTANCE


@dataclass(frozen=True, slots=True)
class Cluster:
    """First messages that are alike. `case` = the item that holds those from the fifth on. `times`: when the newest of them were written,
    ms, ascending. `count`: how many there were in all. `version`: of its stored row, 0 = not stored."""

    id: str
    fingerprint: int
    case: str | None = None
    times: tuple[int, ...] = ()
    count: int = 0
    version: int = 0

    def joined(self, at: int) -> Cluster:
        """With one more, written at `at`."""
        return replace(self, times=tuple(sorted((*self.times, at)))[-ALIKE:], count=self.count + 1)

    def flood(self, at: int) -> bool:
        """Whether the one written at `at`, which has joined, is one of many."""
        return sum(abs(time - at) <= WITHIN_MS for time in self.times) >= ALIKE

    def past(self, now: int) -> bool:
        """Nothing that comes now can make it a flood, nor is it one."""
        return self.case is None and all(now - time > WITHIN_MS for time in self.times)


def nearest(clusters: Iterable[Cluster], mark: int) -> Cluster | None:
    """The cluster that this text belongs to."""
    near = [cluster for cluster in clusters if alike(cluster.fingerprint, mark)]
    return min(near, key=lambda cluster: ((cluster.fingerprint ^ mark).bit_count(), -cluster.count, cluster.id), default=None)


def own_words(crowd: int, mark: int | None, found: Assessment, asked: Asked | None) -> bool:
    """Whether somebody of a crowd now tells something himself, and so gets a case and an answer of his own. Rather once too often.

    `crowd`, `mark`: fingerprints of the crowd's text and of his new one. A short answer to a question of ours stays with the crowd.
    """
    if mark is not None:
        return not alike(crowd, mark)
    if found.about_self or found.urgency in MINE or found.kinds:
        return True
    return asked is None and bool(found.officials or found.places or found.names)


def worth_telling(count: int) -> bool:
    """Of a flood that grows an operator hears at each power of ten."""
    return count >= 10 and count == 10 ** (len(str(count)) - 1)
