"""What the line writes about itself: its own events, with integers and enums as fields, one JSON line each on standard error.

Allow-list only. Libraries log texts, numbers and tokens (httpx and twilio at INFO, argostranslate the text itself, asyncio whole objects),
so every one of them is cut off, and so is what Python prints by itself: warnings, tracebacks, unraisable errors.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parent.parent
ROOMS = frozenset({"bot", "desk", "handlers", "routing", "sealing", "storage", "translations", "triage"})
MAX_INT = 999_999
"""Counts, ports and provider codes fit; a phone number or an order number is cut to this."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,120}")


class Event(StrEnum):
    """Everything that can be said. A new event is a new line here, so that a reviewer sees it."""

    STARTING = "starting"
    READY = "ready"
    STOPPED = "stopped"
    PROCESS_DIED = "process_died"
    NETWORK_OPEN = "network_open"  # the translation child could not be cut off from the network
    REQUEST_REFUSED = "request_refused"
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    STORAGE_DOWN = "storage_down"
    QUEUE_FULL = "queue_full"  # too much waits, or the disk is nearly full: nothing more is taken for now
    TASK_FAILED = "task_failed"
    TASK_SHELVED = "task_shelved"
    HELD = "held"
    FLOOD = "flood"  # so many phones sent one text; they are one item for a reader
    ACTED = "acted"  # with the code of what became of it
    OUTGOING_HELD = "outgoing_held"  # since a restore nothing leaves
    POLL_FAILED = "poll_failed"  # Telegram did not answer; with how many times in a row
    POLL_CONFLICT = "poll_conflict"  # a webhook is set, or another program asks for the same updates
    POLL_REFUSED = "poll_refused"  # Telegram does not know the bot's token
    RECONCILED = "reconciled"  # Twilio's log had messages that the webhook missed, or entries that nobody can read
    LISTING_FAILED = "listing_failed"  # Twilio did not list; with its HTTP status and code
    EPOCH_MADE = "epoch_made"
    EPOCH_DESTROYED = "epoch_destroyed"
    EPOCH_NEEDED = "epoch_needed"  # an old key's time has come, and so many rows still need it
    EPOCH_REFUSED = "epoch_refused"  # the table of epochs holds what the line did not write
    PUT_OFF = "put_off"  # the line stood still, or its clock jumped: so many seconds count against no reader
    FAULT = "fault"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Fault:
    """The class of an exception and the line of ours that it came through: code, never content. Made by `fault_of` alone."""

    kind: str
    at: str

    def __str__(self) -> str:
        return f"{self.kind} {self.at}".strip()


Field = int | StrEnum | Fault


def event(name: Event, **fields: Field) -> None:
    """Write one event. TypeError for anything but an Event with ints, bools, StrEnums and Faults, before a byte is written.

    Seconds, no finer: the database keeps days. A log that cannot be written is no reason to lose a message.
    """
    if not isinstance(name, Event):
        raise TypeError("not an event of the list")
    if not all(isinstance(value, int | StrEnum | Fault) for value in fields.values()):
        raise TypeError("an event's fields are integers, enums and faults")
    for listener in _listeners:
        listener(name, fields)
    line = json.dumps({"t": int(time.time()), "event": name, **{key: _written(value) for key, value in fields.items()}})
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # closed, full, or none at interpreter exit
        return


def listen(listener: Callable[[Event, Mapping[str, Field]], None]) -> None:
    """Who counts events in this process, in place of whoever did before; it must not raise."""
    _listeners[:] = [listener]


_listeners: list[Callable[[Event, Mapping[str, Field]], None]] = []


def _written(value: Field) -> int | str:
    if isinstance(value, int):
        return max(-MAX_INT, min(MAX_INT, value))
    return str(value)


def fault_of(error: BaseException | type[BaseException]) -> Fault:
    """Class name, and `room/file.py:line` of our innermost frame; of a group, the first inside. Never the message."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    kind = error if isinstance(error, type) else type(error)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    at = "" if isinstance(error, type) else _our_line(error)
    return Fault(name if _NAME.fullmatch(name) else "unnamed", at)


def _our_line(error: BaseException) -> str:
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        inside = path.relative_to(HOUSE) if path.is_relative_to(HOUSE) else Path()
        if inside.parts[:1] and inside.parts[0] in ROOMS:
            found = f"{inside.as_posix()}:{line}"
    return found


def cut_off() -> None:
    """Silence everything but `event` in this process. Call it first; typer sets an except hook of its own, so again inside a command."""
    logging.disable(sys.maxsize)  # holds for loggers and handlers that come later, too
    logging.raiseExceptions = False
    logging.lastResort = None
    root = logging.getLogger()
    names = list(root.manager.loggerDict)
    for logger in (root, *map(logging.getLogger, names)):
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
    warnings.showwarning = _on_warning
    sys.excepthook = _on_exception
    sys.unraisablehook = _on_unraisable
    threading.excepthook = _on_thread_exception


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """A task that died unseen becomes one event (asyncio's own report prints the objects)."""
    loop.set_exception_handler(_on_loop_exception)


def _on_loop_exception(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    error = context.get("exception")
    event(Event.FAULT, fault=fault_of(error if isinstance(error, BaseException) else RuntimeError))


def _on_warning(*given: Any, **_more: Any) -> None:
    event(Event.WARNING, fault=fault_of(given[1]))  # message, category, …


def _on_exception(_kind: type[BaseException], error: BaseException, _trace: object) -> None:
    event(Event.FAULT, fault=fault_of(error))


def _on_unraisable(args: sys.UnraisableHookArgs) -> None:
    event(Event.FAULT, fault=fault_of(args.exc_value or args.exc_type))


def _on_thread_exception(args: threading.ExceptHookArgs) -> None:
    event(Event.FAULT, fault=fault_of(args.exc_value or args.exc_type))
