"""`/metrics` for Prometheus, on a port of its own that only this machine reaches. Numbers without content: a label is a word of our enums,
never a case, a person or an address. Off unless TIPLINE_METRICS_PORT is set.

The web process serves it, so that it still answers when the worker is dead. It counts web's own events, and looks into the database for
what the worker does.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import uvicorn
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.logs import Event, Field
from bot.settings import Settings
from handlers.channels import Refused
from sealing.rows import StorageDown
from storage.counting import Tally, tally
from storage.engine import Database, open_database
from storage.intake import BATCH

PATH = "/metrics"
HOSTS = ("127.0.0.1", "localhost")
BUCKETS = tuple(float(1 << n) for n in range(BATCH.bit_length()))


class Meters:
    """What web counts while it runs. A library's own registry would publish whatever else is imported."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter("tipline_events", "Events of the web process", ["event", "code"], registry=self.registry)
        self._batches = Histogram("tipline_commit_messages", "Messages in one commit", buckets=BUCKETS, registry=self.registry)
        self._looked = _Looked()
        self.registry.register(self._looked)
        ProcessCollector(registry=self.registry)
        for name in (Event.ACCEPTED, Event.DUPLICATE, Event.STORAGE_DOWN, Event.QUEUE_FULL):
            self._events.labels(name.value, "")
        for why in Refused:
            self._events.labels(Event.REQUEST_REFUSED.value, why.value)

    def event(self, name: Event, fields: Mapping[str, Field]) -> None:
        """Its name, and the word of its first enum; integers and faults are for the log."""
        code = next((value.value for value in fields.values() if isinstance(value, StrEnum)), "")
        self._events.labels(name.value, code).inc()

    def batch(self, size: int) -> None:
        self._batches.observe(size)

    def text(self, found: Tally | None, free: int) -> bytes:
        """Prometheus' text format. None = the database is away. `free` in bytes."""
        self._looked.families = families(found, free)
        return generate_latest(self.registry)


class _Looked:
    """What was seen at this scrape."""

    def __init__(self) -> None:
        self.families: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        yield from self.families


def families(found: Tally | None, free: int) -> list[Metric]:
    made: list[Metric] = [
        GaugeMetricFamily("tipline_database_up", "Whether the database answers", value=found is not None),
        GaugeMetricFamily("tipline_disk_free_bytes", "Free on the disk of TIPLINE_HOME", value=free),
    ]
    if found is None:
        return made
    made += [
        GaugeMetricFamily("tipline_waiting_messages", "Messages not sealed into a case yet", value=found.waiting),
        GaugeMetricFamily("tipline_queue_late_seconds", "How long the oldest task has been due", value=found.late_ms / 1000),
        GaugeMetricFamily("tipline_outgoing_held", "1 = since a restore nothing leaves", value=found.held),
        _labelled("tipline_tasks", "Tasks by kind", "kind", found.tasks),
        _labelled("tipline_tasks_shelved", "Tasks that failed ten times or more", "kind", found.shelved),
        _labelled("tipline_cases", "Cases by state", "state", found.cases),
        _labelled("tipline_sendings", "Texts of the ledger by state", "state", found.sendings),
    ]
    if found.beat_ms is not None:
        made.append(GaugeMetricFamily("tipline_worker_heartbeat_age_seconds", "Since the worker's last sign", value=found.beat_ms / 1000))
    return made


def _labelled(name: str, about: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[label])
    for word, n in values.items():
        family.add_metric([word], n)
    return family


def application(meters: Meters, database: Database, now_ms: Callable[[], int], home: Path) -> Starlette:
    async def show(_: Request) -> Response:
        try:
            found = await tally(database, now_ms())
        except StorageDown:
            found = None
        return Response(meters.text(found, shutil.disk_usage(home).free), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return Starlette(routes=[Route(PATH, show)], middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))])


class _Quiet(uvicorn.Server):
    """Stops with the line: signals are for the line's own server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(port: int, settings: Settings, meters: Meters, now_ms: Callable[[], int]) -> None:
    """Until it is cancelled. Raises OSError when the port is taken.

    Counts rows by a connection of its own: with SQLite the line has one, and no message may wait for a count.
    """
    with socket.create_server((HOSTS[0], port)) as listening:
        database = open_database(settings.database_url.reveal())
        app = application(meters, database, now_ms, settings.home)
        server = _Quiet(uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none"))
        running = asyncio.create_task(server.serve([listening]))
        try:
            await asyncio.shield(running)
        finally:
            server.should_exit = True
            await running
            await database.close()
