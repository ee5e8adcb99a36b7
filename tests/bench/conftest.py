"""One upstream of the bench for all its tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bench import certificate
from tests.bench.processes import module


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where it listens."""

    plain: int
    tls: int
    certificate: Path


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """A running one."""
    certificate_path, key_path = certificate.make(tmp_path_factory.mktemp("bench"))
    with module("upstream", certificate_path, key_path) as (_, ports):
        yield Upstream(ports["plain"], ports["tls"], certificate_path)
