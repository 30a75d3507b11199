"""The only composition root: hands the handlers and the desk the real storage, translations, channels, clock and chance."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette

from bot import metrics
from bot.atlas import agency_names, gazetteer_places, load_atlas
from bot.files import load_lexicons, pinned_vetters
from bot.gateway_route import GatewayRoute
from bot.handover import SettingsError
from bot.keyrings import key_folder, web_folder, web_keys, worker_keys
from bot.logs import Event, event, listen
from bot.metrics import Meters
from bot.notice_settings import notice_sender
from bot.polling import ANSWER_S, Poller
from bot.practice import Practice
from bot.reconciling import Reconciling
from bot.rotating import Recipients
from bot.settings import Settings
from bot.telegram_route import TelegramRoute
from bot.twilio_route import TwilioRoute
from bot.web import Health, application
from bot.workshop import Parts, workshop
from desk.access import Access
from desk.api import Desk, Shown
from desk.pages import desk_page, handset_page
from handlers import gateway, handset, telegram
from handlers.conversation import Plan
from handlers.gateway import GatewayWebhook
from handlers.gateway_sender import GatewaySender
from handlers.handset import HandsetSender
from handlers.intake import Acceptor
from handlers.lessons import Memory
from handlers.lost_lessons import LostLessons
from handlers.notices import NOTICE
from handlers.phrases import Phrase
from handlers.ports import Sender
from handlers.reconcile import TwilioLog
from handlers.reviews import Reviews
from handlers.rotation import Rotation
from handlers.slots import Slots
from handlers.talk import Timing
from handlers.telegram import TelegramWebhook
from handlers.telegram_client import TelegramClient
from handlers.telegram_sender import TelegramSender
from handlers.text import LineNumbers, TwilioWebhook
from handlers.twilio_client import TwilioAccount
from handlers.twilio_sender import TwilioSender
from handlers.understanding import Understanding
from handlers.watching import Watching
from routing.people import Atlas
from sealing.keyring import WorkerKeys
from sealing.rows import DAY_MS, HOUR_MS, Task, TaskKind
from storage.desk_store import DeskReads
from storage.engine import Database
from storage.epochs import SqlEpochs
from storage.erasures import SqlReceipts
from storage.intake import SqlIntake
from storage.queue import SqlQueue
from storage.store import SqlStore
from translations.detect import LanguageDetector
from translations.engine import ChildTranslator
from translations.phrases import Catalog
from triage.identifiers import phone_keys
from triage.places import Gazetteer
from triage.sensitive import Sensitive

PACKS = "packs"
"""Folder of the language packages under TIPLINE_HOME."""
LOCAL_HOSTS = ("127.0.0.1", "localhost")
DESK_POLL_MS = 60_000
LISTING_S = 30.0
"""What a step of one page of Twilio's log may take."""
PRACTICE_POLL_MS = 2_000
LOOK_AFTER_MS = 60_000
"""After a slot the offers of that slot have been made."""
READ_WITHIN_MS = 6 * HOUR_MS
"""What a reader has from the slot (SLA, DESIGN 4)."""


@dataclass(frozen=True, slots=True)
class PracticeToken:
    """What only a practice line has: the token of its pages, and the file of its investigators' keys."""

    token: Sensitive[str]
    people_file: Path


class SystemClock:
    """handlers.ports.Clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class SystemEntropy:
    """handlers.ports.Entropy."""

    def draw(self, n: int) -> bytes:
        return secrets.token_bytes(n)


def understanding(languages: tuple[str, ...], packs: Path, atlas: Atlas) -> tuple[Understanding, ChildTranslator]:
    """The translator is a child process: close it."""
    translator = ChildTranslator(packs)
    places, agencies = Gazetteer(gazetteer_places(atlas)), Gazetteer(agency_names(atlas))
    return Understanding(LanguageDetector(languages), translator, load_lexicons(), places, agencies, languages), translator


@dataclass(frozen=True, slots=True)
class Web:
    """The web process's application, and what runs beside it until it is cancelled."""

    app: Starlette
    beside: tuple[Callable[[], Coroutine[None, None, None]], ...]
    recipients: Recipients


