"""All causes at the same time, each until its alert has come and gone; and beside them a gateway without trouble.

Not here: the causes (causes.py), the servers (stage.py), what is expected (test_alerts.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.alerts.site import Site
from tests.alerts.stage import Setting, Watch, gateways, watching
from tests.alerts.traffic import ORDINARY, Clients, mixed
from tests.webhook_receiver import Notified

FIRES_S: Final = 45.0
RESOLVES_S: Final = 60.0
HEALTHY: Final = "healthy"
ORDINARY_PER_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Cause:
    """What makes an alert fire, and what its end makes of it.

    alert: without the prefix that all have. gateway: at which it happens. words: for the report.
    made: the trouble; it lasts as long as the context. labels: with which the alert comes, among others.
    """

    alert: str
    gateway: str
    words: str
    made: Callable[[Site], AbstractAsyncContextManager[None]]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Course:
    """What became of a cause. fired, resolved: the notifications; None for one that didn't come in time.

    fires_s: from the cause's beginning to the webhook; resolves_s: from its end.
    """

    cause: Cause
    fired: Notified | None = None
    resolved: Notified | None = None
    fires_s: float = 0.0
    resolves_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the whole run. told: everything of the gateways in trouble; healthy: everything of the one that isn't."""

    courses: tuple[Course, ...]
    told: tuple[Notified, ...]
    healthy: tuple[Notified, ...]
    healthy_s: float
    healthy_requests: float
    pending: tuple[str, ...]


async def play(settings: list[Setting], causes: list[Cause], rules: str, folder: Path) -> Outcome:
    """Start all, make every cause, and wait for its alert and for its end."""
    healthy = Setting(HEALTHY)
    async with gateways([healthy, *settings]) as (upstream, running), AsyncExitStack() as stack:
        lasting = stack.enter_context(ExitStack())
        addresses = {name: gateway.admin_url.removeprefix("http://") for name, gateway in running.items()}
        well = await stack.enter_async_context(watching({HEALTHY: addresses.pop(HEALTHY)}, rules, folder / HEALTHY))
        watch = await stack.enter_async_context(watching(addresses, rules, folder / "troubles"))
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
            courses = await asyncio.gather(*(_course(cause, sites[cause.gateway], watch) for cause in causes))
        return Outcome(
            tuple(courses),
            tuple(watch.notified),
            tuple(well.notified),
            time.monotonic() - began_s,
            running[HEALTHY].scrape().total("requests_total"),
            tuple(sorted(alert["labels"]["alertname"] for alert in well.api.alerts())),
        )


async def _course(cause: Cause, site: Site, watch: Watch) -> Course:
    labels = {"alertname": cause.alert, **cause.labels}
    began_s = time.monotonic()
    try:
        async with cause.made(site):
            fired = await watch.told("firing", labels, began_s, FIRES_S)
            ended_s = time.monotonic()
    except TimeoutError:
        return Course(cause)
    try:
        resolved = await watch.told("resolved", labels, ended_s, RESOLVES_S)
    except TimeoutError:
        return Course(cause, fired, None, fired.at_s - began_s)
    return Course(cause, fired, resolved, fired.at_s - began_s, resolved.at_s - ended_s)
