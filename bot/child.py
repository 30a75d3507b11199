"""The two processes of a line: `python -m bot.child web|worker`. Settings come as one JSON line on standard input, so that the environment
stays empty and no argument shows anything; secrets come from the process's own folder."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import uvicorn

from bot import wiring
from bot.handover import Role, from_child
from bot.logs import Event, cut_off, event, fault_of, watch
from bot.rotating import rotate
from bot.settings import Settings
from bot.wiring import PracticeToken
from sealing.rows import StorageDown
from storage.engine import Database, open_database
from storage.holding import OUTGOING, SqlHold
from triage.sensitive import Sensitive

BEAT_S = 5.0
STOP_S = 10.0
"""How long an orphan may take to stop of itself."""
SWEEP_S = 60.0
REVIEW_S = 3600.0
HELD_S = 5.0


def main(role: Role, told: Mapping[str, object]) -> int:
    """0 when it was asked to stop, 1 when it could not go on (one event says what)."""
    cut_off()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold tips and keys
    practice = told.get("practice")
    token = PracticeToken(Sensitive(str(practice["token"])), Path(str(practice["people_file"]))) if isinstance(practice, dict) else None
    run = {Role.WEB: web, Role.WORKER: worker}[role]
    event(Event.STARTING, role=role)
    try:
        asyncio.run(_run(run, from_child(told), token))
    except (Exception, SystemExit) as error:  # noqa: BLE001  the last to see it: only its class and our line may be said
        event(Event.PROCESS_DIED, role=role, fault=fault_of(error))
        return 1
    event(Event.STOPPED, role=role)
    return 0


async def _run(
    run: Callable[[Settings, Database, PracticeToken | None], Awaitable[None]], settings: Settings, token: PracticeToken | None
) -> None:
    watch(asyncio.get_running_loop())
    async with open_database(settings.database_url.reveal()) as database:
        await run(settings, database, token)


async def web(settings: Settings, database: Database, practice: PracticeToken | None) -> None:
    """Until SIGTERM; the server and what runs beside it end each other."""
    made = wiring.web(settings, database, practice)
    config = uvicorn.Config(
        made.app, "127.0.0.1", settings.port, log_config=None, access_log=False, server_header=False, lifespan="off", proxy_headers=False
    )
    server = uvicorn.Server(config)
    await made.recipients.look()  # before the first message
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(run()) for run in made.beside]
        await server.serve()
        for task in beside:
            task.cancel()
    if not server.started:
        raise PortTaken


async def worker(settings: Settings, database: Database, practice: PracticeToken | None) -> None:
    """Until SIGTERM; its parts end each other."""
    made = wiring.worker(settings, database, practice)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await made.rotation.announce(made.clock.now_ms())
        await made.store.retry_held(made.clock.now_ms())
        if settings.database_url.reveal().startswith("sqlite"):
            await made.queue.drop_leases()  # one box, one worker: what a dead one had in hand is free at once
        await made.memory.learn(made.store)  # before anybody is drawn
        await made.lost.look(made.store)
        if await made.translator.start() == "open":
            event(Event.NETWORK_OPEN)
        _put_off(await made.watching.beat())  # before anything that was due meanwhile runs
        event(Event.READY, role=Role.WORKER)
        async with asyncio.TaskGroup() as group:
            group.create_task(made.queue.run({kind: do for kind, do in made.handlers.items() if kind not in OUTGOING}, stop))
            group.create_task(_send(made, database, stop))
            group.create_task(_beat(made, stop))
            group.create_task(_sweep(made, stop))
            group.create_task(_review(made, stop))
            group.create_task(_learn(made, stop))
            group.create_task(rotate(made.rotation, made.clock.now_ms, stop, partial(_pause, stop)))
    finally:
        await made.translator.close()
        for sender in made.senders.values():
            await sender.close()


async def _send(made: wiring.Worker, database: Database, stop: asyncio.Event) -> None:
    """What leaves; after a restore not before the operator says so. A database that does not answer may be one that was restored."""
    hold, said = SqlHold(database), False
    while not stop.is_set():
        try:
            if not await hold.held():
                break
            if not said:
                event(Event.OUTGOING_HELD)
                said = True
        except StorageDown:
            event(Event.STORAGE_DOWN)
        await _pause(stop, HELD_S)
    await made.queue.run({kind: do for kind, do in made.handlers.items() if kind in OUTGOING}, stop)


async def _beat(made: wiring.Worker, stop: asyncio.Event) -> None:
    """/readyz of the web process looks at this."""

    async def beat() -> None:
        _put_off(await made.watching.beat())

    await _again_and_again(beat, stop, BEAT_S)


def _put_off(gap_ms: int) -> None:
    if gap_ms:
        event(Event.PUT_OFF, seconds=gap_ms // 1000)


async def _review(made: wiring.Worker, stop: asyncio.Event) -> None:
    """Cards and suspensions end by themselves."""
    await _again_and_again(made.watching.review_all, stop, REVIEW_S)


async def _learn(made: wiring.Worker, stop: asyncio.Event) -> None:
    """What outcomes tell, and whom vetters should look into."""
    await _again_and_again(made.reviews.look, stop, REVIEW_S)


async def _sweep(made: wiring.Worker, stop: asyncio.Event) -> None:
    async def sweep() -> None:
        await made.store.sweep(made.clock.now_ms())

    await _again_and_again(sweep, stop, SWEEP_S)


async def _again_and_again(do: Callable[[], Awaitable[None]], stop: asyncio.Event, seconds: float) -> None:
    """A database that is away, or a disk that is full (the list of dead cards is a file), ends nothing: the next time is soon."""
    while not stop.is_set():
        try:
            await do()
        except StorageDown:
            event(Event.STORAGE_DOWN)
        except OSError as fault:
            event(Event.FAULT, fault=fault_of(fault))
        await _pause(stop, seconds)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def until_orphaned(pipe: int, patience_s: float = STOP_S) -> None:
    """Stops this process when the parent is gone, however it went: alone, the two would hold the port and the database, and a new line
    could not start beside them. To be run in a thread of its own."""
    while os.read(pipe, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(patience_s)
    os._exit(1)


class PortTaken(Exception):
    """Another program listens on the line's port."""


if __name__ == "__main__":
    settings = json.loads(sys.stdin.readline())
    threading.Thread(target=until_orphaned, args=(sys.stdin.fileno(),), daemon=True).start()
    sys.exit(main(Role(sys.argv[1]), settings))