def web_application(settings: Settings, database: Database, practice: PracticeToken | None) -> Starlette:
    """Raises KeyringError, BundleError."""
    return web(settings, database, practice).app


def web(settings: Settings, database: Database, practice: PracticeToken | None) -> Web:
    """Raises KeyringError, BundleError."""
    clock = SystemClock()
    beside: list[Callable[[], Coroutine[None, None, None]]] = []
    meters = Meters()
    if (port := settings.metrics_port) is not None:
        listen(meters.event)
        beside.append(lambda: metrics.serve(port, settings, meters, clock.now_ms))
    intake, keys = SqlIntake(database, clock, on_batch=meters.batch), web_keys(settings)
    recipients = Recipients(SqlEpochs(database), keys, web_folder(settings))
    beside.append(recipients.run)
    acceptor = Acceptor(intake, keys, clock, SystemEntropy())
    reads = DeskReads(database, clock)
    access = Access(reads, origins(settings), clock.now_ms)
    shown = desk_shown(settings)
    routes = [*Health(reads, acceptor).routes(), *Desk(reads, access, desk_page(), shown).routes()]
    if settings.channels.twilio is not None:
        t = settings.channels.twilio
        webhook = TwilioWebhook(t.account_sid, t.auth_token, settings.public_url, t.number, t.whatsapp)
        routes += TwilioRoute(webhook, acceptor, SqlReceipts(database)).routes()
        account = TwilioAccount(t.account_sid, t.auth_token, t.api_url, LISTING_S)
        beside.append(Reconciling(TwilioLog(account, LineNumbers(t.number, t.whatsapp), acceptor, intake)).run)
    if (b := settings.channels.telegram) is not None:
        if b.webhook_secret is not None:
            routes += TelegramRoute(TelegramWebhook(b.webhook_secret), acceptor).routes()
        elif b.token is not None:
            beside.append(Poller(TelegramClient(b.token, b.api_url, ANSWER_S), acceptor).run)
    if (g := settings.channels.gateway) is not None:
        routes += GatewayRoute(GatewayWebhook(g.secret, g.fields), acceptor).routes()
    if practice is not None and settings.practice:
        routes += Practice(practice.token, practice.people_file, handset_page(), acceptor, clock.now_ms).routes()
    return Web(application(routes, hosts(settings)), tuple(beside), recipients)


def desk_shown(settings: Settings) -> Shown:
    """What the desk's page is told: when to look, at the same moments for everybody."""
    if settings.practice:
        return Shown(settings.line, practice=True, poll_ms=PRACTICE_POLL_MS, list_every_ms=PRACTICE_POLL_MS)

    def looks(now: int) -> list[int]:
        return [at + LOOK_AFTER_MS for at in settings.slots.between(now - LOOK_AFTER_MS, now + DAY_MS)]

    return Shown(settings.line, practice=False, poll_ms=DESK_POLL_MS, looks=looks, notices=settings.notices is not None)


def origins(settings: Settings) -> frozenset[str]:
    """Where the desk may be shown: logins are bound to it."""
    local = {f"http://{host}:{settings.port}" for host in LOCAL_HOSTS}
    return frozenset({settings.public_url, *local}) if settings.practice else frozenset({settings.public_url})


def hosts(settings: Settings) -> list[str]:
    """Loopback names serve health checks and the TLS proxy on this machine."""
    return [urlsplit(settings.public_url).hostname or "", *LOCAL_HOSTS]


@dataclass(frozen=True, slots=True)
class Worker:
    """The worker's handlers, and what must be closed after them."""

    store: SqlStore
    queue: SqlQueue
    reads: DeskReads
    keys: WorkerKeys
    clock: SystemClock
    handlers: Mapping[TaskKind, Callable[[Task], Awaitable[None]]]
    translator: ChildTranslator
    senders: Mapping[str, Sender]
    rotation: Rotation
    watching: Watching
    memory: Memory
    lost: LostLessons
    reviews: Reviews


