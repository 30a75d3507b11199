"""A text gateway of one's own: any HTTP service that posts incoming texts, signed, and takes texts to send.

Written for an Android phone with a local SIM, where no provider sells two-way numbers (India, Nepal, Thailand, Vietnam).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

CHANNEL = "gateway"
DEFAULT_FIELDS = "id=id,from=from,text=text"
DEFAULT_BODY = '{"to": "{to}", "text": "{text}", "id": "{id}"}'
FIELD = re.compile(r"(id|from|text)=([A-Za-z0-9_.+-]{1,120})")


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Where a gateway puts a message's id, sender and text. `a.b` = b inside a; `a+b` = both together, where neither alone is unique."""

    text: str = DEFAULT_FIELDS

    @classmethod
    def parse(cls, text: str) -> FieldMap | None:
        found = [FIELD.fullmatch(part.strip()) for part in text.split(",")]
        names = sorted(part[1] for part in found if part is not None)
        return cls(text) if None not in found and names == ["from", "id", "text"] else None


@dataclass(frozen=True, slots=True)
class SendMap:
    """The JSON that a gateway takes, with {to}, {text} and {id} inside strings."""

    text: str = DEFAULT_BODY

    @classmethod
    def parse(cls, text: str) -> SendMap | None:
        try:
            body = json.loads(text)
        except ValueError:
            return None
        return cls(text) if isinstance(body, dict) and "{to}" in text and "{text}" in text else None
