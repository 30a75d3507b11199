"""What the line remembers of a conversation: phrases, answers and times, never the words (DATA.md, table `thread`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeVar

from handlers.phrases import Phrase
from triage.tip import Asked

E = TypeVar("E", bound=StrEnum)


class StateError(Exception):
    """A stored state that is not one of ours. Carries no content."""


class Safety(StrEnum):
    """Who else sees this phone, the least careful first. `silent` = the source asked for silence: nothing is ever said again."""

    UNKNOWN = "unknown"
    OWN = "own"
    SHARED = "shared"
    BORROWED = "borrowed"
    SILENT = "silent"


class Path(StrEnum):
    """Which column of questions fits what was told so far."""

    NONE = "none"
    SURVIVOR = "survivor"
    OTHER = "other"
    VESSEL = "vessel"
    CHILD = "child"


@dataclass(frozen=True, slots=True)
class State:
    """Frozen and JSON-able; `State()` is a stranger. Times: milliseconds since 1970-01-01 UTC. A *sitting* ends with a gap of two hours."""

    turns: int = 0
    path: Path = Path.NONE
    about_self: bool = False
    danger: bool = False
    topics: frozenset[str] = frozenset()
    """Kinds, and "vessel", that the source has named (R1)."""
    language: str = ""
    """BCP 47; empty until a message told."""
    alphabet: str = "Latn"
    safety: Safety = Safety.UNKNOWN
    asked: frozenset[Phrase] = frozenset()
    """Questions put; none is put a second time, but an opening in a new sitting."""
    answered: frozenset[Asked] = frozenset()
    """Answered, skipped, or held by the source's own words."""
    asking: Phrase | None = None
    asking_until_ms: int = 0
    said: frozenset[Phrase] = frozenset()
    """Everything said in this sitting."""
    last: Phrase | None = None
    said_ms: int = 0
    questions: int = 0
    """Questions put in this sitting."""
    unanswered: int = 0
    """Messages since we last said something."""
    tip: bool = False
    """There is something for a case."""
    told: bool = False
    """And in this sitting: before it, whoever writes is asked nothing about a case (R2)."""
    spoken: bool = False
    """And something plainly about a case: before it, no answer that waits goes to a phone that others may see."""
    place_known: bool = False
    today: bool | None = None
    sealed: bool = False
    """Set by the pipeline."""
    first_ms: int = 0
    last_ms: int = 0

    @property
    def settled(self) -> bool:
        """Place and who must not hear of it are both answered: the case can be sealed now."""
        return {Asked.PLACE, Asked.WHO_NOT} <= self.answered

    def to_json(self) -> dict[str, object]:
        plain: dict[str, object] = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"v": 1} | {name: sorted(value) if isinstance(value, frozenset) else value for name, value in plain.items()}

    @classmethod
    def from_json(cls, obj: object) -> State:
        """Strict: exactly the fields, exactly the types. Raises StateError."""
        if not isinstance(obj, dict) or obj.keys() != {"v"} | {f.name for f in fields(cls)} or _int(obj, "v") != 1:
            raise StateError("not a state of this version")
        return cls(
            turns=_int(obj, "turns"),
            path=_enum(Path, obj["path"]),
            about_self=_bool(obj, "about_self"),
            danger=_bool(obj, "danger"),
            topics=frozenset(_str(t) for t in _list(obj, "topics")),
            language=_str(obj["language"]),
            alphabet=_str(obj["alphabet"]),
            safety=_enum(Safety, obj["safety"]),
            asked=frozenset(_enum(Phrase, p) for p in _list(obj, "asked")),
            answered=frozenset(_enum(Asked, a) for a in _list(obj, "answered")),
            asking=None if obj["asking"] is None else _enum(Phrase, obj["asking"]),
            asking_until_ms=_int(obj, "asking_until_ms"),
            said=frozenset(_enum(Phrase, p) for p in _list(obj, "said")),
            last=None if obj["last"] is None else _enum(Phrase, obj["last"]),
            said_ms=_int(obj, "said_ms"),
            questions=_int(obj, "questions"),
            unanswered=_int(obj, "unanswered"),
            tip=_bool(obj, "tip"),
            told=_bool(obj, "told"),
            spoken=_bool(obj, "spoken"),
            place_known=_bool(obj, "place_known"),
            today=None if obj["today"] is None else _bool(obj, "today"),
            sealed=_bool(obj, "sealed"),
            first_ms=_int(obj, "first_ms"),
            last_ms=_int(obj, "last_ms"),
        )


def _int(obj: Mapping[str, object], name: str) -> int:
    value = obj[name]
    if type(value) is not int:
        raise StateError(f"{name} is not a number")
    return value


def _bool(obj: Mapping[str, object], name: str) -> bool:
    value = obj[name]
    if not isinstance(value, bool):
        raise StateError(f"{name} is not true or false")
    return value


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise StateError("not a text")
    return value


def _list(obj: Mapping[str, object], name: str) -> list[object]:
    value = obj[name]
    if not isinstance(value, list):
        raise StateError(f"{name} is not a list")
    return value


def _enum(kind: type[E], value: object) -> E:
    try:
        return kind(_str(value))
    except ValueError:
        raise StateError(f"not a {kind.__name__}") from None