def worker(settings: Settings, database: Database, practice: PracticeToken | None) -> Worker:
    """Raises KeyringError, VettersError, AtlasFileError, LexiconError, CatalogError."""
    if settings.regions is None or settings.vetters is None:
        raise SettingsError("a worker needs regions and vetters")
    clock, keys, store = SystemClock(), worker_keys(settings), SqlStore(database)
    vetters, atlas, phrases = (
        pinned_vetters(settings, settings.vetters),
        load_atlas(settings.regions),
        Catalog.load(phrase.value for phrase in Phrase),
    )
    ears, translator = understanding(settings.languages, settings.home / PACKS, atlas)
    senders = _senders(settings, practice)

    def slot(now: int, urgent: bool) -> int:
        return settings.slots.next_urgent(now) if urgent else settings.slots.next_slot(now)

    timing = Timing(settings.silence_s * 1000, 6 * settings.silence_s * 1000)
    parts = Parts(
        store, keys, clock, SystemEntropy(), vetters, atlas, ears, phrases, translator, senders, slot, reading_plan(settings.slots), timing,
        alarm, flooded, acted, "" if settings.notices is None else settings.notices.text,
        settings.purge_days, settings.trustees_needed, own_numbers(settings),
    )  # fmt: skip
    made = workshop(parts)
    queue = SqlQueue(database, clock, on_event=queue_event)
    rotation = Rotation(keys, key_folder(settings), SqlEpochs(database))
    return Worker(
        store, queue, DeskReads(database, clock), keys, clock, made.handlers, translator, senders, rotation, made.watching, made.memory,
        made.lost, made.reviews,
    )  # fmt: skip


def own_numbers(settings: Settings) -> frozenset[str]:
    """The line's own, as far as the settings say: whoever repeats them tells of no matter."""
    t = settings.channels.twilio
    return frozenset().union(*(phone_keys(number) for number in (t.number, t.whatsapp) if number)) if t is not None else frozenset()


def _senders(settings: Settings, practice: PracticeToken | None) -> Mapping[str, Sender]:
    senders: dict[str, Sender] = {}
    if settings.channels.twilio is not None:
        t = settings.channels.twilio
        for channel, number in LineNumbers(t.number, t.whatsapp).by_channel.items():
            sender = TwilioSender(t.account_sid, t.auth_token, number, t.api_url, channel=channel, public_url=settings.public_url)
            senders[channel] = sender
    if (b := settings.channels.telegram) is not None and b.token is not None:
        senders[telegram.CHANNEL] = TelegramSender(b.token, b.api_url)
    if (g := settings.channels.gateway) is not None:
        senders[gateway.CHANNEL] = GatewaySender(g.send_url, g.send_auth, g.send)
    if settings.notices is not None:
        senders[NOTICE] = notice_sender(settings.notices, settings.channels)
    if practice is not None:
        senders[handset.CHANNEL] = HandsetSender(f"http://127.0.0.1:{settings.port}", practice.token)
    return senders


def reading_plan(slots: Slots) -> Callable[[int], Plan]:
    """When a person reads (R5): the next slot and the time a reader has (SLA, DESIGN 4), on the line's own clock."""

    def plan(now_ms: int) -> Plan:
        slot = slots.next_slot(now_ms)
        return Plan(slots.local(slot + READ_WITHIN_MS).strftime("%H:%M"), awake=slot - now_ms <= READ_WITHIN_MS)

    return plan


def alarm(code: StrEnum) -> None:
    """Somebody must look; what it is about stays sealed."""
    event(Event.HELD, code=code)


def flooded(count: int) -> None:
    event(Event.FLOOD, count=count)


def acted(code: StrEnum) -> None:
    event(Event.ACTED, code=code)


def queue_event(name: str, kind: TaskKind | None) -> None:
    if kind is None:
        event(Event(name))
    else:
        event(Event(name), kind=kind)
