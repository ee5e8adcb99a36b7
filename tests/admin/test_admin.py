"""The admin port: metrics by content negotiation, health, and an honest answer to anything else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from gateway.admin.app import create_admin_app
from gateway.admin.health import Health
from tests.telemetry.factories import Bench, create, parse_openmetrics

Client = TestClient[Request, Application]


@pytest.fixture
def health() -> Health:
    return Health(draining=False, forwarders_expected=2, forwarders_connected=2)


@pytest.fixture
async def admin(health: Health) -> AsyncIterator[Client]:
    """A client of the admin application, one exchange counted."""
    bench = Bench()
    bench.apply(create())
    async with TestClient(TestServer(create_admin_app(bench.telemetry, health))) as client:
        yield client
    bench.flush()


async def test_metrics_as_openmetrics_for_who_asks(admin: Client) -> None:
    response = await admin.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    text = await response.text()

    assert response.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text.endswith("# EOF\n")
    assert " # {" in text
    assert parse_openmetrics(text)


async def test_metrics_as_classic_text_otherwise(admin: Client) -> None:
    async with ClientSession() as session, session.get(admin.make_url("/metrics")) as response:
        text = await response.text()

        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "interactions_gateway_requests_total{" in text


@pytest.mark.parametrize(
    ("draining", "connected", "status", "reason"),
    [
        (False, 2, 200, None),
        (False, 3, 200, None),
        (False, 1, 503, "forwarders_missing"),
        (True, 2, 503, "draining"),
        (True, 0, 503, "draining"),
    ],
)
async def test_readiness(
    admin: Client, health: Health, draining: bool, connected: int, status: int, reason: str | None
) -> None:
    health.draining, health.forwarders_connected = draining, connected
    response = await admin.get("/readyz")

    assert response.status == status
    assert (await response.json()).get("reason") == reason
    assert (await admin.get("/healthz")).status == 200


async def test_other_paths_say_what_there_is(admin: Client) -> None:
    response = await admin.get("/")

    assert response.status == 404
    assert await response.json() == {"error": "not_found", "paths": ["/metrics", "/healthz", "/readyz"]}


async def test_other_methods_say_what_is_allowed(admin: Client) -> None:
    response = await admin.post("/metrics")

    assert response.status == 405
    assert (await response.json())["error"] == "method_not_allowed"
    assert response.headers["Allow"] == "GET, HEAD"
