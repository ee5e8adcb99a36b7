"""A world: gateways as installed, a Prometheus that scrapes them each second with the rules loaded, and what went on.

Not here: the traffic (ordinary.py, faulty.py), what is asked of it (the tests).
Promise: entered, all of it is over and has been scraped: every question is about the same time, `end_s`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dashboards.pictures.asking import Prometheus, Series
from dashboards.pictures.filling import filled, times
from tests.exact.books import Sample
from tests.exact.site import Site

SCRAPE_S: Final = 1.0
STEP_S: Final = 1.0
RATE_S: Final = 15  # as wide as a rate's window is with the usual scrape interval, and less than any run
SCRAPE_TIMEOUT_S: Final = 20.0


@dataclass(slots=True)
class World:
    """What a run left.

    instances: the label `instance` by the gateway's name. start_s, end_s: Unix time of its first and its last scrape.
    warm_s: between two scrapes that both had what came first, which were warm_count exchanges, and nothing more.
    warm, samples: what the books expect of the first gateway at that time, and at the end.
    """

    name: str
    api: Prometheus
    instances: Mapping[str, str]
    start_s: float
    warm_s: float = 0.0
    end_s: float = 0.0
    sites: list[Site] = field(default_factory=list)
    warm_count: int = 0
    warm: Mapping[Sample, float] = field(default_factory=dict)
    samples: Mapping[Sample, float] = field(default_factory=dict)

    @property
    def length_s(self) -> float:
        """Of the whole run."""
        return self.end_s - self.start_s

    def filled(self, expression: str, **chosen: str) -> str:
        """An expression with its variables: all of everything, but for what is chosen."""
        # from before the first scrape on, so that what happened right after it is in the shown time
        own = times(self.length_s + 2 * SCRAPE_S, STEP_S, SCRAPE_S) | {"__rate_interval": f"{RATE_S}s"}
        return filled(expression, {**EVERYTHING, **own, **chosen})

    def ask(self, expression: str, *, is_instant: bool, **chosen: str) -> list[Series]:
        """What a dashboard's query gives at the end of the run, or over all of it."""
        query = self.filled(expression, **chosen)
        if is_instant:
            return self.api.instant(query, self.end_s)
        return self.api.over(query, self.start_s, self.end_s, STEP_S)

    def live(self, selector: str) -> list[dict[str, str]]:
        """The series of the run that a selector names."""
        return self.api.series(selector, self.start_s, self.end_s)


EVERYTHING: Final = {
    **dict.fromkeys(("namespace", "instance", "model", "team"), ".*"),
    **{name: f"the-{name}" for name in ("datasource", "traces", "runbook")},
}


def wait_for_scrape(api: Prometheus, instances: Mapping[str, str], after_s: float) -> float:
    """Wait until each gateway that is up has been scraped after a time; gives the time at which that is known."""
    deadline_s = time.monotonic() + SCRAPE_TIMEOUT_S
    while time.monotonic() < deadline_s:
        now_s = time.time()
        seen = {
            one.labels["instance"]
            for one in api.instant("timestamp(interactions_gateway_series)", now_s)
            if one.last > after_s
        }
        if seen >= set(instances.values()):
            return now_s
        time.sleep(0.1)
    raise TimeoutError(f"not scraped since {after_s}: {set(instances.values()) - seen}")
