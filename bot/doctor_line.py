"""Looks at the line from inside: database, worker, what waits, who could read, languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot import wiring
from bot.atlas import AtlasFileError, load_atlas
from bot.files import VettersError, pinned_vetters
from bot.finding import Finding, look, mend, ok, unknown
from bot.holds import held_tips
from bot.keyrings import worker_keys
from bot.recovery import stale
from bot.settings import Settings
from handlers.facts import offices
from handlers.roster import Member, members
from routing.draw import choose
from routing.exclusion import VETTING_DAYS
from routing.learning import nothing_known
from routing.people import AtlasError, Flag, Region, RegionKind, Role, Roster, TipFacts
from routing.policy import DEFAULT
from sealing.keyring import KeyringError, WorkerKeys
from sealing.rows import StorageDown
from storage.counting import tally
from storage.engine import Database, open_database
from storage.health import Vitals
from storage.store import SqlStore
from translations.packages import Shelf, shelf
from triage.tip import AgencyKind, Child

ENGLISH = "en"
"""What triage's lexicons and the readers of a translated tip share."""
ALIVE_MS = 30_000
"""As /readyz has it."""
SOON = timedelta(days=30)
AREAS = (RegionKind.COUNTRY, RegionKind.REGION, RegionKind.SEA)
NO_COINS = bytes(32)
SQLITE = "sqlite:///"


def no_database(settings: Settings) -> bool:
    """Whether the line was never started here. Opening the database would make its file."""
    url = settings.database_url.reveal()
    return url.startswith(SQLITE) and not Path(url.removeprefix(SQLITE)).exists()


async def from_inside(settings: Settings, now: datetime) -> list[Finding]:
    """Of a line that was started once. The database is only read, but for a row that is taken back."""
    topic, database = "database", open_database(settings.database_url.reveal())
    try:
        vitals = Vitals(database)
        if not await vitals.migrated():
            return [mend(topic, "The tables are not of this version: starting the line brings them up to date.")]
        counted = await tally(database, int(now.timestamp() * 1000))
        found = [await _writing(vitals), _alive(counted.beat_ms), *waiting(counted.totals), *await _held(settings, database)]
        return found + await _roster(settings, database, now)
    except StorageDown:
        return [mend(topic, "The database does not answer.")]
    finally:
        await database.close()


async def _writing(vitals: Vitals) -> Finding:
    try:
        await vitals.try_writing()
    except StorageDown:
        return mend("database", "The database takes no writes: is its disk full, or its file another user's?")
    return ok("database", "The database answers, is of this version, and takes writes.")


def _alive(beat_ms: int | None) -> Finding:
    if beat_ms is None:
        return mend("worker", "The worker never gave a sign of life: start the line.")
    if beat_ms > ALIVE_MS:
        return mend("worker", f"The worker gave its last sign of life {spoken(beat_ms / 1000)} ago: is the line running?")
    return ok("worker", "The worker lives.")


def waiting(counts: Mapping[str, int]) -> Iterator[Finding]:
    """What is stuck. Nothing stuck = nothing said but that."""
    stuck = list[Finding]()
    if n := counts["tasks_shelved"]:
        stuck.append(mend("queue", f"{n} task(s) failed ten times or more: the log tells which kind (task_shelved)."))
    if n := counts["sendings_unknown"]:
        stuck.append(look("queue", f"{n} text(s) may have left or not, and are not sent again."))
    if n := counts["cases_asked"]:
        stuck.append(look("trustees", f"{n} case(s) wait for trustees: each runs tipline trustee approve on his own device."))
    if n := counts["letters"]:
        stuck.append(look("vetters", f"{n} letter(s) wait for vetters: tipline vetters letters --key VETTER.key"))
    yield from stuck or [ok("queue", "Nothing is stuck.")]


async def _held(settings: Settings, database: Database) -> list[Finding]:
    try:
        return list((await held_tips(settings, database)).findings())
    except KeyringError:
        return [unknown("held", "Why tips are held cannot be told without the worker's secrets.")]


