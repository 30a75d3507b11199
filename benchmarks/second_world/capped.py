"""What any learning could reach at best: the line's own draw, with its caps, agencies and soft criteria, that knows everybody's heart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np

from routing.codes import Floats
from routing.exposure import exposures
from routing.index import Index
from routing.learning import Beliefs
from routing.policy import Learning


@contextmanager
def knowing(beliefs: Beliefs, leaks: Mapping[str, float]) -> Iterator[None]:
    """Within, `choose` takes what people truly leak where it would take what these beliefs give. `leaks`: by id, those who leak at all."""

    def true(asked: Beliefs, index: Index, areas: Collection[str], learning: Learning) -> Floats:
        if asked is not beliefs:
            return exposures(asked, index, areas, learning)
        return np.array([leaks.get(one, 0.0) for one in index.ids])

    with patch("routing.draw.exposures", true):
        yield
