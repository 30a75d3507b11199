"""Accept a message: seal it to the intake key and hand it to the store; the caller answers the provider only after this returned."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.ports import Clock, Entropy, Intake
from sealing import plaintexts
from sealing.keyring import WebKeys
from sealing.points import Point, reached
from sealing.rows import Accepted, SealedInbound
from triage.tip import Inbound

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Acceptor:
    """The web process's only way to a tip: from here on the text exists sealed alone."""

    intake: Intake
    keys: WebKeys
    clock: Clock
    entropy: Entropy

    async def accept(self, message: Inbound) -> Accepted:
        """Durable on return. Raises sealing.rows.StorageDown: nothing was written, answer 503."""
        reached(Point.TAKEN)
        epoch, sealed = self.keys.seal_intake(plaintexts.inbound(message))
        reached(Point.SEALED)
        tag = self.keys.dedupe_tag(message.channel, message.provider_id)
        day = self.clock.now_ms() // DAY_MS
        accepted = await self.intake.accept(SealedInbound(self.entropy.draw(16).hex(), tag, epoch, sealed, day))
        reached(Point.COMMITTED)
        return accepted
