"""The worker's handlers, put together: the one list of who does which task and who judges which act. bot/wiring.py and the tests give the
parts, and get the same line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from handlers.acts import Acts, Judge
from handlers.answering import Answering
from handlers.audits import Audits
from handlers.closing import PURGE_DAYS, Closing, unless_closing
from handlers.conversation import Plan
from handlers.crowds import Crowds
from handlers.delivery import Sends
from handlers.drawing import Drawing
from handlers.duties import Duties
from handlers.erasing import Erasures
from handlers.escrow import NEEDED, Escrow
from handlers.held import Holds
from handlers.helped import Asking
from handlers.leaving import Leaving
from handlers.lessons import Memory
from handlers.letters import Letters
from handlers.links import Links
from handlers.lost_lessons import LostLessons
from handlers.myself import Myself
from handlers.notices import NOTICE, Notices
from handlers.offers import Offers
from handlers.opening import Gate, Opening
from handlers.openings import Openings
from handlers.outcomes import Outcomes
from handlers.patience import Patience
from handlers.pipeline import Pipeline
from handlers.ports import Clock, Entropy, Phrases, Sender, Store, Translator
from handlers.purging import Purging
from handlers.releases import Releases
from handlers.renewal import Renewal
from handlers.rescue import Rescue, rescue_by
from handlers.reviews import Reviews
from handlers.roster import KeptRoster, Vetters
from handlers.succession import Alarm, Slot, Succession
from handlers.talk import Talk, Timing
from handlers.teaching import Teaching
from handlers.told import Telling
from handlers.trustees import Trustees
from handlers.understanding import Understanding
from handlers.watching import Watching
from routing.people import Atlas
from sealing.keyring import WorkerKeys
from sealing.rows import Task, TaskKind

Handler = Callable[[Task], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker is made of. `slot`: (now, urgent) -> the next slot, ms. `plan`: what a source is told of when somebody reads.
    `notice`: what all notices say. `purge_days`: how long a closed case is kept. `trustees`: how many
    of them can give a case to a next reader together. `own`: identifiers of the line itself (triage/identifiers.py)."""

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
    notice: str = ""
    purge_days: int = PURGE_DAYS
    trustees: int = NEEDED
    own: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Workshop:
    """`handlers`: who does which task."""

    handlers: Mapping[TaskKind, Handler]
    talk: Talk
    succession: Succession
    letters: Letters
    watching: Watching
    memory: Memory
    lost: LostLessons
    reviews: Reviews


def workshop(p: Parts) -> Workshop:
    letters = Letters(p.vetters, p.clock, p.entropy)
    gate = Gate(p.keys, p.clock, p.atlas)
    outcomes, asking = Outcomes(p.keys), Asking(p.keys, p.clock, p.phrases, p.slot)
    patience = Patience(p.clock, p.slot)
    succession = Succession(p.keys, p.clock, p.slot, p.alarm, unless_closing(letters, outcomes, rescue_by(letters, p.clock)))
    openings, telling = Openings(p.keys, p.vetters, p.alarm), Telling(p.keys, p.clock, p.atlas, gate, p.alarm)
    teaching = Teaching(p.keys, p.clock, p.atlas, openings, telling, p.alarm)
    closing = Closing(p.keys, p.clock, gate, succession, letters, outcomes, asking, patience, p.alarm, p.purge_days, teaching)
    escrow = Escrow(p.keys, p.clock, p.vetters, gate, p.alarm, p.trustees)
    renewal = Renewal(p.keys, p.clock, p.entropy, p.vetters, p.atlas, succession, escrow.keep)
    erasures = Erasures(p.store, p.keys, p.clock, p.senders)
    crowds = Crowds(p.keys, p.entropy, p.flooded)
    talk = Talk(p.store, p.keys, p.clock, p.vetters, p.atlas, p.ears, p.phrases, p.plan, p.timing, erasures, crowds, closing.helped)
    memory = Memory(p.keys, p.clock, p.alarm)
    rosters, releases = KeptRoster(p.atlas, p.vetters), Releases(p.keys, p.clock, p.vetters, letters)
    drawing = Drawing(p.keys, p.clock, memory, Links(p.keys, p.clock, p.alarm, p.own), releases, rosters)
    holds = Holds(p.keys, p.clock, letters)
    pipeline = Pipeline(
        p.store, p.keys, p.clock, p.entropy, p.vetters, p.ears, p.atlas, p.slot, p.alarm, erasures, succession, renewal, letters,
        patience, escrow.enough, drawing, holds,
    )  # fmt: skip
    offers = Offers(p.store, p.keys, p.clock, p.vetters, gate, patience, succession)
    answering = Answering(p.keys, p.clock, p.ears.detector, p.translator, p.phrases, renewal)
    notices = Notices(p.store, p.keys, p.clock, p.vetters, p.slot, erasures, p.senders.get(NOTICE), p.notice, p.alarm)
    opening = Opening(p.keys, p.clock, gate, closing.proposed, patience, openings)
    judges: dict[str, Judge] = {"push": notices.ask, "me": Myself(p.keys).tell, "open": opening.open}
    judges |= {"close": closing.close, "concur": closing.concur, "disagree": closing.disagree}
    leaving = Leaving(p.keys, p.clock, p.atlas, succession, letters, p.alarm)
    judges |= {"give_up": leaving.give_up, "tie": leaving.tie, "pressured": leaving.pressured}
    judges |= {"duty": Duties(p.keys, p.clock).declare, "told": telling.told, "agencies": telling.agencies}
    trustees = Trustees(p.keys, p.clock, p.entropy, p.vetters, p.atlas, gate, p.slot, p.trustees)
    judges |= {"approve": trustees.approve, "reseal": trustees.give}
    audits = Audits(p.keys, p.clock, p.vetters, p.atlas, gate, p.alarm, p.trustees)
    judges |= {"audit": audits.audit, "allow": audits.allow, "disclose": audits.disclose}
    rescue = Rescue(
        p.store, p.keys, p.clock, p.vetters, gate, succession, p.slot, p.alarm, p.trustees, memory, rosters, releases, holds
    )  # fmt: skip
    watching = Watching(p.store, p.keys, p.clock, p.vetters, gate, patience, succession, letters, p.alarm)
    acts = Acts(p.store, p.keys, p.clock, p.vetters, gate, patience, answering, judges, p.acted)
    handlers: dict[TaskKind, Handler] = {
        TaskKind.CONVERSE: talk.converse,
        TaskKind.FORGET_THREAD: talk.forget_thread,
        TaskKind.SEAL: pipeline.seal,
        TaskKind.OFFER: offers.offer,
        TaskKind.ACT: acts.carry_out,
        TaskKind.SEND: Sends(p.store, p.keys, p.clock, p.senders, erasures).send,
        TaskKind.ERASE: erasures.erase,
        TaskKind.PURGE: Purging(p.store, p.keys, p.clock, outcomes, (openings.kept, telling.kept, audits.kept, holds)).purge,
        TaskKind.NOTICE: notices.send,
        TaskKind.RESCUE: rescue.look,
        TaskKind.LAPSE: watching.lapse,
        TaskKind.IDLE: watching.idle,
        TaskKind.REVIEW: watching.review,
    }
    reviews = Reviews(p.store, p.keys, p.clock, p.vetters, p.atlas, letters, memory, p.alarm)
    lost = LostLessons(p.keys, p.vetters, memory, p.alarm)
    return Workshop(handlers, talk, succession, letters, watching, memory, lost, reviews)