async def _roster(settings: Settings, database: Database, now: datetime) -> list[Finding]:
    if settings.regions is None or settings.vetters is None:
        return [mend("roster", "TIPLINE_REGIONS and TIPLINE_VETTERS are not set: nobody can be kept from a case.")]
    try:
        atlas = load_atlas(settings.regions)
        vetters = pinned_vetters(settings, settings.vetters)
        keys = worker_keys(settings)
    except (AtlasFileError, AtlasError, VettersError, KeyringError) as fault:  # their messages are one sentence without a value
        return [mend("roster", f"It cannot be read: {fault}.")]
    async with SqlStore(database).begin() as tx:
        rows = len(await tx.people())
        found = await members(tx, keys, vetters, int(now.timestamp()) // 3600)
    lost = rows - len(found)
    broken = [mend("roster", f"{lost} card(s) do not hold: are their vetters still in the file? See: tipline roster list")] if lost else []
    if settings.vetters_root is None and not settings.practice:
        broken.append(look("roster", "TIPLINE_VETTERS_ROOT is not set: whoever changes the vetters' file chooses who vets."))
    broken.append(_recovery(settings, keys))
    escrow = trustees(found, settings.trustees_needed)
    return [*broken, *people(found, now), escrow, *coverage(Roster(tuple(m.person for m in found), atlas), now)]


def _recovery(settings: Settings, keys: WorkerKeys) -> Finding:
    try:
        warning = stale(settings, keys)
    except KeyringError as fault:
        return mend("recovery", f"It cannot be told: {fault}.")
    return ok("recovery", "The recovery file holds the newest keys.") if warning is None else look("recovery", warning)


def people(found: tuple[Member, ...], now: datetime) -> Iterator[Finding]:
    """Who there is, and whose cards run out."""
    active = [member.card for member in found if member.person.active]
    handlers = [card for card in active if card.role is Role.HANDLER]
    leads = sum(card.role is Role.LEAD for card in active)
    text = f"{len(handlers)} active handler(s) and {leads} lead(s) of {len({card.agency for card in active})} agencies."
    yield ok("roster", text) if handlers else mend("roster", "Nobody is enrolled who reads: tipline roster load.")
    ends = [min(card.expires, (card.issued + timedelta(days=VETTING_DAYS)).date()) for card in active]
    if past := sum(end < now.date() for end in ends):
        yield mend("roster", f"{past} card(s) have run out: renew them.")
    if soon := sum(now.date() <= end < (now + SOON).date() for end in ends):
        yield look("roster", f"{soon} card(s) run out within {SOON.days} days: renew them.")


def trustees(found: tuple[Member, ...], needed: int) -> Finding:
    """Whether a case whose readers have all left could be read again."""
    there = sum(member.person.active and member.card.role is Role.TRUSTEE for member in found)
    if there == 0:
        return look("trustees", "Nobody: a case that all its readers have left is lost. Enrol trustees (docs/OPERATING.md).")
    if there < needed:
        return mend("trustees", f"{there} where {needed} are needed: a case that all its readers have left is lost.")
    if there == needed:
        return look("trustees", f"{there}, all of whom are needed: one who is excluded from a case, or away, and it is lost.")
    return ok("trustees", f"{there}, of whom {needed} are needed.")


@dataclass(frozen=True, slots=True)
class Pool:
    """How many could read a tip about a place: an ordinary one, and one that names the police there."""

    region: Region
    ordinary: int
    police: int
    small: bool


def coverage(roster: Roster, now: datetime) -> Iterator[Finding]:
    """For each country, region and sea of the line's atlas, asked of routing itself."""
    for pool in (pool_of(roster, region, now) for region in roster.atlas.regions.values() if region.kind in AREAS):
        text = f"{pool.region.names[0]}: {pool.ordinary} could read a tip about it, {pool.police} one that names its police."
        if pool.ordinary < DEFAULT.smallest_pool:
            yield mend("coverage", text)
        elif pool.small or pool.police < DEFAULT.smallest_pool:
            yield look("coverage", f"{text} The pool is small: few to choose from, and easy to guess.")
        else:
            yield ok("coverage", text)


def pool_of(roster: Roster, region: Region, now: datetime) -> Pool:
    police, regions = frozenset({AgencyKind.POLICE}), frozenset({region.id})
    known = region.kind is not RegionKind.COUNTRY
    ordinary = TipFacts(now, regions, place_known=known, child=Child.NO, could_involve_child=False)
    named = TipFacts(now, regions, known, offices(roster.atlas, police, regions), police, child=Child.NO, could_involve_child=False)
    drawn = choose(roster, ordinary, nothing_known(), NO_COINS, now)
    return Pool(region, drawn.pool, choose(roster, named, nothing_known(), NO_COINS, now).pool, Flag.SMALL_POOL in drawn.flags)


def languages(settings: Settings) -> list[Finding]:
    return list(packages(settings.languages, shelf(settings.home / wiring.PACKS)))


def packages(expected: tuple[str, ...], found: Shelf) -> Iterator[Finding]:
    """For each language of the line, both ways."""
    if found.strays:
        yield mend("languages", f"{len(found.strays)} folder(s) among the packages are no packages: move them away.")
    for language in expected:
        if language == ENGLISH:
            continue
        inward, outward = found.route(language, ENGLISH), found.route(ENGLISH, language)
        if not inward:
            yield look("languages", f"{language}: no package; tips stay untranslated. Add one: tipline languages add {language}")
        elif not outward or not all(pack.trusted for pack in outward):
            yield look("languages", f"{language}: tips are translated; answers go out in the reader's own words only.")
        else:
            yield ok("languages", f"{language}: tips and answers are translated.")


def spoken(seconds: float) -> str:
    """A length of time as a person says it."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            n = int(seconds // size)
            return f"{n} {unit}{'s' if n > 1 else ''}"
    return f"{int(seconds)} s"
