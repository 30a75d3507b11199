"""A unique word by every channel, and a fault at every point: an exception, an abort that would leave a core, and kill -9. Then the words,
the addresses and the names are looked for wherever the processes could have left them."""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
import string
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.channels import Gateway, Telegram
from bot.gateway_route import GATEWAY_PATH
from bot.handover import Role
from bot.telegram_route import TELEGRAM_PATH
from bot.twilio_route import TWILIO_PATH
from handlers.gateway import FieldMap, SendMap
from handlers.telegram import HOOK_HEADER
from sealing.points import Point
from sealing.rows import TaskKind
from storage import tables
from tests.canary import Search, family, folders
from tests.faults.kills import COMES_BY, ENOUGH, FORMS, LIFE_S, LISTS
from tests.faults.scene import NUMBER, Scene, scene, until
from tests.faults.test_zombie import is_stopped
from tests.peers import gateway
from tests.peers.processes import Halt
from tests.peers.telegram import PRACTICE_TOKEN as BOT_TOKEN
from tests.peers.twilio import PRACTICE_TOKEN
from tests.peers.twilio_forms import incoming, pictures, signed_form, whatsapp
from tests.peers.twilio_log import Entry
from tests.test_canary import a_word
from triage.sensitive import Sensitive

pytestmark = [pytest.mark.slow, pytest.mark.linux, pytest.mark.enable_socket]
BUSINESS, HOOK = "+15005550009", "practice-hook-secret"
TURNS = 5
"""Most processes that are started to reach a point once."""
SLOWEST_S = 20.0
"""For the web to start and come to its point, which it must, on a machine with other work to do."""
FAULTS = (None, signal.SIGABRT)
"""An exception, and a death that would leave a core. After SIGKILL the kill tests look in the same places."""
Request = tuple[str, bytes, dict[str, str]]


def digits(n: int) -> str:
    return "".join(secrets.choice(string.digits) for _ in range(n))


@dataclass
class Told:
    """What is told by each channel, and who tells it. `words`: what each is -> the word that must not be found."""

    words: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def text(self, channel: str) -> str:
        return f"Peñalta: mujeres sin pago, {self.words.setdefault(f'text by {channel}', a_word())}."

    def phone(self, channel: str) -> str:
        """Another one each time; all of a channel begin alike."""
        self.count += 1
        return f"+447{self.words.setdefault(f'phone of {channel}', digits(7))}{self.count:02}"

    def chat(self) -> int:
        self.count += 1
        return int(f"{self.words.setdefault('chat', '4' + digits(11))}{self.count:02}")

    def name(self, whose: str) -> str:
        return self.words.setdefault(whose, a_word())


