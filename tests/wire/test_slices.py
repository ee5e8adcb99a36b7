"""The tap holds the loop for a bounded time at once, whatever the bytes: thread CPU time of each call."""

from __future__ import annotations

import pytest

from tests.wire.corpus import CLASSES
from tests.wire.slices import measure

MAX_US = 5_000.0  # generous: the table of `python -m tests.wire.slices` shows what it is on an idle machine
# Of brotli a single step of the library takes 7 ms when it turns its window; it is what clients ask for least.
NOT_OURS_US = {"bombs, brotli": 40_000.0}


@pytest.mark.parametrize("name", CLASSES)
def test_no_call_is_long(name: str) -> None:
    """The longest of all calls for a class of input."""
    assert measure(CLASSES[name](0.05)).max_us < NOT_OURS_US.get(name, MAX_US)
