"""Every family of the catalogue has a live series in one of the worlds: else what asks for it was never tried."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.telemetry import names
from gateway.telemetry.names import Kind
from tests.observed.world import World

pytestmark = pytest.mark.timeout(300)


def test_every_family_is_live(worlds: Mapping[str, World], figures: list[str]) -> None:
    """Of both sets, with all of its labels."""
    families = [*names.FAMILIES, *names.SEMCONV_FAMILIES["both"]]
    dead, lacking = [], []
    for family in families:
        name = family.name + ("_bucket" if family.kind is Kind.HISTOGRAM else "")
        series = [one for world in worlds.values() for one in world.live(name)]
        dead += [] if series else [name]
        has = {label for one in series for label in one}
        lacking += [f"{name}: {label}" for label in family.labels if label.replace(".", "_") not in has]
    figures.append(f"{len(families)} families of the catalogue, {len(dead)} without a live series")

    assert dead == []
    assert lacking == []