@dataclass
class Sources:
    """Messages of every channel, as its provider posts them."""

    line: Scene
    told: Told

    def requests(self) -> list[Request]:
        made = [self.sms(), self.mms(), self.whatsapp(), self.gateway(), self.handset()]
        hooked = self.line.running.settings.channels.telegram
        return [*made, *self.telegram_posts()] if hooked is not None and hooked.webhook_secret is not None else made

    def sms(self) -> Request:
        return self._form(incoming(self.told.phone("sms"), NUMBER, self.told.text("sms"), FromCity=self.told.name("city")))

    def mms(self) -> Request:
        sid = f"MM{secrets.token_hex(16)}"
        fields = incoming(self.told.phone("mms"), NUMBER, self.told.text("mms"), MessageSid=sid, SmsSid=sid)
        return self._form(fields | pictures(2) | {"MediaUrl0": f"https://example.org/{self.told.name('picture')}"})

    def whatsapp(self) -> Request:
        phone = self.told.phone("whatsapp")
        self.line.twilio.heard[f"whatsapp:{phone}"] = datetime.now(UTC)  # it may be answered for a day
        fields = whatsapp(phone, BUSINESS, self.told.text("whatsapp"))
        return self._form(fields | {"ProfileName": self.told.name("profile"), "Latitude": "1.5", "Address": self.told.name("place")})

    def gateway(self) -> Request:
        return (GATEWAY_PATH, *gateway.signed(gateway.received(self.told.phone("gateway"), self.told.text("gateway"))))

    def handset(self) -> Request:
        sent = {"phone": self.told.phone("handset"), "text": self.told.text("handset"), "id": secrets.token_hex(8)}
        request = httpx.Request("POST", "http://x", json=sent)
        token = {"Authorization": f"Practice {self.line.running.token}", "Content-Type": "application/json"}
        return ("/handset/message", request.content, token)

    def telegram_posts(self) -> list[Request]:
        headers = {HOOK_HEADER: HOOK, "Content-Type": "application/json"}
        return [(TELEGRAM_PATH, httpx.Request("POST", "http://x", json=made).content, headers) for made in self.updates()]

    def updates(self) -> list[dict[str, Any]]:
        """A text, a forwarded one and a contact: written to the bot, and given back as they are."""
        chat, name = self.told.chat(), self.told.name
        source = {"id": chat, "is_bot": False, "first_name": name("first name"), "username": name("username"), "language_code": "es"}
        author = {"type": "hidden_user", "sender_user_name": name("author"), "date": int(time.time())}
        contact = {"phone_number": self.told.phone("contact"), "first_name": name("contact")}
        write: Callable[..., dict[str, Any]] = self.line.telegram.write
        return [
            write(chat, self.told.text("telegram"), **{"from": source}),
            write(chat, self.told.text("forward"), **{"from": source, "forward_origin": author, "forward_date": int(time.time())}),
            write(chat, **{"from": source, "contact": contact}),
        ]

    def missed(self) -> None:
        phone, text = self.told.phone("missed"), self.told.text("missed")
        self.line.twilio.log.add(Entry(f"SM{secrets.token_hex(16)}", "inbound", phone, NUMBER, text, "received", datetime.now(UTC)))

    def _form(self, fields: dict[str, str]) -> Request:
        return (TWILIO_PATH, *signed_form(self.line.running.base + TWILIO_PATH, PRACTICE_TOKEN, fields))


@dataclass
class Breaker:
    """Breaks the processes with messages of every channel in hand."""

    line: Scene
    sources: Sources
    chance: random.Random
    answers: set[bytes] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    _posting: set[asyncio.Task[None]] = field(default_factory=set)

    async def break_web(self, points: tuple[Point, ...]) -> None:
        for point in points:
            for fault in FAULTS:
                if point in LISTS:
                    self.sources.missed()
                    self.sources.updates()
                assert await self._life(Role.WEB, Halt(point, self.chance.choice((1, 2, 3)) if point in FORMS[:2] else 1, fault))
        self.line.running.start(Role.WEB)
        await asyncio.gather(*self._posting)

    async def break_worker(self) -> None:
        for point in COMES_BY:
            for fault in FAULTS:
                for turn in range(TURNS):
                    await self._give_work(point, more=turn > 0)
                    if await self._life(Role.WORKER, Halt(point, self.chance.choice((1, 2)), fault)):
                        break

    async def _give_work(self, point: Point, *, more: bool) -> None:
        kind, before_it = COMES_BY[point]
        if more or await self.line.tasks(before_it) < ENOUGH:
            await asyncio.gather(*(self._until_taken(request) for request in self.sources.requests()))
        if point is Point.JUDGED:
            await self.line.ask_to_open()
        await self.line.falls_due({kind} if not more and await self.line.tasks({kind}) >= ENOUGH else before_it)

    async def look_at(self, role: Role, point: Point) -> None:
        """A process stopped with a message in hand: what it has open, what it is called, where it would leave a file."""
        pid = self.line.running.start(role, Halt(point, signal=signal.SIGSTOP))
        if role is Role.WEB:
            self._post_more()
        await until(lambda: is_stopped(pid))
        self.found |= self.sources_search().in_processes(family({pid}))
        self.line.running.kill(role)

    def sources_search(self) -> Search:
        return Search(self.sources.told.words)

    async def _life(self, role: Role, halt: Halt) -> bool:
        """Whether it came to its point."""
        halted = len(self.line.running.halted())
        pid = self.line.running.start(role, halt)
        if role is Role.WEB and halt.point in FORMS:
            self._post_more()

        deadline = time.monotonic() + (SLOWEST_S if role is Role.WEB else LIFE_S)
        while len(self.line.running.halted()) == halted and Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        if not await self.line.until_gone(role, 0.05 if halt.signal is None else 1):
            self.line.running.kill(role)
        return len(self.line.running.halted()) > halted

    def _post_more(self) -> None:
        self._posting = {task for task in self._posting if not task.done()}
        if len(self._posting) < 3:
            self._posting |= {asyncio.create_task(self._until_taken(request)) for request in self.sources.requests()}

    async def _until_taken(self, request: Request) -> None:
        path, body, headers = request
        async with asyncio.timeout(60):
            while True:
                try:
                    answer = await self.line.client.post(path, content=body, headers=headers)
                except httpx.TransportError:
                    await asyncio.sleep(0.01)
                    continue
                self.answers.add(answer.content)
                if answer.is_success:
                    return


