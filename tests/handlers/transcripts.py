"""Reads a dialogue written as people read one, and plays it against `advance`.

lang es                      language of the source's texts (und = not recognised)
S self help: text            the source; the words before the colon are what triage found (see FOUND)
T F2                         what we answer: a phrase id, or `-` for nothing
+3h, +10m                    time passes
nobody awake                 the duty plan from here on
= settled tip safety=own     facts of the last turn; a leading `no-` denies one
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from handlers.conversation import Heard, Plan, State, Turn, advance
from handlers.phrases import Phrase
from triage.sensitive import Sensitive
from triage.tip import (
    AgencyKind,
    Assessment,
    Child,
    Entity,
    EntityType,
    Kind,
    NameMention,
    Of,
    Official,
    PlaceMention,
    Reason,
    Relation,
    Urgency,
)

START_MS = 1_790_000_000_000
TYPING_MS = 20_000
FOLDER = Path(__file__).parent / "dialogues"

NOTHING = Assessment(
    urgency=Urgency.GENERAL_TIP,
    kinds=(),
    child=Child.UNKNOWN,
    officials=(),
    places=(),
    names=(),
    entities=(),
    reasons=(),
    about_self=False,
    vessel=False,
    greeting=False,
    could_involve_child=False,
)


def _official(relation: Relation, *, negated: bool = False) -> Official:
    return Official(AgencyKind.POLICE, None, None, relation, negated)


def _place(of: Of) -> PlaceMention:
    return PlaceMention("Puerto Lago", ("xx-puerto-lago",), 0, 11, of)


FOUND: Mapping[str, Callable[[Assessment], Assessment]] = {
    "self": lambda a: replace(a, about_self=True),
    "help": lambda a: replace(a, urgency=Urgency.ASKS_HELP),
    "danger": lambda a: replace(a, urgency=Urgency.DANGER_NOW),
    "soon": lambda a: replace(a, urgency=Urgency.TIME_CRITICAL),
    "spam": lambda a: replace(a, urgency=Urgency.SPAM),
    "outside": lambda a: replace(a, urgency=Urgency.OUT_OF_SCOPE, reasons=(Reason("out.chat", "pizza", 0, 5, Of.ORIGINAL),)),
    "wordless": lambda a: replace(a, urgency=Urgency.OUT_OF_SCOPE),
    "wish": lambda a: replace(a, wish=True),
    "hello": lambda a: replace(a, greeting=True, urgency=Urgency.OUT_OF_SCOPE),
    "vessel": lambda a: replace(a, vessel=True),
    "kind": lambda a: replace(a, kinds=(Kind.FORCED_LABOUR,)),
    "child": lambda a: replace(a, child=Child.YES),
    "place": lambda a: replace(a, places=(_place(Of.ORIGINAL),)),
    "place-translated": lambda a: replace(a, places=(_place(Of.TRANSLATION),)),
    "age": lambda a: replace(a, entities=(Entity(EntityType.AGE, "13", 0, 2),)),
    "name": lambda a: replace(a, names=(NameMention("Ramos", ("p1",), 0, 5, Of.ORIGINAL),)),
    "protector": lambda a: replace(a, officials=(_official(Relation.PROTECTOR),)),
    "mentioned": lambda a: replace(a, officials=(_official(Relation.MENTIONED),)),
    "denied": lambda a: replace(a, officials=(_official(Relation.FACILITATOR, negated=True),)),
}


def assessed(tags: str) -> Assessment:
    found = NOTHING
    for tag in tags.split():
        found = FOUND[tag](found)
    return found


def heard(text: str, tags: str = "", language: str = "en") -> Heard:
    return Heard(Sensitive(text), assessed(tags), language, "Latn")


@dataclass(frozen=True, slots=True)
class Line:
    """What was written (`wanted`) against what happened (`got`), with the number of the line in its file."""

    number: int
    wanted: str
    got: str


class Player:
    """Plays the lines in order."""

    def __init__(self) -> None:
        self.language = "en"
        self.plan = Plan("14:00", awake=True)
        self.now_ms = START_MS
        self.state = State()
        self.turn = Turn((), tip=False, settled=False, today=None, hears=False)

    def lines(self, text: str) -> Iterator[Line]:
        for number, raw in enumerate(text.splitlines(), 1):
            command, _, rest = raw.strip().partition(" ")
            if command in ("S", "S:"):
                self._hear(raw.strip()[1:])
            elif command == "T":
                yield Line(number, rest, self.said())
            elif command == "=":
                yield from (Line(number, fact, self._fact(fact)) for fact in rest.split())
            elif command == "lang":
                self.language = rest
            elif raw.strip() == "nobody awake":
                self.plan = Plan("08:00", awake=False)
            elif command.startswith("+"):
                self.now_ms += int(command[1:-1]) * {"m": 60_000, "h": 3_600_000}[command[-1]]
            elif command and not command.startswith("#"):
                raise ValueError(f"line {number} is not part of a dialogue")

    def said(self) -> str:
        return " ".join(say.phrase.value for say in self.turn.say) or "-"

    def _hear(self, rest: str) -> None:
        tags, _, text = rest.partition(":")
        self.now_ms += TYPING_MS
        self.state, self.turn = advance(self.state, heard(text.strip(), tags, self.language), self.now_ms, self.plan)

    def _fact(self, fact: str) -> str:
        name, _, wanted = fact.removeprefix("no-").partition("=")
        if wanted:
            return f"{name}={getattr(self.state, name)}"
        return name if getattr(self.turn, name) else f"no-{name}"


def phrases_in(text: str) -> set[Phrase]:
    return {Phrase(line[2:].strip()) for line in text.splitlines() if line.startswith("T ") and line[2:].strip() != "-"}
