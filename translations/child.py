"""The translation child: `python -m translations.child`. Keyless, networkless, killable; it speaks JSON lines.

    in   {"packs": "/folder"}                                             first line
    out  {"ready": true, "network": "namespace" | "seccomp" | "open"}
    in   {"id": 7, "texts": ["…"], "packs": ["translate-es_en-1_9"]}      packages to apply in turn
    out  {"id": 7, "texts": ["…"]}

It catches nothing: whatever goes wrong ends it, and the parent starts another. Its standard error goes to /dev/null, because a library's
message or a traceback could show a person's words. Python cannot wipe memory, so it also ends by itself after some requests.
"""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

from translations.sandbox import enter

MOST_REQUESTS = 100
"""About a second each to start anew; until then, words of so many tips can stand in its memory."""


def main() -> None:
    network = enter()
    # Only now: these libraries start threads, and a process with threads can no longer move into a namespace.
    from translations.model import Models  # noqa: PLC0415

    models = Models(Path(json.loads(sys.stdin.readline())["packs"]))
    _say({"ready": True, "network": network})
    for line in islice(sys.stdin, MOST_REQUESTS):
        request = json.loads(line)
        texts: list[str] = request["texts"]
        for name in request["packs"]:
            texts = models.translate(name, texts)
        _say({"id": request["id"], "texts": texts})


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
