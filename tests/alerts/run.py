"""All causes at the same time, each until its alert has come and gone; and beside them a gateway without trouble.

Not here: the causes (causes.py), the servers (stage.py), what is expected (test_alerts.py).
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.alerts.site import Site
from tests.alerts.stage import Setting, Watch, gateways, label_of, watching
from tests.alerts.traffic import ORDINARY, Clients, mixed
from tests.gateway_process import GatewayProcess
from tests.webhook_receiver import Notified

FIRES_S: Final = 45.0
RESOLVES_S: Final = 60.0
HEALTHY: Final = "healthy"
ORDINARY_PER_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Awaited:
    """An alert by its name, and labels with which it comes, among others."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def labels_at(self, gateway: str) -> dict[str, str]:
        """All that it must come with."""
        return {"alertname": self.name, **self.labels, **label_of(gateway)}


@dataclass(frozen=True, slots=True)
class Cause:
    """What makes alerts fire, and what its end makes of them.

    gateway: at which it happens. words: for the report. made: the trouble; it lasts as long as the context, or is over
    when that is entered.
    """

    gateway: str
    words: str
    made: Callable[[Site], AbstractAsyncContextManager[None]]
    alerts: tuple[Awaited, ...]
    lasts: bool = True

    def brief(self) -> Cause:
        """The same, over when it is made."""
        return replace(self, lasts=False)


@dataclass(frozen=True, slots=True)
class Course:
    """What became of an alert. fired, resolved: the notifications; None for one that didn't come in time.

    fires_s: from the cause's beginning to the webhook; resolves_s: from its end. late: what was waited for in vain.
    """

    cause: Cause
    alert: Awaited
    fired: Notified | None = None
    resolved: Notified | None = None
    fires_s: float = 0.0
    resolves_s: float = 0.0
    late: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the whole run. told: everything of the gateways in trouble; healthy: everything of the one that isn't.

    healthy_s, healthy_requests: for how long that was watched, and what it served.
    """

    courses: tuple[Course, ...]
    told: tuple[Notified, ...]
    healthy: tuple[Notified, ...]
    healthy_s: float
    healthy_requests: float


Rules = Callable[[Mapping[str, GatewayProcess]], str]


async def play(settings: Sequence[Setting], causes: Sequence[Cause], rules: Rules, folder: Path) -> Outcome:
    """Start all, make every cause, and wait for its alerts and for their end.

    rules: makes the files of rules for the running gateways, and says the pattern of their names.
    """
    healthy = Setting(HEALTHY)
    async with gateways([healthy, *settings]) as (upstream, running), AsyncExitStack() as stack:
        lasting = stack.enter_context(ExitStack())
        files = await asyncio.to_thread(rules, running)
        addresses = {name: gateway.admin_url.removeprefix("http://") for name, gateway in running.items()}
        well, watch = await asyncio.gather(
            stack.enter_async_context(watching({HEALTHY: addresses.pop(HEALTHY)}, files, folder / HEALTHY)),
            stack.enter_async_context(watching(addresses, files, folder / "troubles")),
        )
        sites = {
            one.name: Site(
                running[one.name],
                one.upstream or upstream,
                await stack.enter_async_context(Clients(running[one.name].url)),
                one.env,
                lasting,
            )
            for one in (healthy, *settings)
        }
        began_s = time.monotonic()
        async with sites[HEALTHY].asked(*mixed(ORDINARY), per_s=ORDINARY_PER_S):
            courses = await asyncio.gather(*(_made(cause, sites[cause.gateway], watch) for cause in causes))
        return Outcome(
            tuple(itertools.chain(*courses)),
            tuple(watch.notified),
            tuple(well.notified),
            time.monotonic() - began_s,
            running[HEALTHY].scrape().total("requests_total"),
        )


async def _made(cause: Cause, site: Site, watch: Watch) -> list[Course]:
    """The courses of its alerts: it lasts until all of them have come, or are late."""
    began_s = time.monotonic()
    async with cause.made(site):
        ended_s = time.monotonic()
        fired = await asyncio.gather(
            *(_told(watch, "firing", alert.labels_at(cause.gateway), began_s, FIRES_S) for alert in cause.alerts)
        )
        if cause.lasts:
            ended_s = time.monotonic()
    return await asyncio.gather(
        *(_over(cause, alert, came, began_s, ended_s, watch) for alert, came in zip(cause.alerts, fired, strict=True))
    )


async def _over(
    cause: Cause, alert: Awaited, came: Notified | str, began_s: float, ended_s: float, watch: Watch
) -> Course:
    if isinstance(came, str):
        return Course(cause, alert, late=came)
    fires_s = came.at_s - began_s
    # What lasts may have come and gone already, where a scrape failed in between.
    over = await _told(watch, "resolved", came.labels, ended_s if cause.lasts else came.at_s, RESOLVES_S)
    if isinstance(over, str):
        return Course(cause, alert, came, fires_s=fires_s, late=over)
    return Course(cause, alert, came, over, fires_s, over.at_s - ended_s)


async def _told(
    watch: Watch, status: str, labels: Mapping[str, str], after_s: float, timeout_s: float
) -> Notified | str:
    """The notification, or that it didn't come."""
    try:
        return await watch.told(status, labels, after_s, timeout_s)
    except TimeoutError as error:
        return str(error)
