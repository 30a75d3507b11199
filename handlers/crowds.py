"""Which case a first tip belongs to: one of its own, or the one item of a flood. What is alike is remembered sealed, so that a restart, or
another worker, knows it too; fingerprints tell something of a text, and are never in the clear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from handlers.floods import BITS, Cluster, nearest, worth_telling
from handlers.ports import Entropy, Tx
from sealing.age import OpenError, padded_json, read_json
from sealing.keyring import WorkerKeys
from sealing.rows import DAY_MS, CaseState, ClusterRow, Purpose

MOST = 5_000
"""Clusters without an item that are remembered. Who sends more texts that differ makes us forget the oldest: then they are not compared."""
OVER = frozenset({CaseState.CLOSED, CaseState.PURGED})


class CrowdMoved(Exception):
    """Another worker counted a message of this cluster first; nothing was written, the task runs again."""


@dataclass(frozen=True, slots=True)
class Placed:
    """`crowd`: the fingerprint of those it is one of, where the case is their item. `new`: the case is to be added."""

    case_id: str
    crowd: int | None
    new: bool


class Crowds:
    """Belongs to one worker. Opens each row once, and again when another worker changed it."""

    def __init__(self, keys: WorkerKeys, entropy: Entropy, on_flood: Callable[[int], None], most: int = MOST) -> None:
        """`on_flood(count)`: so many phones sent one text. An operator hears of it, never what it says."""
        self._keys = keys
        self._entropy = entropy
        self._on_flood = on_flood
        self._most = most
        self._known: dict[str, Cluster] = {}

    async def place(self, tx: Tx, id: str, mark: int | None, at: int, now: int) -> Placed:
        """For the first tip of a thread: message `id`, fingerprint `mark`, written `at`, ms. Raises CrowdMoved."""
        if mark is None:
            return Placed(id, None, new=True)
        await self._refresh(tx, now)
        await self._forget(tx, now)
        cluster = (nearest(self._known.values(), mark) or Cluster(self._entropy.draw(16).hex(), mark)).joined(at)
        placed = Placed(id, None, new=True)
        if cluster.flood(at):
            item = None if cluster.case is None else await tx.case(cluster.case)
            if item is None or item.state in OVER:
                cluster = replace(cluster, case=id)
            placed = Placed(cluster.case or id, cluster.fingerprint, new=cluster.case == id)
        if not await tx.save_cluster(self._sealed(cluster, now)):
            raise CrowdMoved
        if placed.crowd is not None and (placed.new or worth_telling(cluster.count)):
            self._on_flood(cluster.count)
        return placed

    async def _refresh(self, tx: Tx, now: int) -> None:
        """From the table alone: what a transaction wrote that was rolled back was never known here."""
        ids, rows = await tx.clusters(now // DAY_MS - 1, {key: cluster.version for key, cluster in self._known.items()})
        self._known = {key: cluster for key, cluster in self._known.items() if key in ids}
        unreadable = []
        for row in rows:
            try:
                self._known[row.id] = self._opened(row)
            except OpenError:  # its intake epoch is gone, or somebody wrote it into the database: no reason to hear nobody
                unreadable.append(row.id)
        if unreadable:
            await tx.drop_clusters(unreadable)

    async def _forget(self, tx: Tx, now: int) -> None:
        """What can become no flood any more, and the oldest of too many."""
        alone = sorted((cluster for cluster in self._known.values() if cluster.case is None), key=lambda cluster: cluster.times)
        surplus = len(alone) - self._most * 9 // 10 if len(alone) >= self._most else 0
        gone = {cluster.id for n, cluster in enumerate(alone) if n < surplus or cluster.past(now)}
        if gone:
            await tx.drop_clusters(sorted(gone))
            self._known = {key: cluster for key, cluster in self._known.items() if key not in gone}

    def _sealed(self, cluster: Cluster, now: int) -> ClusterRow:
        fields = {"fingerprint": cluster.fingerprint, "times": list(cluster.times), "count": cluster.count}
        epoch, sealed = self._keys.seal(Purpose.INTAKE, padded_json({"v": 1, "kind": "cluster", **fields}))
        return ClusterRow(cluster.id, cluster.case, now // DAY_MS, epoch, cluster.version, sealed)

    def _opened(self, row: ClusterRow) -> Cluster:
        """Raises OpenError."""
        fields = read_json(self._keys.open(Purpose.INTAKE, row.epoch, row.sealed), "cluster")
        mark, times, count = fields.get("fingerprint"), fields.get("times"), fields.get("count")
        if not (isinstance(mark, int) and 0 <= mark < 1 << BITS and isinstance(times, list) and isinstance(count, int)):
            raise OpenError("not a cluster")
        if not all(isinstance(time, int) for time in times):
            raise OpenError("not a cluster")
        return Cluster(row.id, mark, row.case_id, tuple(times), count, row.version)
