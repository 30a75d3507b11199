"""What we leave at the providers, and having it deleted there: theirs and ours, as each channel lets us.

A row of `erasure` is written with every message that can be deleted, and goes when it was. Twilio's are asked for once the case holds the
message; Telegram's when the source asks (a bot deletes both sides of a chat for 48 hours: core.telegram.org/bots/api#deletemessage).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.ports import Clock, Erasing, NotSent, Sender, Store, Tx, Wait
from sealing import plaintexts
from sealing.keyring import WorkerKeys
from sealing.plaintexts import Erasure
from sealing.points import Point, reached
from sealing.rows import DAY_MS, HOUR_MS, ErasureRow, Later, Purpose, Task
from triage.sensitive import Sensitive

KEPT_DAYS = 3
"""Of a channel that deletes only when asked, and only what is younger than this."""
OURS_AFTER_MS = HOUR_MS
"""A text of ours that is still on its way cannot be deleted."""


@dataclass(frozen=True, slots=True)
class Erasures:
    store: Store
    keys: WorkerKeys
    clock: Clock
    senders: Mapping[str, Sender]

    async def note(self, tx: Tx, thread: str, channel: str, address: Sensitive[str], ref: str) -> str | None:
        """A message of this conversation lies at the provider under `ref`. The row's id; None where nothing can be deleted."""
        erasing = self.senders[channel].erasing if channel in self.senders else Erasing.NEVER
        if not ref or erasing is Erasing.NEVER:
            return None
        day = self.clock.now_ms() // DAY_MS
        if erasing is Erasing.ASKED:
            await tx.drop_old_erasures(thread, day - KEPT_DAYS)
        epoch, sealed = self.keys.seal(Purpose.DELIVERY, plaintexts.erasure(Erasure(channel, address, ref)))
        row = ErasureRow(self.keys.sending_id(f"erase\0{channel}\0{address.reveal()}\0{ref}"), thread, day, epoch, sealed)
        await tx.add_erasure(row)
        return row.id

    async def sealed(self, tx: Tx, thread: str, channel: str) -> None:
        """The case holds this conversation's messages now."""
        if channel in self.senders and self.senders[channel].erasing is Erasing.SEALED:
            await tx.erase_all(thread, self.clock.now_ms())

    async def over(self, tx: Tx, thread: str) -> None:
        """The conversation ended, and nobody asked for anything: an answer of the last days may not have been read yet. Where providers
        delete what is older, that is asked for now, and the rest when it is."""
        now = self.clock.now_ms()
        await tx.erase_all(thread, now + KEPT_DAYS * DAY_MS)
        await tx.erase_all(thread, now, before_day=now // DAY_MS - KEPT_DAYS + 1)

    async def erase(self, task: Task) -> None:
        """The ERASE task: `ref` = erasure id. Raises NotSent, so that the queue tries again later."""
        async with self.store.begin() as tx:
            row = await tx.erasure(task.ref)
        if row is not None:
            told = plaintexts.read_erasure(self.keys.open(Purpose.DELIVERY, row.epoch, row.sealed))
            sender = self.senders.get(told.channel)
            if sender is not None:
                await self._ask(sender, told)
                reached(Point.ERASED)
        async with self.store.begin() as tx:
            await tx.drop_erasure(task.ref)
            await tx.done(task)

    @staticmethod
    async def _ask(sender: Sender, told: Erasure) -> None:
        try:
            await sender.erase(told.address, told.ref)
        except Wait as wait:
            raise Later(wait.delay_ms) from None
        except NotSent:
            raise NotSent from None
