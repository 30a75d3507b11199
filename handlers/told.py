"""Whom readers told of a case by word of mouth: an agency, or a kind of office. It strikes nobody. A leak may have been theirs, and so the
other readers are blamed less for it: never who told them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from handlers.kept import Kept, KeptBroken
from handlers.opening import Gate
from handlers.ports import Clock, Trouble, Tx
from handlers.requests import Done, Refusal, Result, read_request, said_in
from handlers.roster import Member
from handlers.succession import Alarm
from routing.people import Atlas, House
from sealing.custody import EntryKind
from sealing.keyring import WorkerKeys
from sealing.rows import DAY_MS, ActRow, CaseRow, CaseState, GrantState
from sealing.said import Told, read_told

KIND = "told"
MOST = 40
"""Of one reader, of one case: nobody fills up what the next reader may say."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Judges of `told` and `agencies`."""

    keys: WorkerKeys
    clock: Clock
    atlas: Atlas
    gate: Gate
    alarm: Alarm

    @property
    def kept(self) -> Kept:
        return Kept(self.keys, KIND)

    async def agencies(self, _: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `agencies`: those of the line's file, for a reader who wants to say whom he told. By the worker, sealed to him: a web
        process that lies must not turn one agency's name into another's. No signature is asked for, nothing changes."""
        if act.case_id or not member.person.active:
            return Refusal.NOT_YOURS
        regions = self.atlas.regions
        listed = [[a.id, a.names[0], a.kind.value, regions[a.region].names[0]] for a in self.atlas.agencies.values()]
        houses = [house.value for house in House]
        told = {"agencies": sorted(listed, key=lambda agency: agency[1]), "houses": houses}
        return Done(Result.DONE, more=tuple((name, json.dumps(value, ensure_ascii=False)) for name, value in told.items()))

    async def told(self, tx: Tx, act: ActRow, member: Member) -> Done | Refusal:
        """The act `told`, by who has the case open."""
        request = read_request(act, member, EntryKind.TOLD, self.keys, self.clock)
        if isinstance(request, Refusal):
            return request
        case = await tx.lock_case(act.case_id)
        mine = [g for g in await tx.grants(act.case_id) if g.person_id == act.person_id and g.state is GrantState.OPEN]
        if case is None or not mine:
            return Refusal.NOT_YOURS
        if not self.gate.passes(case, member):
            return Refusal.GATE
        if await tx.logged(request.leaf()):
            return Done(Result.DONE)  # posted again
        if (refused := await self._add(tx, case, act.person_id, said_in(request, self.keys, read_told))) is not None:
            return refused
        await tx.log(request.leaf())
        return Done(Result.DONE)

    async def _add(self, tx: Tx, case: CaseRow, by: str, said: Told | None) -> Refusal | None:
        if case.state not in (CaseState.OPEN, CaseState.CLOSING):
            return Refusal.STALE
        if said is None or not self._makes_sense(said, case):
            return Refusal.UNREADABLE
        try:
            before = await self.kept.of(tx, case.id)
        except KeptBroken:
            self.alarm(Trouble.TAMPERED)
            return Refusal.GATE
        if sum(note["by"] == by for note in before) >= MOST:
            return Refusal.TOO_MANY
        await self.kept.add(tx, case.id, {"agency": said.agency, "house": said.house, "day": said.day, "by": by})
        return None

    def _makes_sense(self, said: Told, case: CaseRow) -> bool:
        """Of this case, and of somebody whom the line's file has; on a day since the tip came, by whose clock ever."""
        whom = said.agency in self.atlas.agencies if said.agency else said.house in set(House)
        today = self.clock.now_ms() // DAY_MS
        return said.case == case.id and whom and case.day - 1 <= said.day <= today + 1

    async def of(self, tx: Tx, case_id: str) -> tuple[tuple[str, House, str | None], ...]:
        """Each whom somebody told, once for each who told: that reader, the kind of office, and the region of the agency, None where no
        agency was named. What the line's file lacks today is left out."""
        try:
            notes = await self.kept.of(tx, case_id)
        except KeptBroken:
            self.alarm(Trouble.TAMPERED)
            return ()
        found: list[tuple[str, House, str | None]] = []
        for by, agency, house in dict.fromkeys((str(note["by"]), str(note["agency"]), str(note["house"])) for note in notes):
            if house:
                found.append((by, House(house), None))
            elif agency in self.atlas.agencies:
                found.append((by, self.atlas.agencies[agency].kind, self.atlas.agencies[agency].region))
        return tuple(found)
