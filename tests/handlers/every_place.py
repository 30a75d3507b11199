"""One row in every place that holds something sealed to a key of the server, and what of it opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, select

from sealing import age
from sealing.age import OpenError
from sealing.keyring import WorkerKeys
from sealing.rows import (
    CaseState,
    GrantState,
    Part,
    Purpose,
    SendingState,
    ShareState,
)
from storage import tables
from storage.engine import Database

CASE = "ca" * 16
READER, PUBLIC = age.generate()


@dataclass(frozen=True)
class Written:
    """`name` -> table, key, column, purpose, plaintext."""

    places: Mapping[str, tuple[Table, str, str, Purpose, bytes]]


async def fill(database: Database, keys: WorkerKeys) -> Written:
    """Whatever rotation must know of, under the newest epochs of `keys`."""
    places: dict[str, tuple[Table, str, str, Purpose, bytes]] = {}
    numbers = {purpose: keys.recipient(purpose)[0] for purpose in Purpose}

    def sealed(name: str, table: Table, key: str, column: str, purpose: Purpose) -> bytes:
        plaintext = name.encode()
        places[name] = (table, key, column, purpose, plaintext)
        return keys.seal(purpose, plaintext)[1]

    def row(name: str, table: Table, purpose: Purpose, key: str, column: str = "sealed", **values: object) -> dict[str, object]:
        return {column: sealed(name, table, key, column, purpose), **values}

    who: dict[str, Any] = {"person_id": "p", "case_id": CASE, "signature": b""}
    t, i, d = tables, numbers[Purpose.INTAKE], numbers[Purpose.DELIVERY]
    async with database.begin() as transaction:
        put = [
            (t.case, {"id": CASE, "day": 1, "state": CaseState.OPEN, "urgent": False, "version": 1, "epoch": 1, "recipient": PUBLIC,
                      "delivery_epoch": d, "gate": sealed("gate", t.case, CASE, "gate", Purpose.GATE)}),
            (t.inbound, row("inbound", t.inbound, Purpose.INTAKE, "i" * 32, id="i" * 32, epoch=i)),
            (t.thread, row("thread", t.thread, Purpose.INTAKE, "t" * 64, tag="t" * 64, case_id=CASE, epoch=i, version=4)),
            (t.cluster, row("cluster", t.cluster, Purpose.INTAKE, "c" * 32, id="c" * 32, day=1, epoch=i, version=2)),
            (t.share, row("share", t.share, Purpose.RELEASE, "s" * 32, id="s" * 32, case_id=CASE, epoch=1, person_id="t",
                          state=ShareState.LOCKED)),
            (t.outcome, row("outcome", t.outcome, Purpose.GATE, "o" * 32, id="o" * 32)),
            (t.lesson, row("lesson", t.lesson, Purpose.GATE, "l" * 64, id="l" * 64)),
            (t.link, row("link", t.link, Purpose.GATE, "l" * 64, tag="l" * 64, day=1)),
            (t.act, row("act", t.act, Purpose.GATE, "a" * 32, id="a" * 32, kind="open", **who)),
            (t.act, row("answer", t.act, Purpose.DELIVERY, "b" * 32, id="b" * 32, kind="answer", **who)),
            (t.sending, row("sending", t.sending, Purpose.DELIVERY, "e" * 64, id="e" * 64, case_id=CASE,
                            state=SendingState.WAITING, epoch=d)),
            (t.sending, {"id": "f" * 64, "case_id": CASE, "state": SendingState.SENT, "epoch": d, "sealed": b""}),
            (t.erasure, row("erasure", t.erasure, Purpose.DELIVERY, "r" * 32, id="r" * 32, thread="t" * 64, day=1, epoch=d)),
            (t.push, row("push", t.push, Purpose.DELIVERY, "p", person_id="p", epoch=d)),
            (t.person, {"id": "p", "status": "active", "version": 1, "verify_key": "",
                        "card": sealed("card", t.person, "p", "card", Purpose.ROSTER),
                        "duty": sealed("duty", t.person, "p", "duty", Purpose.ROSTER),
                        "next": sealed("next", t.person, "p", "next", Purpose.ROSTER)}),
            (t.person, {"id": "q", "status": "active", "version": 1, "verify_key": "",
                        "card": sealed("card of another", t.person, "q", "card", Purpose.ROSTER), "duty": None}),
        ]  # fmt: skip
        for n, state in enumerate(GrantState):
            values = {"id": f"{n:032}", "case_id": CASE, "epoch": 1, "person_id": None, "state": state}
            stub = sealed(f"stub {state.value}", t.grant, f"{n:032}", "stub", Purpose.RELEASE)
            key_file = sealed(f"key file {state.value}", t.grant, f"{n:032}", "key_file", Purpose.RELEASE)
            if state in (GrantState.OFFERED, GrantState.OPEN):
                stub = age.seal(b"peeled", PUBLIC)
                del places[f"stub {state.value}"]
            put.append((t.grant, {**values, "stub": stub, "key_file": key_file}))
        for seq, part in enumerate(Part, 1):
            inner = keys.seal(Purpose.RELEASE, part.value.encode())[1] if part is Part.NOTE else age.seal(b"of the case", PUBLIC)
            if part is Part.NOTE:
                places["note"] = (t.envelope, str(seq), "sealed", Purpose.RELEASE, part.value.encode())
            values = {"case_id": CASE, "seq": seq, "epoch": 1, "part": part, "day": 1, "sha256": "0" * 64, "sealed": inner}
            put.append((t.envelope, values))
        for table, values in put:
            await transaction.run(table.insert().values(values))
    return Written(places)


async def opens(database: Database, keys: WorkerKeys, written: Written) -> set[str]:
    """Names of what the keys open, and it says what it said."""
    found: set[str] = set()
    for name, (table, key, column, purpose, plaintext) in written.places.items():
        by = table.c.seq if table is tables.envelope else table.c.id if "id" in table.c else next(iter(table.primary_key.columns))
        async with database.begin(reading=True) as transaction:
            value = int(key) if table is tables.envelope else key
            sealed = (await transaction.run(select(table.c[column]).where(by == value))).scalar_one()
        for identity in keys.epochs[purpose].values():
            try:
                opened = age.unseal(sealed, identity)
            except OpenError:
                continue
            if opened == plaintext:
                found.add(name)
    return found
