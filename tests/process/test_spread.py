"""Connections spread over the forwarders: each has its own queue on the same port, and the kernel chooses."""

from __future__ import annotations

from tests.gateway_process import gateway_before_simulator
from tests.process.stream import create

CONNECTIONS = 800
TOLERANCE = 0.2


def test_many_connections_spread_evenly() -> None:
    """Within 20 % of an equal share: over five times the deviation that chance gives the kernel's hash."""
    with gateway_before_simulator(workers=2) as (gateway, _):
        for _ in range(CONNECTIONS):
            create(gateway.url, scenario="unary")
        scrape = gateway.settled(CONNECTIONS, 30)
        shares = [scrape.value("exchanges_closed_total", worker=worker) / (CONNECTIONS / 2) for worker in ("0", "1")]

    assert sum(shares) == 2
    assert all(abs(share - 1) <= TOLERANCE for share in shares)
