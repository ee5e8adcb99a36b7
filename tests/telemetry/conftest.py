"""One ready pipeline for the tests of telemetry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.telemetry.factories import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A pipeline whose spans stay in memory."""
    made = Bench()
    yield made
    made.flush()
