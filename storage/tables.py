"""Every table. In the clear: random ids, day and hour numbers, states, versions, public keys, keyed tags, hashes; all else is ciphertext.

Columns bear the names of the values in sealing/rows.py. Keys are random, so SQLite keeps those tables WITHOUT ROWID: no hidden number
tells the order in which rows came. Only waiting messages and custody leaves are numbered.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.schema import SchemaItem

from sealing.rows import CaseState, EpochState, GrantState, Part, Purpose, SendingState, ShareState, TaskKind

metadata = MetaData()

# SQLite numbers rows only in a column of exactly type INTEGER.
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def _one_of(kind: type[StrEnum]) -> Enum:
    """Text in the database, a member of `kind` in Python; no CHECK, so that a new state needs no rebuilt table."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )


def _case_key(*, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    """Checked at commit, so that one transaction may write a case and what belongs to it in any order."""
    return Column(
        "case_id",
        String,
        ForeignKey("case.id", deferrable=True, initially="DEFERRED"),
        primary_key=primary_key,
        nullable=nullable,
    )


def _random(name: str, *columns: SchemaItem) -> Table:
    """A table whose key is random."""
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


epoch = _random(
    "epoch",
    Column("purpose", _one_of(Purpose), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("recipient", String, nullable=False),
    Column("state", _one_of(EpochState), nullable=False),
    Column("signature", String, nullable=False),
)

seen = _random(
    "seen",
    Column("tag", String, primary_key=True),
    Column("day", Integer, nullable=False),
)

inbound = Table(
    "inbound",
    metadata,
    Column("seq", _NUMBER, Identity(), primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("epoch", Integer, nullable=False),
    Column("thread", String),
    Column("sealed", LargeBinary, nullable=False),
    Column("lane", String),
    Index("inbound_thread", "thread", "seq"),
    Index("inbound_lane", "lane", "seq"),
)

thread = _random(
    "thread",
    Column("tag", String, primary_key=True),
    _case_key(nullable=True),
    Column("epoch", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("thread_case", "case_id"),
)

case = _random(
    "case",
    Column("id", String, primary_key=True),
    Column("day", Integer, nullable=False),
    Column("state", _one_of(CaseState), nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("recipient", String),
    Column("delivery_epoch", Integer),
    Column("gate", LargeBinary),
)

code = _random("code", Column("tag", String, primary_key=True), _case_key())

tries = _random(
    "tries",
    Column("tag", String, primary_key=True),
    Column("day", Integer, nullable=False),
    Column("n", Integer, nullable=False),
)

# `seq` counts over all epochs of a case, so the key also refuses a second envelope in the same place of the chain.
envelope = _random(
    "envelope",
    _case_key(primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),
    Column("part", _one_of(Part), nullable=False),
    Column("day", Integer, nullable=False),
    Column("sha256", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

grant = _random(
    "grant_",
    Column("id", String, primary_key=True),
    _case_key(),
    Column("epoch", Integer, nullable=False),
    Column("person_id", String),
    Column("state", _one_of(GrantState), nullable=False),
    Column("stub", LargeBinary, nullable=False),
    Column("key_file", LargeBinary, nullable=False),
    Index("grant_case", "case_id"),
    Index("grant_person", "person_id"),
)

# One for every trustee and epoch, of whoever may hold one and whoever may not: that he has a row says nothing.
share = _random(
    "share",
    Column("id", String, primary_key=True),
    _case_key(),
    Column("epoch", Integer, nullable=False),
    Column("person_id", String, nullable=False),
    Column("state", _one_of(ShareState), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("share_case", "case_id"),
    Index("share_person", "person_id", "state"),
)

letter = _random(
    "letter",
    Column("id", String, primary_key=True),
    Column("to", String, nullable=False),
    Column("day", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("letter_to", "to"),
)

push = _random(
    "push",
    Column("person_id", String, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

handout = _random(
    "handout",
    Column("act_id", String, primary_key=True),
    Column("person_id", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

# `due` and `lease` in ms; lease 0 = free. Both indexes end in `id`: tasks of one millisecond keep the order in which they were written.
task = _random(
    "task",
    Column("id", String, primary_key=True),
    Column("kind", _one_of(TaskKind), nullable=False),
    Column("ref", String, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("lease", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("rev", Integer, nullable=False),
    UniqueConstraint("kind", "ref", name="task_kind_ref"),
    Index("task_due", "kind", "due", "id"),
)

sending = _random(
    "sending",
    Column("id", String, primary_key=True),
    _case_key(nullable=True),
    Column("state", _one_of(SendingState), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("thread", String),
    Index("sending_case", "case_id", "state"),
    Index("sending_thread", "thread"),
)

erasure = _random(
    "erasure",
    Column("id", String, primary_key=True),
    Column("thread", String, nullable=False),
    Column("day", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("erasure_thread", "thread"),
)

cluster = _random(
    "cluster",
    Column("id", String, primary_key=True),
    _case_key(nullable=True),
    Column("day", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

act = _random(
    "act",
    Column("id", String, primary_key=True),
    Column("person_id", String, nullable=False),
    Column("case_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

challenge = _random(
    "challenge",
    Column("tag", String, primary_key=True),
    Column("person_id", String, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

person = _random(
    "person",
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("verify_key", String, nullable=False),
    Column("card", LargeBinary, nullable=False),
    Column("duty", LargeBinary),
    Column("next", LargeBinary),
)

custody = Table(
    "custody",
    metadata,
    Column("seq", _NUMBER, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary, nullable=False),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("size", _NUMBER, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
)

outcome = _random("outcome", Column("id", String, primary_key=True), Column("sealed", LargeBinary, nullable=False))

lesson = _random("lesson", Column("id", String, primary_key=True), Column("sealed", LargeBinary, nullable=False))

link = _random(
    "link",
    Column("tag", String, primary_key=True),
    Column("day", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

counter = _random(
    "counter",
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("name", String, primary_key=True),
    Column("n", Integer, nullable=False),
)

heartbeat = _random("heartbeat", Column("role", String, primary_key=True), Column("at", BigInteger, nullable=False))
