"""One Prometheus and one Alertmanager over several gateways, and who is told of what; all for as long as a context.

Not here: what goes wrong (causes.py), what is expected of it (test_alerts.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.gateway_process import GatewayProcess, SimulatorProcess, wait_until
from tests.prometheus_process import Prometheus, alertmanager, prometheus
from tests.stack.configuration import prometheus_config
from tests.webhook_receiver import Notified, WebhookReceiver

INTERVAL: Final = "1s"
POLL_S: Final = 0.05
SCRAPES: Final = 3  # before anything happens
STARTING: Final = 3  # gateways at a time: each has so much time to be ready, whatever the machine has
# So that what is told of is told at once: alone, and resolved in the next second.
AT_ONCE: Final[Mapping[str, object]] = {"group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}


@dataclass(frozen=True, slots=True)
class Setting:
    """How one gateway is started. config, env: as for GatewayProcess. upstream: instead of the simulator."""

    name: str
    config: Mapping[str, object] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    upstream: str = ""


def label_of(gateway: str) -> dict[str, str]:
    """The label that tells the alerts of one gateway: the rules keep the namespace, whatever else they add up over."""
    return {"namespace": gateway}


class Watch:
    """What is said of some gateways: one Prometheus with the rules, one Alertmanager, one receiver."""

    def __init__(self, api: Prometheus, receiver: WebhookReceiver) -> None:
        self.api, self._receiver = api, receiver

    @property
    def notified(self) -> list[Notified]:
        """Everything so far."""
        return self._receiver.notified

    async def told(self, status: str, labels: Mapping[str, str], after_s: float, timeout_s: float) -> Notified:
        """The first notification of that status and with these labels after a monotonic time. Raises TimeoutError."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            for one in self.notified:
                if one.status == status and one.at_s >= after_s and labels.items() <= one.labels.items():
                    return one
            await asyncio.sleep(POLL_S)
        raise TimeoutError(f"nobody was told of {dict(labels)} as {status} within {timeout_s:g} s")


@asynccontextmanager
async def watching(gateways: Mapping[str, str], rules: str, folder: Path) -> AsyncIterator[Watch]:
    """Watch gateways: by name, host and port of their metrics. rules: a pattern of rule files."""
    with ExitStack() as stack:
        receiver = stack.enter_context(WebhookReceiver())
        routes = {
            "route": {"receiver": "webhook", **AT_ONCE},
            "receivers": [{"name": "webhook", "webhook_configs": [{"url": receiver.url, "send_resolved": True}]}],
        }
        told = await asyncio.to_thread(stack.enter_context, alertmanager(routes, folder / "alertmanager"))
        config: dict[str, Any] = prometheus_config("", told.address, INTERVAL)
        config["rule_files"] = [rules]
        config["scrape_configs"][0]["static_configs"] = [
            {"targets": [address], "labels": label_of(name)} for name, address in gateways.items()
        ]
        # Alertmanager takes an alert for over after four of these, and an evaluation may come late.
        flags = ["--rules.alert.resend-delay=3s"]
        api = await asyncio.to_thread(stack.enter_context, prometheus(config, folder / "prometheus", flags))
        await asyncio.to_thread(wait_until, api.alertmanagers, 20.0, "the Alertmanager's discovery")
        # A counter that is not 0 at its first scrape has not risen, for all that Prometheus knows.
        seen = f"count(count_over_time(up[1m]) >= {SCRAPES}) == {len(gateways)}"
        await asyncio.to_thread(wait_until, lambda: api.query(seen), 30.0, "some scrapes of each")
        yield Watch(api, receiver)
        await asyncio.to_thread(stack.close)


@asynccontextmanager
async def gateways(settings: Sequence[Setting]) -> AsyncIterator[tuple[str, dict[str, GatewayProcess]]]:
    """Gateways before one simulator, started side by side; the simulator's address, and they by name."""
    with SimulatorProcess() as simulator, ExitStack() as stack:
        started = {
            one.name: GatewayProcess(one.upstream or simulator.url, config=one.config, env=one.env) for one in settings
        }
        some = asyncio.Semaphore(STARTING)

        async def start(gateway: GatewayProcess) -> None:
            async with some:
                await asyncio.to_thread(stack.enter_context, gateway)

        # All of them first: one that is still starting while the stack ends would be left behind.
        begun = await asyncio.gather(*map(start, started.values()), return_exceptions=True)
        for failed in begun:
            if failed is not None:
                raise failed
        yield simulator.url, started
