"""One tip sent through a practice line, told step by step in the terminal. Names are shown because all of them are invented."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import httpx
from rich.console import Console

from bot import auditor, trustee
from bot.audit_shown import table_of
from bot.files import load_vetters
from bot.keyrings import SECRETS
from bot.practice_line import PracticeLine
from bot.reader import OfferedCase, Reader
from handlers.designation import designation
from routing.gate import GateFile
from routing.gate_bytes import parse_gate
from routing.people import RegionKind, Role
from sealing import age
from sealing.keyring import WorkerKeys, load_worker
from sealing.passphrase import PersonKey
from sealing.rows import CaseRow, Envelope, GrantRow, GrantState
from storage.engine import open_database
from storage.store import SqlStore

PHONE = "+999 000 0000"
TIP = "Vi a una mujer encerrada en una casa cerca del puerto de {town}. El jefe de policía de {town} lo sabe y recibe dinero."
ANSWER = "Thank you. We have read it. We work on it now. Please do not go there."
PATIENCE_S = 75.0
WATCH_S = 1.0

T = TypeVar("T")


class StoryError(Exception):
    """A step of the practice tip did not happen in time."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the database and the practice secrets say of the case."""

    case: CaseRow
    grants: Sequence[GrantRow]
    envelopes: Sequence[Envelope]


async def tell(line: PracticeLine, client: httpx.AsyncClient, console: Console) -> None:
    """Raises StoryError."""
    keys = load_worker(line.settings.home / SECRETS / "worker")
    async with open_database(line.settings.database_url.reveal()) as database:
        store = SqlStore(database)
        console.rule("One practice tip, from phone to phone")
        before = await _last(line, client)
        seen = frozenset(await store.case_ids())
        text = TIP.format(town=_town(line))
        sent = time.monotonic()
        await _write(line, client, text)
        console.print(f"[bold]1. A phone writes[/] {text}")
        reply = await _until("an answer", lambda: _reply(line, client, before))
        console.print(f"[bold]2. The line answers[/] after {time.monotonic() - sent:.0f} s: {reply}")
        sealed = await _until("an offered case", lambda: _offered(store, seen))
        _tell_sealed(line, keys, sealed, time.monotonic() - sent, console)
        reader, offered = await _login(line, client, sealed)
        await reader.open(offered)
        parts = await reader.read(offered.case)
        _tell_reading(line, reader, parts, console)
        await _tell_exclusions(line, client, sealed.case.id, console)
        after = await _last(line, client)
        await reader.answer(offered, parts, ANSWER)
        back = await _until("the reader's answer", lambda: _reply(line, client, after))
        console.print(f"[bold]6. The reader answers, and the phone shows[/]\n{back}\n")


async def watch(line: PracticeLine, console: Console) -> None:
    """Tells for ever to whom a new case is offered: whoever tries the desk must know whom to be. A real line tells nobody."""
    async with open_database(line.settings.database_url.reveal()) as database:
        store = SqlStore(database)
        told = {grant.id for case_id in await store.case_ids() for grant in await _grants(store, case_id)}
        while True:
            for case_id in await store.case_ids():
                for grant in await _grants(store, case_id):
                    if grant.id not in told and grant.person_id is not None:
                        told.add(grant.id)
                        card = line.cards[grant.person_id]
                        agency = line.atlas.agencies[card.agency]
                        who = f"[bold]{card.name}[/] ({(agency.names or (agency.id,))[0]})"
                        console.print(f'A new case, "{designation(case_id)}", is offered to {who}. Be this person at the desk.')
            await asyncio.sleep(WATCH_S)


async def _grants(store: SqlStore, case_id: str) -> Sequence[GrantRow]:
    async with store.begin() as tx:
        return [grant for grant in await tx.grants(case_id) if grant.state is not GrantState.LOCKED]


def _tell_sealed(line: PracticeLine, keys: WorkerKeys, sealed: Sealed, seconds: float, console: Console) -> None:
    gate = _gate(keys, sealed.case)
    order = ", ".join(line.cards[seat.person].name for seat in gate.order)
    console.print(f"[bold]3. Sealed and offered[/] after {seconds:.0f} s. {gate.pool} of {len(line.cards)} may read it.")
    console.print(f"   Drawn order: {order}. Only the first is offered it.")
    tried, opened = _try_everything(keys, sealed)
    console.print(
        f"   Unreadable to the server now: every key it holds was tried on every part of the case, {tried} tries, {opened} opened."
    )


def _tell_reading(line: PracticeLine, reader: Reader, parts: Sequence[Mapping[str, object]], console: Console) -> None:
    message = next(part for part in parts if part["kind"] == "message")
    translation = message["translation"]
    if isinstance(translation, dict):
        said = f"{translation['quality']} translation, often wrong: {translation['text']}"
    else:
        said = "not translated: no language package"
    console.print(
        f"[bold]4. {line.cards[reader.key.person].name} signs an opening[/], it is logged, and the text opens on that device alone."
    )
    console.print(f"   {message['text']}\n   ({said})")


