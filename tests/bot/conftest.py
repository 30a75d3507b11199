"""Commands cut the loggers of their process off; here that process is pytest's own."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> Iterator[None]:
    root = logging.getLogger()
    disabled, raising, last, handlers = root.manager.disable, logging.raiseExceptions, logging.lastResort, list(root.handlers)
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning
    yield
    logging.disable(disabled)
    logging.raiseExceptions, logging.lastResort, root.handlers[:] = raising, last, handlers
    sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning = hooks
