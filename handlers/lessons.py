"""What outcomes tell of readers, from sealed records to beliefs in the worker's memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from routing.learning import Beliefs, nothing_known


@dataclass(slots=True)
class Memory:
    """The worker's beliefs, nowhere else. Changed by lessons alone."""

    beliefs: Beliefs = field(default_factory=nothing_known)
