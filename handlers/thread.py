"""What the worker remembers of one address, as sealed in the `thread` row: the conversation's state, and which question each waiting
message answered. No text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from handlers.copied import from_json, to_json
from handlers.state import Safety, State, StateError
from handlers.subject import Subject
from routing.people import TipFacts
from sealing.age import OpenError, padded_json, read_json
from sealing.keyring import WorkerKeys
from sealing.rows import Purpose, ThreadRow
from triage.tip import Asked


@dataclass(frozen=True, slots=True)
class Thread:
    """`asked` = inbound id -> question it answered, until that message is sealed. `last_sending` = ledger id of our newest text.
    `forgotten`: the source asked to be let go, as soon as the case holds what he told. `crowd`: fingerprint of the text that many sent and
    he too; his case is then theirs. `copied`: what he said in such a case himself, of who may not read his own (handlers/copied.py).

    `ended`: the case of which he was asked at its end whether it was of use; until `ended_until` (ms) words go to that case, and a digit
    answers the question, as long as it is our last (`ended_asks`)."""

    state: State
    asked: Mapping[str, Asked] = field(default_factory=dict)
    last_sending: str | None = None
    subject: Subject = Subject.UNKNOWN
    forgotten: bool = False
    crowd: int | None = None
    copied: TipFacts | None = None
    ended: str | None = None
    ended_until: int = 0
    ended_asks: bool = False

    def sealed(self, keys: WorkerKeys, row: ThreadRow) -> ThreadRow:
        """The row with this in it."""
        asked = {inbound: question.value for inbound, question in self.asked.items()}
        fields: dict[str, object] = {"v": 1, "kind": "thread", "state": self.state.to_json(), "asked": asked}
        fields |= {"last_sending": self.last_sending, "subject": self.subject.value, "forgotten": self.forgotten}
        fields |= {"crowd": self.crowd, "copied": None if self.copied is None else to_json(self.copied), "ended": self.ended}
        fields |= {"ended_until": self.ended_until, "ended_asks": self.ended_asks}
        epoch, sealed = keys.seal(Purpose.INTAKE, padded_json(fields))
        return replace(row, epoch=epoch, sealed=sealed)


def silent_mark(keys: WorkerKeys, tag: str) -> ThreadRow:
    """All that is kept of a conversation whose source asked for silence: that it holds."""
    return Thread(State(safety=Safety.SILENT)).sealed(keys, ThreadRow(tag, None, 0, 0, b""))


def asked_mark(keys: WorkerKeys, tag: str, thread: Thread) -> ThreadRow:
    """All that is kept of a conversation that is over, but for one question: of which case, in which language, and whose phone it is."""
    old = thread.state
    state = State(language=old.language, alphabet=old.alphabet, safety=old.safety, about_self=old.about_self)
    mark = Thread(state, ended=thread.ended, ended_until=thread.ended_until, ended_asks=thread.ended_asks)
    return mark.sealed(keys, ThreadRow(tag, None, 0, 0, b""))


def read_thread(keys: WorkerKeys, row: ThreadRow | None) -> Thread:
    """A fresh one when there is no row. One that no key opens any more may have been of somebody who asked for silence: he is met
    so, and what he writes still goes to its case. Raises OpenError for one of an epoch that this process has not taken up yet."""
    if row is None:
        return Thread(State())
    try:
        return _opened(keys, row)
    except OpenError:
        if row.epoch > max(keys.epochs[Purpose.INTAKE]):
            raise
        return Thread(State(safety=Safety.SILENT))


def _opened(keys: WorkerKeys, row: ThreadRow) -> Thread:
    """Raises OpenError."""
    fields = read_json(keys.open(Purpose.INTAKE, row.epoch, row.sealed), "thread")
    asked, last = fields.get("asked"), fields.get("last_sending")
    if not isinstance(asked, dict) or not (last is None or isinstance(last, str)):
        raise OpenError("not a thread")
    try:
        state = State.from_json(fields.get("state"))
        subject = Subject(str(fields.get("subject")))
        questions = {str(inbound): Asked(question) for inbound, question in asked.items()}
    except (StateError, ValueError):
        raise OpenError("not a thread") from None
    crowd, copied = fields.get("crowd"), fields.get("copied")
    if not (crowd is None or isinstance(crowd, int)) or not (copied is None or isinstance(copied, dict)):
        raise OpenError("not a thread")
    ended, until = fields.get("ended"), fields.get("ended_until", 0)
    if not (ended is None or isinstance(ended, str)) or type(until) is not int:
        raise OpenError("not a thread")
    forgotten = fields.get("forgotten") is True
    asks = fields.get("ended_asks") is True
    return Thread(state, questions, last, subject, forgotten, crowd, None if copied is None else from_json(copied), ended, until, asks)
