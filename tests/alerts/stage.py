"""One Prometheus and one Alertmanager over several gateways, and who is told of what; all for as long as a context.

Not here: what goes wrong (causes.py), what is expected of it (test_alerts.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.gateway_process import GatewayProcess, SimulatorProcess, wait_until
from tests.prometheus_process import Prometheus, alertmanager, prometheus
from tests.stack.configuration import prometheus_config
from tests.webhook_receiver import Notified, WebhookReceiver

INTERVAL: Final = "1s"
POLL_S: Final = 0.05
# So that what is told of is told at once: alone, and resolved in the next second.
AT_ONCE: Final[Mapping[str, object]] = {"group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}


@dataclass(frozen=True, slots=True)
class Setting:
    """How one gateway is started. config, env: as for GatewayProcess. upstream: instead of the simulator."""

    name: str
    config: Mapping[str, object] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    upstream: str = ""


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
        async with asyncio.timeout(timeout_s):
            while True:
                for one in self.notified:
                    if one.status == status and one.at_s >= after_s and labels.items() <= one.labels.items():
                        return one
                await asyncio.sleep(POLL_S)


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
            {"targets": [address], "labels": {"gateway": name}} for name, address in gateways.items()
        ]
        flags = ["--rules.alert.resend-delay=1s"]
        api = await asyncio.to_thread(stack.enter_context, prometheus(config, folder / "prometheus", flags))
        await asyncio.to_thread(wait_until, api.alertmanagers, 20.0, "the Alertmanager's discovery")
        yield Watch(api, receiver)
        await asyncio.to_thread(stack.close)


@asynccontextmanager
async def gateways(settings: Sequence[Setting]) -> AsyncIterator[tuple[str, dict[str, GatewayProcess]]]:
    """Gateways before one simulator, started side by side; the simulator's address, and they by name."""
    with SimulatorProcess() as simulator, ExitStack() as stack:
        started = {
            one.name: GatewayProcess(one.upstream or simulator.url, config=one.config, env=one.env) for one in settings
        }
        starting = [asyncio.to_thread(partial(stack.enter_context, gateway)) for gateway in started.values()]
        await asyncio.gather(*starting)
        yield simulator.url, started
