"""Reads the practice roster by itself, without the routing's code: who is tied to a town or to an office there."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def tied(world_file: Path, town: str, office: str) -> set[str]:
    """Ids of everybody with a home, post or kin in the region around `town` (every region that has a town of that name), or in an office
    of that kind with a say there."""
    world = tomllib.loads(world_file.read_text(encoding="utf-8"))
    regions: dict[str, dict[str, Any]] = {region["id"]: region for region in world["regions"]}
    agencies: dict[str, dict[str, Any]] = {agency["id"]: agency for agency in world["agencies"]}

    def around(region: str) -> list[str]:
        return [region] if "parent" not in regions[region] else [region, *around(regions[region]["parent"])]

    def wide(region: str) -> str:
        return next((name for name in around(region) if regions[name]["kind"] in ("region", "sea")), region)

    towns = [region["id"] for region in world["regions"] if town in region["names"]]
    assert towns, "the test names a town that is not in the world"
    areas = {wide(name) for name in towns}
    country = {around(name)[-1] for name in towns}

    def rules(agency: str) -> bool:
        if agencies[agency]["kind"] != office:
            return False
        place = agencies[agency]["region"]
        return place in country or (wide(place) in areas and any(place in around(t) or t in around(place) for t in towns))

    found = set()
    for person in world["people"]:
        places = [person["home"], person["posting"], *person.get("past_postings", ())]
        places += [kin["region"] for kin in person.get("kin", ()) if "region" in kin]
        offices = [person["agency"], *person.get("past_agencies", ()), *(kin["agency"] for kin in person.get("kin", ()) if "agency" in kin)]
        if any(wide(place) in areas for place in places) or any(rules(agency) for agency in offices):
            found.add(person["id"])
    return found
