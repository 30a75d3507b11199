"""The atlas: what lies around and inside a place, who commands an office, and which files contradict themselves."""

from __future__ import annotations

import pytest

from routing.people import Agency, Atlas, AtlasError, House, Region, RegionKind
from tests.routing.world import ATLAS


def town(id: str, parent: str | None) -> Region:
    return Region(id, parent, RegionKind.TOWN, ())


def office(id: str, region: str, parent: str | None) -> Agency:
    return Agency(id, House.POLICE, region, parent, ())


def test_around_and_inside() -> None:
    assert ATLAS.above("harbour") == {"harbour", "nord", "north", "land"}
    assert ATLAS.inside("north") == {"north", "nord", "nord-2", "harbour"}
    assert ATLAS.inside("ost") == {"ost"}


def test_area() -> None:
    assert ATLAS.area("harbour") == "north"
    assert ATLAS.area("north") == "north"
    assert ATLAS.area("calm") == "calm"
    assert ATLAS.area("land") is None
    assert ATLAS.area("free-city") is None


def test_chain_and_line() -> None:
    assert ATLAS.chain("police-nord") == {"police-nord", "police-north", "police"}
    assert ATLAS.line("police-north") == {"police", "police-north", "police-nord", "police-nord-2"}


@pytest.mark.parametrize(
    ("regions", "agencies"),
    [
        ((town("a", "lost"),), ()),
        ((town("a", "a"),), ()),
        ((town("a", "b"), town("b", "a"), town("c", None)), ()),
        ((town("a", None), town("a", None)), ()),
        ((town("a", None),), (office("x", "lost", None),)),
        ((town("a", None),), (office("x", "a", "lost"),)),
        ((town("a", None),), (office("x", "a", "y"), office("y", "a", "x"))),
        ((town("a", None),), (office("x", "a", None), office("x", "a", None))),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(regions: tuple[Region, ...], agencies: tuple[Agency, ...]) -> None:
    with pytest.raises(AtlasError):
        Atlas(regions, agencies)
