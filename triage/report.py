"""The line that `tipline analyse` writes for one text: stable field names, plain values."""

from __future__ import annotations

from triage.language import Identified
from triage.tip import Assessment


def analysis(id: str, identified: Identified, translation_text: str | None, assessment: Assessment) -> dict[str, object]:
    """Ready for JSON. `elements`, `proof` and further entity types are left out until they are found."""
    return {
        "id": id,
        "language": identified.language,
        "language_confidence": identified.confidence,
        "translation": translation_text,
        "triage": {
            "urgency": assessment.urgency.value,
            "kinds": [kind.value for kind in assessment.kinds],
            "child": assessment.child.value,
            "officials": [
                {
                    "agency": o.agency.value,
                    "place": o.place,
                    "name": o.name,
                    "relation": o.relation.value,
                    "negated": o.negated,
                }
                for o in assessment.officials
            ],
            "entities": [{"type": e.type.value, "value": e.value, "start": e.start, "end": e.end} for e in assessment.entities],
            "reasons": [{"code": r.code, "text": r.text, "start": r.start, "end": r.end, "of": r.of.value} for r in assessment.reasons],
        },
    }
