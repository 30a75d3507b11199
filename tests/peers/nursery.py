"""A warmed process that forks web and worker processes in milliseconds, so that a hundred kills fit in a test.

Standard input: JSON lines {"start": role, "told": settings}. Standard output: the pid of each child. The children are the product's own
entry point (bot.child.main), forked before any thread or event loop exists.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from bot.child import main
from bot.files import load_lexicons
from bot.handover import Role
from translations.detect import LanguageDetector


def nurse() -> None:
    load_lexicons()
    LanguageDetector(("en", "es")).identify("El jefe de policía lo sabe y no hace nada por ellas")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps what the test kills
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os._exit(main(Role(order["start"]), order["told"]))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    nurse()
