"""Notices: none, but for readers who ask for them. When anything urgent waits, all of those get the same text in the same slot, from a
sender that is not the line's: nobody who sees a phone learns that a case exists, whose it is, or how urgent (DESIGN 3, step 10)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import phonenumbers

from handlers.erasing import OURS_AFTER_MS, Erasures
from handlers.ports import Clock, MaybeSent, NotSent, Sender, Sent, Store, Trouble, Tx
from handlers.requests import Done, Refusal, Request, Result, read_request
from handlers.roster import Member, Vetters, find_member
from handlers.succession import Alarm, Slot
from sealing.age import OpenError
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import HOUR_MS, ActRow, Later, Purpose, PushRow, Task, TaskKind
from sealing.said import Push, push, read_push
from triage.sensitive import Sensitive

NOTICE = "notice"
"""Name of the sender among the line's; no source writes by it."""
BY_TEXT = "sms"
"""The one kind of address that a notice goes to."""
STEPS = 6
"""Of a slot: a notice leaves after the first, when its offers have been made; whom the sender did not take is tried again at each step."""
SIDE_BY_SIDE = 8


async def announce(tx: Tx, slot: Slot, now_ms: int) -> None:
    """An urgent case was offered: a notice is due in this slot. However many are offered in it, there is one."""
    end = slot(now_ms, True)
    await _enqueue(tx, slot, 2 * end - slot(end, True))  # urgent slots are all equally long


async def _enqueue(tx: Tx, slot: Slot, start: int) -> None:
    """`ref` = the slot's start, ms."""
    await tx.enqueue(TaskKind.NOTICE, str(start), start + (slot(start, True) - start) // STEPS)


@dataclass(frozen=True, slots=True)
class Notices:
    """`sender` None = the line has none: nobody is told, and who asks for notices is refused."""

    store: Store
    keys: WorkerKeys
    clock: Clock
    vetters: Vetters
    slot: Slot
    erasures: Erasures
    sender: Sender | None
    text: str
    alarm: Alarm
    _told: dict[str, set[str]] = field(default_factory=dict)
    """Of the slot at hand: who has it. Lost with the process; then somebody may get the same text twice."""

    async def ask(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `push`: where he wants notices; an empty address = nowhere."""
        request = read_request(act, member, EntryKind.PUSH, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        asked = Refusal.NOT_YOURS if act.case_id else self._read(request, member)
        if isinstance(asked, Refusal):
            return asked
        if await tx.logged(request.leaf()):
            return Done(Result.DONE)  # posted again: what he has said since stands
        await tx.log(request.leaf())
        if asked.address.reveal():
            sealed = self.keys.seal_contact(_bound(act.person_id), push(asked))
            await tx.save_push(PushRow(act.person_id, self.keys.recipient(Purpose.DELIVERY)[0], sealed))
        else:
            await tx.drop_push(act.person_id)
        return Done(Result.DONE)

    def _read(self, request: Request, member: Member) -> Push | Refusal:
        if not member.person.active:
            return Refusal.GATE
        try:
            asked = read_push(self.keys.open_any(Purpose.DELIVERY, request.content or b""))
        except OpenError:
            return Refusal.UNREADABLE
        address = asked.address.reveal()
        if address and self.sender is None:
            return Refusal.NO_NOTICES
        if address and (asked.channel != BY_TEXT or not _is_number(address)):
            return Refusal.UNREADABLE
        return asked if asked.person == member.card.person else Refusal.NOT_YOURS

    async def send(self, task: Task) -> None:
        """The NOTICE task: `ref` = its slot. Whom the sender does not take is tried again within the slot; whoever may have it is not told
        twice. Late, as after a stop, it waits for the next slot."""
        start = int(task.ref)
        end, now = self.slot(start, True), self.clock.now_ms()
        async with self.store.begin() as tx:
            waits = self.sender is not None and await tx.urgent_waits()
            if waits and now >= end:
                await _enqueue(tx, self.slot, self.slot(now, True))
            if not waits or now >= end:
                await tx.done(task)
                return
            people = await self._who(tx)
        if self.sender is not None and await self._tell_all(self.sender, task.ref, people):
            step = (end - start) // STEPS
            if self.clock.now_ms() + step < end:
                raise Later(step)
            self.alarm(Trouble.NOTICE_UNSENT)
        async with self.store.begin() as tx:
            await tx.done(task)

    async def _who(self, tx: Tx) -> dict[str, Sensitive[str]]:
        """Active people whose cards hold, and where they asked to be told, in their own signed words."""
        found = dict[str, Sensitive[str]]()
        for row in await tx.pushes():
            member = await find_member(tx, self.keys, self.vetters, row.person_id, self.clock.now_ms() // HOUR_MS)
            if member is None or not member.person.active:
                continue
            try:
                found[row.person_id] = read_push(self.keys.open_contact(_bound(row.person_id), row.sealed)).address
            except OpenError:
                continue  # somebody wrote to the database: not what the person asked for
        return found

    async def _tell_all(self, sender: Sender, slot: str, people: dict[str, Sensitive[str]]) -> int:
        """To how many it certainly did not leave. One who cannot be reached holds up nobody else."""
        for over in [known for known in self._told if known != slot]:
            del self._told[over]
        told = self._told.setdefault(slot, set())
        abreast = asyncio.Semaphore(SIDE_BY_SIDE)

        async def tell(person: str, address: Sensitive[str]) -> bool:
            async with abreast:
                left = await self._tell(sender, slot, person, address)
            if left:
                told.add(person)
            return left

        return (await asyncio.gather(*(tell(who, address) for who, address in people.items() if who not in told))).count(False)

    async def _tell(self, sender: Sender, slot: str, person: str, address: Sensitive[str]) -> bool:
        """False = it certainly did not leave."""
        try:
            result = await sender.send(address, Sensitive(self.text), self.keys.sending_id(f"notice\0{slot}\0{person}"))
        except NotSent:
            return False
        except MaybeSent:
            return True
        if isinstance(result, Sent):
            await self._have_deleted(person, address, result)
        return True

    async def _have_deleted(self, person: str, address: Sensitive[str], sent: Sent) -> None:
        """A reader's number stays with the provider no longer than a source's."""
        for ref in sent.refs:
            async with self.store.begin() as tx:
                noted = await self.erasures.note(tx, self.keys.sending_id(f"notices\0{person}"), NOTICE, address, ref)
                if noted is not None:
                    await tx.enqueue(TaskKind.ERASE, noted, self.clock.now_ms() + OURS_AFTER_MS)


def _bound(person: str) -> str:
    """In the place of a case id under the worker's MAC: a row that says where a person wants notices serves for him alone."""
    return f"push {person}"


def _is_number(text: str) -> bool:
    """A whole number in E.164, as it is written."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number) and phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == text
