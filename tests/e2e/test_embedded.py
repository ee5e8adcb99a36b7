"""create_app() under pytest-aiohttp: an application like any other, whose numbers move when an exchange closes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from prometheus_client.parser import text_string_to_metric_families

from gateway import create_app
from gateway.embed import create_admin
from gateway.simulator.server import Simulator
from tests.forwarding import settings

App: TypeAlias = TestClient[web.Request, web.Application]
MakeClient: TypeAlias = Callable[[web.Application], Awaitable[App]]
CREATE = "/v1beta/interactions"

# What an exchange moves at its end, and only then.
AT_THE_END = (
    "requests_total",
    "request_duration_seconds_count",
    "time_to_first_delta_seconds_count",
    "steps_total",
    "step_duration_seconds_count",
    "tokens_total",
    "inter_delta_gap_seconds_count",
)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """The simulated API in this process."""
    running = Simulator(pace=0.0)
    await running.start("127.0.0.1", 0)
    yield running
    await running.close()


@pytest.fixture
async def clients(simulator: Simulator, aiohttp_client: MakeClient) -> tuple[App, App]:
    """Clients of the embedded gateway, and of its admin application."""
    assert simulator._server is not None
    port = simulator._server.sockets[0].getsockname()[1]
    app = create_app(settings(upstream=f"http://127.0.0.1:{port}"))
    gateway = await aiohttp_client(app)
    return gateway, await aiohttp_client(create_admin(app))


async def totals(admin: App) -> dict[str, float]:
    """The sum of each sample name over its labels, without the prefix."""
    text = await (await admin.get("/metrics")).text()
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix("interactions_gateway_")
            sums[name] = sums.get(name, 0.0) + sample.value
    return sums


def play(name: str, fault: str = "") -> dict[str, Any]:
    """The arguments of a create that plays a scenario."""
    body = {"model": "gemini-3-flash-preview", "input": "hi", "stream": True}
    return {"json": body, "headers": {"x-simulator-scenario": name, "x-simulator-fault": fault}}


async def test_a_stream_passes_through_the_embedded_application(clients: tuple[App, App], simulator: Simulator) -> None:
    """Byte for byte, as the simulator's ledger says."""
    gateway, _ = clients
    async with gateway.post(CREATE, **play("thinking")) as answer:
        body = await answer.read()

    entry = simulator.ledger()[-1]
    assert answer.status == 200
    assert answer.headers["Content-Type"] == entry["content_type"]
    assert len(body) == entry["body_bytes"]


async def test_metrics_move_when_the_exchange_closes_and_not_before(clients: tuple[App, App]) -> None:
    """While it runs, it is open and nothing else; the moment it ends, all of it is counted at once."""
    gateway, admin = clients
    zero = await totals(admin)
    async with gateway.post(CREATE, **play("thinking", "stall-after=9:0.3")) as answer:
        seen = b""
        while seen.count(b"\n\n") < 9:
            seen += await answer.content.readany()
        during = await totals(admin)
        seen += await answer.read()
    after = await totals(admin)

    assert {name: during.get(name, 0.0) for name in AT_THE_END} == {name: zero.get(name, 0.0) for name in AT_THE_END}
    assert (during["active_streams"], during["exchanges_opened_total"]) == (1, 1)
    assert during["exchanges_closed_total"] == 0
    assert all(after[name] > zero.get(name, 0.0) for name in AT_THE_END)
    assert (after["active_streams"], after["exchanges_closed_total"], after["requests_total"]) == (0, 1, 1)


async def test_errors_of_the_api_and_of_the_gateway_pass_as_they_are(clients: tuple[App, App]) -> None:
    """An upstream's 429 is the upstream's; nothing of it is ours."""
    gateway, admin = clients
    async with gateway.post(CREATE, **play("http_429")) as answer:
        body = await answer.json()

    assert answer.status == 429
    assert "error" in body
    assert "x-interactions-gateway-error" not in answer.headers
    assert (await totals(admin))["errors_total"] == 1


async def test_an_embedded_gateway_without_an_upstream_says_so(aiohttp_client: MakeClient) -> None:
    """The same own answer as from `serve`."""
    app = create_app(settings(upstream="http://nowhere.invalid"))
    client = await aiohttp_client(app)
    async with client.post(CREATE, json={}) as answer:
        body = await answer.json()

    assert (answer.status, body["error"]["code"]) == (502, "dns_error")
    assert answer.headers["x-interactions-gateway-error"] == "1"
