"""Files that an operator keeps, read once at start."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from handlers.roster import Vetters
from sealing.signing import KeyFormatError, fingerprint
from triage.lexicon import Lexicon

LEXICONS = Path(__file__).resolve().parent.parent / "triage" / "data"


class VettersError(ValueError):
    """The file of pinned vetters cannot be used. One sentence, without a name."""


def load_vetters(path: Path, *, practice: bool = False) -> Vetters:
    """JSON {"one_house": bool, "vetters": [{"name", "agency", "verify": base64 Ed25519, "age": recipient, to get letters}]}.
    `practice`: they vouch for practice cards. Raises VettersError."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        listed = [(str(v["verify"]), str(v["agency"])) for v in fields["vetters"]]
        one_house = fields.get("one_house", False) is True
        keys = {fingerprint(verify): verify for verify, _ in listed}
        recipients = {fingerprint(str(v["verify"])): str(v["age"]) for v in fields["vetters"] if "age" in v}
        agencies = {fingerprint(verify): agency for verify, agency in listed}
    except (OSError, ValueError, KeyError, TypeError, KeyFormatError):
        raise VettersError("the vetters file is not JSON with a list of vetters, each with agency and verify key") from None
    if len(keys) < 2 or len(keys) != len(listed):
        raise VettersError("the vetters file needs at least two vetters, each key once")
    if not one_house and len(set(agencies.values())) < 2:
        raise VettersError('all vetters are of one agency: add one from outside, or say "one_house": true')
    return Vetters(keys, agencies, one_house, practice, recipients)


def load_lexicons() -> tuple[Lexicon, ...]:
    """Every lexicon file of triage/data."""
    return tuple(
        Lexicon.from_mapping(file.stem, tomllib.loads(file.read_text(encoding="utf-8"))) for file in sorted(LEXICONS.glob("*.toml"))
    )
