"""A case of the small line, with real keys and envelopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sealing import case, plaintexts
from sealing.rows import Envelope, Part
from tests.desk.tips import Reader, Told
from triage.sensitive import Sensitive

DAY = 20_778


@dataclass(slots=True)
class FakeCase:
    """One epoch of a case, for one reader. `state` is the grant's: offered, open, struck, or gone; the envelopes are the whole case's.
    `proposed` = how another reader wants to close it, `helped` = what the source says."""

    key: case.CaseKey
    reader: Reader
    grant: str
    key_file: bytes
    stub: bytes
    state: str = "offered"
    proposed: str = ""
    helped: str = "unknown"
    envelopes: list[Envelope] = field(default_factory=list)
    answers: list[dict[str, object]] = field(default_factory=list)

    def add(self, part: Part, plaintext: bytes) -> Envelope:
        made = case.envelope(self.key, len(self.envelopes) + 1, part, DAY, plaintext)
        self.envelopes.append(made)
        return made

    def previous(self) -> str:
        return next((e.sha256 for e in reversed(self.envelopes) if e.part is Part.MESSAGE), "")

    def tell(self, told: Told, previous: str | None = None, case_id: str | None = None) -> Envelope:
        at = datetime(2026, 11, 21, 14, 37, tzinfo=UTC)
        before = self.previous() if previous is None else previous
        place = (case_id or self.key.case_id, self.key.epoch, len(self.envelopes) + 1)
        text = Sensitive(told.text)
        sealed = plaintexts.message_in(
            *place, before, text, at, told.language, told.translation, told.found, told.asked, told.form, told.media
        )
        return self.add(Part.MESSAGE, sealed)
