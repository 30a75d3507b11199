"""The worker's handlers, put together: the one list of who does which task and who judges which act. bot/wiring.py and the tests give the
parts, and get the same line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from handlers.acts import Acts, Judge
from handlers.answering import Answering
from handlers.conversation import Plan
from handlers.crowds import Crowds
from handlers.delivery import Sends
from handlers.erasing import Erasures
from handlers.letters import Letters
from handlers.offers import Offers
from handlers.opening import Gate, Opening
from handlers.pipeline import Pipeline
from handlers.ports import Clock, Entropy, Phrases, Sender, Store, Translator
from handlers.roster import Vetters
from handlers.succession import Alarm, Slot, Succession
from handlers.talk import Talk, Timing
from handlers.understanding import Understanding
from routing.people import Atlas
from sealing.keyring import WorkerKeys
from sealing.rows import Task, TaskKind

Handler = Callable[[Task], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker is made of. `slot`: (now, urgent) -> the next slot, ms. `plan`: what a source is told of when somebody reads."""

    store: Store
    keys: WorkerKeys
    clock: Clock
    entropy: Entropy
    vetters: Vetters
    atlas: Atlas
    ears: Understanding
    phrases: Phrases
    translator: Translator
    senders: Mapping[str, Sender]
    slot: Slot
    plan: Callable[[int], Plan]
    timing: Timing
    alarm: Alarm
    flooded: Callable[[int], None]
    acted: Callable[[StrEnum], None]


@dataclass(frozen=True, slots=True)
class Workshop:
    """`handlers`: who does which task."""

    handlers: Mapping[TaskKind, Handler]
    talk: Talk
    succession: Succession
    letters: Letters


def workshop(p: Parts) -> Workshop:
    letters = Letters(p.vetters, p.clock, p.entropy)
    gate = Gate(p.keys, p.clock, p.atlas)
    succession = Succession(p.keys, p.clock, p.slot, p.alarm)
    erasures = Erasures(p.store, p.keys, p.clock, p.senders)
    crowds = Crowds(p.keys, p.entropy, p.flooded)
    talk = Talk(p.store, p.keys, p.clock, p.vetters, p.atlas, p.ears, p.phrases, p.plan, p.timing, erasures, crowds)
    pipeline = Pipeline(p.store, p.keys, p.clock, p.entropy, p.vetters, p.ears, p.atlas, p.slot, p.alarm, erasures, succession)
    offers = Offers(p.store, p.keys, p.clock, p.vetters, gate, succession)
    answering = Answering(p.keys, p.clock, p.ears.detector, p.translator, p.phrases)
    judges: dict[str, Judge] = {"open": Opening(p.keys, p.clock, gate).open}
    acts = Acts(p.store, p.keys, p.clock, p.vetters, gate, answering, judges, p.acted)
    handlers: dict[TaskKind, Handler] = {
        TaskKind.CONVERSE: talk.converse,
        TaskKind.FORGET_THREAD: talk.forget_thread,
        TaskKind.SEAL: pipeline.seal,
        TaskKind.OFFER: offers.offer,
        TaskKind.ACT: acts.carry_out,
        TaskKind.SEND: Sends(p.store, p.keys, p.clock, p.senders, erasures).send,
        TaskKind.ERASE: erasures.erase,
    }
    return Workshop(handlers, talk, succession, letters)