async def _tell_exclusions(line: PracticeLine, client: httpx.AsyncClient, case_id: str, console: Console) -> None:
    """What neither the reader nor the server reads, nor one auditor: here all of them play their parts at once."""
    auditors, trustees = line.officers(Role.AUDITOR), line.officers(Role.TRUSTEE)[: line.settings.trustees_needed]
    if not auditors or line.settings.vetters is None:
        console.print("[bold]5. Who was kept from it[/] is not shown: an earlier version made this practice line.")
        return
    vetters = load_vetters(line.settings.vetters, practice=True)
    ana, bo = [await _entered(line, client, key) for key in auditors]
    for one in (ana, bo):
        await auditor.ask(one, case_id)

    async def gives(key: PersonKey) -> None:
        await trustee.disclose(await _entered(line, client, key), case_id, vetters, datetime.now(UTC), lambda _: True)

    await asyncio.gather(*map(gives, trustees))
    codes = await auditor.read(bo, case_id, await auditor.hand(ana, case_id))
    console.print(f"[bold]5. Two auditors of two agencies ask why[/], and {len(trustees)} trustees let them. Nobody of them reads the tip.")
    read = {person: found for person, found in codes.items() if person in line.cards}
    console.print(table_of(read, lambda person: line.cards[person].name, "Who was kept from it (names are shown in practice alone)"))


async def _entered(line: PracticeLine, client: httpx.AsyncClient, key: PersonKey) -> Reader:
    reader = Reader(client, key, f"http://127.0.0.1:{line.settings.port}")
    await reader.login()
    return reader


def _try_everything(keys: WorkerKeys, sealed: Sealed) -> tuple[int, int]:
    """(tries, openings) of every age identity the server holds on every part; a peeled note is tried again."""
    identities = [identity for held in keys.epochs.values() for identity in held.values()]
    tried = opened = 0
    for envelope in sealed.envelopes:
        layers = [envelope.sealed]
        for layer in layers:
            for identity in identities:
                tried += 1
                try:
                    inner = age.unseal(layer, identity)
                except age.OpenError:
                    continue
                if inner.startswith(b"age-encryption.org/"):
                    layers.append(inner)
                else:
                    opened += 1
    return tried, opened


async def _offered(store: SqlStore, seen: frozenset[str]) -> Sealed | None:
    """The case that was not there before, once it is offered."""
    for case_id in await store.case_ids():
        if case_id in seen:
            continue
        async with store.begin() as tx:
            case, grants = await tx.case(case_id), await tx.grants(case_id)
            if case is not None and any(grant.state is GrantState.OFFERED for grant in grants):
                return Sealed(case, grants, await tx.envelopes(case_id))
    return None


async def _login(line: PracticeLine, client: httpx.AsyncClient, sealed: Sealed) -> tuple[Reader, OfferedCase]:
    person = next(grant.person_id for grant in sealed.grants if grant.state is GrantState.OFFERED)
    if person is None:
        raise StoryError("an offered grant names nobody")
    reader = await _entered(line, client, line.key_of(person))
    return reader, next(case for case in await reader.cases() if case.case == sealed.case.id)


def _gate(keys: WorkerKeys, case: CaseRow) -> GateFile:
    if case.gate is None:
        raise StoryError("the case is not sealed")
    return parse_gate(keys.open_gate(case.id, case.gate))


def _town(line: PracticeLine) -> str:
    """A town whose name no other region bears."""
    regions = line.atlas.regions.values()
    names = [name for region in regions for name in region.names]
    return next(r.names[0] for r in regions if r.kind is RegionKind.TOWN and names.count(r.names[0]) == 1)


async def _write(line: PracticeLine, client: httpx.AsyncClient, text: str) -> None:
    sent = {"phone": PHONE, "text": text, "id": secrets.token_hex(8)}
    (await client.post("/handset/message", json=sent, headers=_guard(line))).raise_for_status()


async def _messages(line: PracticeLine, client: httpx.AsyncClient) -> list[dict[str, object]]:
    answer = await client.post("/handset/messages", json={"phone": PHONE, "after": 0}, headers=_guard(line))
    answer.raise_for_status()
    messages: list[dict[str, object]] = answer.json()["messages"]
    return messages


async def _last(line: PracticeLine, client: httpx.AsyncClient) -> int:
    return len(await _messages(line, client))


async def _reply(line: PracticeLine, client: httpx.AsyncClient, after: int) -> str | None:
    messages = await _messages(line, client)
    return str(messages[-1]["text"]) if len(messages) > after else None


def _guard(line: PracticeLine) -> dict[str, str]:
    return {"Authorization": f"Practice {line.token.token.reveal()}"}


async def _until(what: str, look: Callable[[], Awaitable[T | None]]) -> T:
    for _ in range(int(PATIENCE_S * 4)):
        if (found := await look()) is not None:
            return found
        await asyncio.sleep(0.25)
    raise StoryError(f"{what} did not come within {PATIENCE_S:.0f} s")
