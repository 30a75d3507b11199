"""Accept a message: seal it to the intake key and hand it to the store; the caller answers the provider only after this returned."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from handlers.pace import Pace
from handlers.ports import Clock, Entropy, Intake
from sealing import plaintexts
from sealing.keyring import WebKeys
from sealing.points import Point, reached
from sealing.rows import DAY_MS, Accepted, SealedInbound
from triage.tip import Inbound


class Lanes:
    """Names senders by tags under a pepper that is drawn anew at each start and stands in memory alone: while a message waits, nobody
    but this process can test a number against its lane, and once the process is gone nobody can. Two processes name the same sender
    differently, and so does one before and after its start: the order of what he wrote holds within each."""

    def __init__(self, entropy: Entropy) -> None:
        self._pepper = entropy.draw(32)

    def of(self, message: Inbound) -> str:
        """16 hex digits."""
        return hmac.digest(self._pepper, f"{message.channel}\0{message.address.reveal()}".encode(), "sha256").hex()[:16]


@dataclass(frozen=True, slots=True)
class Acceptor:
    """The web process's only way to a tip: from here on the text exists sealed alone."""

    intake: Intake
    keys: WebKeys
    clock: Clock
    entropy: Entropy
    pace: Pace = field(default_factory=Pace)
    lanes: Lanes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lanes", Lanes(self.entropy))

    async def accept(self, message: Inbound) -> Accepted:
        """Durable on return, however fast its sender writes: then it is read later, not dropped. Raises sealing.rows.StorageDown (QueueFull
        when too much waits): nothing was written, answer 503."""
        reached(Point.TAKEN)
        epoch, sealed = self.keys.seal_intake(plaintexts.inbound(message))
        reached(Point.SEALED)
        tag = self.keys.dedupe_tag(message.channel, message.provider_id)
        now, lane = self.clock.now_ms(), self.lanes.of(message)
        row = SealedInbound(self.entropy.draw(16).hex(), tag, epoch, sealed, now // DAY_MS, lane, self.pace.delay(lane, now, tag))
        accepted = await self.intake.accept(row)
        reached(Point.COMMITTED)
        return accepted