@pytest.mark.claim("T13")
@pytest.mark.claim("T15")
@pytest.mark.asyncio
@pytest.mark.parametrize("engine_name", ["sqlite"])
async def test_no_word_by_any_channel_lies_about_after_a_fault_at_any_point(tmp_path: Path, url: str) -> None:
    began, home = time.time() - 2, tmp_path / "tipline"
    env = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    for folder in (home, *map(Path, env.values())):
        folder.mkdir()
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    with gateway.GatewayPeer() as phone:
        async with scene(home, url, env) as line:
            told = Told()
            breaker = Breaker(line, Sources(line, told), random.Random(seed))
            line.running.settings = with_every_channel(line, phone)
            await breaker.break_web(LISTS)
            line.running.kill(Role.WEB)
            line.running.settings = hooked(line)
            await breaker.break_web(FORMS)
            await breaker.break_worker()
            line.running.kill(Role.WEB)
            await breaker.look_at(Role.WEB, Point.TAKEN)
            line.running.start(Role.WEB)
            await breaker.look_at(Role.WORKER, Point.UNDERSTOOD)
            await line.finish()
            pids = family(set(line.running.pids.values()))
            search = breaker.sources_search()
            found = breaker.found | search.in_processes(pids)
            for folder in folders(pids) | {home, Path(url.removeprefix("sqlite:///")).parent}:
                found |= search.in_files(folder, began)
            assert {Path(env["HOME"]), Path(env["TMPDIR"])} <= folders(pids)
            reached = Counter(line.running.halted())
            assert {point: reached[point] >= len(FAULTS) for point in Point} == dict.fromkeys(Point, True)
            assert await line.rows(tables.seen) > 0
            assert not await line.tasks({TaskKind.CONVERSE})
            assert {delivery.to[:4] for delivery in line.twilio.sent} == {"+447", "what"}, "sms and whatsapp were answered"
            assert phone.sent
            assert line.telegram.sent
        for answer in breaker.answers:
            found |= search.within("an answer to a provider", answer)
        assert (home / "log").stat().st_size > 1000
        found |= search.in_files(tmp_path, began)
        assert len(told.words) > 20
        assert found == set()


def with_every_channel(line: Scene, phone: gateway.GatewayPeer) -> Any:
    settings = line.running.settings
    fields, send = FieldMap.parse(gateway.FIELDS), SendMap.parse(gateway.SEND_BODY)
    assert fields is not None
    assert send is not None
    assert settings.channels.twilio is not None
    way_in = Gateway(Sensitive(gateway.SIGNING_KEY), fields, phone.url, Sensitive(gateway.AUTHORIZATION), send)
    twilio = replace(settings.channels.twilio, whatsapp=BUSINESS)
    return replace(settings, channels=replace(settings.channels, gateway=way_in, twilio=twilio))


def hooked(line: Scene) -> Any:
    """Telegram calls us."""
    settings = line.running.settings
    telegram = Telegram(Sensitive(BOT_TOKEN), Sensitive(HOOK), line.telegram.url)
    return replace(settings, channels=replace(settings.channels, telegram=telegram))
