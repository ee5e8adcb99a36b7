"""One way through for each setup that rows need, opened when the first row asks for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.conformance.proxies import Way, way_of


@pytest.fixture(scope="session")
def ways() -> Iterator[Callable[[str, str], Way]]:
    """The way of a name and a setup."""
    opened: dict[tuple[str, str], Way] = {}
    with contextlib.ExitStack() as stack:

        def open_way(name: str, setup: str) -> Way:
            if (name, setup) not in opened:
                opened[name, setup] = stack.enter_context(way_of(name, setup))
            return opened[name, setup]

        yield open_way
