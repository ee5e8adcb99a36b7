"""The gateway in one process: the same bytes and the same numbers, inside somebody's event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

import gateway
from gateway.config_sources import SettingsError
from gateway.embed import create_admin, create_app
from gateway.simulator.server import Simulator
from tests.forwarding import settings

PREFIX = "interactions_gateway_"


@pytest.fixture
async def simulator_url() -> AsyncIterator[str]:
    simulator = Simulator(pace=0.0)
    port = await simulator.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{port}"
    await simulator.close()


async def sums(admin: TestClient) -> dict[str, float]:  # type: ignore[type-arg]
    text = await (await admin.get("/metrics")).text()
    return {
        family.name: sum(sample.value for sample in family.samples if not sample.name.endswith(("_bucket", "_sum")))
        for family in text_string_to_metric_families(text)
    }


async def test_an_embedded_gateway_forwards_observes_and_balances(simulator_url: str) -> None:
    app = gateway.create_app(settings(upstream=simulator_url))
    async with TestClient(TestServer(app)) as client, TestClient(TestServer(create_admin(app))) as admin:
        assert (await admin.get("/readyz")).status == 200
        body = {"model": "sim-text", "input": "hi", "stream": True}
        bodies = [await (await client.post("/v1/interactions", json=body)).read() for _ in range(3)]
        async with client.post("/v1/interactions", json=body, headers={"x-simulator-fault": "hold-after=2"}) as held:
            await held.content.readline()
            during = await sums(admin)
        told = await sums(admin)

    assert all(body.endswith(b"data: [DONE]\n\n") for body in bodies)
    assert (during[PREFIX + "exchanges_opened"], during[PREFIX + "exchanges_closed"]) == (4, 3)
    assert during[PREFIX + "active_streams"] == 1
    assert told[PREFIX + "exchanges_opened"] == 4
    assert told[PREFIX + "tokens"] == 3 * 346


async def test_two_embedded_gateways_share_nothing(simulator_url: str) -> None:
    first, second = create_app(settings(upstream=simulator_url)), create_app(settings(upstream=simulator_url))
    async with TestClient(TestServer(first)) as client, TestClient(TestServer(second)):
        await (await client.post("/v1/interactions", json={"model": "sim-unary", "input": "hi"})).read()
        async with (
            TestClient(TestServer(create_admin(first))) as one,
            TestClient(TestServer(create_admin(second))) as two,
        ):
            counted = [(await sums(admin))[PREFIX + "requests"] for admin in (one, two)]

    assert counted == [1, 0]


def test_without_settings_it_reads_the_environment_as_serve_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERACTIONS_GATEWAY_UPSTREAM", "nowhere")

    with pytest.raises(SettingsError, match="upstream = 'nowhere'"):
        create_app()
