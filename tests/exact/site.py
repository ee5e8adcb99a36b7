"""One gateway of the run with everything that came out of it, and the thread that scrapes it meanwhile.

Not here: what is done to it (stage.py), what must hold (test_exact.py).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.exact.attribution import NONE, Scheme
from tests.exact.books import Books, Sample
from tests.exact.client import Did
from tests.exact.facts import Reading
from tests.exact.spans import Expected
from tests.exact.traces import Arrived
from tests.gateway_process import GatewayProcess
from tests.otlp_metrics import Point
from tests.otlp_receiver import OtlpReceiver, Span

SCRAPE_EVERY_S: Final = 0.1


@dataclass(slots=True)
class Site:
    """One gateway with what came out of it. own: our own answers, by key: code and outcome. scheme: of attribution."""

    name: str
    workers: int
    upstream_port: int
    receiver: OtlpReceiver
    gateway: GatewayProcess
    config: Mapping[str, object] = field(default_factory=dict)
    did: list[Did] = field(default_factory=list)
    own: dict[str, tuple[str, str]] = field(default_factory=dict)
    scheme: Scheme = NONE
    texts: list[str] = field(default_factory=list)
    failed_scrapes: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    pushed: Sequence[Point] = ()
    log_lines: list[str] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    books: Books = field(default_factory=Books)
    expected: dict[str, tuple[Reading, Expected]] = field(default_factory=dict)
    final: dict[Sample, float] = field(default_factory=dict)
    arrived: Arrived = field(default_factory=Arrived)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The log's `exchange` lines."""
        lines = [json.loads(line) for line in self.log_lines if line.startswith("{")]
        return [line for line in lines if line.get("event") == "exchange"]


@dataclass(slots=True)
class Result:
    """All sites of a run."""

    sites: list[Site]

    @property
    def readings(self) -> list[Reading]:
        """The exchanges of all sites."""
        return [reading for site in self.sites for reading in site.readings]


class Scraper:
    """Scrapes a gateway again and again in a thread of its own while something goes on."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(SCRAPE_EVERY_S):
            try:
                self._site.texts.append(self._site.gateway.metrics_text())
            except OSError as error:
                self._site.failed_scrapes.append(repr(error))
